"""Streaming answers: text that grows, stopped by button and key, resumed after a reload."""

import pytest
from playwright.sync_api import Page, expect

from accounts.models import User
from playground.models import Answer, Message
from tests.browser import playground_steps as chat
from tests.browser.visit import Visit
from tests.sandbox_process import Sandbox
from tests.waiting import wait_until

pytestmark = pytest.mark.browser

LONG = "[pace 60][words 400] bees"


def test_an_answer_is_seen_growing_and_ends_with_its_figures(visit: Visit, intern: User) -> None:
    page = visit("/playground/", user=intern)

    answer = chat.send(page, "[pace 40][count 150] numbers")
    assert len(chat.growing(answer, 4)) == 4
    expect(answer).to_have_attribute("aria-busy", "true")
    chat.over(answer)

    assert chat.said(answer) == " ".join(str(number) for number in range(1, 151))
    for word in ("First word", "Speed", "Tokens", "Cost", "Complete", "Call"):
        expect(answer).to_contain_text(word)
    expect(page.locator("#say")).to_have_text("The answer is finished.")
    expect(chat.composer(page)).to_be_focused()
    expect(chat.composer(page)).to_have_value("")


WATCH = """() => {
  window.seen = [];
  const look = () => {
    const answer = [...document.querySelectorAll("#playground-turns .msg-assistant")].at(-1);
    const prose = answer?.querySelector(".ps-prose");
    if (!prose) return;
    const { height, top } = prose.getBoundingClientRect();
    const is_open = Boolean(prose.querySelector(".ps-open"));
    window.first ??= prose.querySelector("table");
    const at = Math.round(top + scrollY); // on the page, which may follow its end between two changes
    window.seen.push({ busy: answer.ariaBusy, is_open, html: prose.innerHTML, height, at });
  };
  new MutationObserver(look).observe(document.querySelector("#playground-turns"), { childList: true, subtree: true });
}"""


def test_blocks_are_rendered_while_they_come_and_stay_as_they_are(visit: Visit, intern: User) -> None:
    page = visit("/playground/", user=intern)
    page.evaluate(WATCH)

    answer = chat.send(page, "Well [markdown] [pace 80]")
    expect(answer.get_by_role("table")).to_be_visible()
    expect(answer).to_have_attribute("aria-busy", "true")
    chat.over(answer)

    seen = page.evaluate("seen")
    last = [each for each in seen if each["busy"]][-1]
    after = [each for each in seen if not each["busy"]][0]
    assert not last["is_open"]
    assert {**last, "busy": None} == after
    assert page.evaluate("first.isConnected")


@pytest.mark.parametrize("by", ["button", "Escape"])
def test_stop_keeps_the_text_and_ends_the_call_at_the_gateway(
    visit: Visit, intern: User, sandbox: Sandbox, by: str
) -> None:
    page, before = visit("/playground/", user=intern), chat.disconnects(sandbox)
    answer = chat.send(page, LONG)
    chat.growing(answer)

    stop(page, by)

    chat.assert_hung_up(sandbox, before)
    chat.over(answer)
    frozen = chat.said(answer)
    expect(answer).to_contain_text("Stopped by you")
    assert Answer.objects.get().state == Answer.State.STOPPED
    assert frozen.split() == Answer.objects.get().text.split()
    assert 0 < len(frozen.split()) < 400
    page.reload()
    assert chat.said(chat.last_answer(page)) == frozen


def stop(page: Page, by: str) -> None:
    if by == "button":
        page.get_by_role("button", name="Stop").click()
    else:
        page.keyboard.press(by)


def test_stop_before_the_first_event_shows_what_was_asked_and_that_it_was_stopped(
    visit: Visit, intern: User, sandbox: Sandbox
) -> None:
    sandbox.faults("/key/generate", "delay", seconds=1.5)  # the Playground key is made with the first message
    page = visit("/playground/", user=intern)
    chat.composer(page).fill(LONG)
    chat.composer(page).press("Enter")

    page.get_by_role("button", name="Stop").click()

    answer = chat.last_answer(page)
    chat.over(answer)
    expect(answer).to_contain_text("Stopped by you")
    expect(chat.composer(page)).to_have_value("")
    assert Answer.objects.get().state == Answer.State.STOPPED


def test_a_reload_midway_goes_on_with_the_answer(visit: Visit, intern: User, sandbox: Sandbox) -> None:
    page, before = visit("/playground/", user=intern), chat.disconnects(sandbox)
    answer = chat.send(page, LONG)
    seen = chat.growing(answer)[-1]

    page.reload()

    again = chat.last_answer(page)
    wait_until(lambda: len(chat.said(again)) > seen)
    chat.growing(again)
    assert chat.disconnects(sandbox) == before
    stop(page, "button")
    chat.assert_hung_up(sandbox, before)
    chat.over(again)
    expect(again).to_contain_text("Stopped by you")
    assert len(chat.said(again)) > seen


@pytest.mark.parametrize("by", ["Enter", "click"])
def test_repeated_clicks_make_one_message(visit: Visit, intern: User, by: str) -> None:
    page = visit("/playground/", user=intern)
    chat.composer(page).fill("[slow 300][words 3] bees")
    if by == "Enter":
        chat.composer(page).press("Enter")
        page.keyboard.press("Enter")
    else:
        page.get_by_role("button", name="Send", exact=True).dblclick()

    chat.over(chat.last_answer(page))

    expect(chat.turns(page)).to_have_count(1)
    assert Message.objects.count() == Answer.objects.count() == 1


def test_the_page_becomes_that_of_the_conversation(visit: Visit, intern: User) -> None:
    page = visit("/playground/", user=intern)

    chat.ask(page, "[words 3] Bees in the city")

    expect(page.get_by_role("heading", level=1)).to_contain_text("Bees in the city")
    page.wait_for_url("**/playground/c/*/")
    expect(page.locator("#playground-found [aria-current=page]")).to_contain_text("Bees in the city")


def test_reasoning_comes_folded(visit: Visit, intern: User) -> None:
    page = visit("/playground/", user=intern)

    answer = chat.ask(page, "[reason 9][words 3] bees")

    thoughts = answer.get_by_text("First I look at the question")
    expect(thoughts).to_be_hidden()
    answer.get_by_text("Reasoning", exact=True).click()
    expect(thoughts).to_be_visible()


def test_the_page_does_not_scroll_while_somebody_reads_above(visit: Visit, intern: User) -> None:
    page = visit("/playground/", user=intern, viewport={"width": 1280, "height": 500})
    chat.ask(page, "[words 600] bees")
    answer = chat.send(page, "[pace 20][words 600] again")
    chat.growing(answer, 2)

    page.mouse.move(640, 200)
    page.mouse.wheel(0, -5000)
    wait_until(lambda: page.evaluate("scrollY") == 0)
    chat.growing(answer, 3)

    assert page.evaluate("scrollY") == 0
    page.get_by_role("button", name="Jump to the newest").click()
    wait_until(lambda: page.evaluate("scrollY") > 0)
    page.keyboard.press("Escape")
    chat.over(answer)
