"""The gallery shows what abilities found, searches across kinds, and blurs moderated pictures.

The services answer as if abilities were enabled: the answers get further members on their way to the page.
"""

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Page, Route, expect

from tests.e2e.gallery.visit import Visit, expect_query, wait_for_routes

NAME = "gallery/red dog.jpg"
BOX = {"left": 0.2, "top": 0.2, "width": 0.3, "height": 0.2}
CORNERS = [{"x": 0.2, "y": 0.2}, {"x": 0.5, "y": 0.25}, {"x": 0.5, "y": 0.45}, {"x": 0.2, "y": 0.4}]
WORDS = {"text": ["Invoice"], "celebrity": ["Ingrid Example"], "moderation": []}


def result(*found: dict[str, Any], failure: dict[str, str] | None = None) -> dict[str, Any]:
    status = "failed" if failure else "done"
    return {"status": status, "at": "", "model": None, "found": found, "failure": failure, "truncated": False}


def line(number: int, text: str) -> dict[str, Any]:
    return {"text": text, "type": "line", "id": number, "confidence": 99.0, "box": BOX, "polygon": CORNERS}


ABILITIES = {
    "text": result(line(0, "Invoice 2026"), line(1, "a\u202eb"), {**line(2, "Invoice"), "type": "word"}),
    "faces": result({"confidence": 99.9, "box": BOX, "attributes": {"eyes_open": {"value": True, "confidence": 97}}}),
    "celebrities": result({"name": "Ingrid Example", "confidence": 98.0, "box": BOX}),
    "moderation": result(failure={"code": "ImageTooLargeException", "message": "Image size is too large"}),
}


@pytest.fixture
def page(visit: Visit, pictures: dict[str, bytes]) -> Iterator[Page]:
    """The page of a system with abilities."""
    visit.page.route(re.compile(r"/images\?name="), with_abilities)
    visit.page.route(re.compile(r"thumbnails=true"), hide_picture)
    visit.page.route(re.compile(r"/labels\?.*kind="), list_names)
    yield visit.page
    visit.page.unroute_all(behavior="ignoreErrors")


def with_abilities(route: Route) -> None:
    document = route.fetch().json()
    route.fulfill(json={**document, "abilities": ABILITIES, "hidden": document["image"] == NAME})


def hide_picture(route: Route) -> None:
    if "/search?" in route.request.url and "label=" not in route.request.url:
        route.fulfill(json=[])
        return
    # No picture in the system has texts, so find the pictures with the label instead.
    answer = route.fetch(url=re.sub(r"&(text|celebrity)=[^&]*", "", route.request.url))
    entries = [{**entry, **({"hidden": True} if entry["image"] == NAME else {})} for entry in answer.json()]
    route.fulfill(response=answer, json=entries)


def list_names(route: Route) -> None:
    query = parse_qs(urlsplit(route.request.url).query)
    prefix = query.get("prefix", [""])[0].lower()
    names = WORDS[query["kind"][0]]
    route.fulfill(json=[{"label": name, "images": 2} for name in names if name.lower().startswith(prefix)])


def test_texts_are_outlined_and_can_be_selected_and_copied(visit: Visit, page: Page) -> None:
    visit.context.grant_permissions(["clipboard-read", "clipboard-write"])
    visit.open("#gallery/green%20dog.jpg")
    lines = page.get_by_role("list", name="Text").get_by_role("listitem")
    expect(lines).to_have_text(["Invoice 2026", "aU+202Eb"])
    outlines = page.locator(".outlines polygon")
    expect(outlines).to_have_count(2)
    assert outlines.first.get_attribute("points") == "0.2,0.2 0.5,0.25 0.5,0.45 0.2,0.4"
    lines.first.hover()
    expect(outlines.first).to_have_class("highlighted")
    expect(outlines.last).to_have_class("dimmed")
    outlines.last.hover()
    expect(lines.last).to_have_class(re.compile("highlighted"))
    assert lines.first.evaluate("line => getComputedStyle(line).userSelect") == "text"
    page.get_by_role("button", name="Copy all text").click()
    expect(page.get_by_text("Copied", exact=True)).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == "Invoice 2026\na\u202eb"


def test_faces_and_celebrities_are_named_boxes_and_failures_have_a_reason(visit: Visit, page: Page) -> None:
    visit.open("#gallery/green%20dog.jpg")
    for name in ("Face 1", "Ingrid Example"):
        expect(page.locator(".box.named").get_by_text(name)).to_be_visible()
    expect(page.locator(".box").last).to_have_text("Ingrid Example")  # above the face of the same person
    expect(page.get_by_role("list", name="Faces")).to_contain_text("eyes open: yes")
    expect(page.locator(".findings.moderation")).to_contain_text("Failed: Image size is too large")
    page.get_by_role("button", name="Search for celebrity: Ingrid Example").click()
    expect_query(page, "celebrity=Ingrid+Example")


def test_abilities_that_found_nothing_share_a_line(visit: Visit, page: Page) -> None:
    def with_nothing(route: Route) -> None:
        document = route.fetch().json()
        route.fulfill(json={**document, "labels": [], "abilities": {"text": result(), "faces": result()}})

    page.route(re.compile(r"/images\?name="), with_nothing)
    visit.open("#gallery/green%20dog.jpg")
    expect(page.locator(".findings")).to_have_text(["Nothing found: faces, text"])
    expect(page.locator(".status")).to_have_text("Nothing recognised")


def test_a_moderated_picture_is_blurred_until_the_reader_shows_it(visit: Visit, page: Page) -> None:
    visit.open("?label=dog")
    tile = visit.tile(NAME)
    expect(tile.locator(".thumbnail.blurred")).to_be_visible()
    expect(page.locator(".thumbnail.blurred")).to_have_count(1)
    tile.locator(".tile .name").click()
    expect(page.locator(".frame.blurred")).to_be_visible()
    expect(page.locator(".box")).to_have_count(0)
    page.get_by_role("dialog").get_by_role("button", name="Show", exact=True).click()
    expect(page.locator(".frame.blurred")).to_have_count(0)
    expect(page.locator(".box").first).to_be_visible()
    expect(page.get_by_role("dialog")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.locator(".thumbnail.blurred")).to_have_count(0)

    page.reload()
    page.get_by_role("button", name=f"Show {NAME}").click()
    expect(page.locator(".thumbnail.blurred")).to_have_count(0)
    expect(page.get_by_role("dialog")).to_have_count(0)


def test_a_search_goes_across_kinds(visit: Visit, page: Page) -> None:
    visit.open("?label=dog")
    field = page.get_by_role("combobox", name="Search for labels")
    field.press_sequentially("inv")
    option = page.get_by_role("option", name="text: Invoice")
    expect(option).to_have_attribute("aria-selected", "true")
    field.press("Enter")
    expect(page.get_by_role("button", name="Remove text: Invoice from the search")).to_be_visible()
    field.press_sequentially("text: INV-20*")
    field.press("Enter")
    field.press_sequentially("celebrity:ing")
    expect(page.get_by_role("option", name="celebrity: Ingrid Example")).to_be_visible()
    field.press("Enter")
    expect_query(page, "label=dog&text=Invoice&text=INV-20*&celebrity=Ingrid+Example")
    expect(page.locator(".chip")).to_have_count(4)

    def is_sent() -> bool:
        sent = [parse_qs(urlsplit(url).query) for url in visit.requests if "/search?" in url]
        terms = {"label": ["dog"], "text": ["Invoice", "INV-20*"], "celebrity": ["Ingrid Example"]}
        return any(terms.items() <= query.items() for query in sent)

    wait_for_routes(page, is_sent)
    page.reload()
    expect(page.locator(".chip").nth(1)).to_have_text("text:Invoice")
    field.press("Backspace")
    expect(page.locator(".chip")).to_have_count(3)
