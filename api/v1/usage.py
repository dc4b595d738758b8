"""A person's own usage: budget, and the explorer's questions."""

from dataclasses import asdict
from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any, Final, Literal
from uuid import UUID

from django.http import HttpResponseBase
from ninja import Field, Query, Router, Schema

from accounts.policies import policy_of
from api.services.gateway_keys import KeyUsage
from api.v1.auth import ApiRequest, Bearer, BearerOrKey
from api.v1.choices import OneOf
from api.v1.money import CurrencyOut, Usd, currency_out, in_currency
from usage.explorer_view import OF_ONE, STEP_WORDS, View, view_of
from usage.models import utc_today
from usage.pages import MINE, page_of
from usage.periods import MORE_NAMES, NAMES, Period
from usage.queries.explorer import Exploration, Line
from usage.queries.key_use import person_use
from usage.queries.labels import Asked, Explored, explored
from usage.queries.metrics import METRICS, Amount, Number
from usage.queries.scope import MAX_FILTER_LENGTH
from usage.views.explorer_csv import of_mine

router = Router(tags=["usage"])
READ: Final = Bearer("usage:read")
MOST_LINES: Final = 500
CURRENCY: Final = "The lab’s currency, of the amounts `…_in_currency`. null: there is none, and they are null too."
Text = Annotated[str, Field(max_length=MAX_FILTER_LENGTH)]


class KeyName(Schema):
    """The key that the request was made with."""

    id: UUID
    label: str


class UsageOut(Schema):
    """Spend within a budget. null: there is no such limit, or it is not known."""

    key: KeyName | None = Field(description="null: the numbers are those of all your keys together.")
    spent_usd: Usd | None
    budget_usd: Usd | None
    left_usd: Usd | None
    budget_period: str
    resets_on: date | None
    expires_at: datetime | None = Field(description="The end of the key.")
    as_of: datetime | None = Field(description="When the portal last read the gateway’s numbers.")
    currency: CurrencyOut | None = Field(description=CURRENCY)
    spent_in_currency: Usd | None
    budget_in_currency: Usd | None
    left_in_currency: Usd | None


@router.get("/me/usage", response=UsageOut, auth=BearerOrKey("usage:read"), summary="What is spent, and what is left")
def my_usage(request: ApiRequest) -> UsageOut:
    """Return what you have spent of your budget for all keys together, what is left, and until when.

    With a key for the gateway (sk-…) as the bearer token: what that key has spent, and can still spend.
    """
    if isinstance(request.auth, KeyUsage):
        usage = asdict(request.auth)
        return _usage_out(key=KeyName(id=usage.pop("key_id"), label=usage.pop("label")), **usage)
    use = person_use(request.user, utc_today())
    budget = use.of_person
    left_usd = budget.left_usd if budget else None
    return _usage_out(
        key=None,
        expires_at=None,
        spent_usd=budget.spent_usd if budget else None,
        budget_usd=budget.budget_usd if budget else None,
        left_usd=Decimal(0) if policy_of(request.user).stopped_by else left_usd,
        budget_period=budget.budget_period if budget else "",
        resets_on=budget.resets_on if budget else None,
        as_of=use.as_of,
    )


def _usage_out(**usage: Any) -> UsageOut:
    """Return the answer, with its amounts in the lab's currency too."""
    amounts: dict[str, Any] = {
        f"{name}_in_currency": in_currency(usage[f"{name}_usd"]) for name in ("spent", "budget", "left")
    }
    return UsageOut(**usage, **amounts, currency=currency_out())


class ExploreQuery(Schema):
    """A question to the explorer; filters take several values, with | between them."""

    metric: Annotated[str, OneOf(name for name in METRICS if name != "people")] = "spend"
    split: Annotated[str, OneOf(OF_ONE)] = "model"
    by: Annotated[str, OneOf(STEP_WORDS)] = "day"
    compare: Literal["", "1"] = ""
    period: Annotated[str, OneOf((*NAMES, *MORE_NAMES))] = "30d"
    first_day: date | None = Field(None, alias="from", description="In place of a period, with `to`.")
    last_day: date | None = Field(None, alias="to")
    model: Text = ""
    provider: Text = ""
    key: Text = ""
    kind: Text = ""
    course: Text = ""


class LineOut(Schema):
    """A part of the split: `value` is what a filter names it by."""

    value: str
    name: str
    amount: Usd | float | None
    before: Usd | float | None = None
    series: list[Usd | float | None] | None = Field(description="By interval; of the largest parts only.")
    amount_in_currency: Usd | None
    before_in_currency: Usd | None


class ExploreOut(Schema):
    """The answer: `starts` are the first days of the intervals."""

    metric: str
    split: str
    by: str
    first_day: date
    last_day: date
    starts: list[date]
    total: Usd | float | None
    before: Usd | float | None
    totals: list[Usd | float | None]
    others: list[Usd | float | None] | None
    lines: list[LineOut]
    count: int
    currency: CurrencyOut | None = Field(description=CURRENCY)
    total_in_currency: Usd | None = Field(description="Of the metric spend; null for all others.")
    before_in_currency: Usd | None


def explored_page(request: ApiRequest, here: str) -> ExploreOut:
    """Answer the question in the URL as a page of usage (`here`) does; refuse whom the page refuses."""
    page = page_of(request.user, here, request.GET)
    view = view_of(request.GET, page)
    return explore_out(
        view, page.period, explored(Asked(question=view.question, limit=MOST_LINES), page.scope, page.period)
    )


def explore_out(view: View, period: Period, found: Explored) -> ExploreOut:
    """Return the explorer's numbers as an answer."""
    numbers, question = found.numbers, view.question
    top = len(numbers.top)
    series: list[Any] = [[_number(numbers, amount) for amount in each] for each in numbers.series]
    return ExploreOut(
        metric=question.metric,
        split=question.split,
        by=question.step,
        first_day=period.first_day,
        last_day=period.last_day,
        starts=list(numbers.buckets),
        total=_number(numbers, numbers.total),
        before=_number(numbers, numbers.before),
        totals=[_number(numbers, amount) for amount in numbers.totals],
        others=series[top] if len(series) > top else None,
        lines=[_line(found, line, series[place] if place < top else None) for place, line in enumerate(numbers.lines)],
        count=numbers.count,
        currency=currency_out() if question.metric == "spend" else None,
        total_in_currency=_in_currency(numbers, numbers.total),
        before_in_currency=_in_currency(numbers, numbers.before),
    )


def _line(found: Explored, line: Line, series: list[Any] | None) -> LineOut:
    numbers, label = found.numbers, found.labels[line.part]
    return LineOut(
        value=label.value,
        name=label.text,
        amount=_number(numbers, line.amount),
        before=None if line.before is None else _number(numbers, line.before),
        series=series,
        amount_in_currency=_in_currency(numbers, line.amount),
        before_in_currency=None if line.before is None else _in_currency(numbers, line.before),
    )


def _number(found: Exploration, amount: Amount) -> Any:
    """Return the number of an amount; money is exact, nothing spent too."""
    value: Number | None = found.value(amount)
    return Decimal(value) if found.question.metric == "spend" and value is not None else value


def _in_currency(found: Exploration, amount: Amount) -> Decimal | None:
    return in_currency(_number(found, amount)) if found.question.metric == "spend" else None


@router.get("/me/usage/explore", response=ExploreOut, auth=READ, summary="Ask the explorer")
def explore_my_usage(request: ApiRequest, asked: Annotated[ExploreQuery, Query(...)]) -> ExploreOut:
    """Answer a question about your usage, as the page Usage shows it: a metric, split, by day, week or month.

    A long period is answered by week or month; see `by` in the answer.
    """
    return explored_page(request, MINE)


CSV_ANSWER: Final = {"responses": {200: {"content": {"text/csv": {"schema": {"type": "string"}}}}}}


@router.get("/me/usage/explore.csv", auth=READ, summary="Ask the explorer, as CSV", openapi_extra=CSV_ANSWER)
def explore_my_usage_csv(request: ApiRequest, asked: Annotated[ExploreQuery, Query(...)]) -> HttpResponseBase:
    """Return the same as a file, with all lines."""
    return of_mine(request)
