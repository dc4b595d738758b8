"""People or keys in the order of a metric, over a period: the heaviest question of the explorer (ADR 35).

Whole weeks come from their rollup, and tokens are added up before they are joined with their owners: written in SQL,
since a queryset cannot group twice.
"""

from datetime import date, timedelta
from decimal import Decimal
from typing import Any, Final, NamedTuple
from uuid import UUID

from django.core.exceptions import EmptyResultSet
from django.db import connection
from django.db.models import Q, QuerySet

from usage.models import DayPerson, DayToken, WeekToken
from usage.queries.aggregates import facts, of_cost_centres
from usage.queries.metrics import Amount, Metric
from usage.queries.scope import FilteredScope
from web.money import PLACES

A_WEEK: Final = timedelta(days=7)
PARTS: Final = {"person": ("t.owner_id",), "key": ("t.key_id", "CASE WHEN t.key_id IS NULL THEN t.id END")}


class Ranking(NamedTuple):
    """The first parts and their amounts, the largest first, of how many parts."""

    parts: list[tuple[tuple[Any, ...], Amount]]
    of: int


def ranking(of: FilteredScope, first: date, last: date, metric: Metric, split: str, limit: int | None) -> Ranking:
    """Return the first people or keys; one query."""
    fields = (*metric.sums, *metric.per)
    try:
        columns, source, params = _by_part(of, first, last, split, fields)
    except EmptyResultSet:  # no token within the scope, as of somebody who has never had a key
        return Ranking([], 0)
    names = [f"n{number}" for number in range(len(fields))]
    numerator = " + ".join(f"SUM({name})" for name in names[: len(metric.sums)])
    denominator = " + ".join(f"SUM({name})" for name in names[len(metric.sums) :])
    value = f"CAST({numerator} AS float) / NULLIF({denominator}, 0)" if denominator else numerator
    volume = f"{denominator} DESC, " if denominator else ""
    places = ", ".join(str(place + 1) for place in range(len(columns)))
    sql = f"""
        {source[0]}
        SELECT {", ".join(columns)}, COUNT(*) OVER (), {", ".join(f"SUM({name})" for name in names)}
        FROM {source[1]}
        GROUP BY {places} ORDER BY COALESCE({value}, 0) DESC, {volume}{places}{f" LIMIT {limit}" if limit else ""}
    """  # noqa: S608  # names and numbers of our own
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        rows = cursor.fetchall()
    width = len(columns)
    parts = [(_part(row[:width]), metric.amount(_amounts(fields, row[width + 1 :]))) for row in rows]
    return Ranking(parts, rows[0][width] if rows else 0)


def _by_part(
    of: FilteredScope, first: date, last: date, split: str, fields: tuple[str, ...]
) -> tuple[tuple[str, ...], tuple[str, str], tuple[Any, ...]]:
    """Return the columns of a part, the common tables and the source of n0, n1, …, and their parameters.

    People without a filter, or with one on cost centres, have a rollup of their own.
    """
    names = [f"n{number}" for number in range(len(fields))]
    if split == "person" and of.token_refs is None and of.models is None:
        days = DayPerson.objects.filter(of_cost_centres(of), day__range=(first, last)).order_by()
        inner, params = days.values_list("person_number", *fields).query.sql_with_params()
        return ("NULLIF(person, 0)",), (f"WITH d(person, {', '.join(names)}) AS ({inner})", "d"), params
    inner, params = _by_token(of, first, last, fields).query.sql_with_params()
    sums = ", ".join(f"SUM({name}) AS {name}" for name in names)
    tables = f"""
        WITH d(token, {", ".join(names)}) AS ({inner}),
        s AS (SELECT token, {sums} FROM d GROUP BY token)
    """  # noqa: S608  # names of our own
    return PARTS[split], (tables, "s JOIN usage_tokenref t ON t.id = s.token"), params


def _by_token(of: FilteredScope, first: date, last: date, fields: tuple[str, ...]) -> QuerySet[Any]:
    """Return (token, fields…): of facts where these are needed, else of whole weeks and the days around them."""
    tokens = Q() if of.token_refs is None else Q(token_ref__in=of.token_refs)
    if of.needs_facts:
        return facts(of, first, last).order_by().values_list("token_ref", *fields)
    monday = first + timedelta(days=-first.weekday() % 7)
    end = last + timedelta(days=1) - timedelta(days=(last.weekday() + 1) % 7)
    if end - monday < A_WEEK:
        days = DayToken.objects.filter(tokens, day__range=(first, last))
        return days.order_by().values_list("token_ref", *fields)
    around = Q(day__range=(first, monday - timedelta(days=1))) | Q(day__range=(end, last))
    weeks = WeekToken.objects.filter(tokens, week__range=(monday, end - A_WEEK))
    days = DayToken.objects.filter(tokens, around)
    return (
        weeks.order_by()
        .values_list("token_ref", *fields)
        .union(days.order_by().values_list("token_ref", *fields), all=True)
    )


def _part(columns: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return the part: SQLite has ids of keys as text."""
    return tuple(UUID(column) if isinstance(column, str) else column for column in columns)


def _amounts(fields: tuple[str, ...], numbers: tuple[Any, ...]) -> list[Any]:
    """Return the sums: money is kept in whole steps."""
    return [
        Decimal(int(number)).scaleb(-PLACES) if field == "spend_usd" else int(number)
        for field, number in zip(fields, numbers, strict=True)
    ]
