"""The APIs answer as their descriptions say, whatever is asked."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.parse import quote

import jsonschema  # type: ignore[import-untyped]
import pytest
import requests

from tests.conftest import ROOT
from tests.e2e.conftest import System, wait_for
from tests.source_server import Source, picture

SCHEMATHESIS = Path(sys.executable).parent / "schemathesis"
CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"


@pytest.fixture
def filled(system: System, source: Source) -> System:
    """Store an image, so that lists have entries. schemathesis reuses names from answers, and may delete them."""
    assert system.upload(f"{source.address}/photo.jpg", "as described.jpg").ok
    wait_for(lambda: system.image("as described.jpg") and system.is_idle())
    return system


def test_no_request_gets_a_server_error_or_an_answer_that_is_not_described(filled: System, tmp_path: Path) -> None:
    description = ROOT / "recognition" / "runtime" / "list_images.openapi.json"
    command: list[str | Path] = [SCHEMATHESIS, "run", description, "--url", filled.endpoints.labels, "--checks", CHECKS]
    command += ["--header", f"x-api-key: {filled.endpoints.api_key}", "--max-examples", "15"]
    command += ["--phases", "examples,coverage,fuzzing", "--generation-database", "none", "--no-color"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=200, check=False)
    assert done.returncode == 0, done.stdout
    tested = re.search(r"(\d+) generated, (\d+) passed", done.stdout)
    assert tested
    assert int(tested[1]) > 50


def test_an_image_is_as_described(filled: System) -> None:
    """Arbitrary names find no image, so this one is stored."""
    document: Any = requests.get(f"{filled.endpoints.labels}/openapi.json", timeout=60).json()
    name = quote("as described.jpg")
    image = f"/images/{name}"
    for path, method, status in (("/", "get", 200), (image, "get", 200), (image, "delete", 202)):
        answer = requests.request(method, filled.endpoints.labels + path, headers=filled.headers, timeout=60)
        operation = document["paths"][path.replace(name, "{image}")][method]
        described = operation["responses"][str(answer.status_code)]["content"]["application/json"]["schema"]
        assert answer.status_code == status
        assert answer.json()
        jsonschema.validate(answer.json(), {**described, "components": document["components"]})
    wait_for(lambda: filled.image("as described.jpg") is None)


def test_calls_that_are_nearly_right_are_answered_with_the_right_call(system: System) -> None:
    """curl sends such calls: `?url=…&…` unencoded, `-F file=@a.jpg`, `--data url=…`, a filter with a typo."""
    upload, labels = system.endpoints.upload, system.endpoints.labels

    def refused(method: str, address: str, **sent: Any) -> tuple[int, str]:
        answer = requests.request(method, address, headers=system.headers, timeout=60, **sent)
        return answer.status_code, answer.json()["error"]["message"]

    status, message = refused("GET", f"{upload}?url=https://example.com/a.jpg?w=1&h=2")
    assert (status, 'curl does so with -G --data-urlencode "url=…"' in message) == (400, True)
    for path in ("/images", "/uploads"):
        status, message = refused("POST", upload + path, files={"file": ("a.jpg", picture(), "image/jpeg")})
        assert (status, message.partition(";")[0]) == (415, "the body is multipart/form-data")
        status, message = refused("POST", upload + path, data={"url": "https://example.com/a.jpg"})
        assert (status, message.partition(";")[0]) == (415, "the body is application/x-www-form-urlencoded")
        status, message = refused("POST", upload + path, data=picture())
        assert (status, message.partition(";")[0]) == (415, "the body is text")
    assert refused("GET", f"{labels}/search?lable=dog")[1].startswith(
        "unknown parameter 'lable', did you mean 'label'?"
    )
