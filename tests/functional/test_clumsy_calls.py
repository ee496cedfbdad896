"""Calls with a small mistake are refused, and the answer shows the right call."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from api.runtime import get_save_image
from common.settings import Settings
from integration.runtime import deliveries_api
from recognition.runtime import list_images
from tests.functional.conftest import Answer
from tests.functional.test_deliveries_api import Service, service
from tests.functional.test_list_images import records

__all__ = ["records", "service"]  # fixtures

APIS = (get_save_image, list_images, deliveries_api)
JSON = "application/json"
FORM = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data; boundary=------------------------d74496d66958873e"
CURL = "-H 'content-type: application/json' --data '{\"url\": \"https://…\"}'"
PART = f"{'-' * 26}d74496d66958873e\r\nContent-Type: image/jpeg\r\n\r\n\ufffd\ufffd\0"
FILE = "Send a file with `sightline ingest FILE`, or with a form from POST /uploads"


@pytest.fixture
def ask(call: Callable[..., Answer]) -> Callable[..., Answer]:
    """Call any route of the three APIs, by the path as its caller writes it."""

    def asked(api: Any, method: str, path: str, **rest: Any) -> Answer:
        _, first, *parts = path.split("/")
        variable = {"images": "image", "deliveries": "event_id"}.get(first) if parts else None
        return call(api.handler, method, path, parameters={variable: parts[0]} if variable else None, **rest)

    return asked


@pytest.fixture
def surroundings(records: Any, service: Service, bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Set up the environment of the three APIs. Nothing is fetched."""
    monkeypatch.setenv("IMAGE_BUCKET", bucket)
    monkeypatch.setenv("MAX_IMAGE_PIXELS", "1000000")
    monkeypatch.setenv("SOURCES", json.dumps(Settings(allowed_sources=("example.com",)).sources))


Ask = Callable[..., Answer]

ROUTES = [
    (get_save_image, "GET", "/"),
    (get_save_image, "POST", "/images"),
    (get_save_image, "POST", "/uploads"),
    (get_save_image, "GET", "/openapi.json"),
    (list_images, "GET", "/"),
    (list_images, "GET", "/images"),
    (list_images, "GET", "/images/a.jpg"),
    (list_images, "DELETE", "/images/a.jpg"),
    (list_images, "GET", "/labels"),
    (list_images, "GET", "/search"),
    (list_images, "GET", "/usage"),
    (list_images, "GET", "/openapi.json"),
    (deliveries_api, "GET", "/deliveries"),
    (deliveries_api, "GET", "/openapi.json"),
    (deliveries_api, "POST", "/deliveries/event-1/replay"),
]


def refusal(answer: Answer, status: int = 400, code: str = "InvalidParameter") -> str:
    assert (answer.status, answer.document["error"]["code"]) == (status, code), answer.document
    message: str = answer.document["error"]["message"]
    return message


def test_these_are_all_routes() -> None:
    found = {(api, route.method) for api in APIS for route in (*api.app._static_routes, *api.app._dynamic_routes)}
    assert found == {(api, method) for api, method, _ in ROUTES}
    assert sum(len(api.app._static_routes) + len(api.app._dynamic_routes) for api in APIS) == len(ROUTES)


def test_no_route_ignores_a_parameter_that_it_does_not_know(ask: Ask, subtests: pytest.Subtests) -> None:
    """A picture is neither stored nor deleted nor delivered by a call with a typo."""
    for api, method, path in ROUTES:
        with subtests.test(f"{method} {path}"):
            assert "unknown parameter 'fresh'" in refusal(ask(api, method, path, query={"fresh": "1"}))


def test_no_route_ignores_a_body_that_it_does_not_take(ask: Ask, subtests: pytest.Subtests) -> None:
    for api, method, path in ROUTES:
        if path not in {"/images", "/uploads"} or method == "GET":
            with subtests.test(f"{method} {path}"):
                answer = ask(api, method, path, body='{"receiver": "archive"}')
                assert "this call accepts no body" in refusal(answer)


@pytest.mark.parametrize(
    ("api", "path", "query", "message"),
    [
        (
            list_images,
            "/search",
            {"lable": "dog"},
            "unknown parameter 'lable', did you mean 'label'? this call accepts",
        ),
        (list_images, "/search", {"label": "dog", "min-confidence": "9"}, "did you mean 'min_confidence'?"),
        (list_images, "/search", {"Label": "dog"}, "did you mean 'label'?"),
        (list_images, "/", {"limits": "5"}, "did you mean 'limit'? this call accepts cursor, limit, thumbnails"),
        (list_images, "/", {"label": "dog"}, "unknown parameter 'label'; this call accepts cursor, limit, thumbnails"),
        (deliveries_api, "/deliveries", {"imgae": "a.jpg"}, "did you mean 'image'?"),
        (get_save_image, "/", {"URL": "https://h/a.jpg"}, "did you mean 'url'?"),
        (list_images, "/search", {"label": "Arts ", " Crafts": ""}, 'curl does so with -G --data-urlencode "label=…"'),
        (list_images, "/images/a", {"b.jpg": ""}, "If it is a part of the path, percent-encode that: a ? within"),
        (list_images, "/search", {"label": "dog", "from": "2026-11-20T09:30:00 01:00"}, "with %2B for a +"),
    ],
)
def test_a_typo_is_named_with_what_was_meant(
    ask: Ask, api: Any, path: str, query: dict[str, str], message: str
) -> None:
    assert message in refusal(ask(api, "GET", path, query=query))


def test_an_unencoded_url_is_answered_with_the_encoded_one(ask: Ask) -> None:
    """`curl "$UPLOAD_URL?url=https://h/a.jpg?w=1&h=2"`"""
    answer = ask(get_save_image, "GET", "/", query={"url": "https://h/a.jpg?w=1", "h": "2"})
    assert refusal(answer) == (
        "unknown parameter 'h'; this call accepts name, overwrite, url. If it is a part of url, percent-encode that: "
        'an & within it is %26; curl does so with -G --data-urlencode "url=…"'
    )


@pytest.mark.parametrize(
    ("api", "path", "name", "message"),
    [
        (
            get_save_image,
            "/",
            "url",
            "given 2 times; it may be given once; send a call for each picture, or a manifest",
        ),
        (get_save_image, "/", "overwrite", "given 2 times; it may be given once"),
        (list_images, "/images", "name", "given 2 times; it may be given once; send a call for each"),
        (deliveries_api, "/deliveries", "image", "given 2 times; it may be given once"),
    ],
)
def test_a_parameter_given_twice_is_refused(ask: Ask, api: Any, path: str, name: str, message: str) -> None:
    query = [("url", "https://h/a.jpg"), (name, "true"), (name, "true")] if name == "overwrite" else [(name, "a")] * 2
    assert message in refusal(ask(api, "GET", path, query=query))


def test_a_parameter_in_the_wrong_place_is_answered_with_the_right_place(ask: Ask) -> None:
    answer = ask(get_save_image, "POST", "/images", query={"overwrite": "true"}, body='{"url": "https://h/a.jpg"}')
    assert 'The rest goes into the body, as JSON such as {"url": "https://…"}' in refusal(answer)
    answer = ask(deliveries_api, "POST", "/deliveries/event-1/replay", body='{"receiver": "archive"}')
    assert refusal(answer) == "this call accepts no body; its parameters go into the query, as in ?receiver=…"


@pytest.mark.usefixtures("surroundings")
def test_an_empty_object_is_no_body(ask: Ask) -> None:
    """Many clients send one with each POST."""
    refusal(ask(deliveries_api, "POST", "/deliveries/event-1/replay", body="{}"), 404, "DeliveryNotFound")


PICTURE = {"url": "https://h/a.jpg", "name": "a.jpg"}
UPLOAD = {"name": "a.jpg", "content_type": "image/jpeg"}


@pytest.mark.parametrize(
    ("path", "body", "message"),
    [
        ("/images", {"url": ["https://h/a.jpg"]}, "not a list; send a call for each picture, or a manifest of many"),
        ("/images", {"url": 1}, "url must be the picture's address, percent-encoded, not a number"),
        ("/images", {"url": {"href": "https://h/a.jpg"}}, "not an object"),
        ("/images", {"url": None}, "url must be the picture's address, percent-encoded, not null"),
        ("/images", {"url": True}, "not true"),
        ("/images", {"url": ""}, "url is missing; expected the picture's address"),
        ("/images", {}, "url is missing; expected the picture's address"),
        ("/images", {**PICTURE, "name": ["a.jpg"]}, "name must be a name such as holiday/img-01.jpg, not a list"),
        ("/images", {**PICTURE, "name": 1}, "not a number"),
        ("/images", {**PICTURE, "name": 1.5e300}, "not a number"),
        ("/images", {**PICTURE, "name": None}, "not null; leave it out instead"),
        ("/images", {**PICTURE, "name": ""}, "name is empty"),
        (
            "/images",
            {**PICTURE, "overwrite": "true"},
            "overwrite must be true or false, not text; write it without quota",
        ),
        ("/images", {**PICTURE, "overwrite": 1}, "overwrite must be true or false, not a number"),
        ("/images", {**PICTURE, "refresh": None}, "refresh must be true or false, not null; leave it out instead"),
        ("/images", {**PICTURE, "refresh": []}, "refresh must be true or false, not a list"),
        (
            "/images",
            {**PICTURE, "nmae": "b"},
            "unknown member 'nmae', did you mean 'name'? the body accepts abilities, name, over",
        ),
        ("/images", {"uri": "https://h/a.jpg"}, "unknown member 'uri', did you mean 'url'?"),
        ("/images", {**PICTURE, "n" * 500: 1}, f"unknown member '{'n' * 60}…'; the body accepts"),
        ("/images", {**PICTURE, "\ud800": 1}, "unknown member '\\ud800'"),
        ("/images", [PICTURE], 'the body is a list; expected an object such as {"url": "https://…"}; send a call for'),
        ("/images", "https://h/a.jpg", "the body is text; expected an object such as"),
        ("/images", 7, "the body is a number; expected an object such as"),
        ("/images", None, "the body is null; expected an object such as"),
        ("/uploads", [UPLOAD], "the body is a list; expected an object such as"),
        ("/uploads", {"name": "a.jpg"}, "content_type is missing; expected one of image/jpeg"),
        ("/uploads", {**UPLOAD, "name": ["a.jpg"]}, "without ${filename}, which S3 would replace, not a list"),
        ("/uploads", {**UPLOAD, "content_type": ["image/jpeg"]}, "content_type must be one of image/jpeg, "),
        ("/uploads", {**UPLOAD, "md5": None}, "md5 must be 32 hexadecimal digits in lower case, not null"),
        ("/uploads", {**UPLOAD, "md5": "0" * 32 + "\n"}, "md5 must be 32 hexadecimal digits in lower case"),
        ("/uploads", {**UPLOAD, "content-type": "image/jpeg"}, "did you mean 'content_type'?"),
    ],
)
def test_a_wrong_member_is_named_with_what_it_takes(ask: Ask, path: str, body: Any, message: str) -> None:
    assert message in refusal(ask(get_save_image, "POST", path, body=json.dumps(body)))


@pytest.mark.parametrize(
    ("body", "content_type", "message"),
    [
        ("", JSON, 'the body is empty; expected JSON such as {"url": "https://…"}'),
        (None, None, "the body is empty"),
        (" \n", JSON, "the body is empty"),
        ("{url", JSON, "the body is not JSON: Expecting property name enclosed in double quotes, line 1, column 2;"),
        ("{'url': 'https://h/a.jpg'}", FORM, "the body is not JSON: Expecting property name enclosed in double quotes"),
        ('{"url": "https://h/a.jpg",\n}', JSON, "line 2, column 1"),
        ("url", JSON, "the body is not JSON: Expecting value"),
        ("[" * 100_000, JSON, "nested too deeply"),
        ('{"url": "a", "url": "b"}', JSON, "'url' is given more than once"),
        ('{"url": ' + "9" * 5000 + "}", JSON, "not a number"),
        ('{"url": NaN}', JSON, "not a number"),
    ],
)
def test_a_body_that_is_broken_is_refused(ask: Ask, body: str | None, content_type: str | None, message: str) -> None:
    assert message in refusal(ask(get_save_image, "POST", "/images", body=body, content_type=content_type))


@pytest.mark.parametrize(
    ("body", "content_type", "kind"),
    [
        ("url=https://h/a.jpg&name=a.jpg", FORM, "application/x-www-form-urlencoded"),
        (PART, MULTIPART, "multipart/form-data"),
        ("\ufffd\ufffd\ufffd\0\x10JFIF", "image/jpeg", "image/jpeg"),
        ("\ufffd\ufffd\ufffd\0\x10JFIF", FORM, "application/x-www-form-urlencoded"),
        ("https://h/a.jpg", "text/plain", "text/plain"),
        ("https://h/a.jpg", None, "text"),
    ],
)
def test_a_form_or_a_file_is_answered_with_the_json_call(
    ask: Ask, body: str, content_type: str | None, kind: str
) -> None:
    """`curl -F file=@a.jpg`, `curl --data url=…`, `curl --data-binary @a.jpg`"""
    answer = ask(get_save_image, "POST", "/images", body=body, content_type=content_type)
    assert refusal(answer, 415, "NotJson") == f"the body is {kind}; expected JSON: {CURL}. {FILE}"
    answer = ask(get_save_image, "POST", "/uploads", body=body, content_type=content_type)
    assert "Post the file to the form's url" in refusal(answer, 415, "NotJson")


@pytest.mark.usefixtures("surroundings")
@pytest.mark.parametrize("content_type", [FORM, None, "text/plain"])
def test_json_is_taken_by_any_media_type_and_with_a_byte_order_mark(ask: Ask, content_type: str | None) -> None:
    """`curl --data '{…}'` sends the media type of a form. Some editors begin files with the mark."""
    body = "\ufeff" + json.dumps(UPLOAD)
    assert ask(get_save_image, "POST", "/uploads", body=body, content_type=content_type).status == 201


TEXTS = st.one_of(
    st.text(max_size=40),
    st.text(st.characters(), max_size=40),
    st.sampled_from(["", "0", "true", "null", "a.jpg", "dog", "2026-11-20", "\ud800", "\0", "%00", "../a", "x" * 3000,
                     "https://h/a.jpg", "https://[::1/", "http://1.2.3.4:99999/", "https://h/%zz", "https://ü/a",
                     "WzFd",
                     "https://\ud800/a.jpg", "https://h:٣/a", "//", "https://user@h/a.jpg", "9" * 5000, "1e5", "٣"]),
)  # fmt: skip
VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), TEXTS),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(TEXTS, inner, max_size=3)),
    max_leaves=5,
)
NAMES = sorted({name for api in APIS for route in (*api.app._static_routes, *api.app._dynamic_routes)
                for name in [p.name for p in route.func.parameters]} | {"refresh", "content_type", "md5"})  # fmt: skip
MEMBERS = st.dictionaries(st.one_of(st.sampled_from(NAMES), TEXTS), VALUES, max_size=4)
BODIES = st.one_of(
    st.none(),
    TEXTS,
    VALUES.map(json.dumps),
    MEMBERS.map(json.dumps),
    MEMBERS.map(lambda m: json.dumps({**UPLOAD, **m})),
)
QUERIES = st.lists(st.tuples(st.one_of(st.sampled_from(NAMES), TEXTS), TEXTS), max_size=4)


@pytest.mark.usefixtures("surroundings")
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    route=st.sampled_from(ROUTES),
    query=QUERIES,
    body=BODIES,
    content_type=st.sampled_from([JSON, FORM, MULTIPART, None]),
)
def test_no_request_causes_a_server_error(
    ask: Ask, route: Any, query: list[tuple[str, str]], body: str | None, content_type: str | None
) -> None:
    api, method, path = route
    answer = ask(api, method, path, query=query, body=body, content_type=content_type)
    assert answer.status not in {500, 503}, answer.document
    if answer.status >= 400:
        assert answer.document["error"]["message"]
