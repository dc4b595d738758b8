"""Steps of people in the Playground, and what the gateway sees of it."""

import re

from playwright.sync_api import Locator, Page, expect

from tests.sandbox_process import Sandbox
from tests.waiting import wait_until

SEEN_WITHIN_S = 1.0  # from Stop to the end of the upstream's connection (docs/design.md)


def composer(page: Page) -> Locator:
    """Return the box that messages are written in."""
    return page.get_by_role("textbox", name="Message", exact=True)


def send(page: Page, text: str) -> Locator:
    """Write a message and press Enter; return the answer to it, which may only have begun."""
    there = turns(page).count()
    composer(page).fill(text)
    composer(page).press("Enter")
    return turns(page).nth(there).locator("article").last


def ask(page: Page, text: str) -> Locator:
    """Send a message and wait for the end of its answer."""
    answer = send(page, text)
    over(answer)
    return answer


def turns(page: Page) -> Locator:
    """Return what was asked and answered, turn by turn."""
    return page.locator("#playground-turns .ps-turn")


def last_answer(page: Page) -> Locator:
    """Return the newest answer."""
    return turns(page).last.locator("article").last


def over(answer: Locator) -> None:
    """Wait until an answer has ended, however."""
    expect(answer.get_by_role("button", name="Retry")).to_be_visible()
    expect(answer).not_to_have_attribute("aria-busy", "true")


def said(answer: Locator) -> str:
    """Return the text of an answer, as it comes or as it ended."""
    return answer.locator(".msg-live, .ps-prose").first.inner_text()


def growing(answer: Locator, moments: int = 3) -> list[int]:
    """Watch an answer grow; return its lengths at so many moments, each longer than the one before."""
    lengths = [0]

    def longer() -> bool:
        now = answer.locator(".msg-live")
        length = len(now.inner_text()) if now.count() else 0
        if length > lengths[-1]:
            lengths.append(length)
        return len(lengths) > moments

    wait_until(longer)
    return lengths[1:]


def choose(page: Page, model: str) -> None:
    """Choose a model by the picker."""
    page.locator("[data-picker] summary").click()
    page.get_by_role("searchbox", name="Search models").fill(model)
    page.get_by_role("radio", name=re.compile(f"^{re.escape(model)}")).click()
    expect(page.locator("[data-picked]")).to_have_text(model)


def disconnects(sandbox: Sandbox) -> int:
    """Return how many streams were ended by who had asked."""
    return int(sandbox.connections()["closed_by_client"])


def assert_hung_up(sandbox: Sandbox, since: int) -> None:
    """Check that within a second one more stream was ended by who had asked, and none is open."""
    wait_until(lambda: disconnects(sandbox) == since + 1, timeout_s=SEEN_WITHIN_S)
    wait_until(lambda: not sandbox.connections()["open"])
