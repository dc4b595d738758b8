"""An intern's complete path: from the sign-in page to a key that works, and to one that is refused."""

from datetime import timedelta
from pathlib import Path

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from accounts.models import User
from keys import services
from keys.models import Key, Token
from tests.browser import steps
from tests.browser.visit import Visit
from tests.keys.actions import ending_in, works
from tests.sandbox_process import Sandbox

pytestmark = pytest.mark.browser

THE_ANSWER = "You asked about"  # so the sandbox begins


def test_an_intern_gets_a_key_and_an_answer(
    visit: Visit, known_password: str, tmp_path: Path, sandbox: Sandbox
) -> None:
    page = visit("/")
    steps.sign_in(page, "intern", known_password)
    secret = steps.create(page, "thesis")
    assert secret == sandbox.issued_secrets()[-1]

    expect(page.locator("#keys-secret")).to_be_focused()
    page.get_by_role("button", name="Copy key").click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    assert clipboard(page) == secret

    for language, code in {"shell": copied(page, "curl"), "python": copied(page, "Python requests")}.items():
        assert secret in code
        assert THE_ANSWER in steps.run(language, code, tmp_path)

    page.get_by_role("button", name="Check this key").click()
    expect(page.locator("#keys-result")).to_contain_text("It works.")
    expect(page.locator("#say")).to_contain_text("It works.")

    steps.back_to_my_keys(page)
    expect(steps.row(page, "thesis")).to_contain_text(f"…{secret[-4:]}")
    expect(steps.row(page, "thesis")).to_contain_text("in 30 days")
    assert secret not in page.content()


def test_an_intern_renews_replaces_and_deletes_a_key(visit: Visit, intern: User, sandbox: Sandbox) -> None:
    page = visit("/", user=intern)
    first = steps.create(page, "thesis")

    ending_in(Key.objects.get(), sandbox, days=5)
    page.goto("/")
    expect(steps.row(page, "thesis")).to_contain_text("Expires soon")
    page.get_by_role("button", name="Renew thesis").click()
    expect(page.locator("#say")).to_contain_text("Renewed: “thesis” works until")
    expect(steps.row(page, "thesis")).to_contain_text("in 30 days")
    expect(page.get_by_role("button", name="Renew thesis")).to_have_count(0)

    second = steps.rotate(page, "thesis")
    expect(page.locator("#keys-secret")).to_be_focused()
    assert works(sandbox, first)
    assert works(sandbox, second)
    end_the_grace()
    assert not works(sandbox, first)
    assert works(sandbox, second)

    steps.back_to_my_keys(page)
    steps.relabel(page, "thesis", "master’s thesis")
    steps.from_menu(page, "master’s thesis", "Delete")
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("Delete “master’s thesis”?")
    expect(dialog).to_contain_text(f"…{second[-4:]}")
    expect(dialog.get_by_role("link", name="Keep it")).to_be_focused()
    dialog.get_by_role("button", name="Delete this key").click()
    expect(page.locator("#keys-panel")).to_contain_text("Deleted: the gateway refuses “master’s thesis” from now on.")
    expect(steps.row(page, "master’s thesis")).to_contain_text("The gateway has refused it since")
    assert sandbox.call("GET", "/v1/models", key=second).status_code == 401


@pytest.mark.only_on("sqlite")  # what a browser does
def test_without_javascript_everything_works_but_copying(
    visit: Visit, known_password: str, tmp_path: Path, sandbox: Sandbox
) -> None:
    page = visit("/", java_script_enabled=False)
    steps.sign_in(page, "intern", known_password)
    first = steps.create(page, "thesis")
    for title, language in {"curl": "shell", "Python requests": "python"}.items():
        code = page.get_by_role("tabpanel", name=title, exact=True).locator("code").last.inner_text()
        assert THE_ANSWER in steps.run(language, code, tmp_path)
    with page.expect_popup() as popup:
        page.get_by_role("button", name="Check this key").click()
    expect(popup.value.locator("#keys-result")).to_contain_text("It works.")
    steps.back_to_my_keys(page)

    ending_in(Key.objects.get(), sandbox, days=5)
    page.reload()
    page.get_by_role("button", name="Renew thesis").click()
    expect(page.get_by_text("Renewed: “thesis” works until")).to_be_visible()
    second = steps.rotate(page, "thesis")
    assert works(sandbox, first)
    steps.back_to_my_keys(page)
    page.locator("summary", has_text="More for thesis").click()
    page.get_by_role("button", name="End the old secret now").click()
    expect(page.get_by_text("The old secret of “thesis” has ended.")).to_be_visible()
    assert not works(sandbox, first)

    steps.relabel(page, "thesis", "essay")
    steps.from_menu(page, "essay", "Delete")
    expect(page.get_by_role("heading", name="Delete “essay”?")).to_be_visible()
    page.get_by_role("button", name="Delete this key").click()
    expect(page.get_by_text("Deleted: the gateway refuses “essay” from now on.")).to_be_visible()
    assert not works(sandbox, second)


@pytest.mark.only_on("sqlite")  # what a browser does
def test_without_script_no_code_is_hidden(visit: Visit, intern: User) -> None:
    page = visit("/get-started/", user=intern, java_script_enabled=False)

    codes = page.locator("pre code")
    assert codes.count() > 20
    assert all(code.is_visible() for code in codes.all())
    assert not any(button.is_visible() for button in page.locator("[data-copy], [role=tab]").all())


@pytest.mark.only_on("sqlite")  # what a browser does
def test_without_script_a_page_that_is_loaded_again_makes_no_second_key(visit: Visit, intern: User) -> None:
    page = visit("/", user=intern, java_script_enabled=False)
    secret = steps.create(page, "thesis")

    page.reload()  # sends the form again

    assert secret not in page.content()
    assert Key.objects.count() == 1


def clipboard(page: Page) -> str:
    """Return what was copied last."""
    return str(page.evaluate("navigator.clipboard.readText()"))


def copied(page: Page, title: str) -> str:
    """Copy the code under a tab by its button."""
    page.get_by_role("tab", name=title, exact=True).click()
    panel = page.get_by_role("tabpanel", name=title, exact=True)
    panel.get_by_role("button", name="Copy").click()
    expect(panel.get_by_role("button", name="Copied")).to_be_visible()
    return clipboard(page)


def end_the_grace() -> None:
    """Let the hours of a rotation pass, and the sweep come."""
    Token.objects.filter(state=Token.State.RETIRING).update(retires_at=timezone.now() - timedelta(minutes=1))
    services.sweep_keys()
