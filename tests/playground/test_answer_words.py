"""Words about an answer: how it ended, how fast it was, in numbers with their units."""

from typing import Any

import pytest
from django.utils import timezone

from keys.models import GatewayModel
from playground.errors.classify import INTERRUPTED
from playground.models import STALE_AFTER, Answer
from playground.templatetags.playground_words import (
    another_model,
    card,
    finish_words,
    machine,
    pretty_json,
    seconds,
    short_id,
    speed,
)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"finish_reason": "stop"}, "Complete"),
        ({"finish_reason": "length"}, "Cut at max_tokens"),
        ({"finish_reason": "content_filter"}, "Stopped by a content filter"),
        ({"finish_reason": "tool_calls"}, "Tool call"),
        ({"finish_reason": "guardrail_7"}, "guardrail_7"),
        ({"finish_reason": ""}, ""),
        ({"finish_reason": "", "state": "stopped"}, "Stopped by you"),
        ({"finish_reason": "stop", "state": "failed"}, "Interrupted"),
        ({"finish_reason": "stop", "problem": {"code": "broke_off"}}, "Interrupted"),
        ({"finish_reason": "stop", "problem": {"code": "unsaved"}}, "Complete"),
    ],
)
def test_says_how_an_answer_ended(fields: dict[str, Any], words: str) -> None:
    assert finish_words(Answer(**{"state": "complete", **fields})) == words


@pytest.mark.parametrize(
    ("tokens", "first_ms", "took_ms", "words"),
    [
        (86, 410, 1800, "62 tokens/s"),
        (5, 0, 1500, "3.3 tokens/s"),
        (1, 100, 200, ""),
        (50, 200, 200, ""),
        (None, 100, 200, ""),
        (50, None, 200, ""),
        (50, 100, None, ""),
    ],
)
def test_shows_the_speed_after_the_first_token(
    tokens: int | None, first_ms: int | None, took_ms: int | None, words: str
) -> None:
    assert speed(Answer(completion_tokens=tokens, first_token_ms=first_ms, took_ms=took_ms)) == words


@pytest.mark.parametrize(
    ("milliseconds", "words"), [(None, ""), (0, "0.00\u00a0s"), (418, "0.42\u00a0s"), (12_345, "12.3\u00a0s")]
)
def test_shows_times_in_seconds(milliseconds: int | None, words: str) -> None:
    assert seconds(milliseconds) == words


def test_shortens_a_call_id_to_its_ends() -> None:
    assert short_id("7f3c1212-aaaa-bbbb-cccc-0123456789e1") == "7f3c…89e1"
    assert short_id("chatcmpl-12") == "chatcmpl-12"


@pytest.mark.parametrize("text", ['{"city": "Ly', "", "[" * 100_000])
def test_leaves_invalid_json_unchanged(text: str) -> None:
    assert pretty_json(text) == text


def test_lays_out_json_in_lines() -> None:
    assert pretty_json('{"city":"Orléans"}') == '{\n  "city": "Orléans"\n}'


def test_names_the_first_other_model() -> None:
    models = [GatewayModel(name="a"), GatewayModel(name="b")]

    assert another_model(models, "a") == "b"
    assert another_model(models, "c") == "a"
    assert another_model(models[:1], "a") == ""
    assert another_model(None, "a") == ""


@pytest.mark.parametrize(("number", "written"), [(0.5, "0.5"), (2.0, "2"), (4096, "4096"), (None, "")])
def test_writes_numbers_for_machines(number: float | None, written: str) -> None:
    assert machine(number) == written


def test_an_answer_of_a_dead_process_is_reported_before_the_task_runs() -> None:
    lost = Answer(state="streaming", text="Half a", saved_at=timezone.now() - STALE_AFTER)
    going = Answer(state="streaming", text="Half a", saved_at=timezone.now())

    assert finish_words(lost) == "Interrupted"
    assert card(lost) == card(Answer(state="failed", text="Half a", problem=INTERRUPTED.as_json()))
    assert card(going) is None


def test_has_a_card_for_a_problem_only() -> None:
    shown = card(Answer(state="failed", problem={"code": "timeout"}))

    assert shown
    assert shown.title
    assert card(Answer(state="complete", text="Hi")) is None
