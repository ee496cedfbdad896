"""Reads what callers send: query parameters, and the members of JSON bodies. Both are declared in the same way.

Nothing is ignored: whatever is unknown, given twice or of another type is refused, and the message shows the call that
would be right. A filter that is passed over because of a typo would answer something else than what was asked.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from http import HTTPStatus
from typing import Any

from common.runtime.api_errors import ApiError, bad_request

MAX_SHOWN = 60
"""Characters of a name that callers made up, in a message."""

BYTE_ORDER_MARK = "\ufeff"


@dataclass(frozen=True, kw_only=True)
class Parameter:
    """A query parameter or a member of a body: how it is read, and how it is described to programs and people.

    `schema` is JSON Schema. `read` makes a value of its text or raises ValueError or KeyError; then the answer is 400
    with `takes`. A boolean member of a body is not read: JSON has booleans.
    """

    name: str
    about: str
    takes: str
    schema: Mapping[str, Any]
    read: Callable[[str], Any]
    required: bool = False
    default: Any = None
    most: int = 1
    """How often it may be given; if more than once, all its values are taken."""
    several: str = "send a call for each"
    """How to ask for several, told to callers who give a list."""

    @property
    def is_text(self) -> bool:
        """Whether it may hold an `&`, which has to be percent-encoded in a query."""
        return self.schema.get("type") == "string" and "pattern" not in self.schema

    def of_query(self, given: Sequence[str]) -> Any:
        """Read what the query gives.

        Raises:
            ApiError: 400.
        """
        if self.required and not any(given):
            raise self._missing()
        if len(given) > self.most:
            often = f"once; {self.several}" if self.most == 1 else f"at most {self.most} times"
            raise bad_request(f"{self.name} is given {len(given)} times; it may be given {often}")
        values = tuple(map(self._value, given))
        if self.most > 1:
            return values
        return values[0] if values else self.default

    def of_body(self, members: Mapping[str, Any]) -> Any:
        """Read the body's member of this name.

        Raises:
            ApiError: 400.
        """
        value = members.get(self.name, "")
        if self.required and value == "":
            raise self._missing()
        if self.name not in members:
            return self.default
        is_flag = self.schema.get("type") == "boolean"
        if is_flag and isinstance(value, bool):
            return value
        if not is_flag and isinstance(value, str):
            return self._value(value)
        message = f"{self.name} takes {self.takes}, not {_kind(value)}"
        if isinstance(value, list):
            message += f"; {self.several}"
        elif value is None and not self.required:
            message += "; leave it out instead"
        elif isinstance(value, str):
            message += "; write it without quotation marks"
        raise bad_request(message)

    def _value(self, text: str) -> Any:
        try:
            return self.read(text)
        except (KeyError, ValueError) as error:
            raise bad_request(f"{self.name} takes {self.takes}") from error

    def _missing(self) -> ApiError:
        return bad_request(f"{self.name} is missing; it takes {self.takes}")


@dataclass(frozen=True, kw_only=True)
class Body:
    """What a call takes in its body: the members of a JSON object, such as `example`.

    `files` tells callers who send a file how files are sent.
    """

    members: tuple[Parameter, ...]
    example: str
    files: str


def read_query(
    given: Mapping[str, Sequence[str]], parameters: Sequence[Parameter], *, path: bool, body: Body | None
) -> dict[str, Any]:
    """The values of all parameters, by name; a tuple where there may be many.

    `path` and `body`: the call takes something in its path, or in its body, that may have been meant.

    Raises:
        ApiError: 400, naming the parameter and what it takes.
    """
    known = {parameter.name: parameter for parameter in parameters}
    for name in sorted(given.keys() - known.keys()):
        message = _unknown("parameter", name, known, "this call")
        texts = [parameter.name for parameter in parameters if parameter.is_text and parameter.name in given]
        if texts:
            message += (
                f". If it is a part of {texts[0]}, percent-encode that: an & within it is %26; "
                f'curl does so with -G --data-urlencode "{texts[0]}=…"'
            )
        elif path:
            message += ". If it is a part of the path, percent-encode that: a ? within it is %3F"
        elif body:
            message += f". The rest goes into the body, as JSON such as {body.example}"
        raise bad_request(message)
    return {name: parameter.of_query(given.get(name) or []) for name, parameter in known.items()}


def read_body(text: str, media_type: str, body: Body) -> dict[str, Any]:
    """The values of all members, by name.

    Raises:
        ApiError: 400, naming the member and what it takes; 415 for what is not JSON at all.
    """
    document = _document(text.removeprefix(BYTE_ORDER_MARK).strip(), media_type, body)
    if not isinstance(document, dict):
        hint = "; send a call for each" if isinstance(document, list) else ""
        raise bad_request(f"the body is {_kind(document)}; it takes an object such as {body.example}{hint}")
    known = {member.name: member for member in body.members}
    for name in sorted(document.keys() - known.keys()):
        raise bad_request(_unknown("member", name, known, "the body"))
    return {name: member.of_body(document) for name, member in known.items()}


def expect_no_body(text: str, parameters: Sequence[Parameter]) -> None:
    """Refuse a body where none is taken; what it holds would be ignored. An empty object holds nothing.

    Raises:
        ApiError: 400.
    """
    if text.strip() not in {"", "{}"}:
        names = [parameter.name for parameter in parameters]
        hint = f"; its parameters go into the query, as in ?{names[0]}=…" if names else ""
        raise bad_request(f"this call takes no body{hint}")


def _document(text: str, media_type: str, body: Body) -> Any:
    if not text:
        raise bad_request(f"the body is empty; it takes JSON such as {body.example}")
    try:
        # As no member takes a number, none is too long to be read.
        return json.loads(text, object_pairs_hook=_object, parse_int=float)
    except RecursionError as error:
        raise bad_request(f"the body is nested too deeply; it takes an object such as {body.example}") from error
    except json.JSONDecodeError as error:
        if text[0] in "{[" or "json" in media_type:
            where = f"{error.msg}, line {error.lineno}, column {error.colno}"
            raise bad_request(f"the body is not JSON: {where}; it takes an object such as {body.example}") from error
        call = f"-H 'content-type: application/json' --data '{body.example}'"
        message = f"the body is {media_type or 'text'}; it takes JSON: {call}. {body.files}"
        raise ApiError(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "NotJson", message) from error


def _object(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise bad_request(f"{_shown(twice)} is there more than once; give it once")
    return members


def _unknown(what: str, name: str, known: Mapping[str, Any], taker: str) -> str:
    near = get_close_matches(name.lower().replace("-", "_"), known, n=1)
    meant = f", did you mean {near[0]!r}?" if near else ";"
    return f"unknown {what} {_shown(name)}{meant} {taker} takes {', '.join(sorted(known)) or 'none'}"


def _shown(name: str) -> str:
    return repr(name if len(name) <= MAX_SHOWN else f"{name[:MAX_SHOWN]}…")


def _kind(value: Any) -> str:
    """The JSON value's type, in words."""
    if value is None or isinstance(value, bool):
        return json.dumps(value)
    return {dict: "an object", list: "a list", str: "text", float: "a number"}[type(value)]
