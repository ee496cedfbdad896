"""Reads synthesized templates: their resources, and ARNs as a person would write them."""

import re
from collections.abc import Iterator
from typing import Any

from tests.conftest import Templates

PSEUDO = {"AWS::Partition": "aws", "AWS::Region": "<region>", "AWS::AccountId": "<account>"}


def name(logical_id: str) -> str:
    """Return a construct's name without the hash that CDK appends."""
    return re.sub("([0-9a-f]{32})?(Role)?[0-9A-F]{8}$", "", logical_id)


def written(value: Any) -> str:
    """Return an ARN as a person would write it."""
    if isinstance(value, str):
        return value
    [(function, argument)] = value.items()
    if function == "Fn::Join":
        return "".join(written(part) for part in argument[1])
    if function == "Ref":
        return PSEUDO.get(argument) or f"<{name(argument)}>"
    if function == "Fn::GetAtt":
        assert argument[1] in {"Arn", "Id"}  # Id is a secret's ARN
        return f"<{name(argument[0])}>"
    assert function == "Fn::ImportValue"
    exported = re.fullmatch(r"\w+Stack:ExportsOutput(?:FnGetAtt|Ref)(\w+?)(?:Arn)?[0-9A-F]{8}", argument)
    assert exported, argument
    return f"<{name(exported[1])}>"


def as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def resources(templates: Templates, *kinds: str) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yield every resource of these types: its stack, its logical id, its properties."""
    for stack, template in templates.items():
        for logical_id, resource in template["Resources"].items():
            if resource["Type"] in kinds:
                yield stack, logical_id, resource.get("Properties", {})
