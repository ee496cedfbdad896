"""Generate the APIs' descriptions (OpenAPI 3.1) from their code: `make openapi`.

Calls and query parameters come from the handlers' declarations, which also read the requests. The schemas of answers
come from types. The functions only serve the generated files, so they do not import this module.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from importlib import import_module
from pathlib import Path
from typing import Any, Literal

from pydantic import TypeAdapter
from typing_extensions import TypedDict

from common.api_reference import with_reference

ROOT = Path(__file__).resolve().parent.parent
SERVICES = ("api", "recognition", "integration")
"""The folders with an API. The module `openapi.py` in each folder describes the API."""

Method = Literal["get", "post", "delete"]
NEXT = {
    "description": 'If there is a next page: `<…>; rel="next"`, relative to the call.',
    "schema": {"type": "string"},
}


class Problem(TypedDict):
    """An error: a code for programs and a message for people."""

    code: str
    message: str


class ErrorAnswer(TypedDict):
    """The answer to every request that failed."""

    error: Problem
    request_id: str


@dataclass(frozen=True, kw_only=True)
class Call:
    """The answers of a call by status. `paged` calls answer with a Link header, `open` calls need no key."""

    answers: Mapping[HTTPStatus, Any]
    errors: tuple[HTTPStatus, ...] = ()
    paged: bool = False
    open: bool = False


@dataclass(frozen=True, kw_only=True)
class Service:
    """An API: the module of its handler, and its calls by method and path."""

    title: str
    module: str
    calls: Mapping[tuple[Method, str], Call]
    path_parameters: Mapping[str, str]


def describe(service: Service) -> dict[str, Any]:
    """Return the OpenAPI description of a service.

    Raises:
        LookupError: the handler and the description have different calls.
    """
    routes = {_operation(route.method, route.rule): route.func for route in _routes(service)}
    if missing := routes.keys() ^ service.calls.keys():
        raise LookupError(f"{service.module} and its description differ in {sorted(missing)}")
    types = [kind for call in service.calls.values() for kind in call.answers.values()]
    found, definitions = TypeAdapter.json_schemas(
        [(kind, "serialization", TypeAdapter(kind)) for kind in (*types, ErrorAnswer)],
        ref_template="#/components/schemas/{model}",
    )
    schemas = {kind: schema for (kind, _), schema in found.items()}
    paths: dict[str, Any] = {}
    for (method, path), call in service.calls.items():
        path_parameters = [_path_parameter(name, service) for name in re.findall(r"{(\w+)}", path)]
        paths.setdefault(path, {})[method] = _operation_object(routes[method, path], call, path_parameters, schemas)
    return {
        "openapi": "3.1.0",
        "info": {"title": service.title, "version": "1"},
        "servers": [{"url": ".", "description": "the address of this description"}],
        "security": [{"key": []}],
        "paths": paths,
        "components": {
            "securitySchemes": {"key": {"type": "apiKey", "in": "header", "name": "x-api-key"}},
            "schemas": definitions.get("$defs", {}),
        },
    }


def _operation_object(
    function: Any, call: Call, path_parameters: list[dict[str, Any]], schemas: Mapping[Any, Any]
) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": function.__name__,
        "summary": function.__doc__.partition("\n")[0],
        "parameters": [*path_parameters, *(_query_parameter(parameter) for parameter in function.parameters)],
        "responses": _responses(call, function.body, schemas),
    }
    if call.open:
        operation["security"] = []
    if function.body:
        operation["requestBody"] = {
            "required": True,
            "content": {"application/json": {"schema": _object(function.body)}},
        }
    return operation


def _routes(service: Service) -> list[Any]:
    app = import_module(service.module).app
    return [*app._static_routes, *app._dynamic_routes]  # Powertools has no other way to list them


def _operation(method: str, rule: re.Pattern[str]) -> tuple[Method, str]:
    path = rule.pattern.removeprefix("^").removesuffix("$").removesuffix("/*").replace("/.+", "/{image}")
    path = re.sub(r"\(\?P<(\w+)>.*?\)(?=/|$)", r"{\1}", path)
    return method.lower(), path.replace("\\", "") or "/"  # type: ignore[return-value]


def _path_parameter(name: str, service: Service) -> dict[str, Any]:
    return {
        "name": name,
        "in": "path",
        "required": True,
        "description": service.path_parameters[name],
        "schema": {"type": "string", "minLength": 1},
    }


def _query_parameter(parameter: Any) -> dict[str, Any]:
    return {
        "name": parameter.name,
        "in": "query",
        "required": parameter.required,
        "description": parameter.about,
        "schema": _schema(parameter),
    }


def _schema(parameter: Any) -> dict[str, Any]:
    schema = dict(parameter.schema)
    if parameter.most > 1:
        return {"type": "array", "items": schema, "minItems": int(parameter.required), "maxItems": parameter.most}
    return schema


def _object(body: Any) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {member.name: {**_schema(member), "description": member.about} for member in body.members},
        "required": [member.name for member in body.members if member.required],
        "additionalProperties": False,
        "examples": [json.loads(body.example)],
    }


def _responses(call: Call, body: Any, schemas: Mapping[Any, Any]) -> dict[str, Any]:
    def response(status: HTTPStatus, schema: Any) -> dict[str, Any]:
        return {"description": status.phrase, "content": {"application/json": {"schema": schema}}}

    responses = {str(int(status)): response(status, schemas[kind]) for status, kind in call.answers.items()}
    if call.paged:
        responses["200"]["headers"] = {"Link": NEXT}
    # These are the errors of an invalid call, those of API Gateway (a missing or wrong key, too many calls), and those
    # of our own faults.
    common = {HTTPStatus.BAD_REQUEST, HTTPStatus.FORBIDDEN, HTTPStatus.TOO_MANY_REQUESTS}
    common |= {HTTPStatus.INTERNAL_SERVER_ERROR, HTTPStatus.GATEWAY_TIMEOUT}
    for status in sorted({*call.errors, *common, *([HTTPStatus.UNSUPPORTED_MEDIA_TYPE] if body else [])}):
        responses[str(int(status))] = response(status, schemas[ErrorAnswer])
    return responses


def descriptions() -> dict[Path, str]:
    """Return the current descriptions: path -> text."""
    made = {}
    for folder in SERVICES:
        service = import_module(f"{folder}.openapi").SERVICE
        path = ROOT / f"{service.module.replace('.', '/')}.openapi.json"
        made[path] = json.dumps(describe(service), indent=2) + "\n"
    return made


def files() -> dict[Path, str]:
    """Return every file that `make openapi` writes: path -> text. The API reference comes last."""
    made = descriptions()
    page = ROOT / "docs/api.md"
    return {**made, page: with_reference(page.read_text(), [json.loads(text) for text in made.values()])}


if __name__ == "__main__":
    for path, text in files().items():
        path.write_text(text)
        print(path.relative_to(ROOT))  # noqa: T201 - the program's output
