"""A window that was used is as good as a new one: whoever comes next finds nothing of whoever was there."""

import pytest
from playwright.sync_api import expect

from accounts.models import User
from tests.browser.visit import Visit

pytestmark = pytest.mark.browser


def test_what_comes_back_is_emptied(visit: Visit, intern: User) -> None:
    used = visit("/", user=intern)
    used.evaluate("localStorage.setItem('code', 'curl')")
    used.context.set_offline(True)
    visit.leave()
    assert used.is_closed()

    next_one = visit("/")

    assert next_one.context is used.context
    expect(next_one.get_by_role("button", name="Sign in")).to_be_visible()
    assert next_one.evaluate("localStorage.length") == 0


def test_two_at_once_know_nothing_of_each_other(visit: Visit, intern: User) -> None:
    visit("/", user=intern)

    expect(visit("/").get_by_role("button", name="Sign in")).to_be_visible()


def test_a_first_visit_has_a_window_of_its_own(visit: Visit) -> None:
    used = visit("/")
    visit.leave()

    assert visit("/", first=True).context is not used.context
