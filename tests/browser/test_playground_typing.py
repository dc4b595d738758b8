"""Typing: sent only on purpose, kept when it cannot be sent, and possible as soon as the page is loaded."""

import re

import pytest
from django.conf import settings
from django.urls import reverse
from playwright.sync_api import Page, expect

from accounts.models import User
from playground.models import Answer, Message
from tests.browser import playground_steps as chat
from tests.browser.visit import PHONE, Visit, session_of
from tests.playground import rows

pytestmark = pytest.mark.browser

LONG_CONVERSATION = [(f"Question {number}", "An answer.\n\n" * 12) for number in range(8)]
# As Safari does: the composition ends, then its Enter comes as an ordinary key, but for its code.
CONFIRM = """(area) => {
  area.dispatchEvent(new CompositionEvent("compositionstart", { bubbles: true }));
  area.dispatchEvent(new CompositionEvent("compositionend", { bubbles: true, data: "日本" }));
  const key = new KeyboardEvent("keydown", { key: "%s", keyCode: 229, bubbles: true, cancelable: true });
  return area.dispatchEvent(key);
}"""


@pytest.mark.parametrize("path", ["", "compare/", "completion/", "embeddings/", "moderation/"])
def test_enter_that_confirms_an_input_method_sends_nothing(visit: Visit, intern: User, path: str) -> None:
    page = visit(f"/playground/{path}", user=intern)
    box = page.locator("#playground-form textarea").first
    box.fill("日本")

    assert box.evaluate(CONFIRM % "Enter")  # the browser's own: nobody took it

    expect(box).to_have_value("日本")
    assert not page.locator("form.htmx-request").count()
    assert not Message.objects.exists()


def test_keys_of_an_input_method_close_no_list_and_stop_no_answer(visit: Visit, intern: User) -> None:
    page = visit("/playground/", user=intern)
    answer = chat.send(page, "[pace 60][words 200] bees")
    chat.growing(answer, 1)

    chat.composer(page).evaluate(CONFIRM % "Escape")
    page.locator("[data-picker] summary").click()
    page.get_by_role("searchbox", name="Search models").evaluate(CONFIRM % "Enter")

    expect(page.locator("[data-picker]")).to_have_attribute("open", "")
    chat.growing(answer, 2)
    page.keyboard.press("Escape")
    chat.composer(page).press("Escape")
    chat.over(answer)


def test_the_message_box_has_the_focus(visit: Visit, intern: User) -> None:
    page = visit("/playground/", user=intern)
    expect(chat.composer(page)).to_be_focused()
    page.keyboard.type("[echo] one")
    page.keyboard.press("Enter")
    chat.over(chat.last_answer(page))

    page.reload()
    expect(chat.composer(page)).to_be_focused()


def test_the_page_does_not_open_the_keyboard_of_a_phone(visit: Visit, intern: User) -> None:
    page = visit("/playground/", user=intern, viewport=PHONE, has_touch=True, is_mobile=True)

    expect(chat.composer(page)).not_to_be_focused()


def test_on_a_phone_the_composer_is_one_row_with_the_model(visit: Visit, intern: User) -> None:
    conversation = rows.conversation(intern, *LONG_CONVERSATION, model="general_nothink")
    address = reverse("playground:conversation", args=[conversation.pk])
    page = visit(address, user=intern, viewport=PHONE, has_touch=True, is_mobile=True)
    box, height = page.locator("#playground-box"), "it => it.offsetHeight"
    folded = box.evaluate(height)
    assert folded < 60
    assert (
        page.locator("#playground-form").evaluate("it => Math.abs(it.getBoundingClientRect().bottom - innerHeight)") < 2
    )

    chat.composer(page).focus()
    expect(page.get_by_role("button", name="View code")).to_be_visible()
    assert box.evaluate(height) > folded
    chip = page.locator(".ps-model-chip")
    expect(chip).to_have_text("general_nothink")
    chip.click()
    page.get_by_role("radio", name=re.compile("^llama-70b")).click()
    expect(chip).to_have_text("llama-70b")

    expect(page.get_by_role("link", name="Compare")).to_be_hidden()
    page.locator(".ps-ways summary").click()
    expect(page.get_by_role("link", name="Compare")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("link", name="Compare")).to_be_hidden()


def test_on_a_phone_everything_in_the_composer_can_be_tapped(visit: Visit, intern: User) -> None:
    page = visit("/playground/", user=intern, viewport=PHONE, has_touch=True, is_mobile=True)
    chat.composer(page).tap()
    page.get_by_text("Temporary conversation").tap()

    expect(page.get_by_role("checkbox", name="Temporary conversation")).to_be_checked()
    with page.expect_file_chooser():
        page.locator(".ps-attach").tap()
    page.get_by_role("heading", name="New conversation").tap()
    expect(page.locator(".ps-attach")).to_be_hidden()


def test_a_failed_send_is_reported_next_to_the_composer(visit: Visit, intern: User) -> None:
    page = at_the_end_of_a_long_talk(visit, intern)
    page.context.set_offline(True)
    chat.composer(page).fill("[echo] one more")

    chat.composer(page).press("Enter")

    note = page.locator("#playground-form #trouble")
    expect(note).to_be_in_viewport(ratio=1)
    expect(chat.composer(page)).to_have_value("[echo] one more")
    page.context.set_offline(False)
    chat.composer(page).press("Enter")
    chat.over(chat.last_answer(page))
    expect(page.locator("#trouble")).to_be_hidden()
    visit.complaints.clear()  # the browser's own, of the network that was away


def test_any_other_failure_is_reported_in_view(visit: Visit, intern: User) -> None:
    page = at_the_end_of_a_long_talk(visit, intern)
    page.context.set_offline(True)

    chat.last_answer(page).get_by_role("link", name="Details").click()

    expect(page.locator("#trouble")).to_be_in_viewport(ratio=1)
    visit.complaints.clear()


@pytest.mark.parametrize("path", ["playground:index", "playground:compare", "keys:index"])
def test_an_expired_session_loses_no_typed_text(visit: Visit, intern: User, known_password: str, path: str) -> None:
    page = visit(reverse(path), user=intern)
    page.wait_for_load_state("networkidle")  # what the page asks for when it opens would lead to the sign-in, too
    page.context.clear_cookies(name=settings.SESSION_COOKIE_NAME)
    box = page.locator("#playground-form textarea, form.ps-create input[type=text]").first
    box.fill("Typed for an hour")
    box.press("Enter")

    page.get_by_label("User name or e-mail").fill(intern.username)
    page.get_by_label("Password").fill(known_password)
    page.get_by_role("button", name="Sign in").click()

    expect(page).to_have_url(re.compile(f"{reverse(path)}$"))
    expect(box).to_have_value("Typed for an hour")
    assert not Answer.objects.exists()
    page.reload()
    expect(box).to_have_value(
        "" if path == "keys:index" else "Typed for an hour"
    )  # the Playground keeps it until it is sent


def test_a_draft_is_not_shown_to_the_next_person(visit: Visit, intern: User, staff: User) -> None:
    page = visit("/playground/", user=intern)
    page.wait_for_load_state("networkidle")  # as above
    page.context.clear_cookies(name=settings.SESSION_COOKIE_NAME)
    chat.composer(page).fill("Only mine")
    chat.composer(page).press("Enter")
    expect(page.get_by_label("Password")).to_be_visible()

    page.context.add_cookies([{"name": settings.SESSION_COOKIE_NAME, "value": session_of(staff), "url": visit.url}])
    page.goto("/playground/")

    expect(chat.composer(page)).to_have_value("")
    assert page.evaluate("sessionStorage.length") == 0


def at_the_end_of_a_long_talk(visit: Visit, owner: User) -> Page:
    conversation = rows.conversation(owner, *LONG_CONVERSATION)
    page = visit(reverse("playground:conversation", args=[conversation.pk]), user=owner)
    chat.composer(page).press("End")
    page.evaluate("scrollTo(0, document.body.scrollHeight)")
    return page
