"""Pages with long names in narrow windows, in both languages and colours."""

from collections.abc import Callable, Iterable

from playwright.sync_api import Page, expect

from accounts.models import User
from tests.browser.axe import ALL, OF_COLOURS, violations
from tests.browser.test_narrow import NARROW
from tests.browser.test_pages import beyond_the_window
from tests.browser.visit import PHONE, Visit

LONG = "W" * 60  # nowhere to break


LIGHT_AND_DARK = (("en-GB", "light", ALL), ("fr", "dark", OF_COLOURS))


def assert_fits_narrow_windows(
    visit: Visit, user: User, places: Iterable[str | Callable[[Page], object]], *, everywhere: bool
) -> None:
    """Go to each place (an address, or the way to it): nothing sticks out of two narrow windows, and axe finds nothing.

    Everywhere: also in French and in the dark, where axe looks for what depends on colours, since nothing else changes.
    """
    found: dict[tuple[str, str, int], list[str]] = {}
    for language, scheme, rules in LIGHT_AND_DARK if everywhere else LIGHT_AND_DARK[:1]:
        page = visit("about:blank", user=user, locale=language, color_scheme=scheme)
        for place in places:
            page.set_viewport_size(PHONE)
            page.goto(place) if isinstance(place, str) else place(page)
            expect(page.locator(".htmx-request")).to_have_count(0)  # what a page loads after itself has to fit, too
            name = place if isinstance(place, str) else place.__name__
            found[name, language, PHONE["width"]] = beyond_the_window(page)
            page.set_viewport_size(NARROW)
            found[name, language, NARROW["width"]] = [*beyond_the_window(page), *violations(page, rules)]

    assert found
    assert {place: wrong for place, wrong in found.items() if wrong} == {}
