import sys
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.runtime.visible_text import visible
from tests.gallery_modules import evaluate


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("holiday/red flower é 你.jpg", "holiday/red flower é 你.jpg"),
        ("a\u202egpj.exe", "a<U+202E>gpj.exe"),  # right-to-left override
        ("a\tb\r\nc\x1b[31m", "a<U+0009>b<U+000D><U+000A>c<U+001B>[31m"),
        ("a\u200bb\u2028c\u2029d", "a<U+200B>b<U+2028>c<U+2029>d"),  # a blank without width, and ends of lines
        ("Screenshot at 9.41.02\u202fAM.png", "Screenshot at 9.41.02\u202fAM.png"),  # the names of macOS
        ("a\u00a0b\u3000c", "a\u00a0b\u3000c"),  # no-break and wide blanks
        ("\u3164\u2800\ufe0f\U000e0041", "<U+3164><U+2800><U+FE0F><U+E0041>"),  # filler, Braille, variation, tag
        ("\ud83d", "<U+D83D>"),  # half of a surrogate pair
    ],
)
def test_invisible_and_direction_changing_characters_are_shown_by_their_code_points(text: str, shown: str) -> None:
    assert visible(text) == shown


@given(st.text())
def test_no_shown_text_can_move_the_cursor_or_turn_the_writing_direction(text: str) -> None:
    shown = visible(text)
    assert {unicodedata.category(character)[0] for character in shown} <= {"L", "M", "N", "P", "S", "Z"}
    assert visible(shown) == shown
    assert shown.splitlines() in ([shown], [])


def test_the_gallery_shows_the_same_characters_by_their_code_points() -> None:
    """The gallery has the rule in TypeScript. Its Unicode may be newer: the test leaves out unassigned characters."""
    characters = [chr(code) for code in range(sys.maxunicode + 1) if unicodedata.category(chr(code)) != "Cn"]
    shown = evaluate("shared/hidden_characters.ts", "value.map(module.visible)", characters)
    assert [c for c, text in zip(characters, shown, strict=True) if text != visible(c)] == []
