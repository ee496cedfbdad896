"""The photos that `make local` sends, with answers of a fake system."""

import io
from pathlib import Path
from typing import Any

import pytest
import requests
from rich.console import Console

from local import demonstration, photos
from local.endpoints import Endpoints


@pytest.fixture
def endpoints() -> Endpoints:
    return Endpoints(**dict.fromkeys(Endpoints.__dataclass_fields__, "http://127.0.0.1:9"))


def answered(body: str) -> requests.Response:
    answer = requests.Response()
    answer.status_code, answer._content = 200, body.encode()
    return answer


def test_a_photo_without_an_answer_is_named_and_the_others_are_shown(
    endpoints: Endpoints, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a busy machine a call can take too long. The system stays up."""
    posted = []

    def post(url: str, json: dict[str, Any], **_: object) -> requests.Response:
        posted.append(json["name"])
        if json["name"] == "slow.jpg":
            raise requests.ReadTimeout
        return answered("{}")

    def get(url: str, **_: object) -> requests.Response:
        documents = '{"deliveries": [' + ", ".join(['{"body": "<a/>"}'] * posted.count("cat.jpg")) + "]}"
        record = '{"failure": null, "labels": [{"name": "Cat", "confidence": 90, "instances": []}]}'
        return answered(record if "/images/" in url else documents)

    monkeypatch.setattr(photos, "write_samples", lambda folder: ["slow.jpg", "cat.jpg"])
    monkeypatch.setattr(requests, "post", post)
    monkeypatch.setattr(requests, "get", get)
    printed = io.StringIO()
    demonstration.send(Console(file=printed, width=80), endpoints, tmp_path, None)
    assert "sending 2 photos …" in printed.getvalue()
    assert "no answer within 60 s" in printed.getvalue()
    assert "Cat" in printed.getvalue()
