"""Keyboard only: tab order, Escape, and the focus after each change."""

import pytest
from playwright.sync_api import Page, expect

from accounts.models import User
from keys.models import Key
from tests.browser import steps
from tests.browser.keyboard import tab
from tests.browser.visit import Visit
from tests.keys.actions import ending_in, issue
from tests.sandbox_process import Sandbox

pytestmark = pytest.mark.browser


def test_tab_order_follows_the_reading_order(visit: Visit, intern: User, sandbox: Sandbox) -> None:
    ending_in(issue(intern, "thesis").key, sandbox, days=5)
    page = visit("/", user=intern)

    stops = [tab(page) for _ in range(23)]

    assert stops == [
        *["Skip to content", "Passerelle", "My keys", "Usage", "Playground", "Models", "Get started"],
        *["FR, Français", "Light or dark", "Search", "1 notice", "Account of Intern A"],
        *["Label", "Choose models and budget", "Create key"],
        *["thesis", "Renew thesis", "More for thesis", "Check a key that you have"],
        *["Help", "Keyboard shortcuts", "Privacy", "Gateway status"],
    ]


def test_the_skip_link_skips_the_navigation(visit: Visit, intern: User) -> None:
    page = visit("/", user=intern)

    tab(page)
    expect(page.get_by_role("link", name="Skip to content")).to_be_in_viewport()
    page.keyboard.press("Enter")

    expect(page.locator("main")).to_be_focused()
    assert tab(page) == "Label"


def test_arrows_move_between_tabs_and_the_choice_is_kept(visit: Visit, intern: User) -> None:
    page = visit("/get-started/", user=intern)
    code = page.locator("#ask-chat [role=tab]")
    code.first.focus()

    page.keyboard.press("ArrowRight")
    expect(page.locator("#chat-powershell-tab")).to_be_focused()
    expect(page.locator("#chat-powershell-panel")).to_be_visible()
    expect(page.locator("#chat-curl-panel")).to_be_hidden()
    page.keyboard.press("Home")
    page.keyboard.press("ArrowLeft")
    expect(code.last).to_be_focused()
    page.keyboard.press("End")
    page.keyboard.press("ArrowRight")
    expect(code.first).to_be_focused()
    page.keyboard.press("ArrowRight")
    assert "tabpanel" not in str(page.evaluate("document.activeElement.role"))
    assert code.evaluate_all("tabs => tabs.filter((each) => each.tabIndex === 0).length") == 1

    page.goto("/")
    steps.create(page, "thesis")
    expect(page.locator("#use-powershell-panel")).to_be_visible()
    expect(page.locator("#use-curl-panel")).to_be_hidden()


def test_escape_closes_a_menu_and_gives_the_focus_back(visit: Visit, intern: User) -> None:
    page = visit("/", user=intern)
    menu = page.locator("summary", has_text="Account of Intern A")
    menu.focus()

    page.keyboard.press("Enter")
    assert tab(page) == "Account"
    page.keyboard.press("Escape")

    expect(menu).to_be_focused()
    expect(page.get_by_role("link", name="History of my keys")).to_be_hidden()


def test_a_menu_closes_when_the_focus_leaves_it(visit: Visit, intern: User) -> None:
    page = visit("/", user=intern)
    page.locator("summary", has_text="Light or dark").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Dark")).to_be_visible()

    page.keyboard.press("Shift+Tab")

    expect(page.get_by_role("button", name="Dark")).to_be_hidden()


@pytest.mark.parametrize("key", ["Escape", "Enter"])
def test_cancelling_a_deletion_returns_the_focus(visit: Visit, intern: User, key: str) -> None:
    issue(intern, "thesis")
    page = visit("/", user=intern)
    open_delete(page)
    assert tab(page) == "Delete this key"
    page.keyboard.press("Shift+Tab")
    expect(page.get_by_role("link", name="Keep it")).to_be_focused()

    page.keyboard.press(key)

    expect(page.get_by_role("dialog")).to_be_hidden()
    expect(page.locator("summary", has_text="More for thesis")).to_be_focused()


def test_the_focus_does_not_leave_an_open_dialog(visit: Visit, intern: User) -> None:
    issue(intern, "thesis")
    page = visit("/", user=intern)
    open_delete(page)

    for _ in range(6):
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.matches('body, dialog *')")  # body: it is in the browser's own bar


def test_after_a_deletion_the_focus_is_on_the_row_that_says_so(visit: Visit, intern: User) -> None:
    issue(intern, "essay")
    issue(intern, "thesis")
    page = visit("/", user=intern)
    open_delete(page)

    page.keyboard.press("Tab")
    page.keyboard.press("Enter")

    expect(steps.row(page, "thesis")).to_contain_text("Deleted")
    expect(steps.row(page, "thesis").get_by_role("link", name="thesis")).to_be_focused()


def test_when_a_deleted_row_disappears_the_focus_moves_to_the_next(visit: Visit, intern: User) -> None:
    issue(intern, "essay")
    key = issue(intern, "thesis").key
    page = visit("/", user=intern)
    open_delete(page)
    Key.objects.filter(pk=key.pk).update(state=Key.State.DELETED)  # elsewhere, long ago: it is not listed

    page.keyboard.press("Tab")
    page.keyboard.press("Enter")

    expect(steps.row(page, "thesis")).to_have_count(0)
    expect(steps.row(page, "essay").get_by_role("link", name="essay")).to_be_focused()


def test_after_a_renewal_the_focus_is_on_the_row(visit: Visit, intern: User, sandbox: Sandbox) -> None:
    ending_in(issue(intern, "thesis").key, sandbox, days=5)
    page = visit("/", user=intern)
    page.get_by_role("button", name="Renew thesis").focus()

    page.keyboard.press("Enter")

    expect(page.get_by_role("link", name="thesis", exact=True)).to_be_focused()


def test_a_refused_form_leads_to_the_field(visit: Visit, intern: User) -> None:
    issue(intern, "thesis")
    page = visit("/", user=intern)
    page.get_by_role("textbox", name="Label").fill("Thesis")

    page.keyboard.press("Enter")

    expect(page.get_by_role("alert")).to_be_focused()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_role("textbox", name="Label")).to_be_focused()


def test_checking_keeps_the_focus(visit: Visit, intern: User) -> None:
    page = visit("/", user=intern)
    steps.create(page, "thesis")
    button = page.get_by_role("button", name="Check this key")
    button.focus()

    page.keyboard.press("Enter")

    expect(page.locator("#keys-result")).to_contain_text("It works.")
    expect(button).to_be_focused()


def open_delete(page: Page) -> None:
    """Open the dialog of "thesis" by keyboard."""
    page.locator("summary", has_text="More for thesis").focus()
    page.keyboard.press("Enter")
    page.get_by_role("link", name="Delete", exact=True).focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("link", name="Keep it")).to_be_focused()
