"""docs/architecture.md shows the resources of the templates, and how they work together."""

import re
from collections.abc import Callable, Iterator
from itertools import pairwise, product

import pytest

from tests.conftest import ROOT, Templates
from tests.infrastructure.architecture import OUTSIDE, Architecture, Edge, architecture
from tests.templates import name, resources

PAGE = (ROOT / "docs/architecture.md").read_text()
DIAGRAM = PAGE.partition("```mermaid\n")[2].partition("```")[0]

NODE = re.compile(r'^ +(\w+)(\(\[|\[\(|\[/|\[|\{\{|\(\(|>)"([^"]+)"', re.MULTILINE)
SHAPES = {
    "([": "api",
    "[": "function",
    "[/": "queue",
    "{{": "topic",
    "[(": "store",
    ">": "schedule",
    "((": "outside",
}
"""Opening brackets of the diagram's nodes, and the kinds that they stand for."""

Nodes = dict[str, list[str]]
"""The diagram's id of a node -> the resources in it."""


@pytest.fixture(scope="module")
def derived(synthesize: Callable[..., Templates]) -> Architecture:
    """With e-mails, which are off by default."""
    return architecture(synthesize(notify_email="me@example.com"))


def nodes() -> Nodes:
    return {node: label.split("<br>") for node, _, label in NODE.findall(DIAGRAM)}


def edges() -> Iterator[Edge]:
    resources = nodes()
    for line in DIAGRAM.splitlines():
        if "-->" in line:
            chain = [part.strip() for part in re.split(r"-->(?:\|[^|]+\|)?", line)]
            for start, end in pairwise(chain):
                yield from product(resources[start], resources[end])


def rows(heading: str) -> list[list[list[str]]]:
    """Return the names in each cell of the table below a heading."""
    section = PAGE.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("| `")]
    return [[re.findall(r"`([^`]+)`", cell) for cell in line.strip("| ").split("|")] for line in lines]


def test_the_diagram_has_the_nodes_of_the_templates_in_their_stacks(derived: Architecture) -> None:
    shown = {
        name: (stack, SHAPES[shape])
        for stack, body in re.findall(r"^  subgraph (\w+)\n(.*?)^  end$", DIAGRAM, re.MULTILINE | re.DOTALL)
        for _, shape, label in NODE.findall(body)
        for name in label.split("<br>")
    }
    kinds = {"bucket": "store", "table": "store"}
    assert shown == {name: (derived.stacks[name], kinds.get(kind, kind)) for name, kind in derived.kinds.items()}
    assert {name for names in nodes().values() for name in names} - shown.keys() == OUTSIDE


def test_the_diagram_has_the_calls_messages_and_writes_of_the_templates(derived: Architecture) -> None:
    drawn = list(edges())
    assert sorted(drawn) == sorted(derived.flows)


def test_each_store_has_the_owner_the_writers_and_the_readers_of_the_templates(derived: Architecture) -> None:
    stores = {name for name, kind in derived.kinds.items() if kind in {"bucket", "table"}}
    section = PAGE.partition("\n## Who owns which data\n")[2]
    owners = dict(re.findall(r"^\| `(\w+)` \| (\w+Stack) \|", section, re.MULTILINE))
    assert owners == {name: derived.stacks[name] for name in stores}
    functions = {name for name, kind in derived.kinds.items() if kind == "function"}
    writes = {(start, end) for start, end in derived.flows if start in functions and end in stores}
    listed = [(row[0][0], row[3], row[4] if len(row) > 4 else []) for row in rows("Who owns which data")]
    assert {(writer, store) for store, writers, _ in listed for writer in writers} == writes
    assert {(reader, store) for store, _, readers in listed for reader in readers} == derived.reads


def test_the_operations_page_names_the_code_of_each_function(synthesize: Callable[..., Templates]) -> None:
    page = (ROOT / "docs/operations.md").read_text()
    functions = resources(synthesize(notify_email="me@example.com"), "AWS::Lambda::Function")
    handlers = {name(logical_id): function["Handler"] for _, logical_id, function in functions}
    del handlers["BucketNotificationsHandler"]
    listed = dict(re.findall(r"^\| `(\w+)` \| `([\w/]+)\.py` \|", page, re.MULTILINE))
    assert {function: f"{code.replace('/', '.')}.handler" for function, code in listed.items()} == handlers


def test_each_caller_may_call_what_the_templates_permit(derived: Architecture) -> None:
    callers = {name for name, kind in derived.kinds.items() if kind in {"api", "schedule", "bucket", "topic"}}
    permitted = {(start, end) for start, end in derived.flows if start in {*callers, "callers"}} - {
        (topic, "mailbox") for topic in callers
    }
    assert {(row[0][0], called) for row in rows("Who may call what") for called in row[1]} == permitted
