"""Failures in front of people: double clicks, a slow or unavailable gateway, an expired session, no network."""

from functools import partial

import pytest
from django.conf import settings
from playwright.sync_api import Page, Route, expect

from accounts.models import User
from keys.models import Key
from tests.browser import steps
from tests.browser.visit import Visit
from tests.keys.actions import ending_in, issue
from tests.sandbox_process import Sandbox

pytestmark = pytest.mark.browser


def test_a_double_click_makes_one_key(visit: Visit, intern: User, sandbox: Sandbox) -> None:
    sandbox.faults("/key/generate", "delay", seconds=0.5)
    page = visit("/", user=intern)
    page.get_by_role("textbox", name="Label").fill("thesis")

    page.get_by_role("button", name="Create key").dblclick()

    assert steps.shown_secret(page) == sandbox.issued_secrets()[-1]
    assert len(sandbox.live_keys()) == Key.objects.count() == 1


def test_a_button_says_what_it_waits_for(visit: Visit, intern: User, sandbox: Sandbox) -> None:
    sandbox.faults("/key/generate", "delay", seconds=1.5)
    page = visit("/", user=intern)
    page.get_by_role("textbox", name="Label").fill("thesis")
    button = page.locator("form.ps-create button")
    width = button.evaluate("it => it.offsetWidth")

    button.click()

    expect(button).to_have_text("Creating…")
    expect(button).to_have_attribute("aria-busy", "true")
    assert button.evaluate("it => it.offsetWidth") >= width
    steps.shown_secret(page)


@pytest.mark.parametrize("script", [True, False])
def test_an_unavailable_gateway_is_reported_and_the_form_stays(
    visit: Visit, intern: User, sandbox: Sandbox, script: bool
) -> None:
    issue(intern, "essay")
    page = visit("/", user=intern, java_script_enabled=script)
    sandbox.faults("/key/generate", "error", status=503)
    page.get_by_role("textbox", name="Label").fill("thesis")

    page.get_by_role("button", name="Create key").click()

    alert = page.get_by_role("alert")
    expect(alert).to_contain_text("The gateway")
    expect(alert).to_be_focused()
    expect(page.get_by_role("textbox", name="Label")).to_have_value("thesis")
    expect(steps.row(page, "essay")).to_be_visible()


def test_a_failed_renewal_leaves_the_page_correct(visit: Visit, intern: User, sandbox: Sandbox) -> None:
    ending_in(issue(intern, "thesis").key, sandbox, days=5)
    page = visit("/", user=intern)
    sandbox.faults("/key/update", "error", status=503)

    page.get_by_role("button", name="Renew thesis").click()

    expect(page.locator("#keys-panel .is-bad").first).to_contain_text("The gateway")
    expect(steps.row(page, "thesis")).to_contain_text("Expires soon")


@pytest.mark.parametrize("script", [True, False])
def test_after_signing_in_again_the_page_is_restored(visit: Visit, known_password: str, script: bool) -> None:
    page = visit("/", java_script_enabled=script)
    steps.sign_in(page, "intern", known_password)
    page.context.clear_cookies(name=settings.SESSION_COOKIE_NAME)
    page.get_by_role("textbox", name="Label").fill("thesis")

    page.get_by_role("button", name="Create key").click()

    expect(page.get_by_role("button", name="Sign in")).to_be_visible()
    assert_one_page(page)
    steps.sign_in(page, "intern", known_password)
    assert not Key.objects.exists()


def test_an_expired_session_does_not_show_the_sign_in_page_in_a_dialog(
    visit: Visit, known_password: str, intern: User
) -> None:
    issue(intern, "thesis")
    page = visit("/")
    steps.sign_in(page, "intern", known_password)
    page.context.clear_cookies(name=settings.SESSION_COOKIE_NAME)

    steps.from_menu(page, "thesis", "Delete")

    expect(page.get_by_role("button", name="Sign in")).to_be_visible()
    assert_one_page(page)


@pytest.mark.parametrize("script", [True, False])
def test_an_expired_form_gets_a_page_that_explains_it(visit: Visit, intern: User, script: bool) -> None:
    page = visit("/", user=intern, java_script_enabled=script)
    page.context.clear_cookies(name=settings.CSRF_COOKIE_NAME)
    page.get_by_role("textbox", name="Label").fill("thesis")

    page.get_by_role("button", name="Create key").click()

    expect(page.get_by_role("heading", name="This form has expired")).to_be_visible()
    assert_one_page(page)
    assert not Key.objects.exists()


def test_a_key_that_was_deleted_meanwhile_gets_the_not_found_page(visit: Visit, intern: User) -> None:
    key = issue(intern, "thesis").key
    page = visit("/", user=intern)
    Key.objects.filter(pk=key.pk).update(owner=User.objects.create_user("other"))

    steps.from_menu(page, "thesis", "Delete")

    expect(page.get_by_role("heading", name="Page not found")).to_be_visible()
    assert_one_page(page)


def test_an_unreachable_portal_is_reported_and_the_page_stays(visit: Visit, intern: User) -> None:
    page = visit("/", user=intern)
    page.get_by_role("textbox", name="Label").fill("thesis")
    page.context.set_offline(True)

    page.get_by_role("button", name="Create key").click()

    expect(page.locator("#trouble")).to_be_visible()
    expect(page.locator("#say")).to_contain_text("The portal does not answer")
    expect(page.get_by_role("textbox", name="Label")).to_have_value("thesis")

    page.context.set_offline(False)
    for body in ("", "<!doctype html><h1>Bad gateway</h1>"):  # of a proxy whose portal restarts
        page.locator("#trouble").evaluate("note => { note.hidden = true; }")
        page.route("**/*", partial(Route.fulfill, status=502, content_type="text/html", body=body), times=1)
        page.get_by_role("button", name="Create key").click()
        expect(page.locator("#trouble")).to_be_visible()
        expect(page.get_by_role("textbox", name="Label")).to_have_value("thesis")

    page.get_by_role("button", name="Create key").click()
    steps.shown_secret(page)
    expect(page.locator("#trouble")).to_be_hidden()
    visit.complaints.clear()  # the browser's own, of the network that was away


def test_without_a_clipboard_the_text_is_selected(visit: Visit, intern: User) -> None:
    page = visit("/get-started/", user=intern, first=True)
    page.add_init_script("Object.defineProperty(navigator, 'clipboard', {value: undefined})")
    page.reload()

    page.get_by_role("button", name="Copy URL").click()

    expect(page.get_by_text("Selected: press Ctrl+C").first).to_be_visible()
    assert page.evaluate("getSelection().toString()") == page.locator("#base-url").inner_text()


def assert_one_page(page: Page) -> None:
    """Check that no page stands inside another."""
    for landmark in ("main", "banner", "contentinfo"):
        assert page.get_by_role(landmark).count() <= 1
    assert page.locator("h1").count() == 1
