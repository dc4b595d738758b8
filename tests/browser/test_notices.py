"""The bell and announcements in a browser: by keyboard, focus is kept, axe finds nothing."""

import pytest
from playwright.sync_api import expect

from accounts.models import User
from keys.models import GatewayState
from tests.browser.axe import violations
from tests.browser.keyboard import tab_to
from tests.browser.test_narrow import NARROW
from tests.browser.test_pages import sticks_out
from tests.browser.visit import Visit
from tests.notices.conftest import announce

pytestmark = pytest.mark.browser


def test_an_announcement_is_dismissed_by_keyboard_and_shown_again(visit: Visit, intern: User) -> None:
    GatewayState.objects.get_or_create(pk=1)
    announce("We move on Friday. https://example.edu/" + "w" * 90, level="warning")
    page = visit("/models/", user=intern, viewport=NARROW)
    expect(page.get_by_role("link", name="1 notice", exact=True)).to_be_visible()
    assert sticks_out(page) == 0
    assert violations(page) == []

    tab_to(page, "Dismiss")
    page.keyboard.press("Enter")

    expect(page.get_by_role("button", name="Undo")).to_be_focused()
    expect(page.get_by_role("link", name="Notices", exact=True)).to_be_visible()
    assert violations(page) == []
    page.keyboard.press("Enter")
    expect(page.get_by_role("link", name="1 notice", exact=True)).to_be_visible()
    page.get_by_role("link", name="1 notice", exact=True).click()
    expect(page.get_by_role("heading", name="Notices")).to_be_visible()
    assert violations(page) == []
