"""The abilities that the setting `abilities` enables, and the pictures that get each of them."""

import json
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Literal

from common.runtime.abilities import ABILITIES
from common.runtime.abilities.ability import Ability, Options

METADATA = "abilities"
"""An entry in an object's metadata by which an upload asks for abilities. Its value is names, separated by commas."""

When = Literal["always", "asked"] | tuple[str, ...]


@dataclass(frozen=True)
class EnabledAbility:
    """An ability with its options.

    `when` selects pictures. Pictures get the ability too if their upload asks for it.
    """

    ability: Ability
    when: When
    options: Options

    def is_wanted(self, image: str, asked: Collection[str]) -> bool:
        """Return True if an image gets this ability. `asked` are the abilities that the image's upload asks for."""
        if self.ability.name in asked or self.when == "always":
            return True
        return isinstance(self.when, tuple) and image.startswith(self.when)


def enabled_abilities(text: str) -> dict[str, EnabledAbility]:
    """Read a function's variable `ABILITIES`: the setting as JSON, or nothing if no ability is enabled."""
    return {
        name: EnabledAbility(
            ABILITIES[name], tuple(options["when"]) if isinstance(options["when"], list) else options["when"], options
        )
        for name, options in json.loads(text or "{}").items()
    }


def as_metadata(names: Iterable[str]) -> dict[str, str]:
    """Return the metadata by which an upload asks for these abilities. Returns nothing if there are no abilities."""
    asked = ",".join(sorted(set(names)))
    return {METADATA: asked} if asked else {}
