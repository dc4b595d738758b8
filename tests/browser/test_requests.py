"""Request and grant in two browsers, by keyboard, on a desktop and on a phone; long names fit; axe finds nothing."""

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal

import pytest
from django.urls import reverse
from playwright.sync_api import Page, ViewportSize, expect

from accounts.models import Grant, User
from keys.models import GatewayState
from tests.approvals.conftest import ask, today
from tests.browser.axe import violations
from tests.browser.fitting import LONG, assert_fits_narrow_windows
from tests.browser.keyboard import tab_to
from tests.browser.test_pages import sticks_out
from tests.browser.visit import DESK, PHONE, Visit
from tests.factories import make_intern, make_user
from tests.keys.actions import issue
from tests.sandbox_process import Sandbox

pytestmark = pytest.mark.browser


@pytest.fixture
def manager(db: None) -> User:
    GatewayState.objects.get_or_create(pk=1)
    return make_user("manager", groups=("Admins",), first_name="Manager")


@pytest.fixture
def looked_at(axe_everywhere: bool) -> Callable[[Page], Page]:
    """Return a look at a page, which answers the page; on a phone with axe only where it looks everywhere."""

    def look(page: Page) -> Page:
        assert sticks_out(page) == 0
        if axe_everywhere or page.viewport_size == DESK:
            assert violations(page) == []
        return page

    return look


@pytest.mark.parametrize("viewport", [DESK, PHONE], ids=["desk", "phone"])
def test_asks_and_is_granted_by_keyboard(
    visit: Visit,
    intern: User,
    manager: User,
    sandbox: Sandbox,
    viewport: ViewportSize,
    looked_at: Callable[[Page], Page],
) -> None:
    issue(intern)
    asking = visit("/requests/", user=intern, viewport=viewport)
    tab_to(looked_at(asking), "Ask for more")
    asking.keyboard.press("Enter")
    expect(asking.get_by_role("heading", name="Ask for more")).to_be_visible()
    tab_to(looked_at(asking), "How much more, USD")
    asking.keyboard.type("2.50")
    tab_to(asking, "Why")
    asking.keyboard.type("the last chapter")
    asking.keyboard.press("Enter")
    expect(asking.get_by_text("waiting for a decision")).to_be_visible()
    looked_at(asking)

    deciding = visit("/get-started/", user=manager, viewport=viewport)
    deciding.get_by_role("link", name="1 notice").press("Enter")
    deciding.get_by_role("link", name="1 request to decide").press("Enter")
    expect(deciding.get_by_role("heading", name="To decide")).to_be_visible()
    tab_to(looked_at(deciding), "Change or refuse Intern A: 2.50")
    deciding.keyboard.press("Enter")
    expect(deciding.get_by_role("heading", name="Intern A: 2.50")).to_be_visible()
    tab_to(looked_at(deciding), "How much more, USD")
    deciding.keyboard.press("ControlOrMeta+a")
    deciding.keyboard.type("1.25")
    tab_to(deciding, "Approve")
    deciding.keyboard.press("Enter")
    expect(deciding.get_by_text("Approved: it is in effect now.")).to_be_visible()
    looked_at(deciding)

    asking.reload()
    expect(asking.get_by_role("heading", name="1.25")).to_be_visible()
    expect(asking.get_by_text("decided by Manager")).to_be_visible()
    looked_at(asking)
    assert Grant.objects.get().amount_usd == Decimal("1.25")


@pytest.mark.slow
def test_long_names_fit_into_narrow_windows(visit: Visit, manager: User, db: None, axe_everywhere: bool) -> None:
    person = make_intern("w" * 60, first_name=LONG)
    waiting = ask(person, why="W" * 200)
    for name in ("model", "kind"):
        ask(manager, name, name=LONG if name == "model" else "personal", ends_on=today() + timedelta(days=9))
    paths = ["/requests/", "/requests/ask/", reverse("approvals:detail", args=[waiting.pk])]

    assert_fits_narrow_windows(visit, manager, paths, everywhere=axe_everywhere)
