"""Conversations in a browser: found, renamed, exported, made temporary and deleted."""

import json
from datetime import timedelta
from pathlib import Path

import pytest
from django.urls import reverse
from django.utils import timezone
from playwright.sync_api import Locator, Page, expect

from accounts.models import User
from playground.models import Answer, Conversation
from tests.browser import playground_steps as chat
from tests.browser.visit import Visit
from tests.playground import rows
from tests.usage.views.facts import key_of, used

pytestmark = pytest.mark.browser


def test_the_list_is_filtered_while_typing(visit: Visit, intern: User) -> None:
    for title, answered in (("Bees in the city", "They fly."), ("Copper", "It conducts."), ("Honey", "From bees.")):
        rows.conversation(intern, (title, answered), model="general_nothink")
    page = visit("/playground/", user=intern)
    expect(listed(page)).to_have_count(3)
    search = page.get_by_role("searchbox", name="Search conversations")

    search.press_sequentially("bees")

    expect(listed(page)).to_have_text(["Honey", "Bees in the city"])
    expect(page.locator("#say")).to_have_text("2 conversations")
    expect(search).to_be_focused()
    search.press_sequentially(" on the moon")
    expect(page.locator("#playground-found")).to_contain_text("Nothing has “bees on the moon” in it.")
    search.fill("")
    expect(listed(page)).to_have_count(3)
    assert page.url.endswith("/playground/")


def test_a_conversation_is_renamed(visit: Visit, intern: User) -> None:
    page = at_a_conversation(visit, intern)
    from_menu(page, "Rename")
    name = page.get_by_role("dialog").get_by_role("textbox", name="Name")
    expect(name).to_have_value("Who are you?")
    name.fill("An introduction")

    page.get_by_role("dialog").get_by_role("button", name="Rename").click()

    expect(page.get_by_role("heading", level=1)).to_have_text("An introduction")
    expect(page).to_have_title("An introduction · Passerelle")
    expect(listed(page)).to_have_text(["An introduction"])


def test_a_conversation_is_deleted_after_a_confirmation(visit: Visit, intern: User) -> None:
    page = at_a_conversation(visit, intern)
    from_menu(page, "Delete")
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("heading")).to_have_text("Delete “Who are you?”?")
    dialog.get_by_role("link", name="Cancel").click()
    expect(dialog).to_be_hidden()
    assert Conversation.objects.count() == 1

    from_menu(page, "Delete")
    dialog.get_by_role("button", name="Delete this conversation").click()

    page.wait_for_url("**/playground/")
    expect(listed(page)).to_have_count(0)
    assert not Conversation.objects.exists()
    assert not Answer.objects.exists()


def test_a_temporary_conversation_is_not_listed(visit: Visit, intern: User) -> None:
    page = visit("/playground/", user=intern)
    page.get_by_role("checkbox", name="Temporary conversation").check()

    chat.ask(page, "[words 3] bees")

    expect(page.get_by_text("Temporary", exact=True)).to_be_visible()
    assert not Conversation.objects.get().kept
    page.goto("/playground/")
    expect(listed(page)).to_have_count(0)


def test_a_temporary_conversation_can_be_saved_and_back(visit: Visit, intern: User) -> None:
    page = at_a_conversation(visit, intern)

    menu(page).get_by_role("button", name="Make temporary").click()
    expect(page.get_by_text("Temporary", exact=True)).to_be_visible()
    expect(listed(page)).to_have_count(0)
    menu(page).get_by_role("button", name="Keep this one after all").click()

    expect(listed(page)).to_have_count(1)
    expect(page.get_by_text("Temporary", exact=True)).to_have_count(0)
    assert Conversation.objects.get().kept


def test_a_conversation_is_exported(visit: Visit, intern: User) -> None:
    page = at_a_conversation(visit, intern)

    name, text = download(page, "Export as Markdown")
    assert name.endswith(".md")
    assert "Who are you?" in text
    assert "I am a **bee**." in text
    name, text = download(page, "Export as JSON")
    assert name.endswith(".json")
    assert json.loads(text)["title"] == "Who are you?"
    assert "I am a **bee**." in text


def test_a_link_and_a_saved_view_lead_to_the_same_again(visit: Visit, intern: User, staff: User) -> None:
    used(key_of(intern), "2.5")
    page = at_a_conversation(visit, intern)
    menu(page).get_by_role("link", name="Share").click()
    page.get_by_label("The link ends").select_option("when I end it")
    page.get_by_role("button", name="Make a link").click()
    link = page.locator("code", has_text="/playground/shared/").inner_text()
    reader = visit(link, user=staff)
    expect(reader.locator(".msg-assistant")).to_contain_text("I am a bee.")
    expect(reader.get_by_role("textbox")).to_have_count(0)

    page.get_by_role("button", name="End this link").click()
    expect(page.locator("code", has_text="/playground/shared/")).to_have_count(0)
    reader.reload()
    expect(reader.get_by_role("heading", level=1)).to_have_text("This link does not work")

    page.goto("/usage/?metric=requests&split=key&period=7d&compare=1")
    numbers = page.locator("#usage-parts tbody").inner_text()
    assert "thesis" in numbers
    page.get_by_role("link", name="Save view").click()
    page.get_by_label("Name").fill("Keys of the week")
    page.get_by_role("button", name="Save").click()
    page.goto("/usage/views/")
    page.get_by_role("link", name="Keys of the week", exact=True).click()
    page.wait_for_url("**/usage/?period=7d&metric=requests&split=key&compare=1")
    expect(page.locator("#usage-parts tbody")).to_have_text(numbers, use_inner_text=True)


def test_a_list_that_is_long_scrolls_by_itself(visit: Visit, intern: User) -> None:
    for number in range(30):
        at = timezone.now() - timedelta(hours=9 * number)
        rows.conversation(intern, title=f"Chat {number}", used_at=at)

    page = visit("/playground/", user=intern)

    expect(listed(page)).to_have_count(30)
    side = page.locator(".ps-convs")
    assert side.evaluate("it => it.scrollHeight > it.clientHeight && it.getBoundingClientRect().height <= innerHeight")
    listed(page).last.focus()
    expect(listed(page).last).to_be_in_viewport()
    assert page.evaluate("scrollY") == 0


def at_a_conversation(visit: Visit, user: User) -> Page:
    """Open a conversation of one message."""
    conversation = rows.conversation(user, ("Who are you?", "I am a **bee**."), model="general_nothink")
    return visit(reverse("playground:conversation", args=[conversation.pk]), user=user)


def listed(page: Page) -> Locator:
    return page.locator("#playground-found li a")


def menu(page: Page) -> Locator:
    """Open the conversation's menu."""
    opened = page.locator("#playground-head .ps-menu")
    opened.locator("summary").click()
    return opened


def from_menu(page: Page, entry: str) -> None:
    menu(page).get_by_role("link", name=entry).click()
    expect(page.get_by_role("dialog")).to_be_visible()


def download(page: Page, entry: str) -> tuple[str, str]:
    """Choose an export; return the name of the file and what is in it."""
    with page.expect_download() as coming:
        menu(page).get_by_role("link", name=entry).click()
    return coming.value.suggested_filename, Path(coming.value.path()).read_text(encoding="utf-8")
