"""What is typed is kept in the browser until it is sent, and failures are shown where it was typed."""

import pytest
from django.conf import settings
from django.urls import reverse
from playwright.sync_api import Page, expect

from accounts.models import User
from playground.models import Conversation, Message
from tests.browser import playground_steps as chat
from tests.browser.visit import Visit
from tests.playground import rows
from tests.sandbox_process import Sandbox

pytestmark = pytest.mark.browser


def page_of(conversation: Conversation) -> str:
    return reverse("playground:conversation", args=[conversation.pk])


def drafts(page: Page) -> int:
    return int(page.evaluate("localStorage.length"))


def test_each_conversation_has_its_draft_until_it_is_sent(visit: Visit, intern: User) -> None:
    first, second = (page_of(rows.conversation(intern, (name, "Yes."))) for name in ("one", "two"))
    page = visit("/playground/", user=intern, first=True)
    for address, text in (("/playground/", "new"), (first, "[echo] first"), (second, "second")):
        page.goto(address)
        chat.composer(page).fill(text)

    page.goto("/playground/")
    expect(chat.composer(page)).to_have_value("new")
    page.goto(first)
    expect(chat.composer(page)).to_have_value("[echo] first")
    chat.ask(page, "[echo] first")
    page.reload()
    expect(chat.composer(page)).to_have_value("")
    page.goto(second)
    expect(chat.composer(page)).to_have_value("second")
    assert drafts(page) == 2


def test_a_draft_survives_a_retry_and_the_edit_of_another_message(visit: Visit, intern: User) -> None:
    page = visit(page_of(rows.conversation(intern, ("[echo] one", "Yes."))), user=intern, first=True)
    chat.composer(page).fill("not sent yet")

    chat.last_answer(page).get_by_role("button", name="Retry").click()
    expect(page.locator(".ps-pager")).to_be_visible()
    expect(chat.composer(page)).to_have_value("not sent yet")
    page.get_by_role("link", name="Edit and resend").click()
    page.locator("[name=edited]").fill("[echo] changed")
    page.reload()
    page.get_by_role("link", name="Edit and resend").click()
    expect(page.locator("[name=edited]")).to_have_value("[echo] changed")
    expect(chat.composer(page)).to_have_value("not sent yet")


def test_a_second_tab_gets_no_text_while_it_is_typed_and_loses_none(visit: Visit, intern: User) -> None:
    address = page_of(rows.conversation(intern, ("[echo] one", "Yes.")))
    page = visit(address, user=intern, first=True)
    other = page.context.new_page()
    other.goto(address)

    chat.composer(page).fill("[echo] here")
    other.evaluate("htmx.ajax('GET', '/playground/shortcuts/', { target: '#say' })")
    expect(chat.composer(other)).to_have_value("")
    chat.composer(other).fill("there")
    chat.composer(page).press("Enter")
    expect(chat.turns(page)).to_have_count(2)
    chat.over(chat.last_answer(page))
    other.reload()

    expect(chat.composer(other)).to_have_value("there")
    other.close()


def test_one_of_two_edited_messages_is_sent(visit: Visit, intern: User) -> None:
    page = visit(page_of(rows.conversation(intern, ("[echo] one", "1"), ("[echo] two", "2"))), user=intern, first=True)
    for number in (1, 2):
        page.get_by_role("link", name="Edit and resend").first.click()
        expect(page.locator("[name=edited]")).to_have_count(number)
        page.locator("[name=edited]").last.fill(f"[echo] changed {number}")

    page.get_by_role("button", name="Resend").first.click()

    expect(page.locator(".ps-turn")).to_have_count(1)
    chat.over(chat.last_answer(page))
    assert Message.objects.latest("created_at").text == "[echo] changed 1"
    assert drafts(page) == 1


def test_nothing_breaks_where_the_browser_keeps_nothing(visit: Visit, intern: User) -> None:
    page = visit("/playground/", user=intern, first=True)
    page.add_init_script("Object.defineProperty(window, 'localStorage', { get() { throw new Error('forbidden'); } })")
    page.reload()
    chat.ask(page, "[echo] one")
    page.get_by_text("Account of").locator("..").click()
    page.get_by_role("button", name="Sign out").click()

    expect(page.get_by_role("button", name="Sign in")).to_be_visible()
    assert not visit.complaints


def test_drafts_go_with_their_conversation(visit: Visit, intern: User) -> None:
    kept, deleted = (rows.conversation(intern, (name, "Yes.")) for name in ("kept", "deleted"))
    page = visit("/playground/", user=intern, first=True)
    for conversation in (kept, deleted):
        page.goto(page_of(conversation))
        chat.composer(page).fill("not sent")

    page.goto(reverse("playground:delete", args=[deleted.pk]))
    page.get_by_role("button", name="Delete this conversation").click()
    page.wait_for_url("**/playground/")

    assert drafts(page) == 1
    page.goto(page_of(kept))
    expect(chat.composer(page)).to_have_value("not sent")


def test_signing_out_and_another_person_remove_drafts(visit: Visit, intern: User) -> None:
    page = visit("/playground/", user=intern, first=True)
    chat.composer(page).fill("Only mine")
    page.evaluate("localStorage.setItem('passerelle-drafts:/:0:/playground/:id_message', '{}')")
    assert drafts(page) == 2

    page.goto("/")
    expect(page.get_by_role("heading", name="My keys")).to_be_visible()
    assert drafts(page) == 1
    page.get_by_text("Account of").locator("..").click()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("button", name="Sign in")).to_be_visible()
    assert drafts(page) == 0


def test_failures_are_shown_at_the_composer_and_can_be_tried_again(
    visit: Visit, intern: User, sandbox: Sandbox
) -> None:
    page = visit("/playground/", user=intern, first=True)
    sandbox.faults("/key/generate", "error", status=503, times=1)
    chat.composer(page).fill("[echo] one")
    chat.composer(page).press("Enter")
    expect(page.locator("#playground-form").get_by_role("alert")).to_contain_text("gateway")
    again = page.locator("#playground-form").get_by_role("button", name="Try again")

    page.context.set_offline(True)
    again.click()
    expect(page.locator("#playground-form #trouble")).to_be_visible()
    page.context.set_offline(False)
    page.context.clear_cookies(name=settings.CSRF_COOKIE_NAME)
    chat.composer(page).press("Enter")  # the note goes, with its button, once the portal answers
    expect(page.locator("#playground-form").get_by_role("alert")).to_contain_text("This form has expired")
    expect(page.locator("#playground-form").get_by_role("alert")).not_to_contain_text("The portal does not answer")
    expect(chat.composer(page)).to_have_value("[echo] one")
    visit.complaints.clear()


def test_what_is_read_stays_where_it_is(visit: Visit, intern: User) -> None:
    turns = [(f"Question {number}", "word " * 80) for number in range(50)]
    page = visit(page_of(rows.conversation(intern, *turns)), user=intern)
    page.evaluate("scrollTo(0, 0)")
    top = "it => Math.round(it.getBoundingClientRect().top)"
    read = page.get_by_text("Question 30", exact=True)
    before = read.evaluate(top)

    page.get_by_role("link", name="Earlier messages (30)").click()

    expect(page.get_by_text("Question 10", exact=True)).to_be_attached()
    assert abs(read.evaluate(top) - before) <= 1
    expect(page.get_by_role("link", name="Earlier messages (10)")).to_be_focused()

    turn = page.locator(".ps-turn").filter(has_text="Question 25")
    turn.get_by_role("link", name="Edit and resend").click()
    turn.get_by_role("link", name="Cancel").click()
    expect(page.get_by_text("Question 24", exact=True)).not_to_be_attached()
    expect(turn.get_by_role("link", name="Edit and resend")).to_be_focused()
