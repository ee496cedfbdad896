from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import requests

from cli import calls, images, ingest, target
from cli.target import Target, TargetName

TARGET = Target(TargetName.AWS, upload="u", labels="l", deliveries="d", api_key=None)


def by_image(request: requests.PreparedRequest) -> None:
    images._sign(request)


def by_call(request: requests.PreparedRequest) -> None:
    calls._sign(request)


def by_upload(request: requests.PreparedRequest) -> None:
    ingest._Signature()(request)


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The cdk.json of the checkout."""
    path = tmp_path / "cdk.json"
    monkeypatch.setattr(target, "CDK_JSON", path)
    target.session.cache_clear()
    yield path
    target.session.cache_clear()


@pytest.mark.parametrize(("context", "region"), [('{"region": "eu-west-1"}', "eu-west-1"), ("{}", "us-east-1")])
@pytest.mark.parametrize("sign", [by_call, by_image, by_upload])
def test_the_system_is_in_the_region_that_cdk_json_names_else_in_the_credentials_own(
    settings: Path, context: str, region: str, sign: Callable[[requests.PreparedRequest], None]
) -> None:
    settings.write_text(f'{{"context": {context}}}')
    assert TARGET.client("sqs").meta.region_name == region
    request = requests.Request("GET", "https://host/").prepare()
    sign(request)
    assert f"/{region}/execute-api/aws4_request" in str(request.headers["Authorization"])
