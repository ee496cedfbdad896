"""Define the setting `receivers`: the third parties that get results."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from common.deployment_names import THIRDPARTY
from common.setting_types import Format, Labels, ParameterName, ReceiverName, SettingGroup, Takes, from_json

MAX_RECEIVERS = 20
"""25 receivers with every alarm fit into CloudFormation's 500 resources. The rest is reserved for later features.
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html"""


def _distinct(receivers: tuple["Receiver", ...]) -> tuple["Receiver", ...]:
    named: dict[str, str] = {}
    for receiver in receivers:
        if other := named.get(receiver.prefix):
            same = f"{other} twice" if other == receiver.name else f"{other!r} and {receiver.name!r}"
            raise ValueError(f"has {same}; names must differ by more than hyphens")
        named[receiver.prefix] = receiver.name
    return receivers


class Receiver(SettingGroup):
    """A third party that receives results."""

    name: ReceiverName
    """The receiver's name in logs, metrics and names of resources."""

    url_parameter: ParameterName
    """The SSM parameter that holds the receiver's address."""

    format: Format = "xml"
    """The format of its documents: XML, or the JSON event."""

    document_schema: Annotated[Literal[1, 2], Field(alias="schema")] = 1
    """The schema of XML documents. Those of schema 2 contain the results of abilities
    ([events.md](events.md#xml-of-schema-2))."""

    labels: Labels = ()
    """Deliver only results with one of these labels. Without labels, deliver all results."""

    @classmethod
    def place(cls, data: Any, /) -> str:
        """Return the beginning of errors about a receiver's members."""
        name = f"{data['name']!r}: " if isinstance(data, dict) and "name" in data else ""
        return f"receivers: {name}"

    @property
    def prefix(self) -> str:
        """The first part of the names of its constructs."""
        return "" if self.name == THIRDPARTY else self.name.title().replace("-", "")


Receivers = Annotated[
    tuple[Receiver, ...],
    BeforeValidator(from_json),
    AfterValidator(_distinct),
    Field(max_length=MAX_RECEIVERS),
    Takes(
        'a JSON list of {"name", "url_parameter", "format"?, "schema"?, "labels"?}, '
        f"at most {MAX_RECEIVERS} because a CloudFormation stack holds 500 resources"
    ),
]
