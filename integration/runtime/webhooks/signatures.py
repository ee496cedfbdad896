"""Signs deliveries by the Standard Webhooks specification, so that a receiver can verify them."""

import base64
import binascii
import hmac
from collections.abc import Sequence

PREFIX = "whsec_"
LEAST_BYTES = 24


class SecretError(ValueError):
    """The value in Secrets Manager is not a signing secret."""


def headers(secrets: Sequence[str], *, delivery_id: str, timestamp: int, body: bytes) -> dict[str, str]:
    """Return the headers of a delivery: its id, its time (seconds since 1970), and one signature for each secret.

    https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md

    Raises:
        SecretError: a secret is not base64 or is too short.
    """
    content = f"{delivery_id}.{timestamp}.".encode() + body
    signed = [base64.b64encode(hmac.digest(key(secret), content, "sha256")).decode() for secret in secrets]
    return {
        "webhook-id": delivery_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(f"v1,{signature}" for signature in signed),
    }


def key(secret: str) -> bytes:
    """Decode a signing secret.

    Raises:
        SecretError: the secret is not base64 or is too short.
    """
    try:
        found = base64.b64decode(secret.strip().removeprefix(PREFIX), validate=True)
    except binascii.Error as error:
        raise SecretError(f"the signing secret is not base64, with or without {PREFIX} before it") from error
    if len(found) < LEAST_BYTES:
        raise SecretError(f"the signing secret has {len(found)} bytes; expected at least {LEAST_BYTES}")
    return found
