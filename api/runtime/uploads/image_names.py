"""Check the names of images. A name is the key in S3 and in DynamoDB, and part of URLs."""

import unicodedata
from urllib.parse import unquote, urlsplit

MAX_NAME_BYTES = 1024
"""The longest key that S3 accepts."""

# Control characters, halves of surrogate pairs, line and paragraph separators, and code points without a character:
# Rekognition (whose pattern for a key is \S.*) or SQS refuses them.
UNPRINTABLE = frozenset({"Cc", "Cs", "Zl", "Zp", "Cn"})


class ImageNameError(ValueError):
    """An image cannot have this name. The message gives the reason and a valid name."""


def check(name: str) -> str:
    """Return the name if an image can have it.

    Raises:
        ImageNameError: the name is empty or too long, or has a part that S3 or a URL would read differently.
    """
    if not name:
        raise ImageNameError("name is empty; expected 1 to 1,024 bytes of UTF-8")
    if name[0].isspace() or any(unicodedata.category(character) in UNPRINTABLE for character in name):
        raise ImageNameError("name begins with a blank or has a control character; expected printable characters")
    if len(name.encode()) > MAX_NAME_BYTES:
        raise ImageNameError(f"name has {len(name.encode()):,} bytes of UTF-8; expected at most 1,024")
    if any(part in {"", ".", ".."} for part in name.split("/")):
        raise ImageNameError("name has an empty, '.' or '..' part; expected a name such as holiday/img-01.jpg")
    return name


def from_url(url: str) -> str:
    """Return the last part of the URL's path, decoded.

    Raises:
        ImageNameError: the path has no last part, or that part is no valid name.
    """
    name = unquote(urlsplit(url).path.rpartition("/")[2])
    if not name:
        raise ImageNameError("name is missing, and url does not end in a file name; add name=")
    return check(name)
