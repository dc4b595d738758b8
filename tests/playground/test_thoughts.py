"""Thoughts that a model writes into its answer, between <think> and </think>: folded when shown, kept as they came."""

import re
from html import unescape

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import translation

from playground.rendering import answer_html
from tests.keys.views.pages import words_of
from tests.playground.sse import received, send
from tests.playground.streams import know_the_models
from tests.playground.test_rendering import Reader
from tests.playground.xss import CORPUS, STORABLE
from tests.sandbox_process import Sandbox

pytestmark = pytest.mark.django_db  # what is rendered is kept in the cache

FOLDED = re.compile(  # nothing in it is a tag
    r'\s*<details class="ps-think"><summary>Reasoning</summary><div class="ps-live">([^<]*)</div></details>\s*'
)
PROSE = '<div class="ps-prose">'


def parted(text: str) -> tuple[str, str]:
    """Return what was folded of an answer, as text, and the HTML of the rest."""
    html = answer_html(text)
    folded = FOLDED.match(html)
    assert folded
    return unescape(folded[1]), html[folded.end() :]


@pytest.mark.parametrize(
    "text",
    [
        "<think>*Two* & two</think>**Four**",
        "<think>\n*Two* & two\n</think>\n\n**Four**\n",
        "\n <think>\r\n*Two* & two\r\n</think>\r\n**Four**",
    ],
)
def test_folds_the_thoughts_as_they_were_written_and_renders_the_rest(text: str) -> None:
    thought, rest = parted(text)

    assert thought == "*Two* & two"
    assert rest.split() == f"{PROSE}<p><strong>Four</strong></p> </div>".split()


@pytest.mark.parametrize(
    "text",
    [
        "*Two* & two\n</think>\n\n**Four**",
        "<reasoning>*Two* & two</reasoning>**Four**",
        "[THINK]*Two* & two[/THINK]**Four**",
        "<|channel|>analysis<|message|>*Two* & two<|end|><|start|>assistant<|channel|>final<|message|>**Four**",
        "Here is my thought process: *Two* & two\n\nHere is my response:\n\n**Four**",
    ],
    ids=["no opening tag", "reasoning", "Magistral", "gpt-oss", "Granite"],
)
def test_folds_the_thoughts_of_models_that_spell_them_otherwise(text: str) -> None:
    thought, rest = parted(text)

    assert thought == "*Two* & two"
    assert rest.split() == f"{PROSE}<p><strong>Four</strong></p> </div>".split()


@pytest.mark.parametrize("text", ["<think>It was stopped", "<think>It was stopped</think>", "<think>It was stopped\n"])
def test_unclosed_reasoning_is_all_reasoning(text: str) -> None:
    assert parted(text) == ("It was stopped", "")


@pytest.mark.parametrize("text", ["<think></think>Four", "<think>\n\n</think>\n\nFour"])
def test_empty_reasoning_is_not_shown(text: str) -> None:
    html = answer_html(text)

    assert "<details" not in html
    assert "think" not in html
    assert "<p>Four</p>" in html


@pytest.mark.parametrize("text", ["`<think>` begins it </think>", "So: <think>a</think>", "<thinker>a</thinker>"])
def test_only_the_tag_at_the_beginning_is_one(text: str) -> None:
    html = answer_html(text)

    assert "<details" not in html
    assert "&lt;" in html


def test_a_second_tag_is_text() -> None:
    thought, rest = parted("<think>a <think> b</think>c <think>d</think>")

    assert thought == "a <think> b"
    assert "c &lt;think&gt;d&lt;/think&gt;" in rest


@pytest.mark.parametrize("text", CORPUS)
def test_allows_no_active_markup(text: str) -> None:
    thought, rest = parted(f"<think>hm {text} hm</think>\n{text}")

    assert thought == f"hm {text} hm"
    assert Reader(rest).wrong == []
    assert parted(f"<think>hm {text} hm") == (f"hm {text} hm", "")


def test_speaks_the_language_of_the_page() -> None:
    with translation.override("fr"):
        assert "<summary>Raisonnement</summary>" in answer_html("<think>a</think>b")


def test_the_answer_is_kept_as_it_came(as_intern: Client, sandbox: Sandbox) -> None:
    know_the_models()
    text = f"<think>{' '.join(STORABLE)}</think>Four"

    stream = received(send(as_intern, f"[echo]{text}"))

    answer = stream.answer
    assert (answer.text, answer.reasoning) == (text.replace("\r", "\n"), "")
    page = as_intern.get(reverse("playground:conversation", args=[answer.message.conversation_id]))
    [*_, shown_later] = re.findall("<article.*?</article>", page.content.decode(), re.DOTALL)
    for html in (stream.article, shown_later):
        assert html.count('<details class="ps-think">') == 1
        assert "<p>Four</p>" in html
        assert html.count("&lt;think&gt;") == html.count("&lt;/think&gt;") == 1  # what Copy takes, as it was written
    details = as_intern.get(reverse("playground:details", args=[answer.pk]))
    assert "<think>" in unescape(words_of(details))


def test_reasoning_streams_into_its_own_place(as_intern: Client, sandbox: Sandbox) -> None:
    know_the_models()

    stream = received(send(as_intern, "[echo]<think>Two and two & so on</think>Four"))

    assert (stream.reasoning, stream.text) == ("Two and two & so on", "Four")
