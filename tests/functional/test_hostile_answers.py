"""Hostile answers of sources through the real handler, one row each. The handler's time and memory stay bounded."""

import time
from collections.abc import Callable

import pytest

from common.runtime.safe_fetch import transport
from tests.functional.conftest import Answer
from tests.functional.hostile_system import (  # noqa: F401 - fixtures
    ask_fixture,
    assert_no_fetch_is_left,
    assert_refused,
    canary_fixture,
    internet_fixture,
    start_fixture,
)
from tests.source_server import Source


@pytest.mark.parametrize(
    ("path", "limit"),
    [
        ("hang", "READ_SECONDS"),
        ("redirect?/hang", "READ_SECONDS"),
        *(
            (path, "DEADLINE_SECONDS")
            for path in ("slow_status", "slow_head", "drip", "slow_chunks", "slow_chunk_size")
        ),
        *((path, "DEADLINE_SECONDS") for path in ("trailers", "continues", "redirect?/slow_head", "redirect?/drip")),
    ],
)
def test_a_slow_source_is_given_up(
    ask: Callable[[str], Answer], monkeypatch: pytest.MonkeyPatch, path: str, limit: str
) -> None:
    """Each case shortens one limit. The other one is longer than the test takes on any machine."""
    for name in ("READ_SECONDS", "DEADLINE_SECONDS"):
        monkeypatch.setattr(transport, name, 0.3 if name == limit else 100)
    began = time.monotonic()
    assert_refused(ask(f"{{start}}/{path}"), 504, "SourceTimeout", "too slow")
    assert time.monotonic() - began < 100
    assert_no_fetch_is_left()


@pytest.mark.parametrize(
    ("path", "status", "code", "says"),
    [
        ("large", 413, "ImageTooLarge", "more than 1 MB"),
        ("announced", 413, "ImageTooLarge", "more than 1 MB"),
        ("endless_chunks", 413, "ImageTooLarge", "more than 1 MB"),
        ("bomb", 413, "ImageTooLarge", "more than 1 MB"),
        ("packed_nothing", 413, "ImageTooLarge", "more than 1 MB"),
        ("packed_twice", 502, "SourceFailed", "expected gzip"),
        ("packed?br", 502, "SourceFailed", "expected gzip"),
        ("packed?zstd", 502, "SourceFailed", "expected gzip"),
        ("scrambled?br", 502, "SourceFailed", "expected gzip"),
        ("scrambled?compress", 502, "SourceFailed", "Content-Encoding: compress"),
        ("scrambled?aws-chunked", 502, "SourceFailed", "Content-Encoding: aws-chunked"),
        ("packed?x-gzip", 502, "SourceFailed", "not in the coding"),
        ("packed_cut", 502, "SourceFailed", "one stream"),
        ("cut", 502, "SourceFailed", "early"),
        ("chunk?2000", 502, "SourceFailed", "IncompleteRead"),
        ("chunk?fffffffffffffffff", 502, "SourceFailed", "IncompleteRead"),
        ("chunk?-1", 502, "SourceFailed", "IncompleteRead"),
        ("chunk?zz", 502, "SourceFailed", "IncompleteRead"),
        ("short?100", 422, "UnusablePicture", "truncated"),
        ("endless_headers", 502, "SourceFailed", "broken"),
        ("endless_header", 502, "SourceFailed", "broken"),
        ("early", 502, "SourceFailed", "answered 103"),
        ("no_http", 502, "SourceFailed", "broken"),
        ("nothing", 502, "SourceFailed", "broken"),
        ("missing", 502, "SourceFailed", "answered 404"),
        ("broken", 502, "SourceFailed", "answered 500"),
        ("status?101", 502, "SourceFailed", "answered 101"),
        ("status?204", 502, "SourceFailed", "answered 204"),
        ("status?206", 502, "SourceFailed", "answered 206"),
        ("status?304", 502, "SourceFailed", "answered 304"),
        ("status?302", 502, "SourceFailed", "answered 302"),
        ("redirect_with?300,/photo.jpg", 502, "SourceFailed", "answered 300"),
        ("redirect_with?302,", 502, "SourceFailed", "more than 5 times"),
        ("loop", 502, "SourceFailed", "more than 5 times"),
        ("hops?6", 502, "SourceFailed", "more than 5 times"),
        ("hops?20", 502, "SourceFailed", "more than 5 times"),
        ("empty", 415, "NotAPicture", "the file is empty"),
        ("page", 415, "NotAPicture", "not a picture; accepted types: JPEG"),
        ("small", 422, "UnusablePicture", "40 x 40"),
    ],
)
def test_a_hostile_source_gets_the_fitting_answer_in_bounded_time(
    ask: Callable[[str], Answer], start: Source, path: str, status: int, code: str, says: str
) -> None:
    before = len(start.requests)
    assert_refused(ask(f"{{start}}/{path}"), status, code, says)
    assert len(start.requests) - before <= 6
    assert_no_fetch_is_left()
