"""The account page for language and time zone: what the browser knows is offered, and nothing depends on it."""

import pytest
from django.conf import settings
from playwright.sync_api import expect

from accounts.models import User
from tests.browser.visit import PHONE, Visit

pytestmark = pytest.mark.browser
ADDRESS = "/account/language-and-time-zone/"


def test_offers_the_time_zone_of_the_browser_and_saves_it_by_keyboard(visit: Visit, intern: User) -> None:
    page = visit(ADDRESS, user=intern, viewport=PHONE, timezone_id="Asia/Tokyo")
    zone, offer = page.get_by_label("Time zone"), page.get_by_role("button", name="Asia/Tokyo")

    offer.press("Enter")

    expect(zone).to_have_value("Asia/Tokyo")
    expect(zone).to_be_focused()
    expect(offer).to_be_hidden()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Your language and time zone are saved.")).to_be_visible()
    expect(zone).to_have_value("Asia/Tokyo")
    expect(offer).to_be_hidden()


def test_offers_nothing_where_the_portal_has_the_zone_of_the_browser(visit: Visit, intern: User) -> None:
    page = visit(ADDRESS, user=intern, timezone_id=settings.TIME_ZONE)
    offer = page.get_by_role("button", name=settings.TIME_ZONE, exact=True)

    page.get_by_label("Time zone").select_option("Europe/Paris")
    expect(offer).to_be_visible()
    page.get_by_label("Time zone").select_option("")

    expect(offer).to_be_hidden()


def test_saves_a_choice_without_a_script(visit: Visit, intern: User) -> None:
    page = visit(ADDRESS, user=intern, java_script_enabled=False)

    page.get_by_label("Language").select_option("Français")
    page.get_by_label("Time zone").select_option("Paris")
    page.get_by_role("button", name="Save").click()

    expect(page.get_by_text("Votre langue et votre fuseau horaire sont enregistrés.")).to_be_visible()
    expect(page.get_by_text("celles du fuseau Europe/Paris")).to_be_visible()
