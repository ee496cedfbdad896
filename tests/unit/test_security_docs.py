import re
from pathlib import Path

from common.settings import Settings

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "security.md").read_text()


def test_what_the_security_page_refers_to_exists() -> None:
    tests = "".join(path.read_text() for path in (ROOT / "tests").rglob("*.py"))
    named = re.findall(r"`(test_\w+)`", TEXT)
    files = re.findall(r"`(tests/[\w/]+\.py)`", TEXT)
    doors = re.findall(r"`make ([\w-]+)`", TEXT)
    settings = re.findall(r"`(api_\w+|log_\w+)`", TEXT)
    assert all([named, files, doors, settings])
    assert [name for name in named if f"def {name}(" not in tests] == []
    assert [file for file in files if not (ROOT / file).is_file()] == []
    assert [door for door in doors if f"\n{door}: " not in (ROOT / "Makefile").read_text()] == []
    assert set(settings) <= set(Settings.model_fields) | {"api_key"}
