"""The gallery shows one picture with its record, or the reason why it shows none."""

import re
from typing import Any
from urllib.parse import quote, unquote, urlsplit

import pytest
from playwright.sync_api import Route, expect

from tests.e2e.conftest import System
from tests.e2e.gallery.samples import plain, store
from tests.e2e.gallery.test_gallery_deletions import UNDO_MS
from tests.e2e.gallery.visit import JPEG, Visit, drop, hold_timers, state
from tests.picture_files import encoded, scene


@pytest.mark.usefixtures("pictures")
def test_a_picture_has_an_address_and_the_back_button_closes_it(visit: Visit) -> None:
    page = visit.open("?label=dog&label=red")
    dialog = page.get_by_role("dialog")
    visit.tile("gallery/red dog.jpg").locator(".tile").click()
    expect(dialog.get_by_role("heading")).to_have_text("gallery/red dog.jpg")
    address = page.url
    assert address.endswith("#gallery/red%20dog.jpg")
    page.go_back()
    expect(dialog).to_have_count(0)
    page.go_forward()
    expect(dialog).to_be_visible()
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)

    other = visit.new_tab()
    other.goto(address)
    expect(other.get_by_role("dialog").get_by_role("heading")).to_have_text("gallery/red dog.jpg")
    other.get_by_role("button", name="Close").click()
    expect(other.get_by_role("dialog")).to_have_count(0)
    other.goto(f"{visit.address}#no/such%20picture.jpg")
    expect(other.get_by_role("alert")).to_contain_text("No picture has this name")


@pytest.mark.usefixtures("pictures")
def test_everything_works_from_the_keyboard(visit: Visit) -> None:
    page = visit.open("?label=dog")
    hold_timers(page, UNDO_MS)
    found = visit.expect_found(page, label="dog")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the pictures")).to_be_focused()
    page.keyboard.press("Enter")
    focused = page.locator(".tile:focus .name .visually-hidden")
    expect(focused).to_have_text(found[0])
    page.keyboard.press("ArrowRight")
    expect(focused).to_have_text(found[1])
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("Enter")
    heading = page.get_by_role("dialog").get_by_role("heading")
    expect(heading).to_have_text(found[0])
    page.keyboard.press("ArrowRight")
    expect(heading).to_have_text(found[1])
    page.keyboard.press("Escape")
    expect(focused).to_have_text(found[1])
    page.keyboard.press("Delete")
    expect(focused).not_to_have_text(found[1])
    assert found[1] not in visit.names()
    page.keyboard.press("Control+z")
    expect(visit.tile(found[1])).to_have_count(1)
    page.keyboard.press("/")
    expect(page.get_by_role("combobox", name="Search for labels")).to_be_focused()


def test_a_file_that_is_no_picture_shows_the_reason(visit: Visit, added: list[str]) -> None:
    name = "gallery-notes.jpg"
    added.append(name)
    page = visit.open()
    drop(page, [(name, JPEG, b"notes, and no picture")])
    reason = re.compile("these bytes are not a picture")
    expect(state(page, name)).to_have_text(re.compile(f"Failed: {reason.pattern}"))
    tile = visit.tile(name)
    expect(tile.locator(".badge")).to_have_text("Failed")
    expect(tile.locator(".badge svg")).to_have_count(1)
    expect(tile.locator(".placeholder")).to_have_text(reason)
    broken = (
        "images => images.filter((image) => image.complete && !image.naturalWidth && image.checkVisibility()).length"
    )
    assert page.locator(".tile img:not(.loading), .upload img").evaluate_all(broken) == 0
    tile.locator(".tile").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.locator(".stage")).to_contain_text(reason)
    expect(dialog.locator(".status svg")).to_have_count(1)
    expect(dialog.locator("dt", has_text="Failed")).to_have_count(1)
    expect(dialog.locator("dt", has_text="Recognised")).to_have_count(0)


def test_a_picture_without_labels_did_not_fail(visit: Visit, system: System, added: list[str]) -> None:
    name = "gallery-nothing.jpg"
    added.append(name)
    page = visit.page

    def without_labels(route: Route) -> None:
        document: Any = route.fetch().json()
        for entry in document if isinstance(document, list) else [document]:
            if entry["image"] == name:
                entry["labels"] = []
        route.fulfill(json=document)

    store(system, {name: plain("blue")})
    page.route(re.compile(r"/(images)?\?(limit|name)="), without_labels)
    visit.open()
    tile = visit.tile(name)
    expect(tile.locator(".tile-labels")).to_have_text("No labels")
    expect(tile.locator(".tile-labels svg")).to_have_count(1)
    expect(tile.locator(".badge")).to_have_count(0)
    tile.locator(".tile").click()
    expect(page.get_by_role("dialog").locator(".status")).to_have_text("Nothing recognised")
    expect(page.get_by_role("dialog").locator("dt", has_text="Recognised")).to_have_count(1)
    page.unroute_all(behavior="wait")


@pytest.mark.usefixtures("pictures")
def test_the_page_loads_a_full_picture_only_when_it_opens(visit: Visit) -> None:
    def signed() -> list[str]:
        return [url for url in visit.requests if "X-Amz-Signature=" in url and "/thumbnail.jpg?" not in url]

    page = visit.open()
    expect(visit.tile("gallery/red.jpg").locator("img.loaded")).to_have_count(1)
    assert signed() == []
    visit.tile("gallery/red.jpg").locator(".tile").click()
    expect(page.locator(".frame:not(.loading) img")).to_be_visible()
    bucket = visit.system.endpoints.bucket
    assert {unquote(urlsplit(url).path).rpartition(f"{bucket}/")[2] for url in signed()} == {"gallery/red.jpg"}


@pytest.mark.usefixtures("pictures")
def test_a_late_delivery_appears(visit: Visit) -> None:
    page, readable = visit.page, {"Access-Control-Allow-Origin": "*"}
    page.route(re.compile("/deliveries\\?"), lambda route: route.fulfill(json=[], headers=readable), times=1)
    visit.open("#gallery/red.jpg")
    expect(page.get_by_text("none yet")).to_be_visible()
    expect(page.get_by_text("thirdparty: delivered")).to_be_visible()


def test_formats_that_browsers_cannot_show_appear_converted(visit: Visit, system: System, added: list[str]) -> None:
    files = {"gallery/scene.heic": encoded(scene(), "HEIF"), "gallery/scene.tiff": encoded(scene(), "TIFF")}
    added += files
    store(system, files)
    for name in files:
        page = visit.open(f"#{quote(name)}")
        picture = page.get_by_role("dialog").locator(".frame:not(.loading) img")
        expect(picture).to_be_visible()
        assert picture.evaluate("image => image.naturalWidth / image.naturalHeight") == pytest.approx(4 / 3, abs=0.01)
        expect(visit.tile(name).locator("img.loaded")).to_have_count(1)
        page.goto("about:blank")
