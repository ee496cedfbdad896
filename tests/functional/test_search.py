"""`GET /search` and `GET /labels`, as callers use them."""

from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import boto3
import pytest

from common.runtime.caches import clear_all
from common.runtime.pagination import read_cursor, write_cursor
from common.runtime.recognition_event import Label
from recognition.runtime import list_images
from tests.findings import celebrities, moderation, words
from tests.functional.conftest import Answer
from tests.functional.test_list_images import records
from tests.functional.test_projection import Derivation, record

__all__ = ["records"]  # a fixture

DOG = Label(name="Dog", confidence=98.13, parents=("Animal",), aliases=("Hound",))
BEACH = Label(name="Beach", confidence=91.5)
CAT = Label(name="Cat", confidence=88)
ABILITIES = {
    "dog.jpg": {"text": words("INVOICE", "INV-2026", "Café,"), "celebrities": celebrities("Zoé Doe")},
    "cat.jpg": {"text": words("invoice", "2026"), "moderation": moderation("Gore", "Violence")},
}


@pytest.fixture
def search(records: Any, tables: dict[str, str], call: Callable[..., Answer]) -> Callable[..., Answer]:
    """Three pictures: one with both labels on day 20, a dog on day 21, a cat on day 22."""
    boto3.client("s3").create_bucket(Bucket="results")
    derivation = Derivation(tables)
    for day, (image, labels) in enumerate({"both.jpg": (DOG, BEACH), "dog.jpg": (DOG,), "cat.jpg": (CAT,)}.items(), 20):
        abilities = ABILITIES.get(image, {})
        stored = record(image, *labels, uploaded_at=f"2026-11-{day}T09:30:00.000Z", abilities=abilities)
        derivation.put(stored)
        derivation.project(stored)

    def searched(path: str = "/search", *pairs: tuple[str, str], **query: str) -> Answer:
        return call(list_images.handler, "GET", path, query=[*pairs, *query.items()])

    return searched


def images(answer: Answer) -> list[str]:
    assert answer.status == 200, answer.document
    return sorted(entry["image"] for entry in answer.document)


def test_an_entry_is_one_of_the_list_with_its_confidence(search: Callable[..., Answer]) -> None:
    answer = search("/search", ("label", "dog"), ("label", "BEACH"))
    [entry] = answer.document
    assert entry == {
        "image": "both.jpg",
        "labels": ["Dog", "Beach"],
        "status": "RECOGNIZED",
        "image_id": entry["image_id"],
        "failure": None,
        "uploaded_at": "2026-11-20T09:30:00.000Z",
        "recognized_at": "2026-11-20T09:31:00.000Z",
        "confidence": 91.5,
    }


QUERIES: list[tuple[list[tuple[str, str]], list[str] | None]] = [
    ([("label", "Dog")], ["both.jpg", "dog.jpg"]),
    ([("label", "hound")], ["both.jpg", "dog.jpg"]),
    ([("label", "animal"), ("exclude", "beach")], ["dog.jpg"]),
    ([("label", "cat"), ("label", "beach")], []),
    ([("label", "cat"), ("label", "beach"), ("match", "any")], ["both.jpg", "cat.jpg"]),
    ([("label", "dog"), ("min_confidence", "98.13")], ["both.jpg", "dog.jpg"]),
    ([("label", "dog"), ("min_confidence", "98.1301")], []),
    ([("label", "dog"), ("label", "beach"), ("min_confidence", "95")], []),
    ([("label", "dog"), ("from", "2026-11-21")], ["dog.jpg"]),
    ([("label", "dog"), ("to", "2026-11-20")], ["both.jpg"]),
    ([("label", "dog"), ("to", "2026-11-20T09:30:00Z")], ["both.jpg"]),
    ([("label", "dog"), ("to", "2026-11-20T10:29:59+01:00")], []),
    ([("label", "unicorn")], []),
    ([("text", "Invoice")], ["cat.jpg", "dog.jpg"]),
    ([("text", "cafe")], ["dog.jpg"]),
    ([("text", "invoice"), ("text", "2026")], ["cat.jpg"]),
    ([("text", "invoice & 2026.")], ["cat.jpg"]),
    ([("text", "INV-20*")], ["dog.jpg"]),
    ([("text", "inv*")], ["cat.jpg", "dog.jpg"]),
    ([("text", "in* 20*")], ["cat.jpg"]),
    ([("text", "invoice"), ("label", "dog")], ["dog.jpg"]),
    ([("text", "inv*"), ("label", "cat"), ("celebrity", "zoe doe")], []),
    ([("celebrity", "ZOE DOE")], ["dog.jpg"]),
    ([("moderation", "violence")], ["cat.jpg"]),
    ([("moderation", "gore"), ("label", "beach"), ("match", "any")], ["both.jpg", "cat.jpg"]),
    ([("text", "inv-2* unicorn"), ("label", "beach"), ("match", "any")], ["both.jpg", "dog.jpg"]),
    ([("text", "nothing*")], []),
    ([("label", "invoice")], []),
    ([("text", "dog")], []),
    ([("text", "*")], None),
    ([("text", "--")], None),
    ([("celebrity", "")], None),
    ([("moderation", "x" * 201)], None),
    ([("label", "text\x1finvoice")], None),
    ([("label", "#x"), ("exclude", "")], None),
    ([("label", "")], None),
    ([("label", "x" * 201)], None),
    ([("label", "\ud800")], None),
    ([], None),
    ([("label", "x")] * 11, None),
    ([("label", "dog"), ("match", "some")], None),
    ([("label", "dog"), ("min_confidence", "101")], None),
    ([("label", "dog"), ("min_confidence", "1e1")], None),
    ([("label", "dog"), ("from", "yesterday")], None),
    ([("label", "dog"), ("from", "9999-12-31T23:59:59-10:00")], None),
    ([("label", "dog"), ("from", "2026-11-21"), ("to", "2026-11-20")], None),
    ([("label", "dog"), ("cursor", "x")], None),
]
"""Queries with the images that they find. None: the query is refused because of its last parameter."""


def test_valid_queries_find_images_and_invalid_ones_are_named(
    search: Callable[..., Answer], subtests: pytest.Subtests
) -> None:
    for query, expected in QUERIES:
        with subtests.test(query=query):
            answer = search("/search", *query)
            if expected is not None:
                assert images(answer) == expected
                continue
            assert (answer.status, answer.document["error"]["code"]) == (400, "InvalidParameter")
            assert answer.document["error"]["message"].startswith(query[-1][0] if query else "label")


def test_found_pictures_with_a_hidden_label_are_marked(
    search: Callable[..., Answer], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not any("hidden" in entry for entry in search("/search", label="cat").document)
    monkeypatch.setenv("HIDE_MODERATED", '["violence"]')
    clear_all()
    found = search("/search", ("label", "cat"), ("label", "dog"), match="any").document
    assert {entry["image"]: entry.get("hidden") for entry in found} == {
        "both.jpg": None,
        "dog.jpg": None,
        "cat.jpg": True,
    }


def test_a_search_takes_ten_terms_of_all_kinds_together(search: Callable[..., Answer]) -> None:
    answer = search("/search", ("text", "a b c d e"), ("label", "dog"), ("text", "f g h i j"))
    assert answer.status == 400
    assert "there are 11 labels, words and names" in answer.document["error"]["message"]


def test_each_kind_has_a_list_with_counts(search: Callable[..., Answer]) -> None:
    assert search("/labels", kind="celebrity").document == [{"label": "Zoé Doe", "images": 1}]
    assert [each["label"] for each in search("/labels", kind="moderation").document] == ["Gore", "Violence"]
    [word] = search("/labels", kind="text", prefix="INVO").document
    assert (word["label"].lower(), word["images"]) == ("invoice", 2)
    for kind, prefix in (("words", "a"), ("text", "--")):
        assert search("/labels", kind=kind, prefix=prefix).status == 400


def test_pages_are_followed_by_their_links_and_cursors_belong_to_one_search(search: Callable[..., Answer]) -> None:
    first = search("/search", ("label", "dog"), ("label", "cat"), match="any", limit="2")
    address, _ = first.headers["Link"].split("; ")
    query = parse_qsl(urlsplit(address.strip("<>")).query)
    second = search("/search", *query)
    assert images(first) + images(second) == ["both.jpg", "dog.jpg", "cat.jpg"]
    assert "Link" not in second.headers
    cursor = dict(query)["cursor"]
    assert search("/search", label="dog", cursor=cursor).status == 400
    assert search("/labels", cursor=cursor).status == 400
    assert search("/", cursor=cursor).status == 400


def test_an_invented_cursor_beyond_the_end_is_refused(search: Callable[..., Answer]) -> None:
    """DynamoDB refuses such a key, moto does not."""
    first = search("/search", label="dog", limit="1", min_confidence="50")
    query = dict(parse_qsl(urlsplit(first.headers["Link"].split("; ")[0].strip("<>")).query))
    assert search("/search", *query.items()).status == 200
    digest, driver, start, after, _ = read_cursor(query["cursor"], 5)
    behind = f"9999999{start[7:]}"
    for place in ((behind, after, None), (start, after, f"0000000{start[7:]}")):
        made_up = query | {"cursor": write_cursor(digest, driver, *place)}
        assert search("/search", *made_up.items()).status == 400


def test_labels_are_listed_with_counts_in_their_own_spelling(search: Callable[..., Answer]) -> None:
    assert search("/labels").document == [
        {"label": "Animal", "images": 2},
        {"label": "Beach", "images": 1},
        {"label": "Cat", "images": 1},
        {"label": "Dog", "images": 2},
        {"label": "Hound", "images": 2},
    ]
    page = search("/labels", prefix="DO", limit="1")
    assert page.document == [{"label": "Dog", "images": 2}]
    first = search("/labels", limit="1")
    address, _ = first.headers["Link"].split("; ")
    assert search("/labels", *parse_qsl(urlsplit(address.strip("<>")).query)).document == [
        {"label": "Beach", "images": 1}
    ]
