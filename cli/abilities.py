"""The abilities that are enabled in a running system."""

import json
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from cli.target import Target
from common.runtime.abilities import ABILITIES
from common.runtime.abilities.asked import check_asked

PREFIXES = "prefixes"
"""The value of `when` if a picture gets the ability because its name has a certain prefix.

A stack's output has no room for the prefixes.
"""


@dataclass(frozen=True)
class DeployedAbility:
    """An enabled ability. `when` is `always`, `asked` or PREFIXES. `calls_per_second` is its highest rate of calls."""

    name: str
    when: str
    calls_per_second: float

    @property
    def operation(self) -> str:
        """The Rekognition operation that the ability calls."""
        return ABILITIES[self.name].operation

    def may_be_asked(self, asked: Collection[str]) -> bool:
        """Return True if a picture may cost a call of this ability. Its upload asks for the abilities in `asked`."""
        return self.when != "asked" or self.name in asked


def deployed_abilities(target: Target) -> list[DeployedAbility]:
    """Return the enabled abilities. A system without abilities has no stack output for abilities."""
    enabled = json.loads(target.outputs.get("Abilities", "{}"))
    return [DeployedAbility(name, each["when"], each["calls_per_second"]) for name, each in enabled.items()]


def asked_of(target: Target, names: Iterable[str]) -> tuple[str, ...]:
    """Return the names in alphabetical order, each once.

    Raises:
        AbilityError: a name is not enabled in this system.
    """
    asked = tuple(names)
    return check_asked(asked, [each.name for each in deployed_abilities(target)]) if asked else ()
