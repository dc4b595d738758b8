"""A conversation and a comparison in print, and in forced colours."""

import pytest
from django.urls import reverse
from playwright.sync_api import Page, ViewportSize, expect

from accounts.models import User
from tests.browser.visit import Visit
from tests.playground import rows

pytestmark = pytest.mark.browser

ANSWER = "Words\n\n" * 60 + "```py\n" + "x = 1\n" * 20 + "```\n\n| a | b |\n|---|---|\n| " + "c" * 200 + " | d |"
A4: ViewportSize = {"width": 718, "height": 1047}  # CSS pixels of what margins of a centimetre leave


def test_a_conversation_begins_on_the_first_page_and_nothing_is_cut(visit: Visit, intern: User) -> None:
    conversation = rows.conversation(intern, ("What is it?", ANSWER), ("And then?", ANSWER))
    page = visit(reverse("playground:conversation", args=[conversation.pk]), user=intern, first=True)

    on_paper(page)

    assert within_paper(page)
    asked = page.get_by_text("What is it?").last.bounding_box()
    assert asked
    assert asked["y"] < 200
    assert page.evaluate("getComputedStyle(document.querySelector('.ps-turn')).display") == "block"
    for hidden in ("#playground-form", ".ps-side", ".ps-top", ".ps-foot", ".ps-sub", ".ps-actions"):
        expect(page.locator(hidden).filter(visible=True)).to_have_count(0)


def test_a_comparison_is_printed_one_answer_after_the_other(visit: Visit, intern: User) -> None:
    conversation = rows.conversation(intern, kind="compare", params={"models": ["one", "two"]}, title="Which?")
    message = rows.message(conversation, "Which?")
    for name in ("one", "two"):
        rows.answer(message, ANSWER, model=name)
    page = visit(reverse("playground:comparison", args=[conversation.pk]), user=intern, first=True)

    on_paper(page)

    assert within_paper(page)
    first, second = (page.locator(".ps-column").nth(number).bounding_box() for number in range(2))
    assert first
    assert second
    assert second["y"] >= first["y"] + first["height"]
    expect(page.locator("#playground-form")).to_be_hidden()


def test_the_selection_is_visible_in_forced_colours(visit: Visit, intern: User) -> None:
    page = visit("/playground/compare/", user=intern, first=True)
    page.emulate_media(forced_colors="active")
    chosen = page.locator(".ps-boxes [data-words]:has(:checked)").first
    other = page.locator(".ps-boxes [data-words]:not(:has(:checked))").first

    style = "it => getComputedStyle(it).outlineStyle"
    assert (chosen.evaluate(style), other.evaluate(style)) == ("solid", "none")
    mark = "it => getComputedStyle(it.querySelector('input')).backgroundColor"
    assert chosen.evaluate(mark) != other.evaluate(mark)
    here, there = page.locator(".ps-sub [aria-current]"), page.locator(".ps-sub a:not([aria-current])").first
    assert here.evaluate(style) != there.evaluate(style)


def on_paper(page: Page) -> None:
    """Show the page as it prints; its window must be `first`, for others go on to the next test."""
    page.set_viewport_size(A4)
    page.emulate_media(media="print")


def within_paper(page: Page) -> bool:
    return bool(page.evaluate("document.documentElement.scrollWidth <= innerWidth"))
