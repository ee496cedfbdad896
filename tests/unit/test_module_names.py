import sys
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_handlers_modules_have_names_of_their_own() -> None:
    """runtime/ is a Lambda's import root: a module must hide neither another unit's nor the standard library's."""
    names = [path.stem for path in ROOT.glob("*/runtime/*.py")]
    assert names
    assert [name for name, times in Counter(names).items() if times > 1] == []
    assert sys.stdlib_module_names.intersection(names) == set()
