"""Everybody gets the gallery's page. No other page may call the APIs."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest

from api.runtime import get_save_image
from common.runtime import caches, endpoints
from integration.runtime import deliveries_api
from recognition.runtime import serve_gallery
from tests.functional.conftest import Context

PARAMETER = "/sightline/endpoints"
ADDRESSES = {
    "upload": "https://up.execute-api.eu-west-1.amazonaws.com/prod",
    "labels": "https://labels.execute-api.eu-west-1.amazonaws.com/prod",
    "deliveries": "https://out.execute-api.eu-west-1.amazonaws.com/prod",
    "images": "https://images.s3.eu-west-1.amazonaws.com",
    "renditions": "https://renditions.s3.eu-west-1.amazonaws.com",
}
PAGE = "https://labels.execute-api.eu-west-1.amazonaws.com"


@dataclass(frozen=True)
class Reply:
    status: int
    body: str
    headers: dict[str, str]


Ask = Callable[..., Reply]


@pytest.fixture
def written(aws: None, monkeypatch: pytest.MonkeyPatch) -> Callable[[Any], None]:
    """Return a function that writes the parameter with the addresses."""
    monkeypatch.setenv("ENDPOINTS_PARAMETER", PARAMETER)

    def write(value: Any) -> None:
        text = value if isinstance(value, str) else json.dumps(value)
        boto3.client("ssm").put_parameter(Name=PARAMETER, Value=text, Type="String", Overwrite=True)
        caches.clear_all()

    return write


@pytest.fixture
def ask(written: Any, context: Context, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Ask:
    """Return a function that calls a handler as a browser does through a REST API."""
    (tmp_path / "gallery_page").mkdir()
    for name, text in {
        "index.html": "<!doctype html>",
        "index-BYAqz2b2.js": "render()",
        "licenses.txt": "# Licenses",
        "main-Cx81_aB2.css": "a{}",
    }.items():
        (tmp_path / "gallery_page" / name).write_text(text)
    (tmp_path / "secret.js").write_text("secret")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("AUTH", "api_key")

    def asked(path: str, *, method: str = "GET", handler: Any = serve_gallery.handler, **headers: str) -> Reply:
        event = {
            "resource": path,
            "path": path,
            "httpMethod": method,
            "headers": headers,
            "multiValueHeaders": {name: [value] for name, value in headers.items()},
            "queryStringParameters": None,
            "multiValueQueryStringParameters": None,
            "pathParameters": None,
            "requestContext": {"requestId": "r", "stage": "prod", "path": path},
            "body": None,
            "isBase64Encoded": False,
        }
        answer = handler(event, context)
        answered = {name: values[0] for name, values in answer["multiValueHeaders"].items()}
        return Reply(answer["statusCode"], answer["body"], answered)

    return asked


def test_the_page_may_load_and_call_only_own_services(ask: Ask, written: Callable[[Any], None]) -> None:
    written(ADDRESSES)
    page = ask("/gallery")
    assert (page.status, page.body) == (200, "<!doctype html>")
    assert page.headers["Content-Type"] == "text/html; charset=utf-8"
    assert page.headers["Cache-Control"] == "no-cache"
    assert page.headers["X-Content-Type-Options"] == "nosniff"
    assert page.headers["Referrer-Policy"] == "no-referrer"
    assert page.headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert page.headers["Content-Security-Policy"].split("; ") == [
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        f"img-src 'self' blob: {ADDRESSES['images']} {ADDRESSES['renditions']}",
        (
            "connect-src 'self' https://images.s3.eu-west-1.amazonaws.com "
            "https://out.execute-api.eu-west-1.amazonaws.com https://up.execute-api.eu-west-1.amazonaws.com"
        ),
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    ]


@pytest.mark.parametrize(
    ("name", "kind"), [("index-BYAqz2b2.js", "text/javascript"), ("main-Cx81_aB2.css", "text/css")]
)
def test_browsers_keep_the_files_of_the_page(ask: Ask, name: str, kind: str) -> None:
    file = ask(f"/gallery/{name}")
    assert (file.status, file.headers["Content-Type"]) == (200, f"{kind}; charset=utf-8")
    assert file.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert file.headers["X-Content-Type-Options"] == "nosniff"


def test_the_page_comes_with_its_licences(ask: Ask) -> None:
    """The name of the file stays the same, so browsers ask for it again."""
    file = ask("/gallery/licenses.txt")
    assert (file.status, file.headers["Content-Type"]) == (200, "text/plain; charset=utf-8")
    assert file.headers["Cache-Control"] == "no-cache"


@pytest.mark.parametrize(
    "name", ["missing.js", "index.html", "../secret.js", "..%2Fsecret.js", "%2e%2e/secret.js", "a/../../secret.js", "."]
)
def test_the_page_has_no_other_files(ask: Ask, name: str) -> None:
    file = ask(f"/gallery/{name}")
    assert (file.status, json.loads(file.body)["error"]["code"]) == (404, "NotFound")


def test_the_page_reads_the_addresses_of_the_services(ask: Ask, written: Callable[[Any], None]) -> None:
    written(ADDRESSES)
    answer = ask("/gallery/endpoints.json")
    assert json.loads(answer.body) == {**ADDRESSES, "auth": "api_key"}
    assert (answer.status, answer.headers["Cache-Control"]) == (200, "no-cache")


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (None, "there is no parameter"),
        ("{", "is not the JSON object"),
        ([], "is not the JSON object"),
        ({"upload": "https://host"}, "is not the JSON object"),
        (ADDRESSES | {"images": "https://host; script-src *"}, "images is not an address"),
        (ADDRESSES | {"labels": "javascript:alert(1)"}, "labels is not an address"),
        (ADDRESSES | {"upload": 1}, "upload is not an address"),
    ],
)
def test_without_addresses_the_page_says_what_is_wrong(
    ask: Ask, written: Callable[[Any], None], value: Any, message: str
) -> None:
    if value is not None:
        written(value)
    answer = ask("/gallery/endpoints.json")
    error = json.loads(answer.body)["error"]
    assert (answer.status, error["code"]) == (503, "EndpointsUnknown")
    assert message in error["message"]
    page = ask("/gallery")
    assert page.status == 200
    assert (
        "script-src 'self'; style-src 'self'; img-src 'self' blob:; connect-src 'self';"
        in (page.headers["Content-Security-Policy"])
    )


APIS = [(get_save_image.handler, "/uploads"), (deliveries_api.handler, "/nothing")]


@pytest.mark.parametrize(("handler", "path"), APIS, ids=["upload", "deliveries"])
def test_only_the_gallery_may_call_and_read_answers(
    ask: Ask, written: Callable[[Any], None], handler: Any, path: str
) -> None:
    """The test reads an error: it has the same headers as a success."""
    written(ADDRESSES)
    answer = ask(path, handler=handler, Origin=PAGE)
    assert answer.headers["Access-Control-Allow-Origin"] == PAGE
    assert answer.headers["Access-Control-Expose-Headers"] == "Link"
    assert "Origin" in answer.headers["Vary"]
    assert "Access-Control-Allow-Credentials" not in answer.headers

    asking = ask(path, method="OPTIONS", handler=handler, origin=PAGE)
    assert (asking.status, asking.headers["Access-Control-Allow-Origin"]) == (204, PAGE)
    assert asking.headers["Access-Control-Allow-Headers"] == "content-type,x-api-key"
    assert {"GET", "OPTIONS"} <= set(asking.headers["Access-Control-Allow-Methods"].split(","))

    for origin in ("https://evil.example", "null", f"{PAGE}.evil.example", PAGE.replace("https", "http"), "*"):
        for method in ("GET", "OPTIONS"):
            answer = ask(path, method=method, handler=handler, Origin=origin)
            assert not [name for name in answer.headers if name.startswith("Access-Control-Allow-Or")]


def test_without_the_parameter_no_page_may_call(ask: Ask) -> None:
    assert "Access-Control-Allow-Origin" not in ask("/", handler=get_save_image.handler, Origin=PAGE).headers


def test_a_call_from_no_browser_does_not_read_the_parameter(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(endpoints, "client", None)
    assert ask("/", handler=get_save_image.handler).status == 400
    monkeypatch.delenv("ENDPOINTS_PARAMETER")  # with auth=iam
    assert ask("/", handler=get_save_image.handler, Origin=PAGE).status == 400
