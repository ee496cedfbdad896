"""The gallery searches by labels, and keeps the search in the address."""

import re
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.gallery.visit import Visit, expect_query

pytestmark = pytest.mark.usefixtures("pictures")


def choose_label(page: Page, text: str, label: str) -> None:
    """Type the beginning of a label, and choose the label from the list with the keyboard."""
    field = page.get_by_role("combobox", name="Search for labels")
    field.press_sequentially(text)
    expect(page.get_by_role("option", name=label)).to_be_visible()
    for _ in range(page.get_by_role("option").count()):
        field.press("ArrowDown")
        active = page.locator(f"#{field.get_attribute('aria-activedescendant')}")
        if active.locator("span").inner_text() == label:
            break
    expect(active).to_have_attribute("aria-selected", "true")
    field.press("Enter")


def test_enter_accepts_the_suggestion(visit: Visit) -> None:
    page = visit.open()
    field = page.get_by_role("combobox", name="Search for labels")
    field.press_sequentially("gre")
    option = page.get_by_role("option", name="Green")
    expect(option).to_have_attribute("aria-selected", "true")
    expect(field).to_have_attribute("aria-activedescendant", str(option.get_attribute("id")))

    # Input methods use Enter too.
    field.dispatch_event("keydown", {"key": "Enter", "isComposing": True})
    expect(field).to_have_value("gre")
    field.press("Enter")
    visit.expect_found(page, label="green")
    expect_query(page, "label=Green")

    # Enter works before the suggestions arrive.
    page.keyboard.type("do")
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Remove Dog from the search")).to_be_visible()
    expect_query(page, "label=Green&label=Dog")


def test_an_unknown_label_leads_to_similar_labels(visit: Visit) -> None:
    page = visit.open()
    field = page.get_by_role("combobox", name="Search for labels")
    field.press_sequentially("grene")
    expect(page.get_by_text("Nothing begins with “grene”")).to_be_visible()
    field.press("Enter")
    expect(page.get_by_role("main").get_by_text("No picture has the label “grene”.")).to_be_visible()
    expect_query(page, "label=grene")
    page.get_by_role("button", name="Green", exact=True).click()
    visit.expect_found(page, label="green")

    # After Escape, Enter searches for the typed text.
    field.press_sequentially("re")
    expect(page.get_by_role("option", name="Red")).to_be_visible()
    field.press("Escape")
    field.press("Enter")
    expect(page.get_by_role("button", name="Remove re from the search", exact=True)).to_be_visible()


def test_the_address_holds_the_search(visit: Visit) -> None:
    page = visit.open()
    choose_label(page, "gre", "Green")
    visit.expect_found(page, label="green")
    choose_label(page, "do", "Dog")
    both = visit.expect_found(page, label=["green", "dog"])
    assert "gallery/green dog.jpg" in both
    assert "gallery/red dog.jpg" not in both
    expect_query(page, "label=Green&label=Dog")

    page.get_by_role("radio", name="Any of the labels").check(force=True)
    either = visit.expect_found(page, label=["green", "dog"], match="any")
    assert {"gallery/green.jpg", "gallery/red dog.jpg"} <= set(either)

    page.get_by_role("combobox", name="Exclude").fill("red")
    page.get_by_role("combobox", name="Exclude").press("Enter")
    assert "gallery/red dog.jpg" not in visit.expect_found(page, label=["green", "dog"], match="any", exclude="red")

    # A reload, another tab and the Back button keep the search.
    page.reload()
    visit.expect_found(page, label=["green", "dog"], match="any", exclude="red")
    other = visit.open(f"?{urlsplit(page.url).query}", visit.new_tab())
    visit.expect_found(other, label=["green", "dog"], match="any", exclude="red")
    page.go_back()
    visit.expect_found(page, label=["green", "dog"], match="any")
    page.go_back()
    visit.expect_found(page, label=["green", "dog"])
    expect(page.get_by_role("radio", name="All of the labels")).to_be_checked()
    page.get_by_role("button", name="Remove Green from the search").click()
    visit.expect_found(page, label="dog")


def test_the_slider_sets_the_minimum_confidence(visit: Visit) -> None:
    page = visit.open("?label=Green")
    assert "gallery/green.jpg" in visit.expect_found(page, label="green")
    slider = page.get_by_role("slider", name="Confidence")
    slider.fill("90")
    sure = visit.expect_found(page, label="green", min_confidence=90)
    assert "gallery/green dog.jpg" in sure
    assert "gallery/green.jpg" not in sure
    expect_query(page, "label=Green&min_confidence=90")
    page.go_back()
    assert "gallery/green.jpg" in visit.expect_found(page, label="green")
    expect(slider).to_have_value("0")


def test_a_frequent_label_starts_a_search(visit: Visit) -> None:
    page = visit.open()
    page.get_by_role("navigation").get_by_role("link", name=re.compile(r"^Dog, \d+ pictures?$")).click()
    visit.expect_found(page, label="dog")
    page.get_by_role("link", name="Sightline, all pictures").click()
    expect(page.get_by_role("navigation")).to_be_visible()
