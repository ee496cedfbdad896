"""The correlation id, by which all that is said of one upload is found: in logs, records, documents and deliveries.

It is the request id of the upload's call, or the version id of the manifest that named the picture. What came another
way has the id of the request by which S3 took it.
"""

import re

METADATA = "correlation-id"
"""Where an object has it."""

FORM = re.compile(r"[A-Za-z0-9._:+/=-]{1,128}")


def well_formed(text: object) -> str | None:
    """The id, if it may stand in logs and headers: an object's metadata are whatever its owner likes."""
    return text if isinstance(text, str) and FORM.fullmatch(text) else None
