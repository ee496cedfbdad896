"""Writes the generated part of docs/api.md from the OpenAPI descriptions. This part lists the calls of each service."""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

BEGIN = "<!-- `make openapi` writes everything from here on -->\n"
END = "<!-- to here, from the OpenAPI descriptions -->\n"

TITLE_PREFIX = "Sightline: "
ERROR = "ErrorAnswer"
DESCRIBED_ABOVE = {ERROR, "Problem"}
"""Documents that every service has. The handwritten part of the page describes them."""

VALUES = {"string": "text", "boolean": "`true` or `false`", "date": "a date", "date-time": "a time", "uri": "a URL"}
"""Readable names for types and formats of JSON Schema. Other types keep their names."""

Schema = Mapping[str, Any]


def with_reference(page: str, descriptions: Iterable[Mapping[str, Any]]) -> str:
    """Return the page with its generated part replaced by these descriptions.

    Raises:
        ValueError: the page lacks a marker.
    """
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise ValueError(f"docs/api.md needs the lines {BEGIN!r} and {END!r}")
    generated = "".join(f"{line}\n" for description in descriptions for line in _service(description))
    return before + begin + "\n" + generated + end + after


def _service(description: Mapping[str, Any]) -> Iterator[str]:
    yield f"## {description['info']['title'].removeprefix(TITLE_PREFIX)}"
    yield ""
    for path, operations in description["paths"].items():
        for method, operation in operations.items():
            yield from _call(f"{method.upper()} {path}", operation)
    yield f"### Documents of the {description['info']['title'].removeprefix(TITLE_PREFIX)}"
    yield ""
    for name, schema in description["components"]["schemas"].items():
        if name not in DESCRIBED_ABOVE:
            yield f"- **{name}**{_about(schema)}\\"
            yield f"  {_members(schema)}"
    yield ""


def _call(call: str, operation: Mapping[str, Any]) -> Iterator[str]:
    yield f"### `{call}`"
    yield ""
    yield operation["summary"]
    yield ""
    rows = [_parameter(parameter) for parameter in operation["parameters"]]
    body = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema")
    if body:
        rows += [_body_member(name, schema, body["required"]) for name, schema in body["properties"].items()]
    if rows:
        yield "| name | in | takes | |"
        yield "|---|---|---|---|"
        yield from rows
        yield ""
    if body:
        yield f"Example of the body: `{json.dumps(body['examples'][0], ensure_ascii=False)}`"
        yield ""
    yield from _answers(operation)
    if operation.get("security") == []:
        yield "This call needs no key."
        yield ""


def _answers(operation: Mapping[str, Any]) -> Iterator[str]:
    errors = []
    for status, answer in operation["responses"].items():
        kind = _type(answer["content"]["application/json"]["schema"])
        if kind == ERROR:
            errors.append(status)
        else:
            pages = ", in pages" if "Link" in answer.get("headers", {}) else ""
            yield f"- {status}: {kind}{pages}"
    yield f"- errors: {', '.join(errors)}"
    yield ""


def _parameter(parameter: Mapping[str, Any]) -> str:
    return _row(
        parameter["name"], parameter["in"], _takes(parameter["schema"]), parameter["description"], parameter["required"]
    )


def _body_member(name: str, schema: Schema, required: list[str]) -> str:
    takes = f"list of {_takes(schema['items'])}" if schema.get("type") == "array" else _takes(schema)
    return _row(name, "body", takes, schema["description"], name in required)


def _row(name: str, place: str, takes: str, about: str, required: bool) -> str:
    needed = ", required" if required else ""
    return f"| `{name}` | {place}{needed} | {takes} | {about} |"


def _takes(schema: Schema) -> str:
    """Describe the values that a schema accepts."""
    if schema.get("type") == "array":
        return f"{_takes(schema['items'])}; up to {schema['maxItems']} times"
    if "anyOf" in schema:
        return " or ".join(_takes(each) for each in schema["anyOf"])
    if "enum" in schema:
        takes = ", ".join(f"`{value}`" for value in schema["enum"])
    else:
        kind: str = schema.get("format") or schema["type"]
        takes = VALUES.get(kind, kind)
    if "minimum" in schema:
        takes += f" from {schema['minimum']} to {schema['maximum']}"
    if "maxLength" in schema:
        takes += f" of at most {schema['maxLength']} characters"
    if "pattern" in schema:
        takes += f" that matches `{schema['pattern'].replace('|', chr(92) + '|')}`"
    return takes + (f"; default `{json.dumps(schema['default']).strip(chr(34))}`" if "default" in schema else "")


def _about(schema: Schema) -> str:
    return f": {' '.join(schema['description'].split())}" if "description" in schema else ""


def _members(schema: Schema) -> str:
    """List a document's members with their types; a question mark follows a member that may be missing."""
    required = schema.get("required", [])
    return ", ".join(
        f"`{name}{'' if name in required else '?'}`: {_type(member)}" for name, member in schema["properties"].items()
    )


def _type(schema: Schema) -> str:
    """Name the type of a member or an answer."""
    if "$ref" in schema:
        return str(schema["$ref"].rpartition("/")[2])
    if "anyOf" in schema:
        return " or ".join(_type(each) for each in schema["anyOf"])
    if "enum" in schema:
        return " or ".join(f"`{value}`" for value in schema["enum"])
    if schema.get("type") == "array":
        return f"list of {_type(schema['items'])}"
    if "properties" in schema:
        return str(schema["title"])
    return str(schema["type"])
