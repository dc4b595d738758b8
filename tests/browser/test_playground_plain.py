"""The chat without JavaScript: forms that lead to pages, the complete answer at once."""

import pytest
from playwright.sync_api import Page, expect

from accounts.models import User
from playground.models import Answer, Conversation, Message
from tests.browser import playground_steps as chat
from tests.browser.visit import Visit

pytestmark = pytest.mark.browser


def test_send_retry_edit_rename_and_delete(visit: Visit, intern: User) -> None:
    page = visit("/playground/", user=intern, java_script_enabled=False)
    send(page, "[echo] one")
    assert chat.said(chat.last_answer(page)) == "one"
    send(page, "[echo] two")
    expect(chat.turns(page)).to_have_count(2)

    chat.last_answer(page).get_by_role("button", name="Retry").click()
    expect(chat.last_answer(page)).to_have_accessible_name("general_nothink, answer 2 of 2")
    page.get_by_role("button", name="Previous answer").click()
    expect(chat.last_answer(page)).to_have_accessible_name("general_nothink, answer 1 of 2")

    chat.turns(page).last.get_by_role("link", name="Edit and resend").click()
    page.get_by_role("textbox", name="Your message, changed").fill("[echo] three")
    page.get_by_role("button", name="Resend").click()
    assert chat.said(chat.last_answer(page)) == "three"

    chat.last_answer(page).get_by_role("link", name="Delete").click()
    page.get_by_role("button", name="Delete").click()
    assert sorted(Answer.objects.values_list("text", flat=True)) == ["one", "two", "two"]

    from_menu(page, "Rename")
    page.get_by_role("textbox", name="Name").fill("Counting")
    page.get_by_role("button", name="Rename").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Counting")

    from_menu(page, "Delete")
    page.get_by_role("button", name="Delete this conversation").click()
    assert not Conversation.objects.exists()


def test_an_invalid_parameter_is_reported_at_its_field_and_the_message_stays(visit: Visit, intern: User) -> None:
    page = visit("/playground/", user=intern, java_script_enabled=False)
    page.get_by_role("textbox", name="temperature", exact=True).fill("hot")

    send(page, "bees")

    expect(page.get_by_role("alert")).to_be_visible()
    expect(page.get_by_role("textbox", name="temperature", exact=True)).to_have_attribute("aria-invalid", "true")
    expect(chat.composer(page)).to_have_value("bees")
    assert not Message.objects.exists()


def test_the_code_is_a_page(visit: Visit, intern: User) -> None:
    page = visit("/playground/", user=intern, java_script_enabled=False)
    chat.composer(page).fill("bees")

    page.get_by_role("button", name="View code").click()

    expect(page.get_by_role("heading", name="This request, as code")).to_be_visible()
    expect(page.locator("main")).to_contain_text("bees")


def send(page: Page, text: str) -> None:
    chat.composer(page).fill(text)
    page.get_by_role("button", name="Send", exact=True).click()


def from_menu(page: Page, entry: str) -> None:
    page.locator("#playground-head .ps-menu summary").click()
    page.locator("#playground-head").get_by_role("link", name=entry).click()
