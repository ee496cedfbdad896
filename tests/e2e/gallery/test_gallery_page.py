"""The gallery is accessible, fits a phone and is small."""

import gzip
import logging
import re
from urllib.parse import urljoin

import pytest
import requests
from playwright.sync_api import Browser, Page, expect

from tests.conftest import ROOT
from tests.e2e.conftest import System, wait_for
from tests.e2e.gallery.samples import plain, store
from tests.e2e.gallery.visit import JPEG, Visit, drop, upload

TAKEN = [("gallery/red.jpg", JPEG, plain("blue")), ("gallery/green.jpg", JPEG, plain("blue"))]
"""Files with the names of other pictures."""


@pytest.mark.usefixtures("pictures")
def test_axe_finds_no_serious_violation(stranger: Visit, system: System, added: list[str]) -> None:
    page = stranger.page
    page.emulate_media(reduced_motion="reduce")
    page.goto(stranger.address)
    expect(page.get_by_label("API key")).to_be_visible()
    expect_accessible(page, "the key form")
    stranger.give_key()
    page.goto("about:blank")
    added.append("gallery-failed.jpg")
    store(system, {"gallery-failed.jpg": b"no picture"})
    stranger.open()
    expect(stranger.tile("gallery-failed.jpg")).to_be_visible()
    expect_accessible(page, "the grid")
    stranger.open("?label=dog&exclude=blue")
    drop(page, [("notes.txt", "text/plain", b"no picture")])
    drop(page, TAKEN)
    expect(upload(page, "notes.txt")).to_contain_text("the file is not a picture")
    expect(page.get_by_role("group", name="the names of other pictures")).to_be_visible()
    page.get_by_role("combobox", name="Search for labels").fill("r")
    expect(page.get_by_role("option").first).to_be_visible()
    expect_accessible(page, "the search and the uploads")
    page.goto("about:blank")
    stranger.open("#gallery/red%20dog.jpg")
    expect(page.locator(".box").first).to_be_visible()
    expect_accessible(page, "the picture")
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Add pictures").click()
    expect_accessible(page, "the dialog for files")


def expect_accessible(page: Page, part: str) -> None:
    """Check all rules in the light scheme, and the contrast of colours in the dark scheme too."""
    if not page.evaluate("typeof axe === 'object'"):
        # The page's policy allows this only to tools.
        page.evaluate((ROOT / "node_modules/axe-core/axe.min.js").read_text())
    for scheme, options in (("light", {}), ("dark", {"runOnly": ["color-contrast"]})):
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        violations = page.evaluate("options => axe.run(options).then((result) => result.violations)", options)
        serious = [entry for entry in violations if entry["impact"] in {"serious", "critical"}]
        assert not serious, f"{part}, {scheme}: " + "; ".join(
            f"{entry['id']}: {node['html'][:120]} {node['failureSummary']}"
            for entry in serious
            for node in entry["nodes"]
        )


@pytest.mark.usefixtures("pictures")
def test_the_page_fits_a_phone(browser: Browser, system: System) -> None:
    context = browser.new_context(viewport={"width": 360, "height": 740}, has_touch=True, is_mobile=True)
    visit = Visit(context, system)
    visit.give_key()
    for rest in ("", "?label=dog&label=animal&exclude=blue&min_confidence=50", "#gallery/red%20dog.jpg"):
        page = visit.open(rest)
        assert page.evaluate("document.documentElement.scrollWidth") == 360
        page.goto("about:blank")
    page = visit.open("?label=dog&label=animal")
    page.get_by_role("combobox", name="Search for labels").fill("r")
    box = page.get_by_role("option").first.bounding_box()
    assert box
    assert box["x"] + box["width"] <= 360
    visit.open()
    drop(page, TAKEN)
    fields = page.get_by_label("Another name")
    expect(fields).to_have_count(2)
    choices = page.get_by_role("group", name="the names of other pictures").get_by_role("button")
    for control in [fields.first, *choices.all()]:
        box = control.bounding_box()
        assert box
        assert box["height"] >= 44
        assert box["x"] + box["width"] <= 360
    assert fields.first.evaluate("field => field.scrollWidth <= field.clientWidth")  # the whole name is visible
    assert page.evaluate("document.documentElement.scrollWidth") == 360
    context.close()
    visit.expect_clean()


def test_the_page_appears_after_few_small_requests(browser: Browser, system: System) -> None:
    """The browser's cache is empty. The built page has at most 100 kB. The time depends on the machine."""
    context = browser.new_context()
    visit = Visit(context, system)
    visit.page.goto(visit.address)
    expect(visit.page.get_by_label("API key")).to_be_visible()
    logging.info("first paint after %s ms", first_paint(visit.page))
    assert len(visit.requests) <= 5, visit.requests
    context.close()

    page = requests.get(visit.address, timeout=60)
    parts = [urljoin(visit.address, part) for part in re.findall(r'(?:src|href)="([^"]+)"', page.text)]
    assert len(parts) >= 2
    contents = [page.content, *(requests.get(part, timeout=60).content for part in parts)]
    assert sum(len(gzip.compress(content)) for content in contents) <= 100_000


def first_paint(page: Page) -> float:
    """Return the milliseconds from the navigation to the first content."""
    look = "performance.getEntriesByName('first-contentful-paint')[0]?.startTime"
    return float(wait_for(lambda: page.evaluate(look)))
