"""The gallery shows characters that are invisible or change the writing direction by their code points.

The tests simulate the services' answers. Every text in them contains such characters.
"""

import json
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

from playwright.sync_api import Page, Route, expect

from tests.e2e.gallery.samples import plain
from tests.e2e.gallery.test_gallery_deletions import UNDO_MS
from tests.e2e.gallery.visit import JPEG, Visit, drop, end_timers, hold_timers, settle

HIDDEN = "\u202e\u200b\u2066\u2028\u3164\u061c\u0007\ufe0f\U000e0041"
"""An override, a zero-width space, an isolate, a line end, a filler, a mark, a control, a selector and a tag."""

SHOWN = "".join(f"U+{ord(character):04X}" for character in HIDDEN)
NAME = f"a{HIDDEN}gpj.exe"
HEBREW = "\u05d7\u05ea\u05d5\u05dc"

FIND = """() => {
  const hidden = /[\\p{C}\\p{Zl}\\p{Zp}\\p{Default_Ignorable_Code_Point}]/u;
  const shown = [document.title];
  for (const element of document.querySelectorAll("body, body *")) {
    for (const name of ["title", "aria-label", "alt", "placeholder"]) shown.push(element.getAttribute(name) ?? "");
    for (const node of element.childNodes) if (node.nodeType === Node.TEXT_NODE) shown.push(node.data);
  }
  const own = /[\\u2068\\u2069]/g; // around names from right to left
  return shown.filter((text) => hidden.test(text.trim().replace(own, "")));
}"""


def hostile(text: str) -> str:
    return f"{text}{HIDDEN}{text}"


ERROR = {"error": {"code": hostile("Code"), "message": hostile("a message")}}
FAILURE = {"code": hostile("Code"), "message": hostile("a failure")}
DATES = {"uploaded_at": "2001-01-01T09:30:00.000Z", "recognized_at": "2001-01-01T09:30:01.000Z"}
LABEL = {
    "name": hostile("Dog"),
    "confidence": 90,
    "parents": [hostile("Pet")],
    "categories": [hostile("Animals")],
    "instances": [{"confidence": 90, "box": {"left": 0, "top": 0, "width": 0.5, "height": 0.5}}],
}


def entry(name: str, failure: Any = None) -> dict[str, Any]:
    status = "FAILED" if failure else "RECOGNIZED"
    return {"image": name, "labels": [LABEL["name"]], "status": status, "failure": failure, **DATES}


def record(name: str) -> dict[str, Any]:
    rest = {"version_id": None, "size": 1, "correlation_id": None, "truncated": True, "picture_url": "gallery/none"}
    return entry(name) | rest | {"labels": [LABEL], "model": hostile("3.0"), "source_url": hostile("https://host/a")}


DELIVERY = {
    "event_id": "e",
    "receiver": hostile("receiver"),
    "event": "image.recognized",
    "status": hostile("LOST"),
    "attempts": 1,
    "last_answer": hostile("200"),
    "last_attempt_at": DATES["recognized_at"],
}


def answer(document: Any, status: int = 200) -> Callable[[Route], None]:
    readable = {"Access-Control-Allow-Origin": "*", "Access-Control-Allow-Headers": "*"}
    return lambda route: route.fulfill(status=status, headers=readable, body=json.dumps(document))


def simulate_services(page: Page) -> None:
    pictures = [entry(NAME), entry(hostile("failed.jpg"), FAILURE)]
    page.route(re.compile(r"/(search)?\?.*thumbnails=true"), answer(pictures))
    page.route(re.compile(r"/labels\?"), answer([{"label": label, "images": 5} for label in (LABEL["name"], HEBREW)]))
    page.route(re.compile(r"/images\?name="), answer(record(NAME)))
    page.route(re.compile(r"/images/"), answer(ERROR, 400))  # a deletion
    page.route(re.compile(r"/deliveries\?"), answer([DELIVERY]))
    page.route(re.compile(r"/uploads$"), answer(ERROR, 400))


def expect_all_visible(page: Page, part: str) -> None:
    settle(page)
    assert page.evaluate(FIND) == [], part


def test_all_texts_show_hidden_characters_by_their_code_points(visit: Visit) -> None:
    page = visit.page
    simulate_services(page)
    visit.open()
    hold_timers(page, UNDO_MS)
    expect(page.locator(".tile .name-parts").first).to_contain_text(f"a{SHOWN}gpj.exe")
    expect(page.locator(".label-cloud a")).to_have_count(2)
    drop(page, [(NAME, JPEG, plain("blue")), (hostile("notes.txt"), "text/plain", b"no picture")])
    expect(page.locator(".upload .problem").first).to_contain_text("a message<U+202E>")
    page.locator("li", has_text="gpj.exe").first.hover()
    page.locator(".delete-button").first.click()
    expect(page.locator(".toast")).to_contain_text("a<U+202E>")
    expect_all_visible(page, "the grid, the uploads and a deletion")
    end_timers(page)
    expect(page.locator(".toast .problem")).to_contain_text("was not deleted: a message<U+202E>")
    expect_all_visible(page, "a failed deletion")

    label = quote(hostile("Dog"))
    visit.open(f"?label={label}&exclude={label}")
    expect(page.locator(".chip", has_text=SHOWN)).to_have_count(2)
    page.get_by_role("combobox", name="Search for labels").fill("d")
    expect(page.get_by_role("option").first).to_contain_text(SHOWN)
    expect_all_visible(page, "the search")

    page.goto("about:blank")
    visit.open(f"#{quote(NAME)}")
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("heading")).to_have_text(f"a{SHOWN}gpj.exe")
    expect(dialog.get_by_role("link")).to_contain_text(SHOWN)
    expect(dialog.get_by_text("receiver").first).to_contain_text(SHOWN)
    expect_all_visible(page, "the picture")


def test_a_label_from_right_to_left_does_not_turn_its_surroundings(visit: Visit) -> None:
    simulate_services(visit.page)
    page = visit.open()
    link = page.locator(".label-cloud a", has_text=HEBREW)
    label, count = link.locator("bdi").bounding_box(), link.locator("small").bounding_box()
    assert label
    assert count
    assert label["x"] + label["width"] <= count["x"]
    assert link.get_attribute("aria-label") == f"\u2068{HEBREW}\u2069, 5 pictures"
