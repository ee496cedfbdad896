"""Signatures as in the Standard Webhooks specification, by which a receiver knows that a delivery is ours."""

import base64
import binascii
import hmac
from collections.abc import Sequence

PREFIX = "whsec_"
LEAST_BYTES = 24


class SecretError(ValueError):
    """What Secrets Manager holds is no signing secret."""


def headers(secrets: Sequence[str], *, delivery_id: str, timestamp: int, body: bytes) -> dict[str, str]:
    """The headers of a delivery: its id, when it is sent (seconds since 1970), and a signature by each secret.

    https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md

    Raises:
        SecretError: a secret is not in base64, or too short.
    """
    content = f"{delivery_id}.{timestamp}.".encode() + body
    signed = [base64.b64encode(hmac.digest(key(secret), content, "sha256")).decode() for secret in secrets]
    return {
        "webhook-id": delivery_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(f"v1,{signature}" for signature in signed),
    }


def key(secret: str) -> bytes:
    """The bytes that sign.

    Raises:
        SecretError: it is not in base64, or too short.
    """
    try:
        found = base64.b64decode(secret.strip().removeprefix(PREFIX), validate=True)
    except binascii.Error as error:
        raise SecretError(f"a signing secret is base64, with or without {PREFIX} before it") from error
    if len(found) < LEAST_BYTES:
        raise SecretError(f"a signing secret has {len(found)} bytes; it takes at least {LEAST_BYTES}")
    return found
