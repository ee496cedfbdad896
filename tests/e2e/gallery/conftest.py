"""Fixtures for the gallery's tests: one browser, a visitor per test, and pictures with known labels."""

from collections.abc import Generator, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser

from local import photos
from tests.e2e.conftest import System, wait_for
from tests.e2e.gallery.chromium import TIMEOUT_MS, running_chromium
from tests.e2e.gallery.samples import SHARED, remove, search, store
from tests.e2e.gallery.visit import Visit


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Function) -> Generator[None, Any, Any]:
    """Show the page with a failed test."""
    report = yield
    visit = getattr(item, "funcargs", {}).get("stranger")
    if report.failed and report.when == "call" and visit:
        report.sections.append(("page", visit.describe()))
    return report


@pytest.fixture(scope="package")
def browser(system: System) -> Iterator[Browser]:
    remove(system, photos.SAMPLES)  # the photos of other tests would be old pictures
    wait_for(system.is_idle, 120)
    with running_chromium() as running:
        yield running


@pytest.fixture
def stranger(browser: Browser, system: System) -> Iterator[Visit]:
    """A visitor without the key."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    context.set_default_timeout(TIMEOUT_MS)
    visit = Visit(context, system)
    yield visit
    for page in context.pages:
        page.unroute_all(behavior="ignoreErrors")  # a handler may still wait for an answer
    context.close()
    visit.expect_clean()


@pytest.fixture
def visit(stranger: Visit) -> Visit:
    """A visitor with the key."""
    stranger.give_key()
    return stranger


@pytest.fixture(scope="package")
def pictures(browser: Browser, system: System) -> Iterator[dict[str, bytes]]:
    """Stored pictures with known labels."""
    store(system, SHARED)
    for label in ("green", "red", "dog"):  # the page reads the results of a search only once
        named = {name for name in SHARED if label in name}
        wait_for(lambda: named <= {*search(system, label=label)})  # noqa: B023
    yield SHARED
    remove(system, SHARED)


@pytest.fixture
def added(system: System) -> Iterator[list[str]]:
    """Names of pictures that a test adds. The fixture deletes them after the test."""
    names: list[str] = []
    yield names
    remove(system, names)
