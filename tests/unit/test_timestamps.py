from datetime import UTC, datetime, timedelta, timezone

from hypothesis import given
from hypothesis import strategies as st

from common.runtime.timestamps import moment, now, timestamp


def test_a_time_is_text_in_utc_with_milliseconds() -> None:
    assert timestamp(datetime(2026, 11, 20, 9, 30, 0, 123_999, UTC)) == "2026-11-20T09:30:00.123Z"
    assert timestamp(datetime(2026, 11, 20, 9, 30, tzinfo=timezone(timedelta(hours=2)))) == "2026-11-20T07:30:00.000Z"


def test_now_is_now() -> None:
    assert abs(moment(now()) - datetime.now(UTC)) < timedelta(seconds=5)


TIMES = st.datetimes(timezones=st.just(UTC))


@given(TIMES, TIMES)
def test_texts_sort_as_their_times_do(one: datetime, other: datetime) -> None:
    assert moment(timestamp(one)) == one.replace(microsecond=one.microsecond // 1000 * 1000)
    if timestamp(one) != timestamp(other):
        assert (timestamp(one) < timestamp(other)) == (one < other)
