from pathlib import Path
from typing import Any

import pytest

from rehearsal import compare, template_lines
from tests.conftest import Templates

TABLE = 'APIStack Resources.Manifests.Type = "AWS::DynamoDB::GlobalTable"'
OTHER = 'APIStack Resources.Table.Type = "AWS::DynamoDB::GlobalTable"'
QUEUE = 'APIStack Resources.Queue.Type = "AWS::SQS::Queue"'


def test_a_renamed_resource_is_shown_once_for_all_combinations_that_have_it() -> None:
    before = {"one": [QUEUE, TABLE], "two": [TABLE], "three": [QUEUE]}
    after = {"one": [QUEUE, OTHER], "two": [OTHER], "three": [QUEUE]}
    assert list(compare.differences(before, after)) == ["With one, two:", f"  - {TABLE}", f"  + {OTHER}"]


def test_a_new_combination_is_a_difference() -> None:
    assert list(compare.differences({}, {"new": [QUEUE]})) == ["With new:", f"  + {QUEUE}"]


def test_a_changed_value_stands_below_the_former_one() -> None:
    before = [f"S a.{name} = 1" for name in "xyz"]
    after = [f"S a.{name} = 2" for name in "xyz"]
    shown = list(compare.differences({"c": before}, {"c": after}))
    assert shown[1:] == [f"  {sign} S a.{name} = {value}" for name in "xyz" for sign, value in (("-", 1), ("+", 2))]


@pytest.mark.parametrize(
    ("document", "lines"), [({}, [((), "{}")]), ({"a": [1, []]}, [(("a", "0"), "1"), (("a", "1"), "[]")])]
)
def test_every_value_of_a_document_is_a_line(document: Any, lines: Any) -> None:
    assert list(template_lines.flat(document)) == lines


def test_assets_count_as_equal_whatever_their_hash(templates: Templates) -> None:
    lines = [value for template in templates.values() for _, value in template_lines.flat(template)]
    hashed = [line for line in lines if template_lines.HASH.search(line)]
    assert hashed
    assert all("<asset hash>" in template_lines.HASH.sub("<asset hash>", line) for line in hashed)


def test_a_revision_is_extracted_with_what_its_synth_needs(tmp_path: Path) -> None:
    tree = compare.extracted("HEAD", tmp_path / "tree")
    assert (tree / "app.py").is_file()
    assert (tree / "node_modules").resolve() == compare.ROOT / "node_modules"
