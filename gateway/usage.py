"""Usage: daily activity of all users, page by page, and the cost of a call."""

from collections.abc import Iterator, Sequence
from datetime import date
from decimal import Decimal
from typing import Any, Final

from gateway.activity import activity_page
from gateway.inference_types import Message
from gateway.keys import checked_token
from gateway.parsing import Body, Money, Whole, not_understood, read, sift
from gateway.transport import Answer, Transport
from gateway.types import ActivityPage, DayTotals

PAGE_SIZE: Final = 1000  # rows, the gateway's limit
MAX_PAGES: Final = 100_000
PRICE_TIMEOUT_S: Final = 5.0  # people wait for it, and there is a list of prices


class Usage:
    """The verbs on usage, as admin."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def daily_activity(
        self,
        first_day: date,
        last_day: date,
        *,
        page_size: int = PAGE_SIZE,
        user_id: str | None = None,
        token: str | None = None,
    ) -> Iterator[ActivityPage]:
        """Yield all pages of these UTC days (both included), newest day first; of all users or one, all keys or one.

        Pages cut the gateway's own rows, so that one (day, model, key) can come on several pages: sum over all.
        Rows grow in place for a day or two: read recent days again. 1000 rows cost the gateway about a second.
        """
        query: dict[str, str | int] = {
            "start_date": first_day.isoformat(),
            "end_date": last_day.isoformat(),
            "page_size": page_size,
        }
        query |= {} if user_id is None else {"user_id": user_id}
        query |= {} if token is None else {"api_key": checked_token(token)}
        for page in range(1, MAX_PAGES + 1):
            parsed = activity_page(self._transport.get("/user/daily/activity", {**query, "page": page}), page)
            yield parsed
            if not parsed.has_more:
                return
        raise not_understood("its activity does not end")

    def day_totals(self, day: date) -> DayTotals:
        """Return the gateway's own sums of one UTC day over all keys: exact, in one answer, and fast (0.5 s)."""
        query: dict[str, str | int] = {
            "start_date": day.isoformat(),
            "end_date": day.isoformat(),
            "api_key_limit": 1,  # its breakdown by key, of which nothing is read
        }
        return _totals(self._transport.get("/user/daily/activity/aggregated", query))

    def calculate_cost(
        self,
        *,
        model: str,
        messages: Sequence[Message] | None = None,
        prompt_tokens: int = 0,
        completion_tokens: int = 0,
    ) -> Decimal:
        """Return the price in USD of sending these messages, or of so many tokens. Nothing is called or billed."""
        body: dict[str, object]
        if messages is not None:
            body = {"model": model, "messages": [message.as_json() for message in messages]}
        else:
            body = {"completion_response": _completion(model, prompt_tokens, completion_tokens)}
        timeout_s = min(PRICE_TIMEOUT_S, self._transport.read_timeout_s)
        answer = self._transport.post("/spend/calculate", body, read_timeout_s=timeout_s)
        return read(answer.body, _CostAnswer).cost


def _completion(model: str, prompt_tokens: int, completion_tokens: int) -> dict[str, object]:
    """Return the smallest answer that LiteLLM accepts for pricing."""
    usage = {
        "prompt_tokens": prompt_tokens,
        "completion_tokens": completion_tokens,
        "total_tokens": prompt_tokens + completion_tokens,
    }
    choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": ""}}
    return {"id": "-", "object": "chat.completion", "created": 0, "model": model, "choices": [choice], "usage": usage}


class _CostAnswer(Body):
    cost: Money


class _TotalsAnswer(Body):
    metadata: dict[str, Any]


class _Totals(Body):
    """The sums of a day, each of which may be invalid."""

    total_spend: Money | None = None
    total_prompt_tokens: Whole | None = None
    total_completion_tokens: Whole | None = None
    total_successful_requests: Whole | None = None
    total_failed_requests: Whole | None = None


def _totals(answer: Answer) -> DayTotals:
    metadata = read(answer.body, _TotalsAnswer).metadata
    if metadata.get("total_spend") is None:  # otherwise a malformed answer would count as a day without use
        raise not_understood("metadata.total_spend is missing")
    parsed, odd = sift(metadata, _Totals)
    return DayTotals(
        spend_usd=None if "total_spend" in odd else parsed.total_spend,
        prompt_tokens=None if "total_prompt_tokens" in odd else parsed.total_prompt_tokens or 0,
        completion_tokens=None if "total_completion_tokens" in odd else parsed.total_completion_tokens or 0,
        successful_requests=None if "total_successful_requests" in odd else parsed.total_successful_requests or 0,
        failed_requests=None if "total_failed_requests" in odd else parsed.total_failed_requests or 0,
        took_s=answer.took_s,
    )
