"""The tools: several models at once, completions, embeddings, moderation."""

import json
import re

import pytest
from playwright.sync_api import Locator, Page, Route, expect

from accounts.models import User
from playground.models import Answer
from tests.browser import playground_steps as chat
from tests.browser.test_pages import assert_in_order
from tests.browser.visit import DESK, PHONE, Visit
from tests.playground import rows
from tests.sandbox_process import Sandbox
from tests.waiting import wait_until

pytestmark = pytest.mark.browser

FOUR = ("general_nothink", "gpt-4o-mini", "claude-3-haiku", "llama-70b")
LONG = "[pace 60][words 400] bees"
LONG_ENOUGH_MS = 40_000  # for answers of some seconds, one after the other, on a machine that is busy
State = Answer.State
# Remember that the column which waits was kept from beginning after Stop all: its next request is held back, or the one
# that was under way has ended.
WATCH = """() => {
  const links = [...document.querySelectorAll("[data-column]")];
  const waits = (link) => link.parentElement.textContent.includes("Waits for its turn");
  const { column } = links.find(waits).dataset;
  globalThis.isKeptBack = new Promise((tell) => {
    const isOver = () => document.querySelector("[data-stops-all][data-over]");
    const isIts = ({ target }) => target.dataset?.column === column && isOver();
    document.addEventListener("htmx:before:request", (event) => isIts(event) && tell(event.defaultPrevented));
    document.addEventListener("htmx:finally:request", (event) => isIts(event) && tell(true));
  });
}"""

PRESS_HOME_AS_A_STREAM_GOES_ON = """(tab) => {
  tab.dispatchEvent(new KeyboardEvent("keydown", { key: "Home", bubbles: true }));
  document.dispatchEvent(new CustomEvent("htmx:after:settle", { detail: { newContent: [] } }));
}"""


def compare(page: Page, text: str, models: tuple[str, ...] = FOUR) -> None:
    """Choose models, write a message and press Enter."""
    while (chips := page.locator("[data-chips] button")).count():
        chips.first.click()
    for model in models:
        page.get_by_role("checkbox", name=re.compile(f"^{re.escape(model)}")).check()
    chat.composer(page).fill(text)
    chat.composer(page).press("Enter")
    expect(page.locator(".ps-column")).to_have_count(len(models))


def column(page: Page, model: str) -> Locator:
    return page.locator(".ps-column").filter(has=page.get_by_role("heading", name=model, exact=True))


def so_many(page: Page, state: str, number: int) -> None:
    """Wait until so many columns are in a state."""
    expect(page.locator(".ps-column").get_by_text(state, exact=True)).to_have_count(number, timeout=LONG_ENOUGH_MS)


def under_way(page: Page, number: int) -> None:
    """Wait until so many columns have said something."""
    expect(page.locator(".msg-live:not(:empty)")).to_have_count(number)


def states() -> list[str]:
    return sorted(Answer.objects.values_list("state", flat=True))


def test_four_models_answer_side_by_side(visit: Visit, intern: User) -> None:
    page = visit("/playground/compare/", user=intern)

    compare(page, "[pace 100][count 40] numbers")

    under_way(page, 3)
    expect(page.locator("[data-chooser]")).to_have_count(0)  # further questions go to the same models
    growing = page.locator(".ps-column:has(.msg-live)")
    assert chat.growing(growing.nth(0), 2)
    assert chat.growing(growing.nth(1), 2)
    so_many(page, "Finished", 4)
    for model in FOUR:
        expect(column(page, model)).to_contain_text(" ".join(str(number) for number in range(1, 41)))
        expect(column(page, model)).to_contain_text("First word")
    expect(column(page, "gpt-4o-mini")).to_contain_text("Cost least")
    expect(page).to_have_url(re.compile(r"/playground/compare/[0-9a-f-]{36}/$"))
    expect(page.get_by_role("button", name="Stop all")).to_be_hidden()
    page.reload()
    so_many(page, "Finished", 4)


def test_a_phone_has_tabs_and_a_reload_amid_a_further_question_rejoins_all(visit: Visit, intern: User) -> None:
    page = visit("/playground/compare/", user=intern, viewport=PHONE)
    page.get_by_text("Own settings of a model").click()
    page.locator("[data-own=gpt-4o-mini] summary").click()
    page.locator("[data-own=gpt-4o-mini]").get_by_label("temperature", exact=True).fill("1.5")
    compare(page, "[refuse temperature][count 9] numbers", ("general_nothink", "gpt-4o-mini"))
    tabs = page.get_by_role("tab")
    expect(tabs).to_have_text(["general_nothink", re.compile(r"gpt-4o-mini\s*Broke off")])
    tabs.last.click()
    page.get_by_role("button", name="Send without temperature").click()
    expect(tabs).to_have_text(["general_nothink", "gpt-4o-mini"])
    so_many(page, "Finished", 2)
    chat.composer(page).fill("[pace 60][count 60] more")
    page.get_by_role("button", name="Send").click()
    under_way(page, 2)

    page.reload()

    under_way(page, 2)
    expect(page.get_by_role("tabpanel")).to_have_count(2)  # one below each question
    tabs.first.press("ArrowRight")
    expect(tabs.last).to_be_focused()
    expect(page.get_by_role("tabpanel", name="gpt-4o-mini")).to_have_count(2)
    expect(page.get_by_role("tabpanel", name="general_nothink")).to_have_count(0)
    so_many(page, "Finished", 4)
    expect(page.get_by_role("tabpanel", name="gpt-4o-mini").last).to_contain_text("59 60")
    page.get_by_role("tabpanel").last.get_by_role("button", name="Retry gpt-4o-mini").click()
    so_many(page, "Finished", 4)
    expect(page.get_by_role("tabpanel", name="gpt-4o-mini")).to_have_count(2)  # still the same tab
    tabs.last.evaluate(PRESS_HOME_AS_A_STREAM_GOES_ON)
    expect(page.get_by_role("tabpanel", name="general_nothink")).to_have_count(2)
    page.set_viewport_size(DESK)
    expect(page.get_by_role("tab")).to_have_count(0)
    expect(page.locator(".ps-column")).to_have_count(4)
    for column in page.locator(".ps-column").all():
        expect(column).to_be_visible()
    assert {answer.params.get("temperature") for answer in Answer.objects.filter(model="gpt-4o-mini")} == {1.5}


@pytest.mark.slow
@pytest.mark.parametrize("width", [390, 768, 1280])
def test_answers_of_models_with_long_names_stay_within_the_page(visit: Visit, intern: User, width: int) -> None:
    names = [f"vendor/{letter * 12}-235B-A22B-Thinking-2507-Instruct-FP8-dynamic" for letter in "abcd"]
    conversation = rows.conversation(intern, kind="compare", params={"models": names}, title="Which?")
    message = rows.message(conversation, "Which?")
    for name in names:
        rows.answer(
            message, "| a | b |\n|---|---|\n| " + "c" * 90 + " | d |\n\n```\n" + "e" * 300 + "\n```", model=name
        )

    page = visit(f"/playground/compare/{conversation.pk}/", user=intern, viewport={"width": width, "height": 800})

    so_many(page, "Finished", 4)
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_the_best_is_marked_even_when_an_end_comes_late(visit: Visit, intern: User) -> None:
    page = visit("/playground/compare/", user=intern)
    held: list[Route] = []
    page.route("**/stream/", lambda route: held.append(route))
    compare(page, "[count 9] numbers", FOUR[:2])
    wait_until(lambda: page.evaluate("true") and len(held) == 2)  # Playwright hears of them while it is asked
    first, second = sorted(held, key=lambda route: of_model(route) != "gpt-4o-mini")
    ended = first.fetch()

    second.continue_()
    so_many(page, "Finished", 1)
    first.fulfill(response=ended)

    so_many(page, "Finished", 2)
    expect(column(page, "gpt-4o-mini")).to_contain_text("Cost least")


def of_model(route: Route) -> str:
    """Return the model whose answer is asked for at that address."""
    return Answer.objects.get(pk=route.request.url.split("/")[-3]).model


@pytest.mark.parametrize("by", ["button", "Escape"])
def test_stop_all_ends_every_stream_and_the_queue(visit: Visit, intern: User, sandbox: Sandbox, by: str) -> None:
    page, before = visit("/playground/compare/", user=intern), chat.disconnects(sandbox)
    compare(page, LONG)
    under_way(page, 3)
    expect(page.get_by_text("Waits for its turn, until another is finished.")).to_have_count(1)

    if by == "button":
        page.get_by_role("button", name="Stop all").click()
    else:
        page.keyboard.press(by)

    wait_until(lambda: chat.disconnects(sandbox) == before + 3, timeout_s=chat.SEEN_WITHIN_S)
    wait_until(lambda: not sandbox.connections()["open"])
    so_many(page, "Stopped", 4)
    expect(page.get_by_text("Stopped before the first word.")).to_have_count(1)
    assert states() == [State.STOPPED] * 4
    assert Answer.objects.filter(text="").count() == 1


def test_queued_columns_do_not_start_after_stop_all(visit: Visit, intern: User) -> None:
    """Its clock ticks on until the answer to Stop all is there, and the others have just made room."""
    page = visit("/playground/compare/", user=intern)
    compare(page, LONG)
    under_way(page, 3)
    expect(page.get_by_text("Waits for its turn, until another is finished.")).to_have_count(1)
    on_their_way: list[Route] = []
    page.route("**/stop/", lambda route: on_their_way.append(route))
    page.evaluate(WATCH)

    page.get_by_role("button", name="Stop all").click()

    assert page.evaluate("() => isKeptBack")
    wait_until(lambda: page.evaluate("true") and on_their_way)  # Playwright hears of them while it is asked
    on_their_way[0].continue_()
    so_many(page, "Stopped", 4)
    assert Answer.objects.filter(text="").count() == 1


def test_a_column_that_fails_leaves_the_others_and_can_be_retried(visit: Visit, intern: User, sandbox: Sandbox) -> None:
    page = visit("/playground/compare/", user=intern)
    sandbox.faults("/chat/completions", "stream_cut", after_chunks=5)

    compare(page, "[pace 30][count 20] numbers", FOUR[:3])

    so_many(page, "Finished", 2)
    so_many(page, "Broke off", 1)
    broken = page.locator(".ps-column").filter(has_text="Broke off")
    expect(broken).to_contain_text("The answer broke off")
    broken.get_by_role("button", name=re.compile("^Retry ")).click()
    so_many(page, "Finished", 3)
    expect(page.locator(".ps-column")).to_have_count(3)
    assert states() == [State.COMPLETE] * 3 + [State.FAILED]


def test_models_are_chosen_by_keyboard(visit: Visit, intern: User) -> None:
    page = visit("/playground/compare/", user=intern)
    chips = page.locator("[data-chips] .ps-chip")
    expect(chips).to_have_count(2)
    search = page.get_by_role("searchbox", name="Search models")

    for model in ("llama", "haiku"):
        search.fill(model)
        search.press("Enter")
    search.fill("")

    expect(chips).to_have_count(4)
    expect(page.get_by_role("checkbox", name=re.compile("^vision"))).to_be_disabled()
    expect(page.get_by_text("4 is the maximum.")).to_be_visible()
    page.get_by_role("button", name="Remove llama-70b").press("Enter")
    expect(chips).to_have_count(3)
    expect(page.get_by_role("checkbox", name=re.compile("^vision"))).to_be_enabled()
    search.fill("nothing has this")
    expect(page.get_by_text("No model has that in its name.")).to_be_visible()


def test_a_completion_streams_and_can_be_stopped(visit: Visit, intern: User, sandbox: Sandbox) -> None:
    page, before = visit("/playground/completion/", user=intern), chat.disconnects(sandbox)
    chat.composer(page).fill(f"Once upon a time {LONG}")
    page.get_by_role("button", name="Send").click()
    written = page.locator("#playground-written article")
    chat.growing(written)
    expect(page).to_have_url(re.compile(r"/playground/completion/[0-9a-f-]{36}/$"))

    page.get_by_role("button", name="Stop").click()

    chat.assert_hung_up(sandbox, before)
    expect(written).to_contain_text("Stopped by you")
    expect(written).to_contain_text(Answer.objects.get().text)
    chat.composer(page).fill("Something else")
    written.get_by_role("button", name="Retry").click()
    chat.growing(written)
    page.keyboard.press("Escape")
    expect(written).to_contain_text("Stopped by you")
    assert Answer.objects.count() == 2
    assert len({answer.message_id for answer in Answer.objects.all()}) == 1


def test_vectors_are_compared_and_downloaded(visit: Visit, intern: User) -> None:
    page = visit("/playground/embeddings/", user=intern)
    page.get_by_role("textbox", name="Texts").fill("bees\nwasps\nbees")

    page.get_by_role("button", name="Send").click()

    expect(page.get_by_role("heading", name="Similarity")).to_be_visible()
    expect(page.locator("#say")).to_have_text("3 vectors came.")
    expect(page.locator(".ps-alike tbody tr").nth(0).locator("td").nth(2)).to_have_text("1.00")
    with page.expect_download() as download:
        page.get_by_role("link", name="Download as JSON").click()
    given = json.loads(download.value.path().read_text(encoding="utf-8"))
    assert download.value.suggested_filename == "vectors.json"
    assert [row["text"] for row in given["data"]] == ["bees", "wasps", "bees"]
    assert given["data"][0]["embedding"] == given["data"][2]["embedding"]
    assert len(given["data"][0]["embedding"]) == 16


def test_a_text_is_moderated(visit: Visit, intern: User) -> None:
    page = visit("/playground/moderation/", user=intern)
    page.get_by_role("textbox", name="Text").fill("They kill each other")

    page.get_by_role("button", name="Send").click()

    expect(page.locator(".ps-state")).to_have_text("Flagged")
    expect(page.locator(".ps-scores tbody tr").first).to_contain_text("violence")
    expect(page.locator("#say")).to_have_text("Flagged")


@pytest.mark.slow
@pytest.mark.parametrize("way", ["compare", "embeddings", "moderation", "completion"])
def test_pages_are_accessible_and_fit_the_window(visit: Visit, intern: User, way: str, axe_everywhere: bool) -> None:
    page = visit(f"/playground/{way}/", user=intern)
    shown = {"compare": "Cost least", "embeddings": "Download as JSON", "moderation": "Flagged", "completion": "Retry"}
    if way == "compare":
        compare(page, "[count 30] numbers", FOUR[:3])
    else:
        page.locator("#playground-form textarea").fill("They kill " + "each " * 30 + "\nother")
        page.get_by_role("button", name="Send").click()
    expect(page.get_by_text(shown[way], exact=True).first).to_be_visible()
    if way == "compare":
        so_many(page, "Finished", 3)

    assert_in_order(page, axe_everywhere)
