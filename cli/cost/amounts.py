"""Reads numbers of images and sizes as people write them."""

import math
import re

MAX_IMAGES = 1e12
MAX_IMAGE_BYTES = 500 * 1024**2
"""S3 and the setting max_image_megabytes accept no larger picture."""

UNITS = {"": 1, "b": 1, "kb": 1000, "mb": 1000**2, "kib": 1024, "mib": 1024**2}


class AmountError(ValueError):
    """A text is not a number or a size. The message shows a valid text."""


def read_count(text: str) -> int:
    """Read a number of images: 250000, 250_000, 250,000 or 2.5e5.

    Raises:
        AmountError: the text is something else.
    """
    try:
        number = float(text.replace(",", "").replace("_", ""))
    except ValueError:
        number = math.nan
    if not 1 <= number <= MAX_IMAGES or number != int(number):  # NaN is neither
        raise AmountError(f"{text!r} is not a number of images; write 1 to 1e12, such as 250000, 250_000 or 1e6")
    return int(number)


def read_size(text: str) -> int:
    """Read a size in bytes: 300kB, 1.5 MB, 2MiB or 300000.

    Raises:
        AmountError: the text is something else.
    """
    found = re.fullmatch(r"\s*(\d+(?:[._]\d+)*(?:e\d+)?)\s*([a-z]*)\s*", text, re.IGNORECASE)
    if not found or found[2].lower() not in UNITS:
        raise AmountError(f"{text!r} is not a size; write a number of B, kB, MB, KiB or MiB, such as 300kB or 1.5MB")
    try:
        number = round(float(found[1]) * UNITS[found[2].lower()])
    except ValueError as error:
        raise AmountError(f"{text!r} is not a size; write one number and a unit, such as 300kB or 1.5MB") from error
    if not 1 <= number <= MAX_IMAGE_BYTES:
        raise AmountError(f"{text!r} is not the size of a picture; write 1 B to 500 MiB, such as 300kB or 1.5MB")
    return number
