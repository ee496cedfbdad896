from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integration.runtime.webhooks.receiver_answers import RETRY_AFTER_CAP, Answer, retry_after

NOW = datetime(2026, 11, 20, 9, 30, tzinfo=UTC)


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_any_2xx_is_a_delivery(status: int) -> None:
    assert Answer(status=status, text="").verdict == "delivered"


@pytest.mark.parametrize("status", [None, 408, 425, 429, 500, 502, 503, 504, 599])
def test_what_is_the_receivers_fault_is_offered_again(status: int | None) -> None:
    assert Answer(status=status, text="").verdict == "again"


@pytest.mark.parametrize("status", [300, 301, 302, 307, 308, 400, 401, 403, 404, 409, 410, 413, 415, 422])
def test_what_is_the_documents_fault_is_not(status: int) -> None:
    assert Answer(status=status, text="").verdict == "rejected"


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, None),
        ("7", 7),
        (" 120 ", 120),
        ("0", 0),
        ("9" * 400, RETRY_AFTER_CAP),
        ("86400", RETRY_AFTER_CAP),
        (format_datetime(NOW + timedelta(seconds=42), usegmt=True), 42),
        (format_datetime(NOW - timedelta(hours=1), usegmt=True), 0),
        ("Fri, 20 Nov 2026 09:31:00 -0000", 60),
        ("soon", None),
        ("-5", None),
        ("1.5", None),
    ],
)
def test_retry_after_is_a_number_or_a_date_and_at_most_a_quarter_of_an_hour(
    header: str | None, seconds: int | None
) -> None:
    assert retry_after(header, NOW) == seconds


@given(st.text())
def test_no_retry_after_breaks_anything(header: str) -> None:
    assert retry_after(header, NOW) in {None, *range(RETRY_AFTER_CAP + 1)}


def test_only_an_overload_with_a_time_asks_for_a_pause() -> None:
    assert Answer(status=429, text="", retry_after=7).pause == 7
    assert Answer(status=503, text="", retry_after=7).pause == 7
    assert Answer(status=500, text="", retry_after=7).pause is None
    assert Answer(status=429, text="").pause is None
