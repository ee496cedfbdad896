"""Text from other people, made safe to show: nothing in it is invisible or changes the writing direction."""

import re

# Of these, Python calls some printable: fillers, variation selectors and the blank Braille pattern.
_BLANK = re.compile("[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]")


def visible(text: str) -> str:
    """Return the text with every invisible or direction-changing character as its code point, such as <U+202E>.

    Control characters, line ends and blanks other than the space are among them.
    """
    return "".join(
        character if character.isprintable() and not _BLANK.match(character) else f"<U+{ord(character):04X}>"
        for character in text
    )
