"""The gallery deletes a picture after five seconds, unless the visitor undoes the deletion."""

from playwright.sync_api import expect

from tests.e2e.conftest import System, wait_for
from tests.e2e.gallery.samples import plain, store
from tests.e2e.gallery.visit import Visit, end_timers, hold_timers

UNDO_MS = 5000


def test_a_deletion_waits_for_five_seconds_and_can_be_undone(visit: Visit, system: System, added: list[str]) -> None:
    kept, gone, left = names = [f"gallery-delete/{name}.jpg" for name in ("kept", "gone", "left")]
    added += names
    store(system, dict.fromkeys(names, plain("blue")))
    page = visit.open()
    hold_timers(page, UNDO_MS)
    visit.tile(kept).locator(".tile").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("button", name="Delete", exact=True).click()
    expect(dialog.get_by_role("heading")).not_to_have_text(kept)  # the next picture opens
    dialog.get_by_role("button", name=f"Undo the deletion of {kept}").click()
    page.keyboard.press("Escape")
    visit.tile(gone).hover()
    page.get_by_role("button", name=f"Delete {gone}").click()
    expect(visit.tile(gone)).to_have_count(0)
    expect(visit.tile(kept)).to_have_count(1)
    assert {kept, gone} <= system.stored()
    end_timers(page)
    wait_for(lambda: gone not in system.stored())
    wait_for(lambda: system.image(gone) is None)
    expect(page.locator(".toast")).to_have_count(0)

    # Leaving the page commits the deletion.
    visit.tile(left).hover()
    page.get_by_role("button", name=f"Delete {left}").click()
    page.close()
    wait_for(lambda: left not in system.stored())


def test_a_name_with_dots_for_folders_is_only_a_name(visit: Visit, system: System, added: list[str]) -> None:
    odd, similar = "gallery-way/../gallery-way.jpg", "gallery-way.jpg"
    added += [odd, similar]
    store(system, dict.fromkeys((odd, similar), plain("blue")))
    page = visit.open()
    hold_timers(page, UNDO_MS)
    visit.tile(odd).locator(".tile").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("heading")).to_have_text(odd)
    expect(dialog.locator(".status")).to_have_text("Recognised")
    page.keyboard.press("Delete")
    end_timers(page)
    wait_for(lambda: odd not in system.stored())
    assert similar in system.stored()

    page.goto("about:blank")
    visit.open("#a/../../labels")
    expect(page.get_by_role("alert")).to_contain_text("No picture has this name")
