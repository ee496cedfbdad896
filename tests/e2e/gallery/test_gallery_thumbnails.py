"""The gallery shows a thumbnail as soon as it exists, and does not ask for one that will never exist."""

import io
import re
from datetime import datetime, timedelta
from typing import Any

import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from tests.e2e.conftest import System, wait_for
from tests.e2e.gallery.samples import plain, put
from tests.e2e.gallery.visit import (
    JPEG,
    NEWEST,
    Visit,
    drop,
    refresh,
    settle,
    upload,
    without_thumbnails,
)

RED = "gallery/red.jpg"
LISTING = re.compile(r"/\?limit=1000&thumbnails=true$")
"""The request for the thumbnails that were missing."""


def set_clock(page: Page, system: System, name: str, *, hours: int) -> None:
    """Set the browser's clock to a number of hours after the picture's upload."""
    page.clock.install(time=datetime.fromisoformat(system.image(name)["uploaded_at"]) + timedelta(hours=hours))


@pytest.mark.usefixtures("pictures")
def test_the_page_retries_a_thumbnail_that_does_not_load(visit: Visit) -> None:
    page = visit.page
    thumbnails = re.compile(r"/thumbnail\.jpg\?")
    page.clock.install()
    page.route(thumbnails, lambda route: route.fulfill(status=403))
    visit.open()

    def says_so() -> bool:
        with page.expect_response(thumbnails):  # else the clock would run far ahead of a slow browser
            page.clock.fast_forward(5_000)
        return visit.tile(RED).get_by_text("No preview").count() == 1

    wait_for(says_so)
    # A file that was not sent under this name is not shown in this tile.
    drop(page, [(RED, JPEG, plain("blue"))])
    expect(upload(page, RED)).to_contain_text("Another picture has this name")
    expect(visit.tile(RED)).to_contain_text("No preview")

    # After five minutes the URL has expired, and the page asks for a new one.
    page.unroute(thumbnails)
    asked = "/images?name=gallery%2Fred.jpg"
    assert not [url for url in visit.requests if url.endswith(asked)]
    page.clock.fast_forward(300_000)
    expect(visit.tile(RED).locator("img.loaded")).to_have_count(1)
    assert [url for url in visit.requests if url.endswith(asked)]


@pytest.mark.usefixtures("pictures")
def test_the_page_asks_for_a_new_thumbnail_until_it_is_listed(visit: Visit, pictures: dict[str, bytes]) -> None:
    page = visit.page
    set_clock(page, visit.system, RED, hours=0)
    page.route(NEWEST, without_thumbnails)
    visit.open()
    expect(visit.tile(RED)).to_contain_text("No preview")
    page.unroute(NEWEST)
    page.clock.fast_forward(10_000)
    expect(visit.tile(RED).locator("img.loaded")).to_have_count(1)
    # One call serves all tiles.
    assert len([url for url in visit.requests if NEWEST.search(url)]) < len(pictures) + 5


@pytest.mark.usefixtures("pictures")
def test_the_page_does_not_ask_for_the_missing_thumbnail_of_an_old_picture(visit: Visit) -> None:
    page = visit.page
    set_clock(page, visit.system, RED, hours=1)
    page.route(NEWEST, without_thumbnails)
    visit.open()
    expect(visit.tile(RED)).to_contain_text("No preview")
    page.clock.fast_forward(3_000)
    settle(page)
    assert not [url for url in visit.requests if LISTING.search(url)]


def test_a_replaced_picture_gets_its_new_thumbnail(visit: Visit, system: System, added: list[str]) -> None:
    name = "gallery-replaced.jpg"
    added.append(name)

    def replace(colour: str) -> None:
        put(system, {name: plain(colour)})
        wait_for(lambda: colour.title() in system.images().get(name, {"labels": []})["labels"])

    def shown_colour() -> Any:
        """Return the mean colour of the thumbnail on the screen."""
        picture = Image.open(io.BytesIO(visit.tile(name).locator("img.loaded").screenshot()))
        return picture.convert("RGB").resize((1, 1)).getpixel((0, 0))

    replace("red")
    page = visit.open()
    wait_for(lambda: shown_colour()[0] > 200)
    replace("blue")
    refresh(page)
    wait_for(lambda: shown_colour()[2] > 200)
