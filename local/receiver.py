"""Verifies Sightline's deliveries. This module needs only the standard library, so that it can be copied."""

import base64
import hmac
import time
from collections.abc import Iterable, Mapping

TOLERANCE_SECONDS = 300


def verify(secrets: Iterable[str], headers: Mapping[str, str], body: bytes) -> str:
    """Return the delivery's id. Raise ValueError unless a secret signed this body in the last five minutes."""
    delivery_id, sent_at = headers["webhook-id"], headers["webhook-timestamp"]
    if abs(time.time() - int(sent_at)) > TOLERANCE_SECONDS:
        raise ValueError("the timestamp is more than five minutes off; the delivery is old, or a clock is wrong")
    content = f"{delivery_id}.{sent_at}.".encode() + body
    given = headers["webhook-signature"].encode().split()
    for secret in secrets:
        key = base64.b64decode(secret.removeprefix("whsec_"))
        expected = b"v1," + base64.b64encode(hmac.digest(key, content, "sha256"))
        if any(hmac.compare_digest(expected, signature) for signature in given):
            return delivery_id
    raise ValueError("none of the signatures matches any of our secrets")
