"""With the ability `text`, a page of a book is read once, found by its words, and drawn in the gallery."""

import json
from collections.abc import Iterator
from importlib.metadata import distribution
from pathlib import Path

import pytest
import requests
from playwright.sync_api import expect

from tests.e2e.conftest import Start, System, system_of, wait_for
from tests.e2e.gallery.chromium import DEVICES, running_chromium, screenshot_folder, take_screenshot
from tests.e2e.gallery.samples import remove, search
from tests.e2e.gallery.visit import Visit
from tests.source_server import Source

PAGE = Path(str(distribution("scikit-image").locate_file("skimage/data/page.png")))
NAMES = ["page-bucket.png", "page-manifest.png", "page-url.png"]
LINES = 7


@pytest.fixture(scope="module")
def system(start: Start) -> Iterator[System]:
    """A cloud with the ability `text`. It ends with the tests, because other tests expect one without abilities."""
    cloud = start(f"abilities={json.dumps({'text': {'when': 'always'}}, separators=(',', ':'))}")
    running = system_of(cloud)
    yield running
    remove(running, NAMES)
    cloud.down()


@pytest.fixture(scope="module", autouse=True)
def pages(system: System, source: Source) -> None:
    """Send the page by URL, bucket and manifest, and wait until it is read and searchable under each name."""
    by_bucket, by_manifest, by_url = NAMES
    source.files["page.png"] = PAGE.read_bytes()
    address = f"{source.address}/file?page.png"
    assert system.upload(address, by_url).status_code == 200
    system.s3().put_object(Bucket=system.endpoints.bucket, Key=by_bucket, Body=PAGE.read_bytes())
    line = json.dumps({"url": address, "name": by_manifest})
    system.s3().put_object(Bucket=system.endpoints.manifests, Key="pages.jsonl", Body=line)
    wait_for(lambda: len(search(system, text="segmentation")) == len(NAMES), 120)


def test_every_way_in_gives_all_lines_for_one_call(system: System) -> None:
    for name in NAMES:
        text = system.image(name)["abilities"]["text"]
        assert text["status"] == "done"
        lines = [each["text"] for each in text["found"] if each["type"] == "line"]
        assert len(lines) == LINES
        assert lines[0] == "Region-based segmentation"
    calls = requests.get(f"{system.endpoints.rekognition}/stats", timeout=10).json()
    assert (calls["DetectText"], calls["DetectLabels"]) == (1, 1)


def test_the_page_is_found_by_three_words_and_a_prefix(system: System) -> None:
    assert sorted(search(system, text=["Segmentation", "MARKERS", "coins"])) == NAMES
    assert sorted(search(system, text="histo*")) == NAMES
    assert search(system, text=["segmentation", "invoice"]) == []


def test_the_gallery_draws_the_lines(system: System, tmp_path: Path) -> None:
    folder = screenshot_folder(tmp_path) / "gallery"
    with running_chromium() as browser:
        for device, options in DEVICES.items():
            visit = Visit(browser.new_context(**options), system)
            visit.give_key()
            page = visit.open("#page-url.png")
            expect(page.locator(".outlines polygon")).to_have_count(LINES)
            expect(page.get_by_role("list", name="Text").get_by_role("listitem")).to_have_count(LINES)
            expect(page.get_by_text("thirdparty: delivered")).to_be_visible()
            take_screenshot(page, folder / f"text-{device}.jpg")
            visit.context.close()
            visit.expect_clean()
