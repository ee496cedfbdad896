"""Define the setting `abilities`: what Rekognition is asked besides labels, and for which pictures."""

from typing import Annotated, Any, Literal

from annotated_types import Predicate
from pydantic import AfterValidator, BeforeValidator, Field

from common.runtime.abilities.faces import ATTRIBUTES
from common.runtime.abilities.moderation import DEFAULT_MIN_CONFIDENCE
from common.setting_types import SettingGroup, Takes, each_once, from_json

MAX_PREFIXES = 20
MAX_PREFIX_BYTES = 200


def _is_prefix(text: str) -> bool:
    return 0 < len(text.encode()) <= MAX_PREFIX_BYTES


Prefix = Annotated[str, Predicate(_is_prefix)]


def _prefixes(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


When = Annotated[
    Literal["always", "asked"] | Annotated[tuple[Prefix, ...], Field(min_length=1, max_length=MAX_PREFIXES)],
    BeforeValidator(_prefixes),
    Takes(
        '"always", "asked" (only where an upload asks for it) or a list of 1 to '
        f'{MAX_PREFIXES} beginnings of names such as ["user-uploads/"], each at most {MAX_PREFIX_BYTES} bytes'
    ),
]
CallsPerSecond = Annotated[float, Field(strict=True, ge=0.1, le=10_000)]


class _Setting(SettingGroup):
    """The members that each ability has."""

    when: When
    """The pictures that Rekognition is asked about: all (`always`), those whose upload asks for the ability (`asked`),
    or those whose names begin with one of the prefixes, and those whose upload asks. One call for each picture."""

    calls_per_second: Annotated[CallsPerSecond | None, Takes("a number from 0.1 to 10,000")] = None
    """Calls of this operation per second. Without it, the Region's default quota."""

    @classmethod
    def place(cls, _: Any, /) -> str:
        """Return the beginning of errors about the ability's members."""
        return f"abilities: {cls.ability_name()}: "

    @classmethod
    def ability_name(cls) -> str:
        """Return the ability's name."""
        return cls.__name__.removesuffix("Setting").lower()


class TextSetting(_Setting):
    """`text`: lines and words (DetectText)."""


class ModerationSetting(_Setting):
    """`moderation`: labels of unsafe content (DetectModerationLabels)."""

    min_confidence: Annotated[float, Field(strict=True, ge=0, le=100)] = DEFAULT_MIN_CONFIDENCE
    """Labels below this confidence, in per cent, are left out. A change needs no new calls."""


class FacesSetting(_Setting):
    """`faces`: boxes, landmarks, pose and quality (DetectFaces)."""

    attributes: Annotated[
        tuple[Annotated[str, Predicate(ATTRIBUTES.__contains__)], ...],
        AfterValidator(each_once),
        Takes(f"a list of attributes: {', '.join(ATTRIBUTES)}"),
    ] = ()
    """Additional attributes of faces that are stored and shown. A change needs new calls. docs/privacy.md says why
    there are none by default."""


class CelebritiesSetting(_Setting):
    """`celebrities`: well-known people (RecognizeCelebrities)."""


class AbilitySettings(SettingGroup):
    """The abilities that are enabled."""

    text: TextSetting | None = None
    """Lines and words, by DetectText."""
    moderation: ModerationSetting | None = None
    """Labels of unsafe content, by DetectModerationLabels."""
    faces: FacesSetting | None = None
    """Faces, by DetectFaces."""
    celebrities: CelebritiesSetting | None = None
    """Well-known people, by RecognizeCelebrities."""

    @classmethod
    def place(cls, _: Any, /) -> str:
        """Return the beginning of errors about the abilities."""
        return "abilities: "

    @property
    def enabled(self) -> dict[str, _Setting]:
        """The settings of the enabled abilities, by name."""
        return {name: value for name in type(self).model_fields if (value := getattr(self, name)) is not None}

    @property
    def names_variable(self) -> dict[str, str]:
        """The variable of functions that only check what an upload asks for. Empty if no ability is enabled."""
        names = ",".join(self.enabled)
        return {"ABILITY_NAMES": names} if names else {}

    def default_calls_per_second(self, name: str, *, is_fast_region: bool) -> float:
        """Return the default quota of an ability's operation. https://docs.aws.amazon.com/general/latest/gr/rekognition.html"""
        fast, other = (100, 25) if name == "faces" else (50, 5)
        return fast if is_fast_region else other


Abilities = Annotated[
    AbilitySettings,
    BeforeValidator(from_json),
    Takes('a JSON object of abilities, such as {"text": {"when": "always"}}'),
]
