"""Define the types of settings: the values that each type accepts, and the errors for all other values."""

import ipaddress
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Self, get_args, get_origin

import botocore.session
from annotated_types import Ge, Le, Predicate
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ModelWrapValidatorHandler,
    ValidationError,
    model_validator,
)
from pydantic.fields import FieldInfo

MAX_PORT = 65_535
MAX_PARAMETER_CHARACTERS = 1_011
MAX_RECEIVER_CHARACTERS = 32
MAX_ADDRESS_CHARACTERS = 254
MAX_HIDDEN_LABELS = 50
MAX_LABEL_FILTERS = 100

MAX_DEPLOYMENT_CHARACTERS = 32
"""The longest name of a deployment. Other names begin with it and must not be too long. A stack's name has at most 128
characters, and the environment of functions contains table names."""

MAX_COMBINATIONS = 150
"""The most combinations that an SNS filter policy may have: the product of the numbers of values of all attributes.
https://docs.aws.amazon.com/sns/latest/dg/subscription-filter-policy-constraints.html"""

MAILED_EVENTS = ("image.recognized", "image.failed")
"""The events that cause e-mails. They are an attribute of the e-mails' filter policy, so they multiply its
combinations."""

FORMER_MONITORING = {"true": "full", "on": "full", "false": "none", "off": "none"}
"""Maps values of `monitoring` from earlier versions to the current values."""

_HOST = re.compile(r"[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*\.?", re.IGNORECASE)
_HOSTS = "hosts such as example.com or *.example.com (other scripts as xn--…)"
_RECEIVER = re.compile(rf"[a-z][a-z0-9-]{{0,{MAX_RECEIVER_CHARACTERS - 1}}}")
_DEPLOYMENT = re.compile(rf"|[a-zA-Z](?:[a-zA-Z0-9-]{{0,{MAX_DEPLOYMENT_CHARACTERS - 2}}}[a-zA-Z0-9])?")
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
_BUCKET = re.compile(r"(?!\d+\.\d+\.\d+\.\d+$)(?!.*\.\.)[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
# https://docs.aws.amazon.com/systems-manager/latest/userguide/sysman-paramstore-su-create.html
_PARAMETER = re.compile(r"(?!/?(aws|ssm))([a-z0-9_.-]+|(/[a-z0-9_.-]+){1,15})", re.IGNORECASE)
# SNS accepts ASCII only. https://docs.aws.amazon.com/sns/latest/dg/sns-email-notifications.html
_ADDRESS = re.compile(r"[a-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[a-z0-9-]+(\.[a-z0-9-]+)+", re.IGNORECASE)
# https://docs.aws.amazon.com/rekognition/latest/APIReference/API_GeneralLabelsSettings.html
_LABEL_FILTER = re.compile(r"[A-Za-z0-9àâèçñó'-_(). ]{1,50}")


class SettingsError(Exception):
    """A setting does not exist or has an invalid value. The message names the setting, the value and valid values.

    This class is not a `ValueError`, because pydantic would wrap a `ValueError`.
    """


@dataclass(frozen=True)
class Takes:
    """A description of the valid values, for error messages and docs/settings.md."""

    words: str


def _matches(pattern: re.Pattern[str], *, max_characters: int = 10_000) -> Predicate:
    return Predicate(lambda text: bool(pattern.fullmatch(text)) and len(text) <= max_characters)


def _is_host_pattern(text: str) -> bool:
    return _HOST.fullmatch(text.removeprefix("*.")) is not None


def _is_host_pattern_or_network(text: str) -> bool:
    try:
        ipaddress.ip_network(text)
    except ValueError:
        return _is_host_pattern(text)
    return True


def _is_host_and_port(text: str) -> bool:
    host, _, port = text.rpartition(":")
    is_host = _HOST.fullmatch(host) is not None or _is_ipv6_host(host)
    return is_host and port.isdecimal() and 0 < int(port) <= MAX_PORT


def _is_ipv6_host(text: str) -> bool:
    try:
        return text == f"[{text[1:-1]}]" and ipaddress.IPv6Address(text[1:-1]).scope_id is None
    except ValueError:
        return False


def _is_region(text: str | None) -> bool:
    session = botocore.session.get_session()
    partitions = session.get_available_partitions()
    return not text or any(text in session.get_available_regions("s3", partition) for partition in partitions)


def from_json(value: Any) -> Any:
    """Read text as JSON and return other values as they are.

    Raises:
        ValueError: the text is not JSON.
    """
    try:
        return json.loads(value) if isinstance(value, str) else value
    except json.JSONDecodeError as error:
        raise ValueError(f"is {value!r}, which is not JSON") from error


def _entries(value: Any) -> list[str]:
    """Split text into the entries of a list. Text that begins with `[` is JSON. Other text is split at commas."""
    if isinstance(value, str):
        value = from_json(value) if value.startswith("[") else value.split(",")
    if not isinstance(value, list | tuple):
        raise ValueError(f"is {value!r}")  # noqa: TRY004 - pydantic does not translate a TypeError
    return [entry for entry in (str(entry).strip() for entry in value) if entry]


def _whole_number(value: Any) -> int:
    try:
        return int(value)
    except (TypeError, ValueError) as error:
        raise ValueError(f"is {value!r}") from error


def each_once(entries: tuple[str, ...]) -> tuple[str, ...]:
    """Refuse a list with the same entry twice.

    Raises:
        ValueError
    """
    if twice := sorted({entry for entry in entries if entries.count(entry) > 1}):
        raise ValueError(f"has {', '.join(twice)} twice")
    return entries


def _current_monitoring(value: Any) -> Any:
    if (former := str(value).lower()) in FORMER_MONITORING:
        raise ValueError(f"is {former}, which is now written {FORMER_MONITORING[former]}")
    return value


Auth = Literal["api_key", "iam", "none"]
Architecture = Literal["arm64", "x86_64"]
Removal = Literal["retain", "destroy"]
Format = Literal["xml", "json"]
MonitoringLevel = Literal["essential", "full", "none"]
PythonVersion = Annotated[Literal["3.11", "3.12", "3.13", "3.14"], BeforeValidator(str)]
RetentionDays = Annotated[Literal[1, 3, 5, 7, 14, 30, 60, 90, 180, 365], BeforeValidator(_whole_number)]

Monitoring = Annotated[MonitoringLevel, BeforeValidator(_current_monitoring)]
DeploymentName = Annotated[
    str,
    _matches(_DEPLOYMENT),
    Takes(
        f"a letter, then letters, digits and hyphens, at most {MAX_DEPLOYMENT_CHARACTERS} characters, "
        "and no hyphen at the end"
    ),
]
Region = Annotated[str | None, Predicate(_is_region), Takes("the code of an AWS Region, such as eu-west-1")]
ReceiverName = Annotated[
    str, _matches(_RECEIVER), Takes(f"a-z, then a-z, 0-9 and -, at most {MAX_RECEIVER_CHARACTERS} characters")
]
ParameterName = Annotated[
    str,
    _matches(_PARAMETER, max_characters=MAX_PARAMETER_CHARACTERS),
    Takes("the name of an SSM parameter, such as name or /path/to/name, that does not begin with aws or ssm"),
]
EmailAddress = Annotated[
    str,
    Predicate(lambda text: not text or (len(text) <= MAX_ADDRESS_CHARACTERS and bool(_ADDRESS.fullmatch(text)))),
    Takes("an e-mail address such as me@example.com"),
]
Labels = Annotated[
    tuple[str, ...],
    BeforeValidator(_entries),
    Field(max_length=MAX_COMBINATIONS),
    Takes(f"at most {MAX_COMBINATIONS} labels, the maximum of an SNS filter policy"),
]
MailedLabels = Annotated[
    tuple[str, ...],
    BeforeValidator(_entries),
    Field(max_length=MAX_COMBINATIONS // len(MAILED_EVENTS)),
    Takes(
        f"at most {MAX_COMBINATIONS // len(MAILED_EVENTS)} labels, because an SNS filter policy holds "
        f"{MAX_COMBINATIONS} combinations and each label is combined with {len(MAILED_EVENTS)} events"
    ),
]
LabelFilter = Annotated[str, _matches(_LABEL_FILTER)]
LabelFilters = Annotated[
    tuple[LabelFilter, ...],
    BeforeValidator(_entries),
    Field(max_length=MAX_LABEL_FILTERS),
    Takes(
        f"at most {MAX_LABEL_FILTERS} names, each of at most 50 letters, digits, blanks and the characters ' - _ ( ) . "
        "(the rule of DetectLabels)"
    ),
]
HiddenLabels = Annotated[
    tuple[str, ...],
    BeforeValidator(_entries),
    Field(max_length=MAX_HIDDEN_LABELS),
    Takes(f"at most {MAX_HIDDEN_LABELS} moderation labels, such as Explicit,Violence"),
]
Port = Annotated[int, Field(ge=1, le=MAX_PORT)]
Ports = Annotated[
    tuple[Port, ...],
    BeforeValidator(_entries),
    Field(min_length=1),
    Takes(f"ports from 1 to {MAX_PORT}, such as 80,443"),
]
HostPattern = Annotated[str, Predicate(_is_host_pattern), Takes(_HOSTS)]
HostPatterns = Annotated[tuple[HostPattern, ...], BeforeValidator(_entries)]
HostPatternOrNetwork = Annotated[
    str, Predicate(_is_host_pattern_or_network), Takes(f"{_HOSTS}, an address or a network")
]
HostPatternsOrNetworks = Annotated[tuple[HostPatternOrNetwork, ...], BeforeValidator(_entries)]
HostAndPort = Annotated[str, Predicate(_is_host_and_port), Takes("host:port, such as 127.0.0.1:8000")]
HostsAndPorts = Annotated[tuple[HostAndPort, ...], BeforeValidator(_entries)]
BucketName = Annotated[str, _matches(_BUCKET), Takes("names of buckets, each once")]
BucketNames = Annotated[tuple[BucketName, ...], BeforeValidator(_entries), AfterValidator(each_once)]


def takes(annotation: Any, metadata: Sequence[Any] = ()) -> str:
    """Return a description of a type's valid values. It is empty if the type accepts every text."""
    if words := [each.words for each in metadata if isinstance(each, Takes)]:
        return words[0]
    if get_origin(annotation) is Annotated:
        inner, *more = get_args(annotation)
        return takes(inner, [*metadata, *more])
    if get_origin(annotation) is Literal:
        return f"one of {', '.join(map(str, get_args(annotation)))}"
    if get_origin(annotation) is tuple:
        return takes(get_args(annotation)[0])
    return _bounds(annotation, metadata)


def _bounds(annotation: Any, metadata: Sequence[Any]) -> str:
    flat = [part for each in metadata for part in (each.metadata if isinstance(each, FieldInfo) else [each])]
    low = next((each.ge for each in flat if isinstance(each, Ge)), None)
    high = next((each.le for each in flat if isinstance(each, Le)), None)
    kind = {int: "a whole number", float: "a number"}.get(annotation, "")
    return f"{kind} from {low:,} to {high:,}" if low is not None and high is not None else kind


def fields_of(model: type[BaseModel]) -> dict[str, FieldInfo]:
    """Return the fields of a model, by the names that users write in the settings."""
    return {field.alias or name: field for name, field in model.model_fields.items()}


def _translate(error: ValidationError, model: type[BaseModel], place: str) -> SettingsError:
    """Return the first of pydantic's errors as a sentence with the setting, its value and the valid values.

    `place` is written before the name of a setting that is part of another setting.
    """
    first = error.errors()[0]
    fields = fields_of(model)
    if not first["loc"]:
        whole = place.removesuffix(": ") or "settings"
        return SettingsError(f"{whole} is {first['input']!r}; expected an object with {', '.join(fields)}")
    name, *entry = first["loc"]
    field = fields.get(str(name))
    if field is None or first["type"] == "missing":
        problem = "is missing" if field else "is not known"
        return SettingsError(f"{place}{name} {problem}; expected {', '.join(fields)}")
    valid = takes(field.annotation, field.metadata) or first["msg"]
    match first["type"]:
        case "value_error":
            problem = str(first["ctx"]["error"])
        case "too_long" | "too_short":
            problem = f"has {first['ctx']['actual_length']} entries"
        case _:
            problem = f"{'has' if entry else 'is'} {first['input']!r}"
    return SettingsError(f"{place}{name} {problem}; expected {valid}")


class SettingGroup(BaseModel):
    """Settings that belong together."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    @classmethod
    def place(cls, _: Any, /) -> str:
        """Return the beginning of errors about a value. It is empty unless the settings are part of another setting."""
        return ""

    @model_validator(mode="wrap")
    @classmethod
    def _translated(cls, data: Any, validate: ModelWrapValidatorHandler[Self]) -> Self:
        try:
            return validate(data)
        except ValidationError as error:
            raise _translate(error, cls, cls.place(data)) from error
