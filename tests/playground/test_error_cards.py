"""Errors as people read them: a card with what happened, what it cost, what to do and when."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.utils import timezone, translation

from gateway.errors import GatewayUnavailable
from playground.errors.cards import card_of
from playground.errors.classify import AnswerError, answer_error_of, budget_reset
from playground.errors.messages import _WORDS
from playground.models import Answer
from tests.playground.test_errors import recorded, refusal


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"cost_usd": Decimal("0.25"), "cost_source": "reported"}, "It cost 0.25"),
        ({"cost_usd": Decimal("0.25"), "cost_source": "listed"}, "It may have cost about 0.25"),
        ({"text": "half an ans"}, "The part that arrived is counted."),
        ({"reasoning": "hm"}, "The part that arrived is counted."),
    ],
    ids=["reported", "an estimate", "text", "reasoning"],
)
def test_a_card_says_what_the_part_cost_as_far_as_is_known(fields: dict[str, Any], says: str) -> None:
    cut = answer_error_of(GatewayUnavailable("The answer was cut off before its end."), begun=True)

    assert says in card_of(cut, answer=Answer(**fields)).sentence
    assert "cost" not in card_of(cut, answer=Answer()).sentence
    assert "counted" not in card_of(cut, answer=Answer()).sentence


def test_a_limit_counts_down_to_the_time_that_the_gateway_names() -> None:
    at = timezone.now().replace(microsecond=0) + timedelta(seconds=23)
    message = f"Rate limit exceeded for api_key: {'ab' * 32}. Limit type: requests. Current limit: 1, Remaining: 0. "

    answer_error = answer_error_of(
        refusal(429, "throttling_error", f"{message}Limit resets at: {at:%Y-%m-%d %H:%M:%S} UTC", retry_after_s=60),
        begun=False,
    )

    assert answer_error.retry_at == at
    card = card_of(answer_error)
    assert (card.retry_at, card.may_retry, card.tone) == (at, True, "warn")


@pytest.mark.parametrize(
    ("message", "retry_after_s", "seconds"),
    [
        ("Rate limit exceeded.", 18, 18),
        ("Rate limit exceeded.", None, 60),
        ("Limit resets at: 2999-01-01 00:00:00 UTC", None, 120),
        ("litellm.RateLimitError: RateLimitError: Please try again in 2.5s.", None, 2.5),
        ("litellm.RateLimitError: RateLimitError: Please try again in 2.5s.", 7, 7),
    ],
)
def test_a_limit_counts_down_to_the_time_in_the_message(
    message: str, retry_after_s: int | None, seconds: float
) -> None:
    before = timezone.now()

    answer_error = answer_error_of(refusal(429, "throttling_error", message, retry_after_s=retry_after_s), begun=False)

    assert answer_error.retry_at
    assert timedelta(0) <= answer_error.retry_at - before - timedelta(seconds=seconds) < timedelta(seconds=5)


def test_a_limit_on_answers_at_once_has_no_countdown() -> None:
    answer_error = answer_error_of(recorded("too many parallel requests"), begun=False)

    assert answer_error.retry_at is None
    assert card_of(answer_error).title == "Too many answers at once"


def test_a_spent_budget_says_when_it_resets() -> None:
    spent = recorded("key over budget, streaming")
    reset = budget_reset("30d")
    assert reset

    card = card_of(answer_error_of(spent, begun=False, budget_period="30d"))

    assert f"It works again on 1 {reset:%B %Y} (UTC)." in card.sentence
    assert "This cost nothing." in card.sentence
    assert not card.may_retry
    assert "when the budget resets" in card_of(answer_error_of(spent, begun=False)).sentence
    assert answer_error_of(recorded("user over budget"), begun=False, budget_period="30d").resets_at is None


def test_every_code_has_its_own_text() -> None:
    cards = {code: card_of(AnswerError(code=code)) for code in _WORDS}

    assert len({card.title for card in cards.values()}) == len(cards)
    assert all(card.sentence and card.hint for code, card in cards.items() if code != "rate_limited")
    assert all("<" not in card.title + card.sentence + card.hint for card in cards.values())


def test_messages_of_the_gateway_are_shown_without_secrets() -> None:
    message = f"litellm.AuthenticationError: Incorrect API key provided: sk-{'a1B2' * 8}, hash {'0f' * 32}"

    received = card_of(answer_error_of(refusal(401, "authentication_error", message), begun=False)).gateway_message

    assert received.startswith(
        "401 authentication_error\nlitellm.AuthenticationError: Incorrect API key provided: sk-…"
    )
    assert "a1B2" not in received
    assert "0f0f" not in received


def test_texts_are_in_the_language_of_the_reader() -> None:
    kept = AnswerError(code="over_budget", resets_at=datetime(2026, 12, 1, tzinfo=UTC))

    with translation.override("fr"):
        assert "décembre" in card_of(kept).sentence
    assert "December" in card_of(kept).sentence
