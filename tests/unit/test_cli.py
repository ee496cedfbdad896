import shlex
from typing import Any
from urllib.parse import unquote

import pytest
import requests

from cli import images
from cli.main import VARIABLES, curl_lines, exports
from cli.target import Target, TargetName, local_target

ON_AWS = Target(
    TargetName.AWS,
    upload="https://a/prod",
    labels="https://b/prod",
    deliveries="https://c/prod",
    api_key="it's $HOME; `id`",
    images="pictures",
    manifests="lists",
)
ON_A_LAPTOP = local_target(
    {
        "upload": "http://127.0.0.1:1/u",
        "labels": "http://127.0.0.1:1/l",
        "deliveries": "http://127.0.0.1:1/d",
        "api_key": "k",
        "aws": "http://127.0.0.1:1",
        "photos": "http://127.0.0.1:2/",
        "partner": "http://127.0.0.1:3/",
        "bucket": "pictures",
        "manifests": "lists",
    }
)


def exported(target: Target) -> dict[str, str]:
    words = [word for line in exports(target) for word in shlex.split(line) if word != "export"]
    return dict(word.split("=", 1) for word in words)


def test_exports_survive_the_shell_whatever_is_in_them() -> None:
    assert exported(ON_AWS) == {
        "UPLOAD_URL": "https://a/prod",
        "LABELS_URL": "https://b/prod",
        "DELIVERIES_URL": "https://c/prod",
        "API_KEY": "it's $HOME; `id`",
        "IMAGE_BUCKET": "pictures",
        "MANIFEST_BUCKET": "lists",
    }


def test_a_laptops_exports_lead_aws_tools_to_it_and_mark_the_shell() -> None:
    variables = exported(ON_A_LAPTOP)
    assert variables["AWS_ENDPOINT_URL"] == "http://127.0.0.1:1"
    assert (variables["AWS_ACCESS_KEY_ID"], variables["AWS_REGION"]) == ("test", "us-east-1")
    assert variables["SIGHTLINE_SHELL"] == "local"
    assert f"{variables['PARTNER']}/behaviour" == "http://127.0.0.1:3/behaviour"
    assert variables["PHOTO_URL"] == "http://127.0.0.1:2/astronaut.jpg"


def test_what_env_sets_is_what_it_takes_back() -> None:
    assert sorted(exported(ON_A_LAPTOP)) == sorted(VARIABLES)


def test_the_curl_lines_name_the_target_that_was_found() -> None:
    lines = curl_lines(ON_A_LAPTOP)
    assert "--target local" in lines[0]
    assert '--data-urlencode "url=$PHOTO_URL"' in lines[1]
    assert '--data-urlencode "url=https://…"' in curl_lines(ON_AWS)[1]


@pytest.mark.parametrize("name", ["a.jpg", "holiday/red flower.jpg", "./a.jpg", "b/../a.jpg", "b//a.jpg", "/a.jpg"])
def test_a_deletion_names_the_image_that_was_meant(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Clients take a part such as .. for a folder's, and the image beside it would go."""
    asked: list[str] = []

    def call(target: Target, method: str, address: str) -> Any:
        asked.append(requests.Request(method, address).prepare().url or "")
        answer = requests.Response()
        answer.status_code, answer._content = 202, b"{}"
        return answer

    monkeypatch.setattr("cli.images.call", call)
    images.delete(ON_A_LAPTOP, name)
    [address] = asked
    assert unquote(address) == f"{ON_A_LAPTOP.labels}/images/{name}"
