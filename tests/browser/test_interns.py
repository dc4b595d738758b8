"""Interns in a browser: long names fit, and the form asks for what it needs."""

import pytest
from django.urls import reverse
from playwright.sync_api import expect

from accounts.models import User
from keys.models import Intern
from tests.browser.fitting import LONG, assert_fits_narrow_windows
from tests.browser.visit import Visit
from tests.factories import make_staff
from tests.keys.actions import issue
from tests.sandbox_process import Sandbox

pytestmark = pytest.mark.browser


@pytest.fixture
def wide(staff: User, sandbox: Sandbox) -> Intern:
    """Make an intern with a long name, a long address and a key with a long label."""
    key = issue(staff, LONG, intern_name=LONG).key
    Intern.objects.update(email=f"{'w' * 60}@example.edu")
    return Intern.objects.get(keys=key)


def test_long_names_fit_into_narrow_windows(visit: Visit, staff: User, wide: Intern, axe_everywhere: bool) -> None:
    paths = [
        "/usage/interns/",
        reverse("keys:intern", args=[wide.pk]),
        reverse("keys:intern_edit", args=[wide.pk]),
        reverse("keys:intern_stay", args=[wide.pk]),
        reverse("keys:intern_hand_over", args=[wide.pk]) + "?q=wide",
        f"/?intern={wide.pk}",
    ]
    make_staff("wide", first_name=LONG, email=f"{'v' * 60}@example.edu")

    assert_fits_narrow_windows(visit, staff, paths, everywhere=axe_everywhere)


def test_an_intern_of_the_list_needs_no_name(visit: Visit, staff: User, wide: Intern) -> None:
    page = visit("/", user=staff)
    page.get_by_text("Temporary", exact=False).first.click()
    intern, name = page.get_by_label("Intern", exact=True), page.get_by_label("Intern’s name")
    expect(name).to_be_visible()

    intern.select_option(str(wide.pk))
    expect(name).to_be_hidden()
    intern.select_option("")
    name.fill("Zoë")
    intern.select_option(str(wide.pk))
    page.get_by_role("textbox", name="Label").fill("second")
    page.get_by_role("button", name="Create key").click()

    expect(page.locator("#id_intern_error")).to_have_text("Choose an intern, or describe a new one, not both.")
    expect(name).to_be_visible()  # to be emptied
    name.fill("")
    page.get_by_role("button", name="Create key").click()
    expect(page.locator("#keys-secret")).to_be_visible()
    assert wide.keys.count() == 2


def test_hands_an_intern_over_by_keyboard(visit: Visit, staff: User, wide: Intern) -> None:
    make_staff("kim", first_name="Kim")
    make_staff("kimberly", first_name="Kimberly")
    page = visit(reverse("keys:intern", args=[wide.pk]), user=staff)
    page.get_by_role("link", name="Hand over").click()

    page.get_by_label("Find the new supervisor").fill("kim")
    page.keyboard.press("Enter")
    page.get_by_role("radio", name="Kim (").focus()
    page.keyboard.press("Space")
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Hand over")).to_be_focused()
    page.keyboard.press("Enter")

    expect(page.get_by_text("Kim is now the supervisor of")).to_be_visible()
    wide.refresh_from_db()
    assert (wide.supervisor.username, wide.keys.get().owner.username) == ("kim", "kim")
