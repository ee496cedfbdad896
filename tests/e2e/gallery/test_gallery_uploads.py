"""The gallery adds files and URLs, shows the progress of each, and says why one failed."""

import hashlib
import io
import itertools
import re

import pytest
import requests
from PIL import Image, ImageDraw
from playwright.sync_api import FilePayload, Locator, Route, expect

from tests.e2e.conftest import System, wait_for
from tests.e2e.gallery.samples import plain, with_dog
from tests.e2e.gallery.visit import (
    JPEG,
    Visit,
    add_url,
    drop,
    end_timers,
    hold_timers,
    state,
    transfer,
    upload,
    wait_for_routes,
)
from tests.picture_files import encoded
from tests.source_server import Source

HOSTILE = "<img src=x onerror=alert(1)>.jpg"
UPLOADS = re.compile("/uploads$")
STALL_MS = 35_000
"""The time after which an upload without progress ends."""

SPACING_MS = 250
NOTE_CHECKS = """
  const [send, began] = [fetch, performance.now()];
  window.checks = [];
  window.fetch = (url, ...rest) => {
    if (String(url).includes("/images?name=")) checks.push(performance.now() - began);
    return send(url, ...rest);
  };
"""


def photo_with_white_corner(system: System) -> bytes:
    """Return a photo of a face. Its corner differs from the original, because the system has a stored answer of other
    models for the original."""
    photo = Image.open(io.BytesIO(requests.get(f"{system.endpoints.photos}astronaut.jpg", timeout=60).content))
    ImageDraw.Draw(photo).rectangle((20, 20, 99, 99), fill="white")
    return encoded(photo)


@pytest.mark.usefixtures("pictures")
def test_dropped_and_fetched_pictures_show_their_labels(
    visit: Visit, system: System, source: Source, added: list[str]
) -> None:
    source.files["photo"] = photo_with_white_corner(system)
    labels = {"gallery-drop/blue.jpg": "Blue", "gallery-drop/red.JPE": "Red", "gallery-drop/green": "Green"}
    added += [*labels, "a face.jpg"]
    page = visit.open()
    drop(page, [(name, "", with_dog(colour.lower())) for name, colour in labels.items()])
    add_url(page, f"{source.address}/file/a%20face.jpg?photo")
    for name, label in (labels | {"a face.jpg": "Face"}).items():
        expect(state(page, name)).to_contain_text(label)
        expect(visit.tile(name).locator("img.loaded")).to_be_visible()  # the thumbnail

    upload(page, "a face.jpg").get_by_role("button", name="Open").click()
    dialog = page.get_by_role("dialog", name="a face.jpg")
    expect(dialog.get_by_text("local-")).to_be_visible()
    expect(dialog.get_by_role("link", name="a%20face.jpg")).to_be_visible()
    expect(dialog.get_by_text("thirdparty: delivered, 1 attempt")).to_be_visible()
    face = next(label for label in system.image("a face.jpg")["labels"] if label["name"] == "Face")
    row = dialog.get_by_role("button", name=re.compile("^Face"))
    expect(row).to_contain_text(f"{face['confidence']:.1f}%")
    expect(row).to_contain_text("Head \N{SINGLE RIGHT-POINTING ANGLE QUOTATION MARK} Person")
    expect_box_at(dialog, "Face", face["instances"][0]["box"])
    expect_highlights(dialog)


def expect_box_at(dialog: Locator, label: str, expected: dict[str, float]) -> None:
    """Expect a label's box at the position that Rekognition reported."""
    picture = dialog.locator(".frame img").bounding_box()
    drawn = dialog.locator(f".box[data-label={label}]").bounding_box()
    assert picture
    assert drawn
    assert drawn["x"] - picture["x"] == pytest.approx(expected["left"] * picture["width"], abs=2)
    assert drawn["y"] - picture["y"] == pytest.approx(expected["top"] * picture["height"], abs=2)
    assert drawn["width"] == pytest.approx(expected["width"] * picture["width"], abs=2)


def expect_highlights(dialog: Locator) -> None:
    """Expect that pointing at a label, or focusing it, highlights its boxes."""
    face, dog = dialog.locator(".box[data-label=Face]"), dialog.locator(".box[data-label=Dog]")
    dialog.get_by_role("button", name=re.compile("^Face")).hover()
    expect(face).to_have_class("box highlighted")
    expect(dog).to_have_class(re.compile(r"\bdimmed\b"))
    dialog.page.mouse.move(0, 0)
    expect(face).to_have_class("box")
    dialog.get_by_role("button", name=re.compile("^Dog")).focus()
    expect(face).to_have_class("box dimmed")


def test_the_page_adds_pasted_urls_and_pictures(visit: Visit, system: System, added: list[str]) -> None:
    added.append("astronaut.jpg")
    page = visit.open()
    page.evaluate(
        """text => {
          const data = new DataTransfer();
          data.setData("text/plain", text);
          document.body.dispatchEvent(new ClipboardEvent("paste", { clipboardData: data, bubbles: true }));
        }""",
        f"{system.endpoints.photos}astronaut.jpg",
    )
    expect(state(page, "astronaut.jpg")).to_contain_text("Face")

    # The clipboard gives all pictures the same name.
    page.evaluate(
        "data => document.body.dispatchEvent(new ClipboardEvent('paste', { clipboardData: data, bubbles: true }))",
        transfer(page, [("image.png", "image/png", plain("blue"))]),
    )
    pasted = page.locator(".upload").filter(has_text="pasted-")
    expect(pasted.locator(".upload-state")).to_have_text("Blue")
    added.append(pasted.locator(".upload-name .visually-hidden").inner_text())


def test_the_page_does_not_add_its_own_links_and_pictures(visit: Visit, pictures: dict[str, bytes]) -> None:
    page = visit.open()
    page.drag_and_drop(".label-cloud a >> nth=0", "header")
    visit.tile(next(iter(pictures))).locator(".tile").click()
    expect(page.get_by_role("dialog")).to_be_visible()
    drop(page, [("notes.txt", "text/plain", b"no picture")])
    expect(page.get_by_role("dialog")).to_have_count(0)  # the dialog would hide the list of uploads
    expect(page.locator(".upload")).to_have_count(1)
    expect(upload(page, "notes.txt")).to_contain_text("the file is not a picture of the formats JPEG")


def test_the_page_sends_four_files_at_a_time_and_cancels_uploads(
    visit: Visit, system: System, added: list[str]
) -> None:
    names = [f"gallery-file-{number}.jpg" for number in range(6)]
    added += names
    files: list[FilePayload] = [{"name": name, "mimeType": JPEG, "buffer": plain("blue")} for name in names]
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    page = visit.open()
    hold_timers(page, STALL_MS)
    page.route(re.compile(re.escape(system.endpoints.bucket)), hold)
    page.get_by_role("button", name="Add pictures").click()
    page.locator("input[type=file]").set_input_files(files)
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(page.get_by_role("heading", name="Adding 6 pictures")).to_be_visible()
    expect(page.get_by_role("progressbar")).to_have_count(4)
    expect(page.locator(".upload.waiting")).to_have_count(2)
    wait_for_routes(page, lambda: len(held) == 4)
    expect_question_before_closing(visit)

    # The visitor can cancel an upload that is being sent, and one that waits.
    for name in (names[0], names[5]):
        page.get_by_role("button", name=f"Cancel the upload of {name}").click()
    expect(page.locator(".upload")).to_have_count(4)
    expect(page.get_by_role("progressbar")).to_have_count(4)
    wait_for_routes(page, lambda: len(held) == 5)

    # An upload without progress ends, and the next one starts.
    end_timers(page)
    for name in names[1:5]:
        expect(upload(page, name)).to_contain_text("made no progress")
    page.unroute_all()
    for name in names[1:5]:
        upload(page, name).get_by_role("button", name="Try again").click()
    for name in names[1:5]:
        expect(state(page, name)).to_have_text("Blue")
    assert not {names[0], names[5]} & system.stored()


def expect_question_before_closing(visit: Visit) -> None:
    """Expect the browser to ask before the page closes, and stay on the page."""
    with visit.page.expect_event("dialog") as question:
        visit.page.close(run_before_unload=True)
    assert question.value.type == "beforeunload"
    question.value.dismiss()
    visit.complaints.clear()


def test_the_page_does_not_wait_for_pictures_that_are_stored_already(
    visit: Visit, source: Source, added: list[str]
) -> None:
    name = "gallery-same.jpg"
    added.append(name)
    page = visit.open()
    states = page.locator(".upload .upload-state")
    for number, colour in enumerate(("blue", "red"), 1):
        source.files["same"] = plain(colour)
        add_url(page, f"{source.address}/file/{name}?same")
        expect(states).to_have_count(number)
        expect(states.first).to_contain_text("Blue" if colour == "blue" else "Another picture has this name")
    source.files["same"] = plain("blue")
    page.get_by_role("button", name="Replace", exact=True).click()
    expect(states.first).to_have_text("Already stored. Blue")

    # The MD5 of a file shows it before the file is sent.
    with page.expect_request(UPLOADS) as asked:
        drop(page, [(name, JPEG, source.files["same"])])
    md5 = hashlib.md5(source.files["same"], usedforsecurity=False).hexdigest()
    assert f'"md5":"{md5}"' in (asked.value.post_data or "")
    expect(states).to_have_count(3)
    expect(states.first).to_have_text("Already stored. Blue")


def test_many_uploads_together_ask_at_most_four_times_a_second(visit: Visit) -> None:
    """The test simulates the upload forms, and the service never recognises the pictures."""

    def answer_check(route: Route) -> None:
        route.fulfill(status=404, json={"error": {"code": "ImageNotFound", "message": "not yet"}})

    page = visit.page
    page.add_init_script(NOTE_CHECKS)
    visit.open()
    page.route(
        UPLOADS,
        lambda route: route.fulfill(
            headers={"access-control-allow-origin": "*"},
            json={"url": f"{visit.address}/played", "fields": {}, "max_bytes": 10_000, "request_id": "played"},
        ),
    )
    page.route(re.compile("/played$"), lambda route: route.fulfill(status=204))
    page.route(re.compile(r"/images\?name="), answer_check)
    drop(page, [(f"gallery-turn-{number}.jpg", JPEG, 1000) for number in range(20)])
    expect(page.locator(".upload.recognizing")).to_have_count(20)
    checks = wait_for(lambda: len(found := page.evaluate("checks")) > 12 and found)
    assert min(later - earlier for earlier, later in itertools.pairwise(checks)) > 0.95 * SPACING_MS


@pytest.mark.usefixtures("pictures")
def test_a_failed_upload_says_why_and_can_be_repeated(visit: Visit, system: System, added: list[str]) -> None:
    name = "gallery/red.jpg"
    added += ["gallery/red (2).jpg", "gallery-broken.jpg"]
    page = visit.open()
    drop(
        page,
        [
            ("notes.txt", "text/plain", b"no picture"),
            ("IMG_0001.MOV", "video/quicktime", b"\0\0\0\x18ftypqt  "),
            ("._cat.jpg", JPEG, b"\0\5\x16\7"),
            ("gallery-large.jpg", JPEG, 15 * 1024 * 1024 + 1),
            ("gallery-broken.jpg", JPEG, b"\xff\xd8\xff and no more"),
            (name, JPEG, plain("blue")),
        ],
    )
    expect(upload(page, "notes.txt")).to_contain_text("the file is not a picture of the formats JPEG")
    expect(upload(page, "IMG_0001.MOV")).to_contain_text("the file is a video")
    expect(upload(page, "._cat.jpg")).to_contain_text("macOS wrote this file")
    expect(upload(page, "gallery-large.jpg")).to_contain_text("The limit is 15.7 MB")
    expect(upload(page, "gallery-broken.jpg")).to_contain_text("Failed: ")
    assert "gallery-large.jpg" not in system.stored()
    expect(page.get_by_role("button", name="Try again")).to_have_count(0)  # the same file would fail again

    expect(upload(page, name)).to_contain_text("Another picture has this name")
    expect(page.get_by_label("Another name")).to_have_value("gallery/red (2).jpg")
    page.get_by_role("button", name="Use this name").click()
    expect(state(page, "gallery/red (2).jpg")).to_have_text("Blue")

    # After a lost connection, the visitor can try again.
    page.route(UPLOADS, lambda route: route.abort())
    drop(page, [("gallery-again.jpg", JPEG, plain("blue"))])
    added.append("gallery-again.jpg")
    expect(upload(page, "gallery-again.jpg")).to_contain_text("cannot be reached")
    page.unroute(UPLOADS)
    upload(page, "gallery-again.jpg").get_by_role("button", name="Try again").click()
    expect(state(page, "gallery-again.jpg")).to_have_text("Blue")


def test_a_name_with_markup_is_text(visit: Visit, added: list[str]) -> None:
    added.append(HOSTILE)
    page = visit.open()
    drop(page, [(HOSTILE, JPEG, plain("blue"))])
    expect(state(page, HOSTILE)).to_have_text("Blue")
    visit.tile(HOSTILE).locator("a.tile").click()  # the tile of the listed picture
    expect(page.get_by_role("dialog").get_by_role("heading")).to_have_text(HOSTILE)
    expect(page.locator(".frame img")).to_be_visible()
    assert page.locator("img[src=x], [onerror]").count() == 0
