"""The correlation id links everything about one upload: logs, records, documents and deliveries.

It is the request id of the upload call, or the version id of the manifest that named the picture. Other pictures have
the id of the request that stored them in S3.
"""

import re

METADATA = "correlation-id"
"""The name of the S3 metadata entry that holds the id."""

FORM = re.compile(r"[A-Za-z0-9._:+/=-]{1,128}")


def well_formed(text: object) -> str | None:
    """Return the id if it is safe in logs and headers, else None. Owners of objects can put anything into metadata."""
    return text if isinstance(text, str) and FORM.fullmatch(text) else None
