"""The chat in a browser: retries, edits, images, refusals, code that runs, a teacher's link."""

from pathlib import Path

import pytest
from django.urls import reverse
from playwright.sync_api import Page, expect

from accounts.models import User
from playground.models import Answer, Conversation, Message
from tests.browser import playground_steps as chat
from tests.browser.visit import Visit
from tests.keys.actions import issue
from tests.keys.run_code import run_code
from tests.playground import rows
from tests.sandbox_process import Sandbox
from tests.waiting import wait_until

pytestmark = pytest.mark.browser


def test_a_retry_adds_an_alternative_to_page_through(visit: Visit, intern: User) -> None:
    page = visit("/playground/", user=intern)
    chat.ask(page, "[words 4] bees")
    chat.choose(page, "llama-70b")

    chat.last_answer(page).get_by_role("button", name="Retry").click()

    expect(chat.last_answer(page)).to_have_accessible_name("llama-70b, answer 2 of 2")
    expect(chat.turns(page)).to_have_count(1)
    chat.last_answer(page).get_by_role("button", name="Previous answer").click()
    expect(chat.last_answer(page)).to_have_accessible_name("general_nothink, answer 1 of 2")
    chat.last_answer(page).get_by_role("button", name="Next answer").click()
    expect(chat.last_answer(page)).to_have_accessible_name("llama-70b, answer 2 of 2")
    assert sorted(Answer.objects.values_list("model", flat=True)) == ["general_nothink", "llama-70b"]


def test_an_edited_message_is_sent_again_and_the_original_stays(visit: Visit, intern: User) -> None:
    page = visit("/playground/", user=intern)
    chat.ask(page, "[echo] one")
    chat.ask(page, "[echo] two")
    first = chat.turns(page).first

    first.get_by_role("link", name="Edit and resend").click()
    words = page.get_by_role("textbox", name="Your message, changed")
    expect(words).to_be_focused()
    words.fill("[echo] three")
    words.press("Enter")

    expect(chat.turns(page)).to_have_count(1)
    chat.over(chat.last_answer(page))
    assert chat.said(chat.last_answer(page)) == "three"
    page.get_by_role("button", name="Message before").click()
    expect(chat.turns(page)).to_have_count(2)
    assert chat.said(chat.last_answer(page)) == "two"
    assert Message.objects.count() == 3


def test_editing_a_message_can_be_cancelled(visit: Visit, intern: User) -> None:
    page = at_a_conversation(visit, intern)
    page.get_by_role("link", name="Edit and resend").click()

    page.get_by_role("link", name="Cancel").click()

    expect(page.get_by_role("textbox", name="Your message, changed")).to_have_count(0)
    expect(chat.turns(page)).to_have_count(1)
    assert Message.objects.count() == 1


def test_an_answer_is_deleted_after_a_confirmation(visit: Visit, intern: User) -> None:
    page = at_a_conversation(visit, intern)
    delete = chat.last_answer(page).get_by_role("link", name="Delete")
    delete.click()
    expect(page.get_by_role("dialog")).to_be_visible()
    page.keyboard.press("Escape")
    expect(delete).to_be_focused()
    assert Answer.objects.count() == 1

    delete.click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()

    expect(page.get_by_role("dialog")).to_be_hidden()
    expect(page.get_by_text("Hi, I am a bee.")).to_have_count(0)
    assert not Answer.objects.exists()


def test_an_answer_is_copied_as_it_was_written(visit: Visit, intern: User) -> None:
    page = at_a_conversation(visit, intern, "**Hi**, I am\n\n```python\nbee\n```")

    chat.last_answer(page).locator(".ps-actions").get_by_role("button", name="Copy").click()

    expect(page.locator("#say")).to_have_text("Copied")
    assert clipboard(page) == "**Hi**, I am\n\n```python\nbee\n```"
    chat.last_answer(page).locator(".ps-code").get_by_role("button").click()
    wait_until(lambda: page.evaluate("navigator.clipboard.readText()") == "bee")


def at_a_conversation(visit: Visit, user: User, answered: str = "Hi, I am a bee.") -> Page:
    """Open a conversation of one message."""
    conversation = rows.conversation(user, ("Who are you?", answered), model="general_nothink")
    return visit(reverse("playground:conversation", args=[conversation.pk]), user=user)


def clipboard(page: Page) -> str:
    return str(page.evaluate("navigator.clipboard.readText()"))


# --- What is refused --------------------------------------------------------------------------------
def test_an_invalid_parameter_is_reported_at_its_field_and_the_message_stays(visit: Visit, intern: User) -> None:
    page = visit("/playground/", user=intern)
    field = page.get_by_role("textbox", name="temperature", exact=True)
    field.fill("hot")
    chat.composer(page).fill("bees")

    chat.composer(page).press("Enter")

    expect(page.get_by_role("alert")).to_be_focused()
    expect(field).to_have_attribute("aria-invalid", "true")
    expect(field).to_have_value("hot")
    expect(chat.composer(page)).to_have_value("bees")
    assert not Message.objects.exists()
    page.get_by_role("alert").get_by_role("link").click()
    expect(field).to_be_focused()
    field.fill("0.5")
    chat.composer(page).press("Enter")
    chat.over(chat.last_answer(page))
    assert Answer.objects.get().params["temperature"] == 0.5


def test_a_parameter_that_the_model_refuses_is_left_out_by_one_button(visit: Visit, intern: User) -> None:
    page = visit("/playground/", user=intern)
    page.get_by_text("More parameters").click()
    page.get_by_role("textbox", name="seed", exact=True).fill("7")
    chat.ask(page, "[refuse seed][words 5] bees")

    chat.last_answer(page).get_by_role("button", name="Send without seed").click()

    expect(chat.last_answer(page)).to_have_accessible_name("general_nothink, answer 2 of 2")
    assert len(chat.said(chat.last_answer(page)).split()) == 5
    assert chat.last_answer(page).locator(".ps-note").count() == 0
    expect(page.get_by_text("Not sent: this model does not take it.").filter(visible=True)).to_have_count(1)


def test_a_rate_limit_counts_down_until_the_button_is_enabled(visit: Visit, intern: User, sandbox: Sandbox) -> None:
    sandbox.faults("/chat/completions", "error", status=429, retry_after=3)
    page = visit("/playground/", user=intern)
    answer = chat.ask(page, "[words 4] bees")
    again = answer.get_by_role("button", name="Try again")
    expect(answer).to_contain_text("You can try again in")
    expect(again).to_be_disabled()

    expect(again).to_be_enabled()
    expect(answer).to_contain_text("You can try again now.")
    again.click()

    expect(chat.last_answer(page)).to_have_accessible_name("general_nothink, answer 2 of 2")
    assert len(chat.said(chat.last_answer(page)).split()) == 4


@pytest.mark.parametrize(
    ("switch", "title"),
    [
        ("[too-long]", "This is too long for the model"),
        ("[filter]", "A content filter stepped in"),
        ("[budget][words 8]", "The budget was used up while the model wrote"),
        ("[cut][words 8]", "The answer broke off"),
        ("[fail 500]", "This model is not working"),
    ],
)
def test_errors_are_explained_in_words(visit: Visit, intern: User, switch: str, title: str) -> None:
    page = visit("/playground/", user=intern)

    answer = chat.ask(page, f"{switch} bees")

    expect(answer.locator(".ps-lead")).to_have_text(title)
    expect(page.locator("#say")).to_have_text(title)
    given = answer.locator(".ps-raw")
    expect(given).to_be_hidden()
    answer.get_by_text("The gateway’s message").click()
    expect(given).not_to_be_empty()


# --- Code and links ---------------------------------------------------------------------------------
def test_the_code_shown_runs_as_copied_and_gives_the_same_answer(visit: Visit, intern: User, tmp_path: Path) -> None:
    secret = issue(intern, "mine").secret
    page = visit("/playground/", user=intern)
    page.get_by_role("textbox", name="System prompt").fill("Be brief.")
    page.get_by_role("textbox", name="temperature", exact=True).fill("0.3")
    chat.composer(page).fill("[count 12] numbers")
    button = page.get_by_role("button", name="View code")
    button.click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("tab", name="Python requests").click()
    dialog.get_by_role("tabpanel").get_by_role("button", name="Copy").click()
    expect(page.locator("#say")).to_have_text("Copied")
    code = clipboard(page)
    page.keyboard.press("Escape")
    expect(button).to_be_focused()

    done = run_code(language="python", filename="same.py", code=code.replace("API_KEY", secret), folder=tmp_path)

    assert done.returncode == 0, done.stderr
    answer = chat.ask(page, "[count 12] numbers")
    assert done.stdout.split() == chat.said(answer).split() == [str(number) for number in range(1, 13)]
    assert secret not in page.content()


def test_a_link_to_a_setup_fills_the_page_in_and_sends_nothing(visit: Visit, intern: User, staff: User) -> None:
    page = visit("/playground/", user=staff)
    chat.choose(page, "llama-70b")
    page.get_by_role("textbox", name="System prompt").fill("Answer like a bee & <buzz>.")
    page.get_by_role("textbox", name="temperature", exact=True).fill("0.3")
    page.get_by_role("link", name="Copy a link to this setup").click()
    expect(page.locator("#say")).to_have_text("Link copied")

    pupil = visit(clipboard(page), user=intern)

    expect(pupil.locator("[data-picked]")).to_have_text("llama-70b")
    expect(pupil.get_by_role("textbox", name="System prompt")).to_have_value("Answer like a bee & <buzz>.")
    expect(pupil.get_by_role("textbox", name="temperature", exact=True)).to_have_value("0.3")
    assert not Conversation.objects.exists()
    chat.ask(pupil, "[words 3] bees")
    setup = {"model": "llama-70b", "system": "Answer like a bee & <buzz>.", "temperature": 0.3}
    assert Answer.objects.get().params.items() >= setup.items()
