"""Texts that try to run a script, in a real browser: with the Content-Security-Policy, and without it."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from django.urls import reverse
from playwright.sync_api import Dialog, Page, Route, expect

from accounts.models import User
from playground.models import Answer
from tests.browser import playground_steps as chat
from tests.browser.visit import Visit
from tests.playground import rows
from tests.playground.xss import HANDLERS, STORABLE

pytestmark = [pytest.mark.browser, pytest.mark.parametrize("policy", [True, False], ids=["policy", "no policy"])]

ALL = "\n\n".join(STORABLE)
# What a script of ours never makes: whoever runs one of these texts would.
RUNNABLE = """() => [...document.querySelectorAll('main *')].filter((it) =>
  it.matches('script, iframe, object, embed, base, meta, style, link[href*=evil]')
  || it.getAttributeNames().some((name) => name.startsWith('on'))
  || /^\\s*(javascript|vbscript|data:text)/i.test(it.getAttribute('href') ?? it.getAttribute('src') ?? '')
).map((it) => it.outerHTML)"""


@contextmanager
def watched(visit: Visit, user: User, path: str, *, policy: bool) -> Iterator[Page]:
    """Open a page; fail when a dialog opened, markup came in that could run, or it looked elsewhere (see `visit`)."""
    dialogs: list[str] = []
    page = visit("about:blank", user=user, first=True)  # a dialog that opens late must not hold up the next test

    def note(dialog: Dialog) -> None:
        dialogs.append(dialog.message)
        dialog.dismiss()

    page.on("dialog", note)
    if not policy:
        page.route("**/playground/**", without_policy)
    response = page.goto(path)
    assert response
    assert ("content-security-policy" in response.headers) is policy
    try:
        yield page
        assert page.evaluate(RUNNABLE) == []
        page.locator("body").dispatch_event("mouseover")
        assert not dialogs
    finally:
        page.remove_listener("dialog", note)


def without_policy(route: Route) -> None:
    """Let a page through without its Content-Security-Policy; a stream goes its way, it has none."""
    if route.request.resource_type != "document":
        route.continue_()
        return
    answer = route.fetch()
    headers = {name: value for name, value in answer.headers.items() if name != "content-security-policy"}
    route.fulfill(response=answer, headers=headers)


def test_as_a_prompt_a_system_prompt_an_answer_and_a_title(visit: Visit, intern: User, policy: bool) -> None:
    with watched(visit, intern, "/playground/", policy=policy) as page:
        page.get_by_role("textbox", name="System prompt").fill(ALL)

        answer = chat.ask(page, f"[echo][bytes] {ALL}")

        assert chat.said(answer)
        assert page.evaluate(RUNNABLE) == []
        page.reload()
        expect(page.get_by_role("textbox", name="System prompt")).to_have_value(ALL.replace("\r", "\n"))
    assert "<script>alert(1)</script>" in Answer.objects.get().text


def test_as_a_title_an_error_and_the_name_of_an_image(visit: Visit, intern: User, policy: bool) -> None:
    conversation = rows.conversation(intern, ("Hello", "Hi"), title=" ".join(STORABLE)[:100], model="general_nothink")
    last = rows.last_answer(conversation)
    rows.image(last.message, name="x.png' onload='alert(1)\"><script>alert(1)</script>")
    for text in STORABLE[:12]:
        problem = {"code": "refused", "status": 400, "type": text, "message": text, "parameter": text}
        rows.answer(last.message, text, state=Answer.State.FAILED, problem=problem, model="general_nothink")

    with watched(visit, intern, reverse("playground:conversation", args=[conversation.pk]), policy=policy) as page:
        chat.last_answer(page).get_by_text("The gateway’s message").click()
        assert page.evaluate(RUNNABLE) == []
        chat.last_answer(page).get_by_role("button", name="Previous answer").click()
        expect(chat.last_answer(page)).to_have_accessible_name("general_nothink, answer 12 of 13")
        chat.last_answer(page).get_by_role("link", name="Delete").click()
        expect(page.get_by_role("dialog")).to_be_visible()


def test_a_script_that_came_through_is_noticed(visit: Visit, intern: User, policy: bool) -> None:
    with pytest.raises(AssertionError), watched(visit, intern, "/playground/", policy=policy) as page:
        page.evaluate(f"document.querySelector('main').insertAdjacentHTML('beforeend', {HANDLERS[0]!r})")
    visit.complaints.clear()  # the browser's own, of what the policy refused
