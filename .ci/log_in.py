"""Logs in to the gallery as a person does: `log_in.py ADDRESS <key`. Prints the pictures' names, as JSON."""

import json
import shutil
import sys

from playwright.sync_api import expect, sync_playwright

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
SEEN = "image => image.complete && image.naturalWidth > 0"


def main(address: str, key: str) -> None:
    """Open the page, enter the key and wait until each picture in the window is loaded.

    Raises:
        SystemExit: no browser is installed.
    """
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        sys.exit(f"no browser is installed; install one of {', '.join(BROWSERS)}")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=browser, args=["--no-sandbox", "--disable-gpu"])
        page = chromium.new_page(viewport={"width": 1280, "height": 900})
        page.set_default_timeout(20_000)
        page.goto(address)
        page.locator("input[name=key]").fill(key)
        page.locator("form button[type=submit], form button:not([type])").click()
        expect(page.locator(".tile").first).to_be_visible(timeout=20_000)
        page.wait_for_function(f"[...document.querySelectorAll('.tile img')].every({SEEN})")
        names = [name.strip() for name in page.locator(".tile .name").all_text_contents()]
        chromium.close()
    print(json.dumps(names))


if __name__ == "__main__":
    main(sys.argv[1], sys.stdin.read().strip())
