"""What was used: daily activity of all users, page by page, and what a call would cost."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Final

from gateway import reading
from gateway.inference_types import Message
from gateway.transport import Answer, Transport
from gateway.types import ActivityPage, ActivityRow, DayTotals

PAGE_SIZE: Final = 1000  # rows, the gateway's limit
MAX_PAGES: Final = 100_000
PRICE_TIMEOUT_S: Final = 5.0  # people wait for it, and there is a list of prices
DUST_USD: Final = Decimal("1e-9")  # the gateway's sums are floats: what is left of equal ones is not quite nothing
COUNTERS: Final = (
    "prompt_tokens",
    "completion_tokens",
    "cache_read_tokens",
    "cache_creation_tokens",
    "requests",
    "successful_requests",
    "failed_requests",
    "response_time_ms",
)


class Usage:
    """The verbs on usage, as admin."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def daily_activity(
        self, first_day: date, last_day: date, *, page_size: int = PAGE_SIZE, user_id: str | None = None
    ) -> Iterator[ActivityPage]:
        """Yield all pages of these UTC days (both included), newest day first; of all users, or of one.

        Pages cut the gateway's own rows, so that one (day, model, key) can come on several pages: sum over all.
        Rows grow in place for a day or two: read recent days again. 1000 rows cost the gateway about a second.
        """
        query: dict[str, str | int] = {
            "start_date": first_day.isoformat(),
            "end_date": last_day.isoformat(),
            "page_size": page_size,
        }
        query |= {} if user_id is None else {"user_id": user_id}
        for page in range(1, MAX_PAGES + 1):
            told = _page(self._transport.get("/user/daily/activity", {**query, "page": page}), page)
            yield told
            if not told.has_more:
                return
        raise reading.not_understood("its activity does not end")

    def day_totals(self, day: date) -> DayTotals:
        """Return the gateway's own sums of one UTC day over all keys: exact, in one answer, and quick (0.5 s)."""
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
        """Return the price in USD of sending these messages, or else of so many tokens. Nothing is called or billed."""
        body: dict[str, object]
        if messages is not None:
            body = {"model": model, "messages": [message.as_json() for message in messages]}
        else:
            body = {"completion_response": _completion(model, prompt_tokens, completion_tokens)}
        timeout_s = min(PRICE_TIMEOUT_S, self._transport.read_timeout_s)
        answer = self._transport.post("/spend/calculate", body, read_timeout_s=timeout_s)
        cost = reading.optional_money(reading.fields(answer.body, "answer"), "cost")
        if cost is None:
            raise reading.not_understood("cost is missing")
        return cost


def _completion(model: str, prompt_tokens: int, completion_tokens: int) -> dict[str, object]:
    """Return the least answer that LiteLLM agrees to price."""
    usage = {
        "prompt_tokens": prompt_tokens,
        "completion_tokens": completion_tokens,
        "total_tokens": prompt_tokens + completion_tokens,
    }
    choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": ""}}
    return {"id": "-", "object": "chat.completion", "created": 0, "model": model, "choices": [choice], "usage": usage}


def _totals(answer: Answer) -> DayTotals:
    metadata = reading.fields(reading.fields(answer.body, "answer").get("metadata"), "metadata")
    if metadata.get("total_spend") is None:  # else nonsense would read as a day without use
        raise reading.not_understood("total_spend is missing")
    return DayTotals(
        spend_usd=reading.money(metadata, "total_spend"),
        prompt_tokens=reading.whole(metadata, "total_prompt_tokens"),
        completion_tokens=reading.whole(metadata, "total_completion_tokens"),
        successful_requests=reading.whole(metadata, "total_successful_requests"),
        failed_requests=reading.whole(metadata, "total_failed_requests"),
        took_s=answer.took_s,
    )


def _page(answer: Answer, page: int) -> ActivityPage:
    body = reading.fields(answer.body, "answer")
    metadata = reading.fields(body.get("metadata"), "metadata")
    if metadata.get("total_pages") is None:  # else nonsense would read as a day without use
        raise reading.not_understood("total_pages is missing")
    if reading.optional_whole(metadata, "page") not in (None, page):
        raise reading.not_understood("it is another page")
    return ActivityPage(
        rows=tuple(row for result in reading.items(body.get("results"), "results") for row in _rows(result)),
        page=page,
        total_pages=reading.whole(metadata, "total_pages"),
        has_more=reading.flag(metadata, "has_more"),
        took_s=answer.took_s,
    )


def _rows(value: object) -> Iterator[ActivityRow]:
    """Yield the (model, key) facts of one day of one page. Public model names are under `model_groups`.

    What failed before its model was known is told by key only: it becomes a fact of the model "".
    """
    result = reading.fields(value, "result")
    day = _day(result)
    breakdown = reading.fields(result.get("breakdown"), "breakdown")
    by_model: dict[str, list[ActivityRow]] = {}
    for group, told in reading.fields(breakdown.get("model_groups"), "model_groups").items():
        by_key = reading.fields(reading.fields(told, "model group").get("api_key_breakdown"), "api_key_breakdown")
        for token, entry in by_key.items():
            row = _row(day, reading.clean(group), reading.clean(token), reading.fields(entry, "entry"))
            by_model.setdefault(row.token, []).append(row)
            yield row
    for token, entry in reading.fields(breakdown.get("api_keys") or {}, "api_keys").items():
        whole = _row(day, "", reading.clean(token), reading.fields(entry, "entry"))
        rest = _rest(whole, by_model.get(whole.token, []))
        if rest.successful_requests + rest.failed_requests > 0:
            yield rest


def _rest(whole: ActivityRow, parts: Sequence[ActivityRow]) -> ActivityRow:
    """Return what of a key's use no model has."""
    left = {name: getattr(whole, name) - sum(getattr(part, name) for part in parts) for name in COUNTERS}
    spend_usd = whole.spend_usd - sum((part.spend_usd for part in parts), Decimal(0))
    return replace(whole, **left, spend_usd=spend_usd.quantize(DUST_USD))


def _day(result: reading.Fields) -> date:
    try:
        return date.fromisoformat(reading.text(result, "date"))
    except ValueError:
        raise reading.not_understood("date is not a date") from None


def _row(day: date, model_group: str, token: str, entry: reading.Fields) -> ActivityRow:
    metrics = reading.fields(entry.get("metrics"), "metrics")
    about = reading.fields(entry.get("metadata") or {}, "metadata")
    return ActivityRow(
        day=day,
        model_group=model_group,
        token=token,
        alias=reading.optional_text(about, "key_alias"),
        user_id=reading.optional_text(about, "user_id"),
        user_email=reading.optional_text(about, "user_email"),
        team_id=reading.optional_text(about, "team_id"),
        key_exists=reading.flag(about, "key_exists"),
        spend_usd=reading.money(metrics, "spend"),
        prompt_tokens=reading.whole(metrics, "prompt_tokens"),
        completion_tokens=reading.whole(metrics, "completion_tokens"),
        cache_read_tokens=reading.whole(metrics, "cache_read_input_tokens"),
        cache_creation_tokens=reading.whole(metrics, "cache_creation_input_tokens"),
        requests=reading.whole(metrics, "api_requests"),
        successful_requests=reading.whole(metrics, "successful_requests"),
        failed_requests=reading.whole(metrics, "failed_requests"),
        response_time_ms=reading.money(metrics, "total_response_time_ms"),
    )
