"""Starts the browser, and takes screenshots of the gallery."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

TIMEOUT_MS = 60_000
"""Much more than the page takes, because the machine may be busy."""

expect.set_options(timeout=TIMEOUT_MS)

ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

DEVICES: dict[str, dict[str, Any]] = {
    "desktop": {"viewport": {"width": 1280, "height": 800}},
    "phone": {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True},
}


@contextmanager
def running_chromium() -> Iterator[Browser]:
    """Run a browser until the block ends. Without Chromium, skip the test, or fail in CI."""
    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if chromium is None:
        reason = "no Chromium is installed: apt-get install chromium"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        yield running
        running.close()


def screenshot_folder(otherwise: Path) -> Path:
    """Return the folder for screenshots: docs/ in `make gallery-screenshots`."""
    return Path(os.environ.get("SIGHTLINE_SCREENSHOTS") or otherwise)


def take_screenshot(page: Page, path: Path) -> None:
    """Store what the page shows as JPEG."""
    path.parent.mkdir(exist_ok=True)
    page.screenshot(path=path, type="jpeg", quality=85, animations="disabled")
    assert 10_000 < path.stat().st_size < 400_000
