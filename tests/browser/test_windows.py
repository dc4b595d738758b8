"""A reused window is as good as a new one: nothing of its last visitor is left."""

import pytest
from playwright.sync_api import expect

from accounts.models import User
from tests.browser.visit import PHONE, Visit

pytestmark = pytest.mark.browser


def test_a_returned_window_is_reset(visit: Visit, intern: User) -> None:
    used = visit("/", user=intern)
    used.evaluate("() => { localStorage.setItem('code', 'curl'); sessionStorage.setItem('code', 'curl'); }")
    used.route("**/*", lambda route: route.abort())
    used.emulate_media(color_scheme="dark")
    used.set_viewport_size(PHONE)
    used.context.new_page()
    used.context.set_offline(True)
    visit.leave()

    next_one = visit("/")

    assert next_one is used
    assert next_one.context.pages == [next_one]
    expect(next_one.get_by_role("button", name="Sign in")).to_be_visible()
    assert next_one.evaluate("[localStorage.length, sessionStorage.length]") == [0, 0]
    assert next_one.evaluate("[innerWidth, matchMedia('(prefers-color-scheme: light)').matches]") == [1280, True]


def test_two_windows_share_no_state(visit: Visit, intern: User) -> None:
    visit("/", user=intern)

    expect(visit("/").get_by_role("button", name="Sign in")).to_be_visible()


def test_a_first_visit_gets_a_new_window(visit: Visit) -> None:
    used = visit("/")
    visit.leave()

    assert visit("/", first=True) is not used
