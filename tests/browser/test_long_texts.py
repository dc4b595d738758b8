"""Long texts: text boxes grow while typing, and long parts scroll by keyboard."""

import pytest
from django.urls import reverse
from playwright.sync_api import expect

from accounts.models import User
from tests.browser.axe import violations
from tests.browser.visit import Visit
from tests.playground import rows

pytestmark = pytest.mark.browser

EIGHT_LINES = "\n".join(f"Line {number}" for number in range(1, 9))
THOUGHTS = "Let me think of it once more.\n" * 60


@pytest.mark.parametrize("path", ["", "compare/", "completion/", "embeddings/", "moderation/"])
def test_a_box_grows_with_its_text(visit: Visit, intern: User, path: str) -> None:
    page = visit(f"/playground/{path}", user=intern)
    box = page.locator("#playground-form textarea").first
    empty = box.bounding_box()

    box.fill(EIGHT_LINES)

    assert box.evaluate("it => it.scrollHeight - it.clientHeight") <= 0  # the first line and the last are seen
    box.fill("")
    assert box.bounding_box() == empty


def test_long_reasoning_scrolls_by_keyboard(visit: Visit, intern: User) -> None:
    conversation = rows.conversation(intern, ("Which one?", f"<think>{THOUGHTS}</think>The first."))
    rows.answer(rows.message(conversation, "Sure?", parent=rows.last_answer(conversation)), "Yes.", reasoning=THOUGHTS)
    page = visit(reverse("playground:conversation", args=[conversation.pk]), user=intern)
    folded = page.get_by_text("Reasoning", exact=True)
    expect(folded).to_have_count(2)

    for each in folded.all():
        each.press("Enter")

    expect(page.locator(".ps-think .ps-live").filter(visible=True)).to_have_count(2)
    assert violations(page) == []
