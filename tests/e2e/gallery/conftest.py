"""Fixtures for the gallery's tests: one browser, a visitor per test, and pictures with known labels."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from local import photos
from tests.e2e.conftest import System, wait_for
from tests.e2e.gallery.chromium import running_chromium
from tests.e2e.gallery.samples import SHARED, remove, search, store
from tests.e2e.gallery.visit import Visit

TIMEOUT_MS = 20_000
expect.set_options(timeout=TIMEOUT_MS)


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
    store(system, SHARED, seconds=90)  # the first calls start the functions
    wait_for(lambda: {"gallery/green dog.jpg", "gallery/red dog.jpg"} <= {*search(system, label="dog")})
    yield SHARED
    remove(system, SHARED)


@pytest.fixture
def added(system: System) -> Iterator[list[str]]:
    """Names of pictures that a test adds. The fixture deletes them after the test."""
    names: list[str] = []
    yield names
    remove(system, names)
