"""The gallery scrolls smoothly: the work per frame does not depend on the number of pictures."""

import logging
import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlsplit

from playwright.sync_api import Page, Route, expect

from tests.e2e.conftest import wait_for
from tests.e2e.gallery.visit import Visit, wait_for_routes

MANY = 5000
LIST = re.compile(r"/\?limit=\d+&thumbnails=true(&next=\d+)?$")
FRAMES = 30
STEP = 150  # px per frame

SCROLL = """async ({ step, frames }) => {
  let [tiles, elements, changes] = [0, 0, 0];
  const count = (nodes) => [...nodes].reduce((sum, node) => sum + 1 + (node.querySelectorAll?.("*").length ?? 0), 0);
  const observer = new MutationObserver((records) => {
    for (const { addedNodes, removedNodes } of records) changes += count(addedNodes) + count(removedNodes);
  });
  observer.observe(document.body, { childList: true, subtree: true });
  for (let frame = 0; frame < frames; frame++) {
    scrollBy(0, step);
    await new Promise(requestAnimationFrame);
    tiles = Math.max(tiles, document.querySelectorAll(".grid li").length);
    elements = Math.max(elements, document.querySelectorAll("*").length);
  }
  observer.disconnect();
  return { tiles, elements, changes };
}"""


class LongList:
    """Answers list requests with invented pictures: a first page, and all others once `release` is called."""

    def __init__(self, count: int) -> None:
        self.count, self.is_released = count, False
        self.held: list[Route] = []

    def answer(self, route: Route) -> None:
        query = parse_qs(urlsplit(route.request.url).query)
        start, limit = int(query.get("next", ["0"])[0]), int(query["limit"][0])
        if start and not self.is_released:
            self.held.append(route)
            return
        end = self.count if start else limit
        more = {} if start else {"Link": f'<?limit={limit}&thumbnails=true&next={end}>; rel="next"'}
        route.fulfill(json=[self.entry(number) for number in range(start, end)], headers=more)

    def entry(self, number: int) -> dict[str, Any]:
        return {
            "image": f"invented/{number:04}.jpg",
            "labels": ["Dog", "Green"],
            "status": "RECOGNIZED",
            "failure": None,
            "uploaded_at": "2001-01-01T00:00:00.000Z",
        }

    def release(self) -> None:
        self.is_released = True
        for route in self.held:
            self.answer(route)


@dataclass(frozen=True)
class Work:
    """The work of scrolling. The counts do not depend on the load of the machine."""

    tiles: int
    elements: int
    changes_per_frame: float
    cpu_ms_per_frame: float


def scroll(page: Page) -> Work:
    """Scroll down and up again."""
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable", {"timeDomain": "threadTicks"})

    def cpu_seconds() -> float:
        metrics = session.send("Performance.getMetrics")["metrics"]
        return float(next(metric["value"] for metric in metrics if metric["name"] == "TaskDuration"))

    before = cpu_seconds()
    counts = [page.evaluate(SCROLL, {"step": sign * STEP, "frames": FRAMES}) for sign in (1, -1)]
    cpu = cpu_seconds() - before
    session.detach()
    return Work(
        tiles=max(count["tiles"] for count in counts),
        elements=max(count["elements"] for count in counts),
        changes_per_frame=sum(count["changes"] for count in counts) / (2 * FRAMES),
        cpu_ms_per_frame=1000 * cpu / (2 * FRAMES),
    )


def scroll_to(page: Page, part: float) -> None:
    """Scroll to a part of the page's height: 0 is the top, 1 the bottom."""
    page.evaluate("part => scrollTo(0, part * document.documentElement.scrollHeight)", part)


def test_thousands_of_pictures_scroll_as_smoothly_as_two_hundred(visit: Visit) -> None:
    page, pictures = visit.page, LongList(MANY)
    page.route(LIST, pictures.answer)
    visit.open()
    scroll(page)  # compiles the scripts
    few = scroll(page)

    first = page.locator("[aria-posinset='1']")
    scroll_to(page, 1)
    wait_for_routes(page, lambda: pictures.held)
    pictures.release()
    expect(first).to_have_attribute("aria-setsize", str(MANY))
    scroll_to(page, 1)
    expect(visit.tile(f"invented/{MANY - 1:04}.jpg")).to_be_visible()
    scroll_to(page, 0.5)
    many = scroll(page)
    logging.info("200 pictures: %s; %d pictures: %s", few, MANY, many)
    for work in (few, many):
        assert work.tiles < 100
        assert work.elements < 1500
    assert many.changes_per_frame < 1.5 * few.changes_per_frame
    # On a busy machine, single measurements are slow.
    wait_for(lambda: scroll(page).cpu_ms_per_frame < min(50, 2 * few.cpu_ms_per_frame))
    scroll_to(page, 0)
    expect(first).to_be_in_viewport()
