from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.runtime.retry_after import retry_after_seconds

LIMIT = 900


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("7", 7),
        (" 7 ", 7),
        ("0", 0),
        ("0007", 7),
        ("900", 900),
        ("901", 900),
        ("9" * 25, 900),
        ("9" * 5000, 900),
        ("0" * 5000, None),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 0),
        ("Wed, 21 Oct 2015 07:28:00", 0),
        ("Thu, 01 Jan 0000 00:00:00 GMT", 0),
        ("Fri, 31 Dec 9999 23:59:59 GMT", 900),
        ("Fri, 31 Dec 9999 23:59:59 -9999", 900),
        ("Fri, 31 Dec 99999 23:59:59 GMT", None),
        ("Fri, 31 Dec 999999999999 23:59:59 GMT", None),
        ("Wed, 99 Foo 99999 99:99:99 GMT", None),
        ("-1", None),
        ("1.5", None),
        ("1e9", None),
        ("nan", None),
        ("Infinity", None),
        ("0x10", None),
        ("٣", None),
        ("5, 5", None),
        ("soon", None),
        ("", None),
        ("\x00", None),
        (None, None),
    ],
)
def test_a_header_is_read_within_the_limit(header: str | None, seconds: int | None) -> None:
    assert retry_after_seconds(header, max_seconds=LIMIT) == seconds


def test_a_date_counts_from_now() -> None:
    header = format_datetime(datetime.now(UTC) + timedelta(seconds=100), usegmt=True)
    assert 98 <= (retry_after_seconds(header, max_seconds=LIMIT) or 0) <= 101


DATES = st.builds(
    "{}, {} {} {} {}:{}:{} {}".format,
    st.sampled_from(["Wed", "Mit", ""]),
    st.integers(-1, 99),
    st.sampled_from(["Oct", "Foo", "10"]),
    st.integers(-1, 10**30),
    *[st.integers(-1, 10**6)] * 3,
    st.sampled_from(["GMT", "+0000", "-9999", "+99999999999999999999", "Z", ""]),
)


@given(st.text() | DATES | st.integers().map(str) | st.floats().map(str))
def test_no_header_raises_or_leaves_the_limits(header: str) -> None:
    seconds = retry_after_seconds(header, max_seconds=LIMIT)
    assert seconds is None or 0 <= seconds <= LIMIT
