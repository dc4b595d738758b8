"""Usage in a browser: periods, filters, chart, table, files."""

import csv
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from accounts.models import User
from tests.browser.usage_data import weeks_of_use
from tests.browser.visit import Visit
from usage.models import CostCentre

pytestmark = pytest.mark.browser

EVERYONE = "/usage/everyone/"


@pytest.fixture
def everyone(visit: Visit, staff: User, intern: User, admin: User) -> Page:
    """Open Everyone as an admin, with weeks of use behind it."""
    weeks_of_use(staff, intern)
    CostCentre.objects.create(code="4711-A")
    return visit(EVERYONE, user=admin)


def people(page: Page) -> list[str]:
    """Return the names in the table of people, in their order."""
    return page.get_by_role("region", name="People, table").locator("tbody th").all_inner_texts()


def test_periods_are_in_the_url(everyone: Page) -> None:
    everyone.get_by_role("link", name="7 days", exact=True).click()

    everyone.wait_for_url("**/usage/everyone/?period=7d")
    expect(everyone.get_by_role("link", name="7 days", exact=True)).to_have_attribute("aria-current", "true")
    assert everyone.locator("#usage-days tbody tr").count() == 7
    assert everyone.locator(".ps-plot g").count() == 7

    everyone.go_back()
    expect(everyone.get_by_role("link", name="30 days", exact=True)).to_have_attribute("aria-current", "true")


def test_filters_apply_and_are_in_the_url(everyone: Page) -> None:
    assert "Intern A" in people(everyone)
    everyone.get_by_label("Model", exact=True).select_option("claude-3-haiku")
    everyone.get_by_label("Person", exact=True).fill("staff")
    everyone.get_by_role("button", name="Apply").click()

    everyone.wait_for_url("**person=staff**")
    assert "model=claude-3-haiku" in everyone.url
    expect(everyone.locator("#usage-legend a")).to_have_text(["claude-3-haiku"])
    assert people(everyone) == ["Staff B"]

    everyone.reload()
    assert people(everyone) == ["Staff B"]
    everyone.get_by_label("Cost centre", exact=True).select_option("4711-A")
    everyone.get_by_role("button", name="Apply").click()
    expect(everyone.get_by_role("link", name="Remove the filter on Cost centre: 4711-A")).to_be_visible()
    assert "cost_centre=4711-A" in everyone.url
    everyone.go_back()
    expect(everyone.get_by_label("Cost centre", exact=True)).to_have_value("")
    assert people(everyone) == ["Staff B"]


def test_names_are_suggested_while_typing(everyone: Page) -> None:
    everyone.get_by_label("Person", exact=True).press_sequentially("inte")

    expect(everyone.locator("#usage-people option[value=intern]")).to_have_count(1)


def test_a_person_in_the_table_filters_the_page(everyone: Page) -> None:
    everyone.get_by_role("region", name="People, table").get_by_role("link", name="Intern A", exact=True).click()

    everyone.wait_for_url("**person=intern**")
    assert people(everyone) == ["Intern A"]


def test_a_click_narrows_and_back_works(everyone: Page) -> None:
    first, second = everyone.locator("#usage-legend a").all_inner_texts()[:2]
    everyone.locator(".ps-plot [data-part='0']").last.click()
    expect(everyone.locator(".ps-chip")).to_contain_text(first)

    everyone.go_back()
    expect(everyone.locator(".ps-chip")).to_have_count(0)
    everyone.locator("#usage-parts tbody a").first.click()
    expect(everyone.locator(".ps-chip")).to_contain_text(first)

    everyone.goto(f"{everyone.url}|{second}")
    expect(everyone.locator(".ps-chip")).to_have_count(2)
    for name in (first, second):
        everyone.get_by_role("link", name=f"Remove the filter on Model: {name}").click()
        expect(everyone.locator(".ps-chip", has_text=name)).to_have_count(0)
    everyone.wait_for_url(lambda url: "model" not in url)
    everyone.get_by_label("Split by").select_option("person")
    everyone.wait_for_url("**split=person**")
    everyone.locator("#usage-legend a").first.click()
    expect(everyone.locator(".ps-chip")).to_have_count(1)
    assert "split=person" in everyone.url


def test_shift_click_selects_several_parts_of_the_chart(everyone: Page) -> None:
    first, second = everyone.locator("#usage-legend a").all_inner_texts()[:2]
    everyone.locator(".ps-plot [data-part='0']").last.click(modifiers=["Shift"])
    everyone.locator("#usage-legend a").nth(1).click(modifiers=["Shift"])
    everyone.get_by_role("button", name="Show only the selected").first.click()

    expect(everyone.locator(".ps-chip")).to_have_text([f"Model: {first}", f"Model: {second}"])


def test_the_chart_is_read_by_arrow_keys_and_parts_are_switched_off(everyone: Page) -> None:
    name = everyone.locator("#usage-legend a").first.inner_text()
    everyone.locator("[data-help] .ps-plot").focus()
    for key in ("End", "ArrowLeft", "ArrowRight"):
        everyone.keyboard.press(key)

    expect(everyone.locator(".ps-tip")).to_contain_text(f"{name}: ")
    expect(everyone.locator("#say")).to_contain_text(f"{name}: ")
    read = everyone.locator(".ps-tip").inner_text()
    everyone.keyboard.press("Control+ArrowLeft")  # of the browser
    assert everyone.locator(".ps-tip").inner_text() == read

    everyone.get_by_role("button", name=f"Show on the chart: {name}").click()
    expect(everyone.locator(".ps-plot [data-part='0']").last).to_be_hidden()
    everyone.locator("[data-help] .ps-plot").focus()
    everyone.keyboard.press("End")
    expect(everyone.locator(".ps-tip")).not_to_contain_text(f"{name}: ")


def test_a_tap_reads_a_bar_before_it_narrows(everyone: Page) -> None:
    tap = "bar => bar.dispatchEvent(new PointerEvent('click', {pointerType: 'touch', bubbles: true, cancelable: true}))"
    bar = everyone.locator(".ps-plot [data-part='0']").last

    bar.evaluate(tap)
    expect(everyone.locator(".ps-tip")).to_be_visible()
    expect(everyone.locator(".ps-chip")).to_have_count(0)
    bar.evaluate(tap)
    expect(everyone.locator(".ps-chip")).to_have_count(1)


def test_the_chart_is_saved_as_a_picture(everyone: Page, tmp_path: Path) -> None:
    with everyone.expect_download() as download:
        everyone.get_by_role("button", name="Picture (PNG)").click()
    download.value.save_as(tmp_path / "usage.png")

    assert (tmp_path / "usage.png").read_bytes().startswith(b"\x89PNG")
    assert download.value.suggested_filename.startswith("spend-by-model-")


def test_the_table_has_the_numbers_of_the_chart(everyone: Page) -> None:
    table = everyone.locator("#usage-days")
    expect(table).to_be_hidden()

    everyone.get_by_role("region", name="Spend, by model").get_by_text("Show as table").click()

    expect(table).to_be_visible()
    assert table.locator("tbody tr").count() == 30


def test_the_file_has_what_is_shown(everyone: Page, tmp_path: Path) -> None:
    everyone.get_by_role("link", name="7 days", exact=True).click()
    everyone.wait_for_url("**period=7d")
    with everyone.expect_download() as download:
        everyone.get_by_role("link", name="CSV of this page, for programs").click()
    download.value.save_as(tmp_path / "usage.csv")

    rows = list(csv.DictReader((tmp_path / "usage.csv").read_text(encoding="utf-8-sig").splitlines()))

    assert len([row for row in rows if row["part"] == "day"]) == 7
    shown = [name.strip() for name in everyone.locator("#usage-legend a").all_inner_texts()]
    assert [row["name"] for row in rows if row["part"] == "model"][: len(shown)] == shown
    total = next(row for row in rows if row["part"] == "total")
    expect(everyone.locator(".ps-figs dd").first).to_have_text(f"{float(total['spend_usd']):.2f} USD")


def test_people_are_sorted_and_paged(everyone: Page) -> None:
    assert len(people(everyone)) == 25
    everyone.get_by_role("columnheader", name="Person").get_by_role("link").click()
    everyone.wait_for_url("**order=person**")
    first = people(everyone)
    assert first == sorted(first)

    everyone.get_by_role("link", name="Next").click()

    everyone.wait_for_url("**page=2**")
    assert people(everyone)[0] > first[-1]
