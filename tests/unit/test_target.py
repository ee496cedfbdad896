from pathlib import Path

import pytest
import requests

from cli import account
from cli.http_sessions import Admission
from cli.target import Target, TargetName

TARGET = Target(TargetName.AWS, upload_url="u", labels_url="l", deliveries_url="d", api_key=None)


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The cdk.json of the checkout."""
    path = tmp_path / "cdk.json"
    monkeypatch.setattr(account, "CDK_JSON", path)
    return path


@pytest.mark.parametrize(("context", "region"), [('{"region": "eu-west-1"}', "eu-west-1"), ("{}", "us-east-1")])
def test_calls_go_to_the_region_of_cdk_json_else_to_that_of_the_credentials(
    settings: Path, context: str, region: str
) -> None:
    settings.write_text(f'{{"context": {context}}}')
    assert TARGET.client("sqs").meta.region_name == region
    request = requests.Request("GET", "https://host/", auth=Admission(TARGET)).prepare()
    assert f"/{region}/execute-api/aws4_request" in str(request.headers["Authorization"])
