"""The gallery asks what to do with a file that has the name of another picture."""

import re

from playwright.sync_api import Page, Route, expect

from tests.e2e.conftest import System
from tests.e2e.gallery.samples import content_of, plain, store
from tests.e2e.gallery.test_gallery_deletions import UNDO_MS
from tests.e2e.gallery.visit import JPEG, Visit, drop, end_timers, hold_timers, state

MAX_PARALLEL = 4


def numbered(name: str) -> str:
    return name.replace(".jpg", " (2).jpg")


def choose_by_keys(page: Page, choice: str) -> None:
    """Choose once for all files with the keyboard, and expect the focus to stay in the panel."""
    button = page.get_by_role("group", name="the names of other pictures").get_by_role("button", name=choice)
    button.press("Enter")
    expect(button).to_have_count(0)
    expect(page.locator(".uploads :focus")).to_have_count(1)


def test_the_second_file_of_a_name_may_replace_the_first(visit: Visit, system: System, added: list[str]) -> None:
    name = "gallery-twice.jpg"
    added.append(name)
    page = visit.open()
    drop(page, [(name, JPEG, plain(colour)) for colour in ("blue", "red")])
    taken = page.locator(".upload").filter(has_text="Another picture has this name")
    expect(taken).to_have_count(1)
    first = page.locator(".upload.done .upload-state")
    expect(first).to_have_text(re.compile("^(Red|Blue)$"))
    other = {"Red": "Blue", "Blue": "Red"}[first.inner_text()]

    # "Clear finished" keeps an upload that waits for a choice.
    page.get_by_role("button", name="Clear finished").click()
    expect(page.locator(".upload")).to_have_count(1)

    # Replacing a picture undoes its deletion, which would delete the new picture.
    deletions = []
    page.on("request", lambda request: deletions.append(request.url) if request.method == "DELETE" else None)
    hold_timers(page, UNDO_MS)
    visit.tile(name).hover()
    page.get_by_role("button", name=f"Delete {name}").click()
    expect(page.locator(".toast")).to_have_count(1)
    page.get_by_role("button", name="Replace", exact=True).click()
    expect(page.locator(".toast")).to_have_count(0)
    expect(state(page, name)).to_have_text(other)
    end_timers(page)
    expect(visit.tile(name)).to_contain_text(other)
    assert deletions == []
    assert name in system.stored()


def test_one_choice_holds_for_all_files_with_taken_names(visit: Visit, system: System, added: list[str]) -> None:
    names = [f"gallery-taken-{number}.jpg" for number in range(MAX_PARALLEL + 1)]
    added += [*names, *map(numbered, names)]
    store(system, dict.fromkeys(names, plain("blue")))
    new = plain("green")
    page = visit.open()
    states = page.locator(".upload .upload-state")

    def drop_and_choose(choice: str, outcome: str) -> None:
        drop(page, [(name, JPEG, new) for name in names])
        choose_by_keys(page, choice)
        expect(states).to_have_text([outcome] * len(names))
        page.get_by_role("button", name="Clear finished").click()
        expect(page.locator(".upload")).to_have_count(0)

    drop_and_choose("Skip all", "Skipped: another picture has this name.")
    assert {content_of(system, name) for name in names} == {plain("blue")}
    drop_and_choose("Keep both", "Green")
    assert {content_of(system, name) for name in names} == {plain("blue")}
    assert {content_of(system, numbered(name)) for name in names} == {new}
    drop_and_choose("Replace all", "Green")
    assert {content_of(system, name) for name in names} == {new}


def test_two_files_of_one_name_do_not_replace_each_other(visit: Visit, system: System, added: list[str]) -> None:
    name = "gallery-replaced-once.jpg"
    added += [name, numbered(name)]
    store(system, {name: plain("blue")})
    contents = {plain("red"), plain("green")}
    page = visit.open()
    drop(page, [(name, JPEG, content) for content in contents])
    choose_by_keys(page, "Replace all")
    expect(page.locator(".upload.done")).to_have_count(2)
    assert {content_of(system, name), content_of(system, numbered(name))} == contents


def test_a_choice_also_holds_for_files_that_are_sent_later(visit: Visit, system: System, added: list[str]) -> None:
    names = [f"gallery-later-{number}.jpg" for number in range(MAX_PARALLEL + 2)]
    added += names
    store(system, dict.fromkeys(names, plain("blue")))
    page = visit.open()
    held: list[Route] = []
    passing = 2  # the service has answered for two files when the visitor chooses

    def hold(route: Route) -> None:
        nonlocal passing
        passing -= 1
        if passing < 0:
            held.append(route)
        else:
            route.continue_()

    page.route(re.compile("/uploads$"), hold)
    drop(page, [(name, JPEG, plain("red")) for name in names])
    choose_by_keys(page, "Skip all")
    passing = len(names)
    for route in held:
        route.continue_()
    expect(page.locator(".upload.skipped")).to_have_count(len(names))
