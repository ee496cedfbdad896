import pytest

from integration.runtime.webhooks.receiver_answers import Answer


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_any_2xx_is_a_delivery(status: int) -> None:
    assert Answer(status=status, text="").verdict == "delivered"


@pytest.mark.parametrize("status", [None, 101, 103, 408, 425, 429, 500, 502, 503, 504, 599])
def test_failures_of_the_receiver_are_retried(status: int | None) -> None:
    assert Answer(status=status, text="").verdict == "again"


@pytest.mark.parametrize("status", [300, 301, 302, 307, 308, 400, 401, 403, 404, 409, 410, 413, 415, 422])
def test_rejections_of_the_document_are_not_retried(status: int) -> None:
    assert Answer(status=status, text="").verdict == "rejected"


def test_only_an_overload_with_a_time_asks_for_a_pause() -> None:
    assert Answer(status=429, text="", retry_after=7).pause == 7
    assert Answer(status=503, text="", retry_after=7).pause == 7
    assert Answer(status=500, text="", retry_after=7).pause is None
    assert Answer(status=429, text="").pause is None
