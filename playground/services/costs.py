"""The cost of an answer: as the gateway reports it, or else estimated as well as possible, and marked so."""

import json
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import Final

from gateway.django import get_gateway
from gateway.errors import GatewayError
from gateway.inference_types import ChatAnswer, ChatRequest, CompletionRequest, Json
from keys.models import GatewayModel
from playground.models import Answer
from playground.services.buffer import AnswerBuffer
from playground.services.requests import tokens_of_text

TOKENS_AN_IMAGE: Final = 85  # as LiteLLM counts one, whatever its size
A_MILLION: Final = 1_000_000
STEP_USD: Final = Decimal(1).scaleb(-10)  # of the column


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """USD, and its source."""

    usd: Decimal | None = None
    source: str = Answer.CostSource.UNKNOWN


def reported_cost(buffer: AnswerBuffer) -> Cost:
    """Return the cost that the stream reported at its end, if it did."""
    if buffer.usage is None or buffer.usage.cost_usd is None:
        return Cost()
    return Cost(usd=_rounded(buffer.usage.cost_usd), source=Answer.CostSource.REPORTED)


def estimated_cost(*, body: ChatRequest | CompletionRequest, buffer: AnswerBuffer, ask: bool) -> Cost:
    """Estimate the cost from the tokens, by a call to the gateway (`ask`) or from its price list."""
    model = body.model
    read = (buffer.usage and buffer.usage.prompt_tokens) or _tokens_in(body)
    written = (buffer.usage and buffer.usage.completion_tokens) or buffer.count
    if ask:
        with suppress(GatewayError):
            usd = get_gateway().usage.calculate_cost(model=model, prompt_tokens=read, completion_tokens=written)
            return Cost(usd=_rounded(usd), source=Answer.CostSource.CALCULATED)
    return _by_list(model, read, written)


def _tokens_in(body: ChatRequest | CompletionRequest) -> int:
    """Return the approximate number of tokens of a request."""
    counts = [tokens_of_text(text) for text in _texts_in(body)]
    images = 0 if isinstance(body, CompletionRequest) else sum("image_url" in part for part in _parts_in(body))
    return sum(counts) + images * TOKENS_AN_IMAGE


def _texts_in(body: ChatRequest | CompletionRequest) -> Iterator[str]:
    """Yield the texts of a request: messages, tools and their calls."""
    if isinstance(body, CompletionRequest):
        yield body.prompt
        return
    if body.tools:
        yield json.dumps(body.tools)
    for message in body.messages:
        yield message.role
        if message.tool_calls:
            yield json.dumps(message.tool_calls)
    for part in _parts_in(body):
        yield str(part.get("text", ""))


def _parts_in(body: ChatRequest) -> Iterator[Json]:
    for message in body.messages:
        if isinstance(message.content, str):
            yield {"text": message.content}
        else:
            yield from message.content or ()


def answer_cost(answer: ChatAnswer, model: str) -> Cost:
    """Return the cost of a whole answer as the gateway reported it, or else by its tokens and the price list."""
    if answer.headers.cost_usd is not None:
        return Cost(usd=_rounded(answer.headers.cost_usd), source=Answer.CostSource.REPORTED)
    usage = answer.usage
    if usage is None or usage.prompt_tokens is None or usage.completion_tokens is None:
        return Cost()
    return _by_list(model, usage.prompt_tokens, usage.completion_tokens)


def _by_list(model: str, read: int, written: int) -> Cost:
    """Multiply tokens by the prices of the list; unknown if the model is not in it."""
    listed = GatewayModel.objects.filter(name=model).first()
    return listed_cost(listed, read, written) if listed else Cost()


def listed_cost(listed: GatewayModel, read: int, written: int) -> Cost:
    """Multiply tokens by listed prices; unknown if the model has none."""
    if listed.input_usd_per_million is None or listed.output_usd_per_million is None:
        return Cost()
    usd = (listed.input_usd_per_million * read + listed.output_usd_per_million * written) / A_MILLION
    return Cost(usd=_rounded(usd), source=Answer.CostSource.LISTED)


def _rounded(usd: Decimal) -> Decimal | None:
    """Return the amount as the column stores it; None for an invalid one."""
    return usd.quantize(STEP_USD, rounding=ROUND_HALF_UP) if 0 <= usd < A_MILLION else None
