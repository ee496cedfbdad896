"""Make other people's text safe to show: no character is invisible or changes the writing direction."""

import re
import unicodedata

SPACE = "Zs"  # the category of blanks, such as the narrow one in the names of macOS' screenshots
# Of these, Python calls some printable: fillers, variation selectors and the blank Braille pattern.
_BLANK = re.compile("[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]")


def visible(text: str) -> str:
    """Return the text. Invisible or direction-changing characters are replaced by their code points, such as <U+202E>.

    Control characters and line ends are replaced too. Blanks stay, because readers can see them.
    """
    return "".join(
        f"<U+{ord(character):04X}>" if _BLANK.match(character) or not _is_printable(character) else character
        for character in text
    )


def _is_printable(character: str) -> bool:
    return character.isprintable() or unicodedata.category(character) == SPACE
