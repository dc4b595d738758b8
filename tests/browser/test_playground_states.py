"""The Playground in all its states, light and dark, wide and narrow: accessible, without overflow.

Several states a visit, one after the other, as a person would come by them.
"""

import re

import pytest
from django.urls import reverse
from playwright.sync_api import Page, expect

from accounts.models import User
from tests.browser import playground_steps as chat
from tests.browser.axe import OF_COLOURS, violations
from tests.browser.test_pages import assert_in_order
from tests.browser.visit import DESK, PHONE, Visit
from tests.playground import rows
from tests.sandbox_process import Sandbox

pytestmark = pytest.mark.browser

VERY_LONG = "[pace 250][words 400]"  # longer than it takes to look at the page from all sides


def test_while_an_answer_comes_and_when_it_is_stopped(visit: Visit, intern: User, axe_everywhere: bool) -> None:
    page = visit("/playground/", user=intern)
    answer = chat.send(page, f"[reason 9]{VERY_LONG} bees")
    chat.growing(answer, 1)

    assert_in_order(page, axe_everywhere)
    expect(answer).to_have_attribute("aria-busy", "true")
    page.keyboard.press("Escape")
    chat.over(answer)
    assert_in_order(page, axe_everywhere)


def test_what_opens_over_a_conversation(visit: Visit, intern: User, axe_everywhere: bool) -> None:
    conversation = rows.conversation(intern, ("Who are you?", "# Hi\n\nI am a **bee**."), model="general_nothink")
    page = visit(reverse("playground:conversation", args=[conversation.pk]), user=intern)
    chat.composer(page).fill("Hello")
    page.get_by_role("button", name="View code").click()
    assert_dialog_in_order(page, axe_everywhere)
    page.get_by_role("link", name="Details").click()
    assert_dialog_in_order(page, axe_everywhere)
    chat.last_answer(page).get_by_role("link", name="Delete").click()
    assert_dialog_in_order(page, axe_everywhere)
    for entry in ("Rename", "Delete"):
        page.locator("#playground-head .ps-menu summary").click()
        page.locator("#playground-head").get_by_role("link", name=entry).click()
        assert_dialog_in_order(page, axe_everywhere)

    page.get_by_role("link", name="Edit and resend").click()
    expect(page.get_by_role("textbox", name="Your message, changed")).to_be_focused()
    assert_in_order(page, axe_everywhere)


def test_what_was_refused(visit: Visit, intern: User, sandbox: Sandbox, axe_everywhere: bool) -> None:
    sandbox.faults("/chat/completions", "error", status=429, retry_after=600)
    page = visit("/playground/", user=intern)
    answer = chat.ask(page, "[words 4] bees")
    expect(answer).to_contain_text("You can try again in")
    answer.get_by_text("The gateway’s message").click()
    assert_in_order(page, axe_everywhere)

    page.set_viewport_size(DESK)
    page.get_by_text("More parameters").click()
    page.get_by_role("textbox", name="temperature", exact=True).fill("hot")
    page.get_by_role("textbox", name="tools", exact=True).fill("[{]")
    chat.composer(page).fill("bees")
    chat.composer(page).press("Enter")
    expect(page.get_by_role("alert")).to_be_focused()
    assert_in_order(page, axe_everywhere)
    page.get_by_text("Model and parameters", exact=True).click()  # which is folded on a phone
    assert_in_both_colours(page)


def test_a_comparison_while_it_runs_and_with_one_that_failed(
    visit: Visit, intern: User, sandbox: Sandbox, axe_everywhere: bool
) -> None:
    sandbox.faults("/chat/completions", "stream_cut", after_chunks=3)
    page = visit("/playground/compare/", user=intern)
    page.get_by_role("checkbox", name=re.compile("^vision")).check()
    chat.composer(page).fill(f"{VERY_LONG} bees")
    chat.composer(page).press("Enter")
    expect(page.locator(".ps-column").get_by_text("Broke off", exact=True)).to_be_visible()
    expect(page.locator(".msg-live:not(:empty)")).to_have_count(2)

    assert_in_order(page, axe_everywhere)
    page.keyboard.press("Escape")
    expect(page.locator(".ps-column").get_by_text("Stopped", exact=True)).to_have_count(2)
    assert_in_order(page, axe_everywhere)


def assert_dialog_in_order(page: Page, axe_everywhere: bool) -> None:
    """Look at the page with its dialog open, wide and narrow; then close it."""
    expect(page.get_by_role("dialog")).to_be_visible()
    for size in (DESK, PHONE) if axe_everywhere else (DESK,):
        page.set_viewport_size(size)
        assert_in_both_colours(page)
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_be_hidden()
    page.set_viewport_size(DESK)


def assert_in_both_colours(page: Page) -> None:
    page.emulate_media(color_scheme="light")
    assert violations(page) == []
    page.emulate_media(color_scheme="dark")
    assert violations(page, OF_COLOURS) == []
