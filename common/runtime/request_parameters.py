"""Reads query parameters and the members of JSON bodies. Both are declared in the same way.

Nothing is ignored. Unknown, repeated and mistyped values are refused, and the message shows a correct call. If a filter
with a typo were ignored, the caller would get the answer to a different question.
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from http import HTTPStatus
from typing import Any

from common.runtime.api_errors import ApiError, bad_request

MAX_SHOWN = 60
"""Messages show at most this many characters of an unknown name."""

BYTE_ORDER_MARK = "\ufeff"


@dataclass(frozen=True, kw_only=True)
class Parameter:
    """A query parameter or a member of a body, with its reader and its descriptions for programs and people.

    `schema` is JSON Schema. `read` converts the text to a value. If `read` raises ValueError or KeyError, the answer is
    400 with `takes`. `read` is not called for a boolean member of a body, because JSON has booleans.
    """

    name: str
    about: str
    takes: str
    schema: Mapping[str, Any]
    read: Callable[[str], Any]
    required: bool = False
    default: Any = None
    most: int = 1
    """The number of times that a query may repeat the parameter. If `most` is more than one, the value is a tuple, and
    a body accepts a list of at most `most` texts."""
    several: str = "send a call for each"
    """Advice for callers who give a list."""

    @property
    def is_text(self) -> bool:
        """Return True if the value may contain an `&`, which must be percent-encoded in a query."""
        return self.schema.get("type") == "string" and "pattern" not in self.schema

    def of_query(self, given: Sequence[str]) -> Any:
        """Read the values from a query.

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
        """Read the member from a body.

        Raises:
            ApiError: 400.
        """
        value = members.get(self.name, "")
        if self.required and value == "":
            raise self._missing()
        if self.name not in members:
            return () if self.most > 1 else self.default
        if self.most > 1:
            return self._list(value)
        is_flag = self.schema.get("type") == "boolean"
        if is_flag and isinstance(value, bool):
            return value
        if not is_flag and isinstance(value, str):
            return self._value(value)
        message = f"{self.name} must be {self.takes}, not {_kind(value)}"
        if isinstance(value, list):
            message += f"; {self.several}"
        elif value is None and not self.required:
            message += "; leave it out instead"
        elif isinstance(value, str):
            message += "; write it without quotation marks"
        raise bad_request(message)

    def _list(self, value: Any) -> tuple[Any, ...]:
        if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
            what = "a list of other things" if isinstance(value, list) else _kind(value)
            raise bad_request(f"{self.name} must be {self.takes}, not {what}")
        if len(value) > self.most:
            raise bad_request(f"{self.name} has {len(value)} elements; expected at most {self.most}")
        return tuple(map(self._value, value))

    def _value(self, text: str) -> Any:
        try:
            return self.read(text)
        except (KeyError, ValueError) as error:
            raise bad_request(f"{self.name} must be {self.takes}") from error

    def _missing(self) -> ApiError:
        return bad_request(f"{self.name} is missing; expected {self.takes}")


def matching(pattern: str) -> Callable[[str], str]:
    """Return a reader for texts that match a whole pattern. The reader raises ValueError if a text does not match."""

    def read(text: str) -> str:
        if not re.fullmatch(pattern, text):
            raise ValueError(text)
        return text

    return read


def flag(name: str, about: str) -> Parameter:
    """Return a parameter that is true or false, and false by default."""
    return Parameter(
        name=name,
        about=about,
        takes="true or false",
        schema={"type": "boolean", "default": False},
        read=lambda text: {"true": True, "false": False}[text],
        default=False,
    )


def choice(name: str, about: str, *choices: str) -> Parameter:
    """Return a parameter that is one of several texts, and the first of them by default."""
    return Parameter(
        name=name,
        about=about,
        takes=f"{', '.join(choices[:-1])} or {choices[-1]}",
        schema={"enum": list(choices), "default": choices[0]},
        read=matching("|".join(choices)),
        default=choices[0],
    )


@dataclass(frozen=True, kw_only=True)
class Body:
    """The JSON object that a call takes as its body, such as `example`.

    `files` is advice for callers who send a file.
    """

    members: tuple[Parameter, ...]
    example: str
    files: str


def read_query(
    given: Mapping[str, Sequence[str]], parameters: Sequence[Parameter], *, path: bool, body: Body | None
) -> dict[str, Any]:
    """Return the values of all parameters by name. The value is a tuple if the parameter may be repeated.

    `path` and `body` say that the call also takes path parameters or a body. Messages about unknown parameters then
    mention them.

    Raises:
        ApiError: 400, naming the parameter and a valid value.
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
    """Return the values of all members by name.

    Raises:
        ApiError: 400, naming the member and a valid value. 415 if the body is not JSON.
    """
    document = _document(text.removeprefix(BYTE_ORDER_MARK).strip(), media_type, body)
    if not isinstance(document, dict):
        hint = "; send a call for each" if isinstance(document, list) else ""
        raise bad_request(f"the body is {_kind(document)}; expected an object such as {body.example}{hint}")
    known = {member.name: member for member in body.members}
    for name in sorted(document.keys() - known.keys()):
        raise bad_request(_unknown("member", name, known, "the body"))
    return {name: member.of_body(document) for name, member in known.items()}


def expect_no_body(text: str, parameters: Sequence[Parameter]) -> None:
    """Refuse the body of a call that takes no body, because it would be ignored. An empty object is allowed.

    Raises:
        ApiError: 400.
    """
    if text.strip() not in {"", "{}"}:
        names = [parameter.name for parameter in parameters]
        hint = f"; its parameters go into the query, as in ?{names[0]}=…" if names else ""
        raise bad_request(f"this call accepts no body{hint}")


def _document(text: str, media_type: str, body: Body) -> Any:
    if not text:
        raise bad_request(f"the body is empty; expected JSON such as {body.example}")
    try:
        # No member takes a number. As a float, a number of any length can be read.
        return json.loads(text, object_pairs_hook=_object, parse_int=float)
    except RecursionError as error:
        raise bad_request(f"the body is nested too deeply; expected an object such as {body.example}") from error
    except json.JSONDecodeError as error:
        if text[0] in "{[" or "json" in media_type:
            where = f"{error.msg}, line {error.lineno}, column {error.colno}"
            raise bad_request(f"the body is not JSON: {where}; expected an object such as {body.example}") from error
        call = f"-H 'content-type: application/json' --data '{body.example}'"
        message = f"the body is {media_type or 'text'}; expected JSON: {call}. {body.files}"
        raise ApiError(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "NotJson", message) from error


def _object(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise bad_request(f"{_shown(twice)} is given more than once; give it once")
    return members


def _unknown(what: str, name: str, known: Mapping[str, Any], taker: str) -> str:
    near = get_close_matches(name.lower().replace("-", "_"), known, n=1)
    meant = f", did you mean {near[0]!r}?" if near else ";"
    return f"unknown {what} {_shown(name)}{meant} {taker} accepts {', '.join(sorted(known)) or 'none'}"


def _shown(name: str) -> str:
    return repr(name if len(name) <= MAX_SHOWN else f"{name[:MAX_SHOWN]}…")


def _kind(value: Any) -> str:
    """Return the type of a JSON value in words."""
    if value is None or isinstance(value, bool):
        return json.dumps(value)
    return {dict: "an object", list: "a list", str: "text", float: "a number"}[type(value)]
