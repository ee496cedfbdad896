"""One visitor of the gallery, and the actions of a visitor that Playwright does not know."""

import base64
import re
from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import BrowserContext, Error, JSHandle, Locator, Page, Route, expect

from tests.e2e.conftest import System, wait_for
from tests.e2e.gallery.samples import search

NEWEST = re.compile(r"/\?limit=\d+&thumbnails=true$")
"""The request for the newest pictures."""

JPEG = "image/jpeg"
File = tuple[str, str, bytes | int]
"""Name, media type and content of a file. If the content is a number, the file has that number of zero bytes."""


class Visit:
    """A visitor's browser windows, with their requests and complaints."""

    def __init__(self, context: BrowserContext, system: System) -> None:
        self.context, self.system = context, system
        self.address = system.endpoints.gallery
        self.requests: list[str] = []
        self.complaints: list[str] = []
        self.page = self.new_tab()

    def new_tab(self) -> Page:
        page = self.context.new_page()
        page.on("request", lambda request: self.requests.append(request.url))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("dialog", lambda dialog: self.complaints.append(f"a dialog: {dialog.message}"))
        page.on("console", lambda message: self._check_console(message.text))
        return page

    def _check_console(self, text: str) -> None:
        if "Content Security Policy" in text or self.system.endpoints.api_key in text:
            self.complaints.append(text)

    def give_key(self) -> None:
        """Store the API key in each tab before the page loads."""
        keep = f"sessionStorage.setItem('sightline.api-key', '{self.system.endpoints.api_key}')"
        self.context.add_init_script(f"if (location.protocol !== 'about:') {keep}")

    def open(self, rest: str = "", page: Page | None = None) -> Page:
        """Open the page with a query or a fragment, and wait for the pictures."""
        page = page or self.page
        page.goto(self.address + rest)
        expect_open(page)
        return page

    def tile(self, name: str) -> Locator:
        """Return a picture's place in the grid."""
        return self.page.locator(".grid li").filter(has=self.page.get_by_text(name, exact=True))

    def names(self, page: Page | None = None) -> list[str]:
        """Return the names in the rendered part of the grid, in order."""
        names: list[str] = (
            (page or self.page)
            .locator(".grid li")
            .evaluate_all(
                "tiles => tiles.sort((a, b) => a.dataset.index - b.dataset.index)"
                ".map(tile => tile.querySelector('.name .visually-hidden').textContent)"
            )
        )
        return names

    def expect_found(self, page: Page, **query: Any) -> list[str]:
        """Wait until the page shows the pictures that the service finds. Returns all names that the service finds."""

        def look() -> list[str]:
            found = search(self.system, **query)
            shown = self.names(page)
            return found if shown and shown == found[: len(shown)] else []

        names: list[str] = wait_for(look)
        return names

    def describe(self) -> str:
        """Return what the page shows, for the report of a failed test."""
        try:
            return f"{self.page.url}\n{self.page.locator('body').inner_text(timeout=5000)}\n{self.complaints}"
        except Error as error:
            return f"the page does not answer: {error.message}"

    def expect_clean(self) -> None:
        """Expect requests to the embedded cloud only, no violation of the page's policy, no error, no key in a URL."""
        endpoints = self.system.endpoints
        origins = {origin(url) for url in (endpoints.gallery, endpoints.upload, endpoints.deliveries, endpoints.aws)}
        assert len(origins) > 1  # the page has to call other origins
        asked = {url for url in self.requests if not url.startswith("blob:")}
        assert {origin(url) for url in asked} <= origins
        assert not [url for url in asked if endpoints.api_key in url]
        assert self.complaints == []


def origin(url: str) -> str:
    return "://".join(urlsplit(url)[:2])


def expect_open(page: Page) -> None:
    """Wait until the page shows pictures, or says that there are none."""
    expect(page.locator(".tile, .empty").first).to_be_visible()


def transfer(page: Page, files: Sequence[File]) -> JSHandle:
    """Return files in the form in which browsers drag and paste them."""
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


def drop(page: Page, files: Sequence[File]) -> None:
    """Drag files over the page, and drop them."""
    data = transfer(page, files)
    page.dispatch_event("body", "dragover", {"dataTransfer": data})
    expect(page.locator(".drop-zone")).to_be_visible()
    page.dispatch_event("body", "drop", {"dataTransfer": data})
    expect(page.locator(".drop-zone")).to_have_count(0)


def add_url(page: Page, url: str) -> None:
    """Add a picture by its URL."""
    page.get_by_role("button", name="Add pictures").click()
    page.get_by_label("URL of a picture").fill(url)
    page.get_by_role("button", name="Add", exact=True).click()


def upload(page: Page, name: str) -> Locator:
    """Return an upload's row in the list of uploads."""
    return page.locator(".upload").filter(has=page.get_by_text(name, exact=True))


def state(page: Page, name: str) -> Locator:
    """Return the state of an upload."""
    return upload(page, name).locator(".upload-state")


def refresh(page: Page) -> None:
    """Make the page look for new pictures, as it does when it becomes visible."""
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")


def settle(page: Page) -> None:
    """Wait until the page has rendered everything that it received."""
    page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")


HOLD_TIMERS = """milliseconds => {
  const [start, stop, held] = [setTimeout, clearTimeout, new Map()];
  window.setTimeout = (run, pause, ...rest) => {
    const id = start(pause === milliseconds ? () => {} : run, pause, ...rest);
    if (pause === milliseconds) held.set(id, run);
    return id;
  };
  window.clearTimeout = (id) => {
    held.delete(id);
    stop(id);
  };
  window.endTimers = () => {
    const due = [...held.values()];
    held.clear();
    for (const run of due) run();
  };
}"""


def hold_timers(page: Page, milliseconds: int) -> None:
    """Let the page's timers of this duration end only by `end_timers`, so that a slow machine has the time too."""
    page.evaluate(HOLD_TIMERS, milliseconds)


def end_timers(page: Page) -> None:
    page.evaluate("endTimers()")


def expect_query(page: Page, query: str) -> None:
    """Wait until the page's address has this query."""
    expect(page).to_have_url(re.compile(rf"\?{re.escape(query)}(#|$)"))


def wait_for_routes(page: Page, look: Callable[[], Any]) -> Any:
    """Wait for a condition that route handlers change: they run only during calls to Playwright."""

    def looked() -> Any:
        page.evaluate("1")
        return look()

    return wait_for(looked)


def without_thumbnails(route: Route) -> None:
    """Answer a list request as if no thumbnail existed yet."""
    entries = route.fetch().json()
    route.fulfill(json=[{m: value for m, value in entry.items() if m != "thumbnail_url"} for entry in entries])
