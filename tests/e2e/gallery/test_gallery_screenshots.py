"""The README and docs/gallery.md show the gallery. `make gallery-screenshots` writes the screenshots into docs/."""

import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from playwright.sync_api import Browser, expect

from local import photos
from tests.e2e.conftest import System, wait_for
from tests.e2e.gallery.chromium import DEVICES, screenshot_folder, take_screenshot
from tests.e2e.gallery.samples import plain, remove, store
from tests.e2e.gallery.visit import JPEG, Visit, drop, upload


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return screenshot_folder(tmp_path)


@pytest.fixture(scope="module", autouse=True)
def sample_photos(browser: Browser, system: System) -> Iterator[None]:
    for name in photos.SAMPLES:
        assert system.upload(system.endpoints.photos + quote(name), name).status_code == 200
    wait_for(lambda: all(system.image(name) for name in photos.SAMPLES))
    yield
    remove(system, photos.SAMPLES)


def expect_thumbnails(visit: Visit, *names: str) -> None:
    for name in names:
        expect(visit.tile(name).locator("img.loaded")).to_be_visible()


def test_the_readme_shows_the_page(visit: Visit, folder: Path) -> None:
    page = visit.page
    page.set_viewport_size({"width": 900, "height": 890})
    visit.open()
    expect_thumbnails(visit, *photos.SAMPLES)
    take_screenshot(page, folder / "gallery.jpg")

    page.set_viewport_size({"width": 1160, "height": 620})
    page.emulate_media(color_scheme="dark")
    visit.open("#astronaut.jpg")
    expect(page.get_by_text("thirdparty: delivered")).to_be_visible()
    page.get_by_role("button", name=re.compile("^Face")).hover()
    expect(page.locator(".box.highlighted")).to_be_visible()
    take_screenshot(page, folder / "gallery-picture.jpg")


@pytest.mark.parametrize("device", DEVICES)
def test_the_documentation_shows_the_page(
    browser: Browser, system: System, added: list[str], folder: Path, device: str
) -> None:
    visit = Visit(browser.new_context(**DEVICES[device]), system)
    page = visit.page
    page.goto(visit.address)
    expect(page.get_by_label("API key")).to_be_visible()
    take_screenshot(page, folder / f"gallery/key-{device}.jpg")

    visit.give_key()
    visit.open("?label=Person&label=Animal&match=any")
    expect_thumbnails(visit, "astronaut.jpg")
    take_screenshot(page, folder / f"gallery/search-{device}.jpg")

    added.append("notes.jpg")
    store(system, {"notes.jpg": b"notes, and no picture"})
    visit.open()
    expect_thumbnails(visit, *photos.SAMPLES)
    drop(page, [(name, JPEG, plain("teal")) for name in photos.SAMPLES])
    drop(page, [("notes.txt", "text/plain", b"notes, and no picture")])
    expect(upload(page, "notes.txt")).to_contain_text("Not added")
    expect(page.get_by_label("Another name")).to_have_count(len(photos.SAMPLES))
    take_screenshot(page, folder / f"gallery/uploads-{device}.jpg")

    page.goto("about:blank")
    visit.open("#notes.jpg")
    expect(page.get_by_text("thirdparty: delivered")).to_be_visible()
    expect(page.locator(".no-picture")).to_be_visible()
    take_screenshot(page, folder / f"gallery/failed-{device}.jpg")
    visit.context.close()
    visit.expect_clean()
