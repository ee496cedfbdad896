"""The abilities that an upload asks for. The setting may give the picture further abilities."""

from collections.abc import Collection, Iterable, Mapping

from common.runtime.abilities import ABILITIES
from common.runtime.abilities.enabled import METADATA

MAX_SHOWN = 60
"""Messages show at most this many characters of an unknown name."""


class AbilityError(ValueError):
    """An upload asks for an ability that does not exist or is not enabled. The message lists the enabled abilities."""


def check_asked(names: Iterable[str], enabled: Collection[str]) -> tuple[str, ...]:
    """Return the names in alphabetical order, each once.

    Raises:
        AbilityError: a name is not in `enabled`.
    """
    asked = sorted(set(names))
    for name in asked:
        if name not in enabled:
            is_known = name in ABILITIES
            fault = f"the ability {name} is not enabled" if is_known else f"there is no ability {name[:MAX_SHOWN]!r}"
            hint = f"enabled are {', '.join(enabled)}" if enabled else "the setting abilities enables no ability"
            raise AbilityError(f"{fault}; {hint}")
    return tuple(asked)


def names_in(text: str) -> tuple[str, ...]:
    """Read names that are separated by commas or blanks, such as a function's variable `ABILITY_NAMES`."""
    return tuple(text.replace(",", " ").split())


def asked_by(metadata: Mapping[str, str]) -> frozenset[str]:
    """Return the abilities that a stored object asks for, from its metadata."""
    return frozenset(names_in(metadata.get(METADATA, "")))
