"""Hostile answers: their cost, what is shown of them, and that others are not affected."""

import re
from collections.abc import Iterable
from html import unescape
from multiprocessing.context import ForkServerContext
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import translation

from accounts.models import User
from playground.markup.code import lexers
from playground.rendering import answer_html, answers, render_answers
from playground.rendering.answers import PAGE_CPU_S
from playground.rendering.pool import Pool
from tests.playground.hostile import CODE, code_texts, formula_texts, markdown_texts
from tests.playground.rendering_cost import Cost, cost_measured, rendering_processes
from tests.playground.rows import conversation
from tests.waiting import wait_until

pytestmark = pytest.mark.django_db

MOST_CPU_S = 0.5  # of one answer
MOST_HELD_S = 0.1  # of what other requests of the process must wait
TICK_OF_KERNEL_S = 0.02  # by which times of processes are counted
AS_WRITTEN = '<div class="ps-prose ps-as-written">'
NEST = "*a **b " * 5000 + "c** d* " * 5000


@pytest.fixture(autouse=True)
def rendering_has_begun(db: None) -> None:
    """Wait until the processes are up, so that their start is not counted."""
    answer_html("A first answer")


def dearest(texts: Iterable[str]) -> dict[str, Cost]:
    """Render each text; return those that cost too much, by their beginnings."""
    found = {}
    for text in texts:
        with cost_measured() as cost:
            html = answer_html(text)
        assert html.count('<div class="ps-prose') == 1
        if cost.rendering_s + cost.asking_s > MOST_CPU_S + TICK_OF_KERNEL_S or cost.held_s > MOST_HELD_S:
            found[text[:30]] = cost
    return found


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_no_code_costs_much_or_holds_up_other_requests() -> None:
    assert dearest(text for _, text in code_texts()) == {}


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_no_markdown_costs_much_or_holds_up_other_requests() -> None:
    assert dearest(markdown_texts()) == {}


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_no_formula_costs_much_or_holds_up_other_requests() -> None:
    assert dearest(formula_texts()) == {}


def test_the_corpus_has_code_for_every_lexer() -> None:
    assert {language for language, *_ in CODE} == set(lexers())


def test_expensive_code_is_plain_and_the_rest_of_the_answer_is_rendered() -> None:
    code = "<<&  " + "a" * 14_000
    html = answer_html(f"**Run** this:\n\n```bash\n{code}\n```\n\nand `that`")

    assert "<strong>Run</strong>" in html
    assert "<code>that</code>" in html
    block = re.search('<code id="[^"]+">(.*?)</code>', html, re.DOTALL)
    assert block
    assert "<span" not in block[1]
    assert unescape(block[1]) == code


def test_an_expensive_formula_is_shown_as_written_and_the_rest_rendered() -> None:
    formula = "x^{" + r"\sqrt{a}" * 230 + "}"
    html = answer_html(f"**So**:\n\n{f'${formula}$ ' * 40}")

    assert "<strong>So</strong>" in html
    assert f"<code>${formula}$</code>" in html


def test_an_expensive_answer_is_shown_as_written() -> None:
    text = "<b>\n  " + "[a](" * 24_000
    html = answer_html(text)

    assert html.strip().startswith(AS_WRITTEN)
    assert unescape(html.strip().removeprefix(AS_WRITTEN).removesuffix("</div>")) == text


@pytest.mark.parametrize("text", ["**b** " * 3000, "[b](" * 24_000])
def test_markup_is_rendered_once_for_all_processes_and_languages(text: str) -> None:
    first = answer_html(text)
    with translation.override("fr"):
        answer_html(text)

    with cost_measured() as cost:
        again = answer_html(text)
        with translation.override("fr"):
            answer_html(text)
    assert again == first
    assert cost.rendering_s <= TICK_OF_KERNEL_S


@pytest.mark.slow
def test_a_page_has_one_rendering_budget_and_each_reload_renders_more() -> None:
    texts = [f"{number} " + "a**b" * 20_000 for number in range(20)]

    with cost_measured() as cost:
        page = render_answers(texts)
    assert cost.rendering_s < PAGE_CPU_S + MOST_CPU_S
    assert all(page.html(text) for text in texts[:1])
    for _ in range(20):
        with cost_measured() as cost:
            render_answers(texts)
        if cost.rendering_s <= TICK_OF_KERNEL_S:
            return
    raise AssertionError("Each reload pays anew.")


def test_a_conversation_of_expensive_answers_opens_completely(as_intern: Client, intern: User) -> None:
    chat = conversation(intern, *[(f"Question {number}", f"{number} " + NEST) for number in range(6)])

    with cost_measured() as cost:
        page = as_intern.get(reverse("playground:conversation", args=[chat.pk]))
    assert page.status_code == 200
    assert page.content.count(b'<article class="msg-assistant"') == 6
    assert cost.rendering_s < PAGE_CPU_S + MOST_CPU_S


def test_a_killed_process_is_replaced_and_nobody_sees_it() -> None:
    wait_until(lambda: len(rendering_processes()) == 2, timeout_s=60)
    for process in rendering_processes():
        process.kill()

    assert "<strong>" in answer_html("**Still here**")
    assert AS_WRITTEN not in answer_html("\\*" * 25_000)  # too dear for the first of the two
    wait_until(lambda: len(rendering_processes()) == 2, timeout_s=60)


def test_answers_are_plain_while_no_process_can_be_started(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Breakable(ForkServerContext):
        is_broken = True

        def Pipe(self, duplex: bool = True) -> tuple[Any, Any]:  # noqa: N802  (multiprocessing calls it so)
            if self.is_broken:
                raise OSError("no more files")
            return super().Pipe(duplex)

    context = Breakable()
    broken = Pool(context)
    monkeypatch.setattr(answers, "rendering_pool", lambda: broken)
    try:
        assert AS_WRITTEN in answer_html("**While it is broken**")
        assert "no more files" in caplog.text
        context.is_broken = False
        wait_until(lambda: "<strong>" in answer_html("**While it is broken**"), timeout_s=60)
        wait_until(lambda: AS_WRITTEN not in answer_html("\\*" * 24_000), timeout_s=60)
    finally:
        context.is_broken = False
