"""The narrowest window that pages must fit into: a small phone, or a desk at 400 % (WCAG 2.2, 1.4.10)."""

import pytest
from playwright.sync_api import ViewportSize, expect

from accounts.models import User
from tests.browser.test_pages import sticks_out
from tests.browser.visit import Visit

pytestmark = pytest.mark.browser

NARROW: ViewportSize = {"width": 320, "height": 640}
PAGES = [
    "/",
    "/notices/",
    "/usage/",
    "/playground/",
    "/playground/compare/",
    "/playground/moderation/",
    "/models/",
    "/get-started/",
]


@pytest.mark.parametrize("language", ["en-GB", "fr"])
def test_nothing_overflows_a_narrow_window(visit: Visit, intern: User, language: str) -> None:
    page = visit("about:blank", user=intern, viewport=NARROW, locale=language)
    beyond = {}

    for path in PAGES:
        page.goto(path)
        beyond[path] = sticks_out(page)

    assert beyond == dict.fromkeys(PAGES, 0)


def test_the_home_link_keeps_its_accessible_name(visit: Visit, intern: User) -> None:
    page = visit("/models/", user=intern, viewport=NARROW)

    home = page.get_by_role("link", name="Passerelle", exact=True)
    assert (home.bounding_box() or {"width": 0})["width"] >= 24
    home.click()

    expect(page).to_have_url(f"{visit.url}/")
