"""Language and colours: changed in place, kept from page to page, with and without script."""

import pytest
from playwright.sync_api import expect

from accounts.models import User
from tests.browser.visit import Visit, background

pytestmark = [pytest.mark.browser, pytest.mark.parametrize("script", [True, False])]


def test_the_choice_of_french_is_kept(visit: Visit, intern: User, script: bool) -> None:
    page = visit("/models/?q=chat", user=intern, java_script_enabled=script)

    page.get_by_role("button", name="Français").click()

    expect(page.locator("html")).to_have_attribute("lang", "fr")
    assert page.url.endswith("/models/?q=chat")
    page.goto("/")
    expect(page.locator("html")).to_have_attribute("lang", "fr")
    page.get_by_role("button", name="English").click()
    expect(page.locator("html")).to_have_attribute("lang", "en")
    expect(page.get_by_role("heading", name="My keys")).to_be_visible()


def test_a_browser_that_prefers_french_gets_french(visit: Visit, script: bool) -> None:
    page = visit("/", locale="fr-FR", java_script_enabled=script)

    expect(page.locator("html")).to_have_attribute("lang", "fr")


def test_the_dark_theme_is_kept(visit: Visit, intern: User, script: bool) -> None:
    page = visit("/models/?q=chat", user=intern, java_script_enabled=script, color_scheme="light")
    light = background(page)
    page.evaluate("document.body.dataset.same = ''")

    page.locator("summary", has_text="Light or dark").click()
    with page.expect_response("**/theme/"):
        page.get_by_role("button", name="Dark").click()

    expect(page.locator("html")).to_have_attribute("data-bs-theme", "dark")
    expect(page.locator("body[data-same]")).to_have_count(1 if script else 0)  # a script changes it where it is
    assert page.url.endswith("/models/?q=chat")
    page.goto("/")
    expect(page.locator("html")).to_have_attribute("data-bs-theme", "dark")
    assert background(page) != light


def test_the_theme_can_follow_the_system_again(visit: Visit, intern: User, script: bool) -> None:
    page = visit("/", user=intern, java_script_enabled=script, color_scheme="dark")
    dark = background(page)

    for choice in ("Light", "As the system"):
        page.locator("summary", has_text="Light or dark").click()
        with page.expect_response("**/theme/"):
            page.get_by_role("button", name=choice).click()

    page.goto("/")
    assert background(page) == dark
