"""No key ever reaches a browser: everything received during a chat is searched."""

import re

import pytest
from playwright.sync_api import Page, Route, expect

from accounts.models import User
from tests.browser import playground_steps as chat
from tests.browser.visit import Visit
from tests.sandbox_process import Sandbox

pytestmark = pytest.mark.browser


def test_nothing_that_reaches_the_browser_holds_a_secret(visit: Visit, intern: User, sandbox: Sandbox) -> None:
    page = visit("about:blank", user=intern)
    came: list[str] = []

    def read(route: Route) -> None:
        answer = route.fetch(max_redirects=0)
        head = "\n".join(f"{each['name']}: {each['value']}" for each in answer.headers_array)
        came.append(f"{answer.url}\n{head}\n{answer.text()}")
        route.fulfill(response=answer)

    page.route(lambda url: "/static/" not in url, read)
    page.goto("/playground/")

    a_whole_chat(page)
    page.unroute_all(behavior="wait")  # a read that is not finished would end in the next test

    secrets = [*sandbox.issued_secrets(), sandbox.admin_key]
    assert len(secrets) >= 2  # the Playground key is one of them
    assert sum("text/event-stream" in text for text in came) == 6
    assert any("x-litellm-call-id" in text for text in came)
    assert not [secret for secret in secrets for text in came if secret in text]
    assert not [found for text in came for found in re.findall(r"sk-[\w-]{16,}", text)]


def a_whole_chat(page: Page) -> None:
    """Ask, ask again, see errors at the start and midway, look at what was sent, at code and at the budget."""
    for text in ("[words 5] bees", "[fail 401] bees", "[fail 500] bees", "[sse-error][words 6] bees", "[budget] bees"):
        chat.ask(page, text)
    answer = chat.last_answer(page)
    answer.get_by_role("button", name="Retry").click()
    expect(chat.last_answer(page)).to_have_accessible_name("general_nothink, answer 2 of 2")
    chat.turns(page).first.locator("article").last.get_by_role("link", name="Details").click()
    expect(page.get_by_role("dialog")).to_be_visible()
    page.keyboard.press("Escape")
    page.get_by_role("button", name="View code").click()
    expect(page.locator("#playground-code #playground-snippets")).to_be_visible()
    page.keyboard.press("Escape")
    page.reload()
    expect(chat.turns(page)).to_have_count(5)
