"""The chat by keyboard alone: nothing needs a mouse, and the focus is where it is expected."""

import re
from typing import Any

import pytest
from django.urls import reverse
from playwright.sync_api import Page, expect

from accounts.models import User
from playground.models import Answer, Conversation
from tests.browser import playground_steps as chat
from tests.browser.keyboard import back_to, tab, tab_to
from tests.browser.visit import PHONE, Visit
from tests.playground import rows
from tests.sandbox_process import Sandbox

pytestmark = pytest.mark.browser


def test_a_model_is_found_and_asked_and_the_answer_stopped(visit: Visit, intern: User, sandbox: Sandbox) -> None:
    page, before = visit("/playground/", user=intern), chat.disconnects(sandbox)
    page.get_by_role("link", name="Skip to content").focus()  # from the page's start: the composer had the focus
    page.keyboard.press("Enter")
    tab_to(page, "general_nothink")

    page.keyboard.press("Enter")
    expect(page.get_by_role("searchbox", name="Search models")).to_be_focused()
    page.keyboard.type("70b")
    page.keyboard.press("ArrowDown")
    expect(page.get_by_role("radio", name=re.compile("^llama-70b"))).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("[data-picker] summary")).to_be_focused()
    expect(page.locator("[data-picked]")).to_have_text("llama-70b")

    back_to(page, "Message")
    page.keyboard.type("[pace 60][words 400] bees")
    page.keyboard.press("Shift+Enter")
    page.keyboard.type("and wasps")
    expect(chat.composer(page)).to_have_value("[pace 60][words 400] bees\nand wasps")
    page.keyboard.press("Enter")
    chat.growing(chat.last_answer(page), 1)
    expect(chat.composer(page)).to_be_focused()
    page.keyboard.press("Escape")
    chat.assert_hung_up(sandbox, before)
    chat.over(chat.last_answer(page))
    expect(chat.composer(page)).to_be_focused()
    assert Answer.objects.get().model == "llama-70b"


def test_an_answer_is_retried_and_alternatives_are_paged(visit: Visit, intern: User) -> None:
    page = at_a_conversation(visit, intern)
    chat.composer(page).focus()
    back_to(page, "Retry")

    page.keyboard.press("Enter")

    expect(chat.last_answer(page)).to_have_accessible_name("general_nothink, answer 2 of 2")
    expect(chat.composer(page)).to_be_focused()
    back_to(page, "Previous answer")
    page.keyboard.press("Enter")
    expect(chat.last_answer(page)).to_have_accessible_name("general_nothink, answer 1 of 2")
    expect(page.get_by_role("button", name="Next answer")).to_be_focused()
    page.keyboard.press("Enter")
    expect(chat.last_answer(page)).to_have_accessible_name("general_nothink, answer 2 of 2")
    expect(page.get_by_role("button", name="Previous answer")).to_be_focused()
    page.keyboard.press("v")
    expect(page.get_by_role("dialog").locator("[aria-current=true]")).to_be_focused()
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Enter")
    expect(chat.last_answer(page)).to_have_accessible_name("general_nothink, answer 1 of 2")


def test_a_message_is_edited(visit: Visit, intern: User) -> None:
    page = at_a_conversation(visit, intern)
    words = page.get_by_role("textbox", name="Your message, changed")
    chat.composer(page).focus()
    back_to(page, "Edit and resend")
    page.keyboard.press("Enter")
    expect(words).to_be_focused()
    tab_to(page, "Cancel")
    page.keyboard.press("Enter")
    expect(page.get_by_role("link", name="Edit and resend")).to_be_focused()

    page.keyboard.press("Enter")
    expect(words).to_be_focused()
    page.keyboard.press("Control+a")
    page.keyboard.type("[words 3] wasps")
    page.keyboard.press("Enter")

    chat.over(chat.last_answer(page))
    expect(chat.composer(page)).to_be_focused()
    back_to(page, "Message before")
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Message after")).to_be_focused()
    expect(chat.turns(page)).to_contain_text("Hi, I am a bee.")


def test_the_code_dialog_opens_and_closes(visit: Visit, intern: User) -> None:
    page = at_a_conversation(visit, intern)
    chat.composer(page).focus()
    page.keyboard.type("Hello")
    tab_to(page, "View code")

    page.keyboard.press("Enter")

    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("This request, as code")
    tab_to(page, "curl")
    page.keyboard.press("ArrowRight")
    expect(dialog.get_by_role("tab", name="PowerShell")).to_be_focused()
    expect(dialog.get_by_role("tab", name="PowerShell")).to_have_attribute("aria-selected", "true")
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(page.get_by_role("button", name="View code")).to_be_focused()
    expect(chat.composer(page)).to_have_value("Hello")


def test_a_conversation_is_found_renamed_and_deleted(visit: Visit, intern: User) -> None:
    rows.conversation(intern, ("Bees in the city", "They like it."), model="general_nothink")
    rows.conversation(intern, ("Wasps", "They do not."), model="general_nothink")
    page = visit("/playground/", user=intern)
    back_to(page, "Search conversations")
    page.keyboard.type("city")
    expect(page.locator("#playground-found li")).to_have_count(1)
    tab_to(page, "Bees in the city")
    page.keyboard.press("Enter")
    page.wait_for_url("**/c/*/")
    expect(page.get_by_role("heading", level=1)).to_have_text("Bees in the city")

    menu = page.locator("#playground-head .ps-menu summary")
    back_to(page, "More for this conversation")
    page.keyboard.press("Enter")
    tab_to(page, "Rename")
    page.keyboard.press("Enter")
    expect(page.get_by_role("textbox", name="Name")).to_be_focused()
    page.keyboard.press("Escape")
    expect(menu).to_be_focused()
    page.keyboard.press("Enter")
    tab_to(page, "Rename")
    page.keyboard.press("Enter")
    expect(page.get_by_role("textbox", name="Name")).to_be_focused()
    page.keyboard.press("Control+a")
    page.keyboard.type("Urban bees")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Urban bees")

    back_to(page, "More for this conversation")
    page.keyboard.press("Enter")
    tab_to(page, "Delete")
    page.keyboard.press("Enter")
    expect(page.get_by_role("link", name="Cancel")).to_be_focused()
    assert tab(page) == "Delete this conversation"
    page.keyboard.press("Enter")
    page.wait_for_url("**/playground/")
    assert list(Conversation.objects.values_list("title", flat=True)) == ["Wasps"]


def test_folded_parts_open_on_a_phone(visit: Visit, intern: User) -> None:
    page = at_a_conversation(visit, intern, viewport=PHONE)
    back_to(page, "Conversations")
    expect(page.get_by_role("searchbox", name="Search conversations")).to_be_hidden()
    page.keyboard.press("Enter")
    expect(page.get_by_role("searchbox", name="Search conversations")).to_be_visible()

    menu = page.locator("#playground-head .ps-menu summary")
    tab_to(page, "More for this conversation")
    page.keyboard.press("Enter")
    tab_to(page, "Rename")
    page.keyboard.press("Escape")
    expect(menu).to_be_focused()
    expect(page.get_by_role("link", name="Rename")).to_be_hidden()

    tab_to(page, "Model and parameters")
    page.keyboard.press("Enter")
    tab_to(page, "System prompt")
    page.keyboard.type("Be brief.")
    back_to(page, "Message")
    page.keyboard.type("[words 3] bees")
    page.keyboard.press("Enter")
    expect(chat.turns(page)).to_have_count(2)
    chat.over(chat.last_answer(page))
    assert Answer.objects.latest("started_at").params["system"] == "Be brief."


def test_shortcuts_open_the_search_the_list_and_a_new_conversation(visit: Visit, intern: User) -> None:
    conversation = rows.conversation(intern, ("Bees in the city", "Yes."))
    page = visit("/usage/", user=intern)
    dialog = page.get_by_role("dialog")

    link = page.get_by_role("link", name="Keyboard shortcuts")
    expect(link).to_have_attribute("data-htmx-powered", "true")  # its scripts are ready
    page.keyboard.press("?")
    expect(dialog).to_have_accessible_name("Keyboard shortcuts")
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    page.get_by_role("link", name="Models").focus()
    page.keyboard.press("Control+k")
    search = page.get_by_role("combobox", name="Find a conversation, model, key or page")
    expect(search).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.get_by_role("link", name="Models")).to_be_focused()

    page.keyboard.press("Control+k")
    page.keyboard.type("b")
    expect(page.get_by_role("option", name="Embeddings")).to_be_visible()
    expect(page.get_by_role("option", selected=True)).to_have_text("Bees in the city")
    page.keyboard.press("ArrowDown")
    expect(page.get_by_role("option", selected=True)).not_to_have_text("Bees in the city")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(str(conversation.pk)))
    expect(chat.composer(page)).to_be_focused()
    page.keyboard.press("?")
    expect(chat.composer(page)).to_have_value("?")
    page.keyboard.press("Backspace")
    page.keyboard.press("ArrowUp")
    expect(page.get_by_role("textbox", name="Your message, changed")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.get_by_role("link", name="Edit and resend")).to_be_focused()
    page.keyboard.press("Control+Shift+O")
    expect(page).to_have_url(re.compile(r"/playground/$"))


def test_enter_takes_what_the_typed_text_finds(visit: Visit, intern: User) -> None:
    rows.conversation(intern, ("Bees in the city", "Yes."))
    page = visit("/playground/", user=intern)
    chosen = page.get_by_role("dialog").get_by_role("option", selected=True)
    page.keyboard.press("Control+k")
    expect(chosen).to_have_text("Bees in the city")
    page.keyboard.press("ArrowDown")
    page.evaluate("htmx.ajax('GET', '/playground/shortcuts/', { target: '#say' })")  # as an answer that streams
    expect(chosen).to_have_text("New conversation")

    page.keyboard.type("Usage")
    page.keyboard.press("Enter")

    expect(page).to_have_url(re.compile("/usage/$"))


def test_the_search_closes_without_a_keyboard_and_has_its_name(visit: Visit, intern: User) -> None:
    page = visit("/playground/shortcuts/", user=intern, viewport=PHONE, has_touch=True, is_mobile=True)
    page.get_by_role("link", name="Search").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_have_accessible_name("Search")
    page.emulate_media(forced_colors="active")
    ground = "it => getComputedStyle(it).backgroundColor"
    highlight = page.locator("#say").evaluate(f"it => {{ it.style.background = 'Highlight'; return ({ground})(it); }}")
    assert dialog.get_by_role("option", selected=True).evaluate(ground) == highlight

    dialog.get_by_role("link", name="Close").click()

    expect(dialog).to_be_hidden()


def at_a_conversation(visit: Visit, user: User, **options: Any) -> Page:
    """Open a conversation of one message."""
    conversation = rows.conversation(user, ("Who are you?", "Hi, I am a bee."), model="general_nothink")
    return visit(reverse("playground:conversation", args=[conversation.pk]), user=user, **options)
