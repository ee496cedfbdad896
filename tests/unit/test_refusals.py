"""docs/failures.md lists every refusal of the sources: its status, its code and the module that raises it."""

import ast
import re
from collections.abc import Iterator
from http import HTTPStatus
from itertools import pairwise

from tests.conftest import ROOT

PAGE = (ROOT / "docs/failures.md").read_text()
FOLDERS = ("api", "common", "integration", "recognition")
CODE = re.compile("[A-Z][A-Za-z]+")

# https://docs.aws.amazon.com/apigateway/latest/developerguide/supported-gateway-response-types.html
GATEWAY_STATUS = {
    "DEFAULT_4XX": "4xx",
    "DEFAULT_5XX": "504",
    "INVALID_API_KEY": "403",
    "QUOTA_EXCEEDED": "429",
    "REQUEST_TOO_LARGE": "413",
    "THROTTLED": "429",
}
"""The status of each response type for which API Gateway answers with a code of ours."""


def raised() -> set[tuple[str, str, str]]:
    """Return status, code and module of every refusal in the sources."""
    return {
        (*refusal, str(path.relative_to(ROOT)))
        for folder in FOLDERS
        for path in (ROOT / folder).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        for refusal in _refusals(node)
    }


def _refusals(node: ast.AST) -> Iterator[tuple[str, str]]:
    if isinstance(node, ast.Call | ast.Tuple):
        # ApiError(HTTPStatus.CONFLICT, "NameTaken", …), or such a pair in a table.
        yield from _status_and_code(node.args if isinstance(node, ast.Call) else node.elts)
    match node:
        # GATEWAY_ERRORS = {"THROTTLED": ("Throttled", …)}, for API Gateway's response types.
        case ast.Dict(keys=[ast.Constant(value="DEFAULT_4XX"), *_] as kinds, values=[*entries]):
            for kind, entry in zip(kinds, entries, strict=True):
                yield GATEWAY_STATUS[ast.literal_eval(kind)], ast.literal_eval(entry.elts[0])  # type: ignore[attr-defined,arg-type]
        # status_code="404", …, templates=_error("NotFound", …), for one response type.
        case ast.Call(keywords=[*keywords]) if {"status_code", "templates"} <= {keyword.arg for keyword in keywords}:
            named = {keyword.arg: keyword.value for keyword in keywords}
            yield ast.literal_eval(named["status_code"]), ast.literal_eval(named["templates"].args[0])  # type: ignore[attr-defined]
        # class NoPictureError: code = "…", the code of a FAILED record.
        case ast.Assign(targets=[ast.Name(id="code")], value=ast.Constant(value=str() as code)):
            yield "FAILED", code
        # {"ImageTooLargeException", …}: answers of Rekognition that become FAILED records.
        case ast.Set(elts=[*codes]) if all(str(ast.unparse(code)).endswith("Exception'") for code in codes):
            yield from (("FAILED", ast.literal_eval(code)) for code in codes)


def _status_and_code(values: list[ast.expr]) -> Iterator[tuple[str, str]]:
    for status, code in pairwise(values):
        match status, code:
            case ast.Attribute(value=ast.Name(id="HTTPStatus"), attr=name), ast.Constant(value=str() as text):
                if CODE.fullmatch(text):
                    yield str(int(HTTPStatus[name])), text


def documented() -> list[tuple[str, str, list[str]]]:
    """Statuses, code and modules of each row of the table."""
    table = PAGE.partition("\n## Every refusal\n")[2]
    rows = re.findall(r"^\| ([^|`]+|`FAILED`) \| `(\w+)` \|[^|]+\| ([^|]+) \|$", table, re.MULTILINE)
    return [(status.strip("`"), code, re.findall(r"`([^`]+)`", modules)) for status, code, modules in rows]


def test_the_table_lists_each_refusal_with_its_status_and_its_module() -> None:
    sources = raised()
    table = documented()
    assert len(sources) > len(FOLDERS)
    found = {(code, module) for _, code, module in sources}
    listed = {(code, module) for _, code, modules in table for module in modules}
    assert not found - listed, f"docs/failures.md lacks {sorted(found - listed)}"
    assert not listed - found, f"docs/failures.md lists {sorted(listed - found)}, which are not in the sources"
    for status, code, module in sources:
        [statuses] = [row[0] for row in table if row[1] == code and (row[0] == "FAILED") == (status == "FAILED")]
        assert status in statuses, f"{code} of {module} has the status {status}"
