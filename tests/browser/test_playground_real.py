"""The chat in a real browser with a real LiteLLM: streaming, complete, and stopped at both ends."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect
from pytest_django import Settings

from accounts.models import User
from playground.models import Answer
from tests.browser import playground_steps as chat
from tests.browser.visit import Visit
from tests.browser.windows import Windows
from tests.playground.real_portal import LONG, Served, assert_stopped_at_both, served, the_answer

pytestmark = [pytest.mark.browser, pytest.mark.real_gateway]


@pytest.fixture
def there(transactional_db: None, settings: Settings, intern: User) -> Iterator[Served]:
    """Serve the portal in front of the real gateway."""
    with served(settings, intern) as there:
        yield there


@pytest.fixture
def window(chromium: Browser, there: Served) -> Iterator[Visit]:
    """Return how people come to that portal; fails when a page of theirs complained or looked elsewhere."""
    visitors = Visit(Windows(chromium, there.portal.url))
    yield visitors
    visitors.leave()
    assert not visitors.complaints


def test_an_answer_is_seen_growing_and_ends_with_its_figures(window: Visit, there: Served, intern: User) -> None:
    page = window("/playground/", user=intern)
    chat.choose(page, "gpt-4o-mini")

    answer = chat.send(page, "Tell me of bees [words 60] [pace 50]")
    chat.growing(answer)
    chat.over(answer)

    kept = the_answer()
    assert kept.state == Answer.State.COMPLETE
    assert chat.said(answer) == kept.text
    for words in ("First word", "Speed", "60 out", "Cost", "Complete", "Call"):
        expect(answer).to_contain_text(words)
    assert there.proxy.disconnects == 0


@pytest.mark.parametrize("by", ["button", "Escape"])
def test_stop_ends_the_work_at_the_gateway(window: Visit, there: Served, intern: User, by: str) -> None:
    page = window("/playground/", user=intern)
    chat.choose(page, "gpt-4o-mini")
    answer = chat.send(page, LONG)
    chat.growing(answer, moments=25)  # tokens in flight are few of these: costs are compared
    seen = chat.said(answer)

    if by == "button":
        page.get_by_role("button", name="Stop").click()
    else:
        page.keyboard.press("Escape")

    assert_stopped_at_both(there, seen)
    chat.over(answer)
    expect(answer).to_contain_text("Stopped by you")
    assert chat.said(answer) == the_answer().text
