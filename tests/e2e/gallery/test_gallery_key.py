"""The gallery asks for the API key once, keeps it where the visitor wants it, and forgets a refused one."""

import re

from playwright.sync_api import Page, Route, expect

from tests.e2e.conftest import System
from tests.e2e.gallery.samples import plain
from tests.e2e.gallery.visit import JPEG, Visit, drop, expect_open, state

KEPT = "localStorage.getItem('sightline.api-key')"
KEEP_OLD_KEY = "setItem('sightline.api-key', 'of yesterday')"


def enter_key(page: Page, key: str, *, keep: bool) -> None:
    page.get_by_label("API key").fill(key)
    if keep:
        page.get_by_label("Keep the key on this device").check()
    page.get_by_role("button", name="Open the gallery").click()
    expect_open(page)


def test_the_page_asks_for_the_key_once_and_reports_a_wrong_one(stranger: Visit, system: System) -> None:
    page = stranger.page
    page.goto(stranger.address)
    field = page.get_by_label("API key")
    expect(field).to_be_focused()
    field.fill("wrong")
    field.press("Enter")
    expect(page.get_by_role("alert")).to_have_text("This key is not valid.")
    field.fill(system.endpoints.api_key)
    field.press("Enter")
    expect_open(page)
    page.reload()
    expect_open(page)
    assert page.evaluate("[...Object.values(localStorage), document.cookie].join('')") == ""

    # When a key becomes invalid, the next call asks for another.
    page.evaluate(f"sessionStorage.{KEEP_OLD_KEY}")
    page.reload()
    expect(page.get_by_role("alert")).to_contain_text("no longer valid")

    # An invisible character makes the key wrong.
    field.fill(f"{system.endpoints.api_key}\N{ZERO WIDTH SPACE}")
    field.press("Enter")
    expect(page.get_by_role("alert")).to_have_text("This key is not valid.")


def test_the_device_keeps_the_key_until_the_visitor_signs_out(stranger: Visit, system: System) -> None:
    page = stranger.page
    page.goto(stranger.address)
    expect(page.get_by_label("Keep the key on this device")).not_to_be_checked()
    enter_key(page, system.endpoints.api_key, keep=True)
    other = stranger.open("?label=dog", stranger.new_tab())  # another tab asks for no key
    stranger.open("?label=dog")
    page.get_by_role("button", name="Sign out").click()
    for tab in (page, other):
        expect(tab.get_by_label("API key")).to_be_visible()
        assert tab.evaluate(f"{KEPT} ?? sessionStorage.getItem('sightline.api-key')") is None
    page.go_back()
    expect(page.get_by_label("API key")).to_be_visible()


def test_the_device_forgets_a_refused_key(stranger: Visit, system: System) -> None:
    page = stranger.page
    page.goto(stranger.address)
    expect(page.get_by_label("API key")).to_be_visible()
    page.evaluate(f"localStorage.{KEEP_OLD_KEY}")
    page.reload()
    expect(page.get_by_role("alert")).to_contain_text("no longer valid")
    assert page.evaluate(KEPT) is None

    # A newer key, which another tab has kept since, stays.
    page.evaluate(f"sessionStorage.{KEEP_OLD_KEY}")
    page.evaluate(f"localStorage.setItem('sightline.api-key', '{system.endpoints.api_key}')")
    page.reload()
    expect(page.get_by_role("alert")).to_contain_text("no longer valid")
    assert page.evaluate(KEPT) == system.endpoints.api_key


def test_the_key_form_shows_the_command_that_prints_the_key(stranger: Visit) -> None:
    page = stranger.page
    stranger.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.goto(stranger.address)
    page.get_by_role("button", name="Copy .venv/bin/sightline key").click()
    expect(page.get_by_text("Copied", exact=True)).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == ".venv/bin/sightline key"


def test_without_keys_the_page_asks_for_none(stranger: Visit, system: System) -> None:
    """The test simulates `auth=none`."""
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


def test_a_refused_key_stops_uploads_until_the_visitor_enters_another(
    visit: Visit, system: System, added: list[str]
) -> None:
    name = "gallery-key.jpg"
    added.append(name)
    page = visit.open()
    refusal = {"error": {"code": "Forbidden", "message": "the key is missing or wrong"}}
    readable = {"Access-Control-Allow-Origin": "*"}
    page.route(re.compile("/uploads$"), lambda r: r.fulfill(status=403, json=refusal, headers=readable), times=1)
    drop(page, [(name, JPEG, plain("blue"))])
    expect(page.get_by_role("alert")).to_contain_text("no longer valid")
    enter_key(page, system.endpoints.api_key, keep=False)
    expect(state(page, name)).to_have_text("Blue")
