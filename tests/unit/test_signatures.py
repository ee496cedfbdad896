"""The reference library, and the receiver in docs/events.md, accept our signatures."""

import base64
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook, WebhookVerificationError

from integration.runtime.webhooks import signatures
from integration.runtime.webhooks.signatures import SecretError
from local.receiver import verify

secrets = st.binary(min_size=24, max_size=64).map(lambda key: f"whsec_{base64.b64encode(key).decode()}")
bodies = st.text(st.characters(exclude_categories=["Cs"])).map(str.encode)
OLD, NEW, OTHER = (f"whsec_{base64.b64encode(bytes([n]) * 24).decode()}" for n in range(3))


def signed(keys: tuple[str, ...], body: bytes, at: float | None = None) -> dict[str, str]:
    return signatures.headers(
        keys, delivery_id="b6ae377b-3121-5668-8e6a-f41604c7f2d0", timestamp=int(at or time.time()), body=body
    )


@given(secrets, bodies)
def test_the_reference_library_and_our_receiver_accept_what_we_sign(secret: str, body: bytes) -> None:
    headers = signed((secret,), body)
    Webhook(secret).verify(body, headers, json_parse=False)
    assert verify([secret], headers, body) == headers["webhook-id"]


@pytest.mark.parametrize("held", [OLD, NEW])
def test_during_a_rotation_the_receiver_may_hold_either_secret(held: str) -> None:
    headers = signed((NEW, OLD), b"<recognition/>")
    Webhook(held).verify(b"<recognition/>", headers, json_parse=False)
    assert verify([held], headers, b"<recognition/>")
    assert verify([OTHER, held], headers, b"<recognition/>")


@given(bodies, bodies)
def test_another_body_or_secret_is_refused(body: bytes, other: bytes) -> None:
    headers = signed((NEW, OLD), body)
    with pytest.raises(WebhookVerificationError):
        Webhook(OTHER).verify(body, headers, json_parse=False)
    with pytest.raises(ValueError, match="none of the signatures"):
        verify([OTHER], headers, body)
    if body != other:
        with pytest.raises(ValueError, match="none of the signatures"):
            verify([NEW], headers, other)


@pytest.mark.parametrize("seconds", [-400, 400])
def test_an_old_delivery_is_refused(seconds: int) -> None:
    headers = signed((NEW,), b"", time.time() + seconds)
    with pytest.raises(ValueError, match="more than five minutes off"):
        verify([NEW], headers, b"")
    with pytest.raises(WebhookVerificationError):
        Webhook(NEW).verify(b"", headers, json_parse=False)


@pytest.mark.parametrize("forged", [{}, {"webhook-id": "a", "webhook-timestamp": "x", "webhook-signature": "v1,é"}])
def test_invalid_headers_are_refused(forged: dict[str, Any]) -> None:
    with pytest.raises((KeyError, ValueError)):
        verify([NEW], forged, b"")


@pytest.mark.parametrize("secret", ["", "whsec_", "no base64!", "c2hvcnQ="])
def test_an_invalid_secret_signs_nothing(secret: str) -> None:
    with pytest.raises(SecretError):
        signed((secret,), b"")
