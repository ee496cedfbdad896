"""The gallery keeps the list of pictures current: new pictures, older ones, and those that are not listed yet."""

import itertools
from collections.abc import Iterator
from typing import Any
from urllib.parse import urljoin

import pytest
import requests
from playwright.sync_api import Route, expect

from common.runtime.recognition_event import image_id
from recognition.runtime.records.image_records import ImageRecord, to_item
from tests.e2e.conftest import System, wait_for
from tests.e2e.gallery.samples import plain, store
from tests.e2e.gallery.visit import JPEG, NEWEST, Visit, drop, refresh, settle, state, wait_for_routes

PAGE_SIZE = 200


def test_new_pictures_appear(visit: Visit, system: System, added: list[str]) -> None:
    name = "gallery-new.jpg"
    added.append(name)
    page = visit.page
    page.clock.install()
    visit.open()
    store(system, {name: plain("blue")})

    def is_shown() -> bool:
        page.clock.fast_forward(60_000)  # the longest pause between two polls
        return visit.tile(name).count() == 1

    wait_for(is_shown)
    expect(page.locator(".tile .name .visually-hidden").first).to_have_text(name)


def test_an_added_picture_keeps_its_tile_until_the_service_lists_it(visit: Visit, added: list[str]) -> None:
    name = "gallery-behind.jpg"
    added.append(name)
    page = visit.page
    page.clock.install()
    visit.open()

    def list_others(route: Route) -> None:
        route.fulfill(json=[entry for entry in route.fetch().json() if entry["image"] != name])

    page.route(NEWEST, list_others)
    drop(page, [(name, JPEG, plain("blue"))])
    expect(state(page, name)).to_have_text("Blue")
    for _ in range(5):
        with page.expect_response(NEWEST):
            page.clock.fast_forward(1_000)
        settle(page)
        assert visit.names()[0] == name
    page.unroute(NEWEST)
    page.clock.fast_forward(1_000)
    expect(visit.tile(name).locator("a.tile")).to_be_visible()
    assert visit.names().count(name) == 1


def test_an_older_answer_does_not_remove_newer_pictures(visit: Visit, system: System, added: list[str]) -> None:
    name = "gallery-older.jpg"
    added.append(name)
    held: list[tuple[Route, Any]] = []  # a request, and its answer at that time
    page = visit.open()
    page.route(NEWEST, lambda route: held.append((route, route.fetch().json())), times=1)
    refresh(page)
    wait_for_routes(page, lambda: held)
    store(system, {name: plain("blue")})
    refresh(page)
    expect(visit.tile(name)).to_be_visible()
    [(route, answer)] = held
    with page.expect_response(NEWEST):
        route.fulfill(json=answer)
    settle(page)
    assert name in visit.names()


@pytest.mark.usefixtures("pictures")
def test_a_reader_further_down_hears_of_a_new_picture_once(visit: Visit, system: System, added: list[str]) -> None:
    name = "gallery-above.jpg"
    added.append(name)
    page = visit.page
    page.set_viewport_size({"width": 500, "height": 300})
    page.clock.install()
    visit.open()
    expect(page.get_by_role("navigation")).to_be_visible()  # the labels are read
    page.evaluate("scrollTo(0, 400)")

    def label_reads() -> int:
        return len([url for url in visit.requests if "/labels?limit=" in url])

    before = label_reads()
    store(system, {name: plain("blue")})
    for _ in range(4):
        with page.expect_response(NEWEST):
            page.clock.fast_forward(60_000)
        expect(page.get_by_role("button", name="1 new picture")).to_be_visible()
        settle(page)
    assert label_reads() == before + 1


def test_a_long_name_shows_its_end(visit: Visit, system: System, added: list[str]) -> None:
    names = [f"gallery/a long folder, and another one/IMG_20260714_18233{number}_portrait.jpg" for number in (1, 2)]
    added += names
    store(system, dict.fromkeys(names, plain("blue")))
    page = visit.open()
    for name, width in itertools.product(names, (390, 1280)):
        page.set_viewport_size({"width": width, "height": 844})
        settle(page)
        end = visit.tile(name).locator(".name-parts > :last-child")
        line, box = visit.tile(name).locator(".name").bounding_box(), end.bounding_box()
        assert line
        assert box
        assert line["x"] <= box["x"]
        assert box["x"] + box["width"] <= line["x"] + line["width"]
        assert end.inner_text() == name[-len(end.inner_text()) :]
        assert len(end.inner_text()) >= len("1_portrait.jpg") - 1
        expect(visit.tile(name).locator(".short-name")).to_have_attribute("title", name)
        expect(page.get_by_role("link", name=name)).to_have_count(1)


@pytest.fixture
def second_page(system: System) -> Iterator[str]:
    """Write old records into the table, more than a page of the list holds. Yields the name of the oldest."""
    names = [f"gallery-old/{number:04}.jpg" for number in range(PAGE_SIZE + 1)]
    records = [
        ImageRecord(
            image=name,
            image_id=image_id(system.endpoints.bucket, name),
            status="RECOGNIZED",
            bucket=system.endpoints.bucket,
            sequencer=f"{number:064X}",
            uploaded_at=f"2001-01-01T00:{number // 60:02}:{number % 60:02}.000Z",
            recognized_at="2001-02-01T09:30:00.000Z",
            fingerprint="f",
        )
        for number, name in enumerate(names)
    ]
    write(system, [{"PutRequest": {"Item": to_item(record)}} for record in records])
    yield names[0]
    write(system, [{"DeleteRequest": {"Key": {"image": {"S": name}}}} for name in names])


def write(system: System, changes: list[dict[str, Any]]) -> None:
    for start in range(0, len(changes), 25):
        batch = {system.endpoints.table: changes[start : start + 25]}
        system.client("dynamodb").batch_write_item(RequestItems=batch)


def count(system: System) -> int:
    """Return the number of pictures in the list."""
    address, number = f"{system.endpoints.labels}/?limit=1000", 0
    while True:
        answer = requests.get(address, headers=system.headers, timeout=60)
        number += len(answer.json())
        if "next" not in answer.links:
            return number
        address = urljoin(address, answer.links["next"]["url"])


def test_the_next_page_loads_near_the_end_of_the_grid(visit: Visit, system: System, second_page: str) -> None:
    page = visit.open()
    first = page.locator("[aria-posinset='1']")
    expect(first).to_have_attribute("aria-setsize", "-1")  # there are more
    page.evaluate("scrollTo(0, document.documentElement.scrollHeight)")
    expect(first).to_have_attribute("aria-setsize", str(count(system)))
    page.evaluate("scrollTo(0, document.documentElement.scrollHeight)")
    expect(visit.tile(second_page)).to_be_visible()
