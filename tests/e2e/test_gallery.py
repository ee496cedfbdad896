"""The gallery, as people meet it: in a browser, on the embedded cloud."""

import base64
import gzip
import hashlib
import io
import logging
import os
import re
import shutil
import time
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Any
from urllib.parse import quote, unquote, urlencode, urljoin, urlsplit

import pytest
import requests
from PIL import Image, ImageDraw
from playwright.sync_api import (
    Browser,
    BrowserContext,
    FilePayload,
    JSHandle,
    Locator,
    Page,
    Route,
    expect,
    sync_playwright,
)

from common.runtime.recognition_event import image_id
from local import photos
from recognition.runtime.records.image_records import ImageRecord, to_item
from tests.conftest import ROOT
from tests.e2e.conftest import System, wait_for
from tests.picture_files import encoded, scene
from tests.source_server import Source

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed: apt-get install chromium")

ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
expect.set_options(timeout=20_000)
HOSTILE = "<img src=x onerror=alert(1)>.jpg"
MANY = 5000
AXE = (ROOT / "node_modules/axe-core/axe.min.js").read_text() if CHROMIUM else ""

File = tuple[str, str, bytes | int]
"""Name, media type, content; or so many bytes of nothing."""


def spotted(colour: str, *, spot: bool) -> bytes:
    """A plain picture, with a bright spot or without: the cloud's models know the colour, and a spot for a dog."""
    image = Image.new("RGB", (400, 300), colour)
    if spot:
        ImageDraw.Draw(image).rectangle((80, 60, 199, 179), fill="white")
    return encoded(image)


PICTURES = {
    "gallery/green dog.jpg": spotted("green", spot=True),
    "gallery/green.jpg": spotted("green", spot=False),
    "gallery/red dog.jpg": spotted("red", spot=True),
    "gallery/red.jpg": spotted("red", spot=False),
}


class Visit:
    """One visitor with the gallery before him, and all that his browser asked and complained of."""

    def __init__(self, context: BrowserContext, system: System) -> None:
        self.context, self.system = context, system
        self.address = system.endpoints.gallery
        self.requests: list[str] = []
        self.complaints: list[str] = []
        self.page = self.tab()

    def tab(self) -> Page:
        page = self.context.new_page()
        page.on("request", lambda request: self.requests.append(request.url))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("dialog", lambda dialog: self.complaints.append(f"a dialog: {dialog.message}"))
        page.on("console", lambda message: self._listen(message.text))
        return page

    def _listen(self, text: str) -> None:
        if "Content Security Policy" in text or self.system.endpoints.api_key in text:
            self.complaints.append(text)

    def open(self, rest: str = "", page: Page | None = None) -> Page:
        page = page or self.page
        page.goto(self.address + rest)
        expect(page.locator(".tile, .empty").first).to_be_visible()
        return page

    def tile(self, name: str) -> Locator:
        """Wherever it is in the grid, if it is near the window."""
        return self.page.locator(".grid li").filter(has=self.page.get_by_text(name, exact=True))

    def names(self, page: Page | None = None) -> list[str]:
        """What is shown at the top of the grid, in order."""
        found: list[str] = (
            (page or self.page)
            .locator(".grid li")
            .evaluate_all(
                "tiles => tiles.sort((a, b) => a.dataset.place - b.dataset.place)"
                ".map(tile => tile.querySelector('.name .unseen').textContent)"
            )
        )
        return found

    def expect_found(self, page: Page, **query: Any) -> list[str]:
        """Wait until what the service finds is shown, as far as the window goes; all that it finds."""

        def look() -> list[str]:
            address = f"{self.system.endpoints.labels}/search?{urlencode(query, doseq=True)}&limit=100"
            found = [entry["image"] for entry in requests.get(address, headers=self.system.headers, timeout=30).json()]
            shown = self.names(page)
            return found if shown and shown == found[: len(shown)] else []

        found: list[str] = wait_for(look)
        return found

    def expect_clean(self) -> None:
        """Nothing left the cloud, nothing was against the page's policy, no script failed, and the key is in no URL."""
        endpoints = self.system.endpoints
        origins = {origin(url) for url in (endpoints.gallery, endpoints.upload, endpoints.deliveries, endpoints.aws)}
        assert len(origins) > 1  # so that the page could not call without being let
        asked = {url for url in self.requests if not url.startswith("blob:")}
        assert {origin(url) for url in asked} <= origins
        assert not [url for url in asked if endpoints.api_key in url]
        assert self.complaints == []


def origin(url: str) -> str:
    return "://".join(urlsplit(url)[:2])


@pytest.fixture(scope="module")
def browser(system: System) -> Iterator[Browser]:
    remove(system, *photos.SAMPLES)  # those that other tests have stored would not be the newest ones
    wait_for(system.is_idle, 120)
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield running
        running.close()


@pytest.fixture
def stranger(browser: Browser, system: System) -> Iterator[Visit]:
    """Who has not entered the key yet."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    context.set_default_timeout(20_000)
    visit = Visit(context, system)
    yield visit
    context.close()
    visit.expect_clean()


@pytest.fixture
def visit(stranger: Visit) -> Visit:
    """Who has."""
    give_key(stranger.context, stranger.system)
    return stranger


def give_key(context: BrowserContext, system: System) -> None:
    keep = f"sessionStorage.setItem('sightline.api-key', '{system.endpoints.api_key}')"
    context.add_init_script(f"if (location.protocol !== 'about:') {keep}")


@pytest.fixture(scope="module")
def pictures(system: System) -> Iterator[dict[str, bytes]]:
    """Pictures of which it is known what is in them."""
    for name, content in PICTURES.items():
        system.s3().put_object(Bucket=system.endpoints.bucket, Key=name, Body=content)
    wait_for(lambda: system.images().keys() >= PICTURES.keys(), 90)  # the functions may be cold
    wait_for(lambda: {"gallery/green dog.jpg", "gallery/red dog.jpg"} <= found(system, "dog"))
    yield PICTURES
    remove(system, *PICTURES)


def found(system: System, *labels: str) -> set[str]:
    address = f"{system.endpoints.labels}/search"
    parameters: dict[str, Any] = {"label": labels, "limit": 1000}
    answer = requests.get(address, params=parameters, headers=system.headers, timeout=30)
    return {entry["image"] for entry in answer.json()}


def remove(system: System, *names: str) -> None:
    """Delete pictures, and wait until they are gone: others count what is there."""
    for name in names:
        system.s3().delete_object(Bucket=system.endpoints.bucket, Key=name)
    wait_for(lambda: not system.images().keys() & set(names))


@pytest.fixture
def afterwards(system: System) -> Iterator[list[str]]:
    """Names of pictures that a test adds, to be removed in the end."""
    names: list[str] = []
    yield names
    remove(system, *names)


def transfer(page: Page, files: Sequence[File]) -> JSHandle:
    """Files as they are dragged or pasted."""
    content = [
        {"name": name, "type": type_, "bytes": data if isinstance(data, int) else base64.b64encode(data).decode()}
        for name, type_, data in files
    ]
    return page.evaluate_handle(
        """files => {
          const data = new DataTransfer();
          const content = (bytes) => typeof bytes === "number" ? new Uint8Array(bytes)
            : Uint8Array.from(atob(bytes), (letter) => letter.charCodeAt(0));
          for (const { name, type, bytes } of files) data.items.add(new File([content(bytes)], name, { type }));
          return data;
        }""",
        content,
    )


def dropped(page: Page, files: Sequence[File]) -> None:
    """Drag files over the page, and let go."""
    data = transfer(page, files)
    page.dispatch_event("body", "dragover", {"dataTransfer": data})
    expect(page.locator(".drop")).to_be_visible()
    page.dispatch_event("body", "drop", {"dataTransfer": data})
    expect(page.locator(".drop")).to_have_count(0)


def line(page: Page, name: str) -> Locator:
    """What is said of an upload."""
    return page.locator(".upload").filter(has=page.get_by_text(name, exact=True))


def choose_label(page: Page, text: str, label: str) -> None:
    """Type the beginning of a label, and choose it from the list by keys."""
    field = page.get_by_role("combobox", name="Search for labels")
    field.press_sequentially(text)
    expect(page.get_by_role("option", name=label)).to_be_visible()
    for _ in range(page.get_by_role("option").count()):
        field.press("ArrowDown")
        active = page.locator(f"#{field.get_attribute('aria-activedescendant')}")
        if active.locator("span").inner_text() == label:
            break
    expect(active).to_have_attribute("aria-selected", "true")
    field.press("Enter")


def test_the_key_is_asked_for_once_and_a_wrong_one_is_told(stranger: Visit, system: System) -> None:
    page = stranger.page
    page.goto(stranger.address)
    field = page.get_by_label("API key")
    expect(field).to_be_focused()
    field.fill("wrong")
    field.press("Enter")
    expect(page.get_by_role("alert")).to_have_text("This key is not valid.")
    field.fill(system.endpoints.api_key)
    field.press("Enter")
    expect(page.locator(".tile, .empty").first).to_be_visible()
    page.reload()
    expect(page.locator(".tile, .empty").first).to_be_visible()
    assert page.evaluate("[...Object.values(localStorage), document.cookie].join('')") == ""

    # A key that is valid no longer is asked for again, by the next call.
    page.evaluate("sessionStorage.setItem('sightline.api-key', 'of yesterday')")
    page.reload()
    expect(page.get_by_role("alert")).to_contain_text("no longer valid")

    # Nor is one with a character that nobody sees.
    field.fill(f"{system.endpoints.api_key}\N{ZERO WIDTH SPACE}")
    field.press("Enter")
    expect(page.get_by_role("alert")).to_have_text("This key is not valid.")


KEPT = "localStorage.getItem('sightline.api-key')"


def enter_key(page: Page, key: str, *, keep: bool) -> None:
    page.get_by_label("API key").fill(key)
    if keep:
        page.get_by_label("Keep the key on this device").check()
    page.get_by_role("button", name="Open the gallery").click()
    expect(page.locator(".tile, .empty").first).to_be_visible()


def test_a_key_is_kept_on_the_device_until_its_user_signs_out(stranger: Visit, system: System) -> None:
    page = stranger.page
    page.goto(stranger.address)
    expect(page.get_by_label("Keep the key on this device")).not_to_be_checked()
    enter_key(page, system.endpoints.api_key, keep=True)
    other = stranger.open("?label=dog", stranger.tab())  # a tab of its own asks for no key
    stranger.open("?label=dog")
    page.get_by_role("button", name="Sign out").click()
    for tab in (page, other):
        expect(tab.get_by_label("API key")).to_be_visible()
        assert tab.evaluate(f"{KEPT} ?? sessionStorage.getItem('sightline.api-key')") is None
    page.go_back()
    expect(page.get_by_label("API key")).to_be_visible()


def test_a_kept_key_that_is_refused_is_forgotten(stranger: Visit, system: System) -> None:
    page = stranger.page
    page.goto(stranger.address)
    expect(page.get_by_label("API key")).to_be_visible()
    page.evaluate("localStorage.setItem('sightline.api-key', 'of yesterday')")
    page.reload()
    expect(page.get_by_role("alert")).to_contain_text("no longer valid")
    assert page.evaluate(KEPT) is None

    # What another tab keeps by now stays.
    page.evaluate("sessionStorage.setItem('sightline.api-key', 'of yesterday')")
    page.evaluate(f"localStorage.setItem('sightline.api-key', '{system.endpoints.api_key}')")
    page.reload()
    expect(page.get_by_role("alert")).to_contain_text("no longer valid")
    assert page.evaluate(KEPT) == system.endpoints.api_key


def test_the_key_form_says_where_to_get_the_key(stranger: Visit) -> None:
    page = stranger.page
    stranger.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.goto(stranger.address)
    page.get_by_role("button", name="Copy .venv/bin/sightline key").click()
    expect(page.get_by_text("Copied", exact=True)).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == ".venv/bin/sightline key"


def test_without_keys_nothing_is_asked(stranger: Visit, system: System) -> None:
    """As with `auth=none`, which the test plays."""
    keys = []

    def endpoints(route: Route) -> None:
        route.fulfill(json=route.fetch().json() | {"auth": "none"})

    def call(route: Route) -> None:
        keys.append(route.request.headers.get("x-api-key"))
        route.continue_(headers={**route.request.headers, **system.headers})

    stranger.page.route(re.compile(r"/gallery/endpoints\.json$"), endpoints)
    stranger.page.route(re.compile(r"/(labels)?\?"), call)
    stranger.open()
    assert set(keys) == {None}


@pytest.mark.usefixtures("pictures")
def test_photos_are_dropped_and_fetched_and_what_is_in_them_is_shown(
    visit: Visit, system: System, source: Source, afterwards: list[str]
) -> None:
    # Not the photo that other tests have: what was once seen in a content stands, and they may look with other models.
    hopper = Image.open(io.BytesIO(requests.get(f"{system.endpoints.photos}astronaut.jpg", timeout=10).content))
    ImageDraw.Draw(hopper).rectangle((20, 20, 99, 99), fill="white")
    source.files["hopper"] = encoded(hopper)
    names = ["gallery-drop/one.jpg", "gallery-drop/two.jpg", "gallery-drop/three.jpg"]
    afterwards += [*names, "grace hopper.jpg"]
    page = visit.open()
    colours = ("blue", "red", "green")
    dropped(page, [(n, "image/jpeg", spotted(colour, spot=True)) for n, colour in zip(names, colours, strict=True)])
    page.get_by_role("button", name="Add pictures").click()
    page.get_by_label("Address of a picture").fill(f"{source.address}/file/grace%20hopper.jpg?hopper")
    page.get_by_role("button", name="Add", exact=True).click()
    for name, label in [*zip(names, ("Blue", "Red", "Green"), strict=True), ("grace hopper.jpg", "Face")]:
        expect(line(page, name).locator(".upload-state")).to_contain_text(label)
        expect(visit.tile(name).locator("img.there")).to_be_visible()  # the thumbnail, when it was made

    line(page, "grace hopper.jpg").get_by_role("button", name="Open").click()
    dialog = page.get_by_role("dialog", name="grace hopper.jpg")
    expect(dialog.get_by_text("local-")).to_be_visible()
    expect(dialog.get_by_role("link", name="grace%20hopper.jpg")).to_be_visible()
    expect(dialog.get_by_text("thirdparty: delivered, 1 attempt")).to_be_visible()
    face = next(label for label in system.image("grace hopper.jpg")["labels"] if label["name"] == "Face")
    expect(dialog.get_by_role("button", name=re.compile("^Face"))).to_contain_text(f"{face['confidence']:.1f} %")
    expect(dialog.get_by_role("button", name=re.compile("^Face"))).to_contain_text(
        "Head \N{SINGLE RIGHT-POINTING ANGLE QUOTATION MARK} Person"
    )

    # The box is where Rekognition saw the face.
    box = dialog.locator(".box[data-label=Face]")
    picture, drawn = dialog.locator(".frame img").bounding_box(), box.bounding_box()
    assert picture
    assert drawn
    assert drawn["x"] - picture["x"] == pytest.approx(face["instances"][0]["box"]["left"] * picture["width"], abs=2)
    assert drawn["y"] - picture["y"] == pytest.approx(face["instances"][0]["box"]["top"] * picture["height"], abs=2)
    assert drawn["width"] == pytest.approx(face["instances"][0]["box"]["width"] * picture["width"], abs=2)

    # Pointing at a label, or going there by keys, shows which boxes are its.
    dialog.get_by_role("button", name=re.compile("^Face")).hover()
    expect(box).to_have_class("box lit")
    expect(dialog.locator(".box[data-label=Dog]")).to_have_class("box dim")
    page.mouse.move(0, 0)
    expect(box).to_have_class("box")
    dialog.get_by_role("button", name=re.compile("^Dog")).focus()
    expect(box).to_have_class("box dim")


def test_what_is_pasted_is_added(visit: Visit, system: System, afterwards: list[str]) -> None:
    afterwards.append("astronaut.jpg")
    page = visit.open()
    page.evaluate(
        """text => {
          const data = new DataTransfer();
          data.setData("text/plain", text);
          document.body.dispatchEvent(new ClipboardEvent("paste", { clipboardData: data, bubbles: true }));
        }""",
        f"{system.endpoints.photos}astronaut.jpg",
    )
    expect(line(page, "astronaut.jpg").locator(".upload-state")).to_contain_text("Face")

    # Every picture out of a clipboard is called the same.
    page.evaluate(
        "data => document.body.dispatchEvent(new ClipboardEvent('paste', { clipboardData: data, bubbles: true }))",
        transfer(page, [("image.png", "image/png", spotted("blue", spot=False))]),
    )
    pasted = page.locator(".upload").filter(has_text="pasted-")
    expect(pasted.locator(".upload-state")).to_have_text("Blue")
    afterwards.append(pasted.locator(".upload-name .unseen").inner_text())


def test_what_is_dragged_from_the_page_itself_is_not_added(visit: Visit, pictures: dict[str, bytes]) -> None:
    page = visit.open()
    page.drag_and_drop(".cloud a >> nth=0", "header")
    visit.tile(next(iter(pictures))).locator(".tile").click()
    expect(page.get_by_role("dialog")).to_be_visible()
    dropped(page, [("notes.txt", "text/plain", b"no picture")])
    expect(page.get_by_role("dialog")).to_have_count(0)  # which would hide what is said of it
    expect(page.locator(".upload")).to_have_count(1)
    expect(line(page, "notes.txt")).to_contain_text("this file is not JPEG")


def test_files_are_sent_a_few_at_a_time_and_can_be_taken_back(
    visit: Visit, system: System, afterwards: list[str]
) -> None:
    names = [f"gallery-file-{number}.jpg" for number in range(6)]
    afterwards += names
    files: list[FilePayload] = [
        {"name": name, "mimeType": "image/jpeg", "buffer": spotted("blue", spot=False)} for name in names
    ]
    held = []

    def hold(route: Route) -> None:
        held.append(route)

    page = visit.open()
    page.clock.install()
    page.route(re.compile(re.escape(system.endpoints.bucket)), hold)
    page.get_by_role("button", name="Add pictures").click()
    page.locator("input[type=file]").set_input_files(files)
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(page.get_by_role("heading", name="Adding 6 pictures")).to_be_visible()
    expect(page.get_by_role("progressbar")).to_have_count(4)
    expect(page.locator(".upload.waiting")).to_have_count(2)
    wait_for(lambda: page.evaluate("1") and len(held) == 4)

    # Who leaves now is asked.
    with page.expect_event("dialog") as question:
        page.close(run_before_unload=True)
    assert question.value.type == "beforeunload"
    question.value.dismiss()
    visit.complaints.clear()

    # What is being sent, or waits for it, is taken back.
    for name in (names[0], names[5]):
        page.get_by_role("button", name=f"Do not add {name}").click()
    expect(page.locator(".upload")).to_have_count(4)
    expect(page.get_by_role("progressbar")).to_have_count(4)
    wait_for(lambda: page.evaluate("1") and len(held) == 5)

    # What does not get on is ended, and leaves its place to others.
    page.clock.fast_forward(40_000)
    for name in names[1:5]:
        expect(line(page, name)).to_contain_text("made no progress")
    page.unroute_all()
    for name in names[1:5]:
        line(page, name).get_by_role("button", name="Try again").click()
    for name in names[1:5]:
        expect(line(page, name).locator(".upload-state")).to_have_text("Blue")
    assert not {names[0], names[5]} & system.stored()


def test_of_two_files_of_one_name_the_second_asks_and_may_replace_the_first(
    visit: Visit, system: System, afterwards: list[str]
) -> None:
    name = "gallery-twice.jpg"
    afterwards.append(name)
    page = visit.open()
    dropped(page, [(name, "image/jpeg", spotted(colour, spot=False)) for colour in ("blue", "red")])
    taken = page.locator(".upload").filter(has_text="Another picture has this name")
    expect(taken).to_have_count(1)
    first = page.locator(".upload.done .upload-state")
    expect(first).to_have_text(re.compile("^(Red|Blue)$"))
    other = {"Red": "Blue", "Blue": "Red"}[first.inner_text()]

    # What waits for an answer is not cleared away.
    page.get_by_role("button", name="Clear finished").click()
    expect(page.locator(".upload")).to_have_count(1)

    # The deletion would be of what replaces it.
    deletions = []
    page.on("request", lambda request: deletions.append(request.url) if request.method == "DELETE" else None)
    page.clock.install()
    visit.tile(name).hover()
    page.get_by_role("button", name=f"Delete {name}").click()
    expect(page.locator(".toast")).to_have_count(1)
    page.get_by_role("button", name="Replace", exact=True).click()
    expect(page.locator(".toast")).to_have_count(0)
    expect(line(page, name).locator(".upload-state")).to_have_text(other)
    page.clock.fast_forward(5000)
    expect(visit.tile(name)).to_contain_text(other)
    assert deletions == []
    assert name in system.stored()


def test_what_was_there_already_is_not_waited_for(visit: Visit, source: Source, afterwards: list[str]) -> None:
    name = "gallery-same.jpg"
    afterwards.append(name)
    page = visit.open()
    states = page.locator(".upload .upload-state")
    for number, colour in enumerate(("blue", "red"), 1):
        source.files["same"] = spotted(colour, spot=False)
        page.get_by_role("button", name="Add pictures").click()
        page.get_by_label("Address of a picture").fill(f"{source.address}/file/{name}?same")
        page.get_by_role("button", name="Add", exact=True).click()
        expect(states).to_have_count(number)
        expect(states.first).to_contain_text("Blue" if colour == "blue" else "Another picture has this name")
    source.files["same"] = spotted("blue", spot=False)
    page.get_by_role("button", name="Replace", exact=True).click()
    expect(states.first).to_have_text("Already there. Blue")

    # Of a file, its MD5 says it.
    with page.expect_request(re.compile("/uploads$")) as asked:
        dropped(page, [(name, "image/jpeg", source.files["same"])])
    md5 = hashlib.md5(source.files["same"], usedforsecurity=False).hexdigest()
    assert f'"md5":"{md5}"' in (asked.value.post_data or "")
    expect(states).to_have_count(3)
    expect(states.first).to_have_text("Already there. Blue")


def test_many_that_wait_are_looked_at_in_turn(visit: Visit) -> None:
    """The stored pictures, of which nothing gets known, are played."""
    looks = []

    def look(route: Route) -> None:
        looks.append(time.monotonic())
        route.fulfill(status=404, json={"error": {"code": "ImageNotFound", "message": "not yet"}})

    page = visit.open()
    page.route(
        re.compile("/uploads$"),
        lambda route: route.fulfill(
            headers={"access-control-allow-origin": "*"},
            json={"url": f"{visit.address}/played", "fields": {}, "max_bytes": 10_000, "request_id": "played"},
        ),
    )
    page.route(re.compile("/played$"), lambda route: route.fulfill(status=204))
    page.route(re.compile(r"/images\?name="), look)
    dropped(page, [(f"gallery-turn-{number}.jpg", "image/jpeg", 1000) for number in range(20)])
    expect(page.locator(".upload.recognizing")).to_have_count(20)
    looks.clear()
    wait_for(lambda: page.evaluate("1") and len(looks) >= 12)
    assert looks[11] - looks[0] > 11 * 0.15


@pytest.mark.usefixtures("pictures")
def test_an_upload_that_fails_says_why_and_goes_on(visit: Visit, system: System, afterwards: list[str]) -> None:
    name = "gallery/red.jpg"
    afterwards += ["gallery/red (2).jpg", "gallery-broken.jpg"]
    page = visit.open()
    dropped(
        page,
        [
            ("notes.txt", "text/plain", b"no picture"),
            ("gallery-large.jpg", "image/jpeg", 15 * 1024 * 1024 + 1),
            ("gallery-broken.jpg", "image/jpeg", b"\xff\xd8\xff and no more"),
            (name, "image/jpeg", spotted("blue", spot=False)),
        ],
    )
    expect(line(page, "notes.txt")).to_contain_text("this file is not JPEG")
    expect(line(page, "gallery-large.jpg")).to_contain_text("The limit is 15.7 MB")
    expect(line(page, "gallery-broken.jpg")).to_contain_text("Failed: ")
    assert "gallery-large.jpg" not in system.stored()
    expect(page.get_by_role("button", name="Try again")).to_have_count(0)  # as it cannot help

    expect(line(page, name)).to_contain_text("Another picture has this name")
    expect(page.get_by_label("Another name")).to_have_value("gallery/red (2).jpg")
    page.get_by_role("button", name="Use this name").click()
    expect(line(page, "gallery/red (2).jpg").locator(".upload-state")).to_have_text("Blue")

    # What could not be reached is tried again.
    page.route(re.compile("/uploads$"), lambda route: route.abort())
    dropped(page, [("gallery-again.jpg", "image/jpeg", spotted("blue", spot=False))])
    afterwards.append("gallery-again.jpg")
    expect(line(page, "gallery-again.jpg")).to_contain_text("cannot be reached")
    page.unroute(re.compile("/uploads$"))
    line(page, "gallery-again.jpg").get_by_role("button", name="Try again").click()
    expect(line(page, "gallery-again.jpg").locator(".upload-state")).to_have_text("Blue")


def test_a_refused_key_stops_uploads_until_there_is_another(
    visit: Visit, system: System, afterwards: list[str]
) -> None:
    name = "gallery-key.jpg"
    afterwards.append(name)
    page = visit.open()
    refusal = {"error": {"code": "Forbidden", "message": "the key is missing or wrong"}}
    readable = {"Access-Control-Allow-Origin": "*"}
    page.route(re.compile("/uploads$"), lambda r: r.fulfill(status=403, json=refusal, headers=readable), times=1)
    dropped(page, [(name, "image/jpeg", spotted("blue", spot=False))])
    expect(page.get_by_role("alert")).to_contain_text("no longer valid")
    enter_key(page, system.endpoints.api_key, keep=False)
    expect(line(page, name).locator(".upload-state")).to_have_text("Blue")


COLOURS = ("green", "red", "green", "red", "green", "red")


@pytest.fixture
def taken(visit: Visit, system: System, afterwards: list[str]) -> dict[str, bytes]:
    """Files with the names of other pictures, more than are sent at once. They are dropped."""
    names = [f"gallery-taken-{number}.jpg" for number in range(len(COLOURS))]
    afterwards += [*names, *(other_name(name) for name in names)]
    for name in names:
        system.s3().put_object(Bucket=system.endpoints.bucket, Key=name, Body=spotted("blue", spot=False))
    wait_for(lambda: system.images().keys() >= set(names))
    files = {name: spotted(colour, spot=False) for name, colour in zip(names, COLOURS, strict=True)}
    dropped(visit.open(), [(name, "image/jpeg", content) for name, content in files.items()])
    return files


def other_name(name: str) -> str:
    return name.replace(".jpg", " (2).jpg")


def stored_bytes(system: System, name: str) -> bytes:
    content: bytes = system.s3().get_object(Bucket=system.endpoints.bucket, Key=name)["Body"].read()
    return content


def choose_by_keys(page: Page, choice: str) -> None:
    """Choose once for all files, without a mouse, and expect the focus to stay near."""
    button = page.get_by_role("group", name="names belong to other pictures").get_by_role("button", name=choice)
    button.press("Enter")
    expect(button).to_have_count(0)
    expect(page.locator(".uploads :focus")).to_have_count(1)


@pytest.mark.parametrize("choice", ["Skip all", "Replace all", "Keep both"])
def test_one_choice_holds_for_all_files_with_taken_names(
    visit: Visit, system: System, taken: dict[str, bytes], choice: str
) -> None:
    page, blue = visit.page, spotted("blue", spot=False)
    states = page.locator(".upload .upload-state")
    choose_by_keys(page, choice)
    if choice == "Skip all":
        expect(states).to_have_text(["Skipped: another picture has this name."] * len(taken))
    else:
        expect(states).to_have_text([re.compile("^(Green|Red)$")] * len(taken))
    for name, content in taken.items():
        assert stored_bytes(system, name) == (content if choice == "Replace all" else blue)
        if choice == "Keep both":
            assert stored_bytes(system, other_name(name)) == content
    page.get_by_role("button", name="Clear finished").click()
    expect(page.locator(".upload")).to_have_count(0)


def test_files_of_one_name_do_not_replace_each_other(visit: Visit, system: System, afterwards: list[str]) -> None:
    name = "gallery-replaced-once.jpg"
    afterwards += [name, other_name(name)]
    system.s3().put_object(Bucket=system.endpoints.bucket, Key=name, Body=spotted("blue", spot=False))
    wait_for(lambda: system.image(name))
    contents = {spotted("red", spot=False), spotted("green", spot=False)}
    page = visit.open()
    dropped(page, [(name, "image/jpeg", content) for content in contents])
    choose_by_keys(page, "Replace all")
    expect(page.locator(".upload.done")).to_have_count(2)
    assert {stored_bytes(system, name), stored_bytes(system, other_name(name))} == contents


def test_a_choice_also_holds_for_files_that_are_sent_later(visit: Visit, system: System, afterwards: list[str]) -> None:
    names = [f"gallery-later-{number}.jpg" for number in range(7)]
    afterwards += names
    for name in names:
        system.s3().put_object(Bucket=system.endpoints.bucket, Key=name, Body=spotted("blue", spot=False))
    wait_for(lambda: system.images().keys() >= set(names))
    page = visit.open()
    held: list[Route] = []
    passing = 2  # whose names are known to be taken when the choice is made

    def hold(route: Route) -> None:
        nonlocal passing
        passing -= 1
        if passing < 0:
            held.append(route)
        else:
            route.continue_()

    page.route(re.compile("/uploads$"), hold)
    dropped(page, [(name, "image/jpeg", spotted("red", spot=False)) for name in names])
    choose_by_keys(page, "Skip all")
    passing = len(names)
    for route in held:
        route.continue_()
    expect(page.locator(".upload.skipped")).to_have_count(len(names))


@pytest.mark.usefixtures("pictures")
def test_what_is_no_picture_shows_the_reason(visit: Visit, system: System, afterwards: list[str]) -> None:
    name = "gallery-notes.jpg"
    afterwards.append(name)
    page = visit.open()
    dropped(page, [(name, "image/jpeg", b"notes, and no picture")])
    reason = re.compile("these bytes are none of")
    expect(line(page, name).locator(".upload-state")).to_have_text(re.compile(f"Failed: {reason.pattern}"))
    tile = visit.tile(name)
    expect(tile.locator(".badge")).to_have_text("Failed")
    expect(tile.locator(".badge svg")).to_have_count(1)
    expect(tile.locator(".placeholder")).to_have_text(reason)
    broken = (
        "images => images.filter((image) => image.complete && !image.naturalWidth && image.checkVisibility()).length"
    )
    assert page.locator(".tile img:not(.coming), .upload img").evaluate_all(broken) == 0
    tile.locator(".tile").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.locator(".stage")).to_contain_text(reason)
    expect(dialog.locator(".status svg")).to_have_count(1)
    expect(dialog.locator("dt", has_text="Failed")).to_have_count(1)
    expect(dialog.locator("dt", has_text="Recognised")).to_have_count(0)


def test_nothing_recognised_is_no_failure(visit: Visit, system: System, afterwards: list[str]) -> None:
    name = "gallery-nothing.jpg"
    afterwards.append(name)
    page = visit.page

    def without_labels(route: Route) -> None:
        document = route.fetch().json()
        for entry in document if isinstance(document, list) else [document]:
            if entry["image"] == name:
                entry["labels"] = []
        route.fulfill(json=document)

    system.s3().put_object(Bucket=system.endpoints.bucket, Key=name, Body=spotted("blue", spot=False))
    wait_for(lambda: system.image(name))
    page.route(re.compile(r"/(images)?\?(limit|name)="), without_labels)
    visit.open()
    tile = visit.tile(name)
    expect(tile.locator(".seen")).to_have_text("Nothing recognised")
    expect(tile.locator(".seen svg")).to_have_count(1)
    expect(tile.locator(".badge")).to_have_count(0)
    tile.locator(".tile").click()
    expect(page.get_by_role("dialog").locator(".status")).to_have_text("Nothing recognised")
    expect(page.get_by_role("dialog").locator("dt", has_text="Recognised")).to_have_count(1)
    page.unroute_all(behavior="wait")


@pytest.mark.parametrize("width", [390, 1280])
def test_long_names_show_their_end(visit: Visit, system: System, afterwards: list[str], width: int) -> None:
    names = [f"gallery/a long folder, and another one/IMG_20260714_18233{number}_portrait.jpg" for number in (1, 2)]
    afterwards += names
    for name in names:
        system.s3().put_object(Bucket=system.endpoints.bucket, Key=name, Body=spotted("blue", spot=False))
    wait_for(lambda: system.images().keys() >= set(names))
    visit.page.set_viewport_size({"width": width, "height": 844})
    visit.open()
    for name in names:
        shown, end = (
            visit.tile(name).locator(".name").bounding_box(),
            visit.tile(name).locator(".cut > :last-child"),
        )
        box = end.bounding_box()
        assert shown
        assert box
        assert shown["x"] <= box["x"]
        assert box["x"] + box["width"] <= shown["x"] + shown["width"]
        assert end.inner_text() == name[-len(end.inner_text()) :]
        assert len(end.inner_text()) >= len("1_portrait.jpg") - 1
        expect(visit.tile(name).locator(".short-name")).to_have_attribute("title", name)
        expect(visit.page.get_by_role("link", name=name)).to_have_count(1)


@pytest.mark.usefixtures("pictures")
def test_enter_accepts_the_suggestion(visit: Visit) -> None:
    page = visit.open()
    field = page.get_by_role("combobox", name="Search for labels")
    field.press_sequentially("gre")
    option = page.get_by_role("option", name="Green")
    expect(option).to_have_attribute("aria-selected", "true")
    expect(field).to_have_attribute("aria-activedescendant", str(option.get_attribute("id")))

    # An input method ends by Enter as well.
    field.dispatch_event("keydown", {"key": "Enter", "isComposing": True})
    expect(field).to_have_value("gre")
    field.press("Enter")
    visit.expect_found(page, label="green")
    assert urlsplit(page.url).query == "label=Green"

    # It is typed faster than it is suggested.
    page.keyboard.type("do")
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Do not search for Dog")).to_be_visible()
    assert urlsplit(page.url).query == "label=Green&label=Dog"


@pytest.mark.usefixtures("pictures")
def test_a_label_that_no_picture_has_leads_to_the_nearest(visit: Visit) -> None:
    page = visit.open()
    field = page.get_by_role("combobox", name="Search for labels")
    field.press_sequentially("grene")
    expect(page.get_by_text("No label begins with “grene”")).to_be_visible()
    field.press("Enter")
    expect(page.get_by_role("main").get_by_text("No picture has the label “grene”.")).to_be_visible()
    assert urlsplit(page.url).query == "label=grene"
    page.get_by_role("button", name="Green", exact=True).click()
    visit.expect_found(page, label="green")

    # Escape leaves what was typed.
    field.press_sequentially("re")
    expect(page.get_by_role("option", name="Red")).to_be_visible()
    field.press("Escape")
    field.press("Enter")
    expect(page.get_by_role("button", name="Do not search for re", exact=True)).to_be_visible()


@pytest.mark.usefixtures("pictures")
def test_a_search_stands_in_the_address(visit: Visit) -> None:
    page = visit.open()
    choose_label(page, "gre", "Green")
    visit.expect_found(page, label="green")
    choose_label(page, "do", "Dog")
    both = visit.expect_found(page, label=["green", "dog"])
    assert "gallery/green dog.jpg" in both
    assert "gallery/red dog.jpg" not in both
    assert urlsplit(page.url).query == "label=Green&label=Dog"

    page.get_by_role("radio", name="Any of the labels").check(force=True)
    either = visit.expect_found(page, label=["green", "dog"], match="any")
    assert {"gallery/green.jpg", "gallery/red dog.jpg"} <= set(either)

    page.get_by_role("combobox", name="Leave out").fill("red")
    page.get_by_role("combobox", name="Leave out").press("Enter")
    assert "gallery/red dog.jpg" not in visit.expect_found(page, label=["green", "dog"], match="any", exclude="red")

    # A reload, another tab and a way back keep it.
    page.reload()
    visit.expect_found(page, label=["green", "dog"], match="any", exclude="red")
    other = visit.open(f"?{urlsplit(page.url).query}", visit.tab())
    visit.expect_found(other, label=["green", "dog"], match="any", exclude="red")
    page.go_back()
    visit.expect_found(page, label=["green", "dog"], match="any")
    page.go_back()
    visit.expect_found(page, label=["green", "dog"])
    expect(page.get_by_role("radio", name="All of the labels")).to_be_checked()
    page.get_by_role("button", name="Do not search for Green").click()
    visit.expect_found(page, label="dog")


@pytest.mark.usefixtures("pictures")
def test_the_confidence_is_slid(visit: Visit) -> None:
    page = visit.open("?label=Green")
    assert "gallery/green.jpg" in visit.expect_found(page, label="green")
    slider = page.get_by_role("slider", name="Confidence")
    slider.fill("90")
    sure = visit.expect_found(page, label="green", min_confidence=90)
    assert "gallery/green dog.jpg" in sure
    assert "gallery/green.jpg" not in sure
    assert "min_confidence=90" in page.url
    page.go_back()
    assert "gallery/green.jpg" in visit.expect_found(page, label="green")
    expect(slider).to_have_value("0")


@pytest.mark.usefixtures("pictures")
def test_the_way_in_is_what_most_pictures_have(visit: Visit) -> None:
    page = visit.open()
    page.get_by_role("navigation").get_by_role("link", name=re.compile(r"^Dog, \d+ pictures?$")).click()
    visit.expect_found(page, label="dog")
    page.get_by_role("link", name="Sightline, all pictures").click()
    expect(page.get_by_role("navigation")).to_be_visible()


@pytest.mark.usefixtures("pictures")
def test_a_picture_has_an_address_and_the_way_back_closes_it(visit: Visit) -> None:
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

    other = visit.tab()
    other.goto(address)
    expect(other.get_by_role("dialog").get_by_role("heading")).to_have_text("gallery/red dog.jpg")
    other.get_by_role("button", name="Close").click()
    expect(other.get_by_role("dialog")).to_have_count(0)
    other.goto(f"{visit.address}#no/such%20picture.jpg")
    expect(other.get_by_role("alert")).to_contain_text("There is no picture of this name")


@pytest.mark.usefixtures("pictures")
def test_keys_lead_everywhere(visit: Visit) -> None:
    page = visit.open("?label=dog")
    found = visit.expect_found(page, label="dog")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the pictures")).to_be_focused()
    page.keyboard.press("Enter")
    focused = page.locator(".tile:focus .name .unseen")
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


def test_a_deletion_can_be_undone_and_is_sent_after_that(visit: Visit, system: System) -> None:
    keys = ["gallery-delete/kept.jpg", "gallery-delete/gone.jpg", "gallery-delete/left.jpg"]
    for key in keys:
        system.s3().put_object(Bucket=system.endpoints.bucket, Key=key, Body=spotted("blue", spot=False))
    wait_for(lambda: system.images().keys() >= set(keys))
    kept, gone, left = keys
    page = visit.open()
    page.clock.install()  # so that five seconds pass when the test says so
    visit.tile(kept).locator(".tile").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("button", name="Delete", exact=True).click()
    expect(dialog.get_by_role("heading")).not_to_have_text(kept)  # but the next one
    dialog.get_by_role("button", name=f"Undo: keep {kept}").click()
    page.keyboard.press("Escape")
    visit.tile(gone).hover()
    page.get_by_role("button", name=f"Delete {gone}").click()
    expect(visit.tile(gone)).to_have_count(0)
    expect(visit.tile(kept)).to_have_count(1)
    assert {kept, gone} <= system.stored()
    page.clock.fast_forward(5000)
    wait_for(lambda: gone not in system.stored())
    wait_for(lambda: system.image(gone) is None)
    expect(page.locator(".toast")).to_have_count(0)

    # Who leaves has not undone it.
    visit.tile(left).hover()
    page.get_by_role("button", name=f"Delete {left}").click()
    page.close()
    wait_for(lambda: left not in system.stored())
    remove(system, *keys)


def test_a_name_that_browsers_would_take_for_a_way_is_a_name(
    visit: Visit, system: System, afterwards: list[str]
) -> None:
    odd, plain = "gallery-way/../gallery-way.jpg", "gallery-way.jpg"
    afterwards += [odd, plain]
    for name in (odd, plain):
        system.s3().put_object(Bucket=system.endpoints.bucket, Key=name, Body=spotted("blue", spot=False))
    wait_for(lambda: system.images().keys() >= {odd, plain})
    page = visit.open()
    page.clock.install()
    visit.tile(odd).locator(".tile").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("heading")).to_have_text(odd)
    expect(dialog.locator(".status")).to_have_text("Recognised")
    page.keyboard.press("Delete")
    page.clock.fast_forward(5000)
    wait_for(lambda: odd not in system.stored())
    assert plain in system.stored()

    page.goto("about:blank")
    visit.open("#a/../../labels")
    expect(page.get_by_role("alert")).to_contain_text("There is no picture of this name")


def test_new_pictures_appear(visit: Visit, system: System, afterwards: list[str]) -> None:
    page = visit.open()
    afterwards.append("gallery-new.jpg")
    system.s3().put_object(Bucket=system.endpoints.bucket, Key="gallery-new.jpg", Body=spotted("blue", spot=False))
    wait_for(lambda: system.image("gallery-new.jpg"))
    expect(visit.tile("gallery-new.jpg")).to_be_visible()
    expect(page.locator(".tile .name .unseen").first).to_have_text("gallery-new.jpg")


def test_a_replaced_picture_gets_its_new_thumbnail(visit: Visit, system: System, afterwards: list[str]) -> None:
    name = "gallery-replaced.jpg"
    afterwards.append(name)

    def put(colour: str) -> None:
        system.s3().put_object(Bucket=system.endpoints.bucket, Key=name, Body=spotted(colour, spot=False))
        wait_for(lambda: colour.title() in system.images().get(name, {"labels": []})["labels"])

    def shown() -> Any:
        """The colour in the middle."""
        picture = Image.open(io.BytesIO(visit.tile(name).locator("img.there").screenshot()))
        return picture.convert("RGB").resize((1, 1)).getpixel((0, 0))

    put("red")
    page = visit.open()
    assert shown()[0] > 200
    put("blue")
    look_for_news(page)
    wait_for(lambda: shown()[2] > 200)


def look_for_news(page: Page) -> None:
    """As the page does when it comes to the fore."""
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")


@pytest.mark.usefixtures("pictures")
def test_a_thumbnail_is_looked_for_until_it_is_there(visit: Visit) -> None:
    page, name = visit.page, "gallery/red.jpg"
    thumbnails = re.compile(r"/thumbnail\.jpg\?")
    page.clock.install()
    page.route(thumbnails, lambda route: route.fulfill(status=403))
    visit.open()
    for _ in range(3):
        page.wait_for_timeout(300)
        page.clock.fast_forward(5_000)
    expect(visit.tile(name)).to_contain_text("No preview")
    # What is not sent under its name is not shown under it.
    dropped(page, [(name, "image/jpeg", spotted("blue", spot=False))])
    expect(line(page, name)).to_contain_text("Another picture has this name")
    expect(visit.tile(name)).to_contain_text("No preview")

    # By now the address is good no longer, so that another one is asked for.
    page.unroute(thumbnails)
    asked = "/images?name=gallery%2Fred.jpg"
    assert not [url for url in visit.requests if url.endswith(asked)]
    page.clock.fast_forward(300_000)
    expect(visit.tile(name).locator("img.there")).to_have_count(1)
    assert [url for url in visit.requests if url.endswith(asked)]


NEWEST = re.compile(r"/\?limit=\d+&thumbnails=true$")


def without_thumbnails(route: Route) -> None:
    """Answer as while none is made yet."""
    entries = route.fetch().json()
    route.fulfill(json=[{m: value for m, value in entry.items() if m != "thumbnail_url"} for entry in entries])


def set_clock(page: Page, system: System, name: str, *, hours: int) -> None:
    """As so many hours after the picture's upload."""
    page.clock.install(time=datetime.fromisoformat(system.image(name)["uploaded_at"]) + timedelta(hours=hours))


@pytest.mark.usefixtures("pictures")
def test_a_thumbnail_that_is_not_listed_yet_is_looked_for(visit: Visit) -> None:
    page, name = visit.page, "gallery/red.jpg"
    set_clock(page, visit.system, name, hours=0)
    page.route(NEWEST, without_thumbnails)
    visit.open()
    expect(visit.tile(name)).to_contain_text("No preview")
    page.unroute(NEWEST)
    page.clock.fast_forward(10_000)
    expect(visit.tile(name).locator("img.there")).to_have_count(1)
    # All tiles together: each look is one call.
    assert len([url for url in visit.requests if NEWEST.search(url)]) < len(PICTURES) + 5


@pytest.mark.usefixtures("pictures")
def test_a_thumbnail_that_an_old_picture_does_not_have_is_not_looked_for(visit: Visit) -> None:
    page, name = visit.page, "gallery/red.jpg"
    set_clock(page, visit.system, name, hours=1)
    page.route(NEWEST, without_thumbnails)
    visit.open()
    expect(visit.tile(name)).to_contain_text("No preview")
    asked = len(visit.requests)
    page.clock.fast_forward(3_000)
    page.wait_for_timeout(300)
    assert not [url for url in visit.requests[asked:] if NEWEST.search(url)]


@pytest.mark.usefixtures("pictures")
def test_pictures_themselves_are_loaded_only_where_they_are_opened(visit: Visit) -> None:
    def loaded() -> set[str]:
        return {unquote(urlsplit(url).path).rpartition(visit.system.endpoints.bucket + "/")[2] for url in signed()}

    def signed() -> list[str]:
        return [url for url in visit.requests if "X-Amz-Signature=" in url and "/thumbnail.jpg?" not in url]

    page = visit.open()
    expect(visit.tile("gallery/red.jpg").locator("img.there")).to_have_count(1)
    assert signed() == []
    visit.tile("gallery/red.jpg").locator(".tile").click()
    expect(page.locator(".frame:not(.coming) img")).to_be_visible()
    assert loaded() == {"gallery/red.jpg"}


def test_what_was_added_stays_though_the_list_is_behind(visit: Visit, afterwards: list[str]) -> None:
    name = "gallery-behind.jpg"
    afterwards.append(name)
    page = visit.open()

    def behind(route: Route) -> None:
        route.fulfill(json=[entry for entry in route.fetch().json() if entry["image"] != name])

    page.route(NEWEST, behind)
    dropped(page, [(name, "image/jpeg", spotted("blue", spot=False))])
    expect(line(page, name).locator(".upload-state")).to_have_text("Blue")
    for _ in range(5):
        assert visit.names()[0] == name
        page.wait_for_timeout(300)
    page.unroute(NEWEST)
    expect(visit.tile(name).locator("a.tile")).to_be_visible()
    assert visit.names().count(name) == 1


def test_an_older_answer_takes_nothing_back(visit: Visit, system: System, afterwards: list[str]) -> None:
    name = "gallery-older.jpg"
    held: list[tuple[Route, Any]] = []  # with what it would have been answered
    afterwards.append(name)
    page = visit.open()
    page.route(NEWEST, lambda route: held.append((route, route.fetch().json())), times=1)
    look_for_news(page)
    while not held:
        page.wait_for_timeout(50)
    system.s3().put_object(Bucket=system.endpoints.bucket, Key=name, Body=spotted("blue", spot=False))
    wait_for(lambda: name in system.images())
    look_for_news(page)
    expect(visit.tile(name)).to_be_visible()
    [(route, answer)] = held
    route.fulfill(json=answer)
    page.wait_for_timeout(300)
    assert name in visit.names()


@pytest.mark.usefixtures("pictures")
def test_who_reads_further_down_is_told_of_a_picture_once(visit: Visit, system: System, afterwards: list[str]) -> None:
    name = "gallery-above.jpg"
    afterwards.append(name)
    page = visit.page
    page.set_viewport_size({"width": 500, "height": 300})
    page.clock.install()
    visit.open()
    page.evaluate("scrollTo(0, 400)")

    def labels_read() -> int:
        return len([url for url in visit.requests if "/labels?limit=" in url])

    system.s3().put_object(Bucket=system.endpoints.bucket, Key=name, Body=spotted("blue", spot=False))
    wait_for(lambda: name in system.images())
    before = labels_read()
    for _ in range(4):
        with page.expect_response(NEWEST):
            page.clock.fast_forward(60_000)
        expect(page.get_by_role("button", name="1 new picture")).to_be_visible()
        page.wait_for_timeout(200)
    assert labels_read() == before + 1


@pytest.mark.usefixtures("pictures")
def test_a_delivery_that_comes_after_the_labels_is_shown(visit: Visit) -> None:
    page, readable = visit.page, {"Access-Control-Allow-Origin": "*"}
    page.route(re.compile("/deliveries\\?"), lambda route: route.fulfill(json=[], headers=readable), times=1)
    visit.open("#gallery/red.jpg")
    expect(page.get_by_text("none so far")).to_be_visible()
    expect(page.get_by_text("thirdparty: delivered")).to_be_visible()


@pytest.mark.parametrize(("name", "form"), [("gallery/scene.heic", "HEIF"), ("gallery/scene.tiff", "TIFF")])
def test_what_browsers_cannot_show_is_shown_converted(
    visit: Visit, system: System, afterwards: list[str], name: str, form: str
) -> None:
    afterwards.append(name)
    system.s3().put_object(Bucket=system.endpoints.bucket, Key=name, Body=encoded(scene(), form))
    wait_for(lambda: system.image(name))
    page = visit.open(f"#{quote(name)}")
    picture = page.get_by_role("dialog").locator(".frame:not(.coming) img")
    expect(picture).to_be_visible()
    assert picture.evaluate("image => image.naturalWidth / image.naturalHeight") == pytest.approx(4 / 3, abs=0.01)
    expect(visit.tile(name).locator("img.there")).to_have_count(1)


def test_names_are_text(visit: Visit, system: System, afterwards: list[str]) -> None:
    afterwards.append(HOSTILE)
    page = visit.open()
    dropped(page, [(HOSTILE, "image/jpeg", spotted("blue", spot=False))])
    expect(line(page, HOSTILE).locator(".upload-state")).to_have_text("Blue")
    expect(visit.tile(HOSTILE)).to_be_visible()
    visit.tile(HOSTILE).locator("a.tile").click()  # not while it is on its way in
    expect(page.get_by_role("dialog").get_by_role("heading")).to_have_text(HOSTILE)
    expect(page.locator(".frame img")).to_be_visible()
    assert page.locator("img[src=x], [onerror]").count() == 0


@pytest.fixture
def many(system: System) -> Iterator[int]:
    """Records of long ago, put straight into the table."""
    dynamodb, table, bucket = system.client("dynamodb"), system.endpoints.table, system.endpoints.bucket
    names = [f"gallery-many/{number:04}.jpg" for number in range(MANY)]
    records = [
        ImageRecord(
            image=name,
            image_id=image_id(bucket, name),
            status="RECOGNIZED",
            bucket=bucket,
            sequencer=f"{number:064X}",
            uploaded_at=f"2001-01-01T{number // 3600:02}:{number // 60 % 60:02}:{number % 60:02}.000Z",
            recognized_at="2001-02-01T09:30:00.000Z",
            fingerprint="f",
        )
        for number, name in enumerate(names)
    ]
    write(dynamodb, table, [{"PutRequest": {"Item": to_item(record)}} for record in records])
    yield count(system)
    write(dynamodb, table, [{"DeleteRequest": {"Key": {"image": {"S": name}}}} for name in names])


def count(system: System) -> int:
    """How many pictures the list has."""
    address, number = f"{system.endpoints.labels}/?limit=1000", 0
    while True:
        answer = requests.get(address, headers=system.headers, timeout=30)
        number += len(answer.json())
        if "next" not in answer.links:
            return number
        address = urljoin(address, answer.links["next"]["url"])


def write(dynamodb: Any, table: str, changes: list[dict[str, Any]]) -> None:
    for start in range(0, len(changes), 25):
        dynamodb.batch_write_item(RequestItems={table: changes[start : start + 25]})


SCROLL = """async ({ step, frames }) => {
  const [times, tasks] = [[], []];
  const observer = new PerformanceObserver((list) => tasks.push(...list.getEntries().map((task) => task.duration)));
  observer.observe({ type: "longtask" });
  let [tiles, elements] = [0, 0];
  for (let frame = 0, last = performance.now(); frame < frames; frame++) {
    scrollBy(0, step);
    const now = await new Promise(requestAnimationFrame);
    times.push(now - last);
    last = now;
    tiles = Math.max(tiles, document.querySelectorAll(".grid li").length);
    elements = Math.max(elements, document.querySelectorAll("*").length);
  }
  observer.disconnect();
  return { times, tasks, tiles, elements };
}"""


def test_thousands_of_pictures_scroll_smoothly(visit: Visit, many: int) -> None:
    page = visit.open()
    last = page.locator("[aria-posinset='1']")

    def loaded() -> bool:
        page.evaluate("scrollTo(0, document.documentElement.scrollHeight)")
        return last.get_attribute("aria-setsize") == str(many)

    down = page.evaluate(SCROLL, {"step": 120, "frames": 120})
    wait_for(loaded, 60)
    expect(visit.tile("gallery-many/0000.jpg")).to_be_visible()
    up = page.evaluate(SCROLL, {"step": -400, "frames": 120})
    page.evaluate("scrollTo(0, 0)")
    expect(last).to_be_in_viewport()
    for measured in (down, up):
        times = sorted(measured["times"])
        logging.info(
            "frames of %.0f ms, 95 %% within %.0f ms, and the longest task %d ms; %d elements",
            median(times),
            times[len(times) * 95 // 100],
            max(measured["tasks"], default=0),
            measured["elements"],
        )
        assert measured["tiles"] < 100
        assert measured["elements"] < 1500
        assert median(measured["times"]) < 50
        assert max(measured["tasks"], default=0) < 500


@pytest.mark.usefixtures("pictures")
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious(browser: Browser, system: System, afterwards: list[str], scheme: Any) -> None:
    context = browser.new_context(color_scheme=scheme, reduced_motion="reduce")
    visit = Visit(context, system)
    page = visit.page
    page.goto(visit.address)
    expect(page.get_by_label("API key")).to_be_visible()
    expect_accessible(page, "the key's form")
    give_key(context, system)
    page.goto("about:blank")
    afterwards.append("gallery-failed.jpg")
    system.s3().put_object(Bucket=system.endpoints.bucket, Key="gallery-failed.jpg", Body=b"no picture")
    wait_for(lambda: system.image("gallery-failed.jpg"))
    visit.open()
    expect(visit.tile("gallery-failed.jpg")).to_be_visible()
    expect_accessible(page, "the grid")
    visit.open("?label=dog&exclude=blue")
    dropped(page, [("notes.txt", "text/plain", b"no picture")])
    dropped(page, [(name, "image/jpeg", b"another") for name in ("gallery/red.jpg", "gallery/green.jpg")])
    expect(line(page, "notes.txt")).to_contain_text("this file is not JPEG")
    expect(page.get_by_role("group", name="names belong to other pictures")).to_be_visible()
    page.get_by_role("combobox", name="Search for labels").fill("r")
    expect(page.get_by_role("option").first).to_be_visible()
    expect_accessible(page, "the search and the uploads")
    page.goto("about:blank")
    visit.open("#gallery/red%20dog.jpg")
    expect(page.locator(".box").first).to_be_visible()
    expect_accessible(page, "the picture")
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Add pictures").click()
    expect_accessible(page, "the dialog for files")
    context.close()
    visit.expect_clean()


def expect_accessible(page: Page, what: str) -> None:
    page.evaluate(AXE)  # which the page's policy allows to tools only
    violations = page.evaluate("axe.run().then((result) => result.violations)")
    serious = [entry for entry in violations if entry["impact"] in {"serious", "critical"}]
    assert not serious, f"{what}: " + "; ".join(
        f"{entry['id']}: {node['html'][:120]} {node['failureSummary']}" for entry in serious for node in entry["nodes"]
    )


@pytest.mark.usefixtures("pictures")
def test_it_fits_a_phone(browser: Browser, system: System) -> None:
    context = browser.new_context(viewport={"width": 360, "height": 740}, has_touch=True, is_mobile=True)
    give_key(context, system)
    visit = Visit(context, system)
    for rest in ("", "?label=dog&label=animal&exclude=blue&min_confidence=50", "#gallery/red%20dog.jpg"):
        page = visit.open(rest)
        assert page.evaluate("document.documentElement.scrollWidth") == 360
        page.goto("about:blank")
    visit.open()
    dropped(
        page, [(name, "image/jpeg", spotted("blue", spot=False)) for name in ("gallery/red.jpg", "gallery/green.jpg")]
    )
    fields = page.get_by_label("Another name")
    expect(fields).to_have_count(2)
    for button in [fields.first, *page.get_by_role("group", name="names belong").get_by_role("button").all()]:
        box = button.bounding_box()
        assert box
        assert box["height"] >= 44
        assert box["x"] + box["width"] <= 360
    assert fields.first.evaluate("field => field.scrollWidth <= field.clientWidth")  # the whole name is seen
    assert page.evaluate("document.documentElement.scrollWidth") == 360
    context.close()
    visit.expect_clean()


def test_it_is_there_within_a_second(browser: Browser, system: System) -> None:
    """With nothing in the browser's cache; the page as built is at most 100 kB."""
    times = []
    for _ in range(5):
        context = browser.new_context()
        visit = Visit(context, system)
        visit.page.goto(visit.address)
        expect(visit.page.get_by_label("API key")).to_be_visible()
        times.append(first_paint(visit.page))
        context.close()
    logging.info("first paint after %s ms", times)
    assert median(times) <= 1000

    page = requests.get(visit.address, timeout=30)
    parts = [urljoin(visit.address, part) for part in re.findall(r'(?:src|href)="([^"]+)"', page.text)]
    assert len(parts) >= 2
    contents = [page.content, *(requests.get(part, timeout=30).content for part in parts)]
    assert sum(len(gzip.compress(content)) for content in contents) <= 100_000


def first_paint(page: Page) -> float:
    """Milliseconds after the navigation began."""
    look = "performance.getEntriesByName('first-contentful-paint')[0]?.startTime"
    return float(wait_for(lambda: page.evaluate(look)))


@pytest.mark.parametrize(("what", "width"), [("gallery", 900), ("gallery-picture", 1160)])
def test_the_readme_shows_it(  # `make gallery-screenshots` keeps them
    visit: Visit, system: System, afterwards: list[str], tmp_path: Path, what: str, width: int
) -> None:
    page = visit.page
    page.set_viewport_size({"width": width, "height": 620})
    page.emulate_media(color_scheme="dark" if what == "gallery-picture" else "light")
    for name in photos.SAMPLES:
        afterwards.append(name)
        assert system.upload(system.endpoints.photos + quote(name), name).status_code == 200
    wait_for(lambda: all(system.image(name) for name in photos.SAMPLES))
    visit.open("#astronaut.jpg" if what == "gallery-picture" else "")
    if what == "gallery-picture":
        expect(page.get_by_text("thirdparty: delivered")).to_be_visible()
        page.get_by_role("button", name=re.compile("^Face")).hover()
        expect(page.locator(".box.lit")).to_be_visible()
    for name in photos.SAMPLES:
        expect(visit.tile(name).locator("img.there")).to_be_visible()
    folder = Path(os.environ.get("SIGHTLINE_SCREENSHOTS") or tmp_path)
    picture = folder / f"{what}.jpg"
    page.screenshot(path=picture, type="jpeg", quality=85, animations="disabled")
    assert 10_000 < picture.stat().st_size < 400_000
