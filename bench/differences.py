"""Compares the explorer with plain SQL over the facts: each metric and split, to the last digit."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any, Final

from django.db import connection

from usage.models import utc_today
from usage.periods import Period, named
from usage.queries.explorer import Question, explore
from usage.queries.metrics import METRICS, Amount
from usage.queries.scope import scope_of
from usage.queries.splits import SPLITS
from web.money import PLACES

PERIOD: Final = "90d"  # longer than the facts reach back
SUMS: Final = (
    *("spend_usd", "ok_requests", "failed_requests", "prompt_tokens", "completion_tokens", "cache_read_tokens"),
    "response_ms",
)
PEOPLE: Final = "COUNT(DISTINCT token.owner_id)"
KEYS: Final = "COUNT(DISTINCT token.key_id) + COUNT(DISTINCT CASE WHEN token.key_id IS NULL THEN token.id END)"
DAY: Final = "day"
PARTS: Final = {
    DAY: "fact.day",
    "model": "fact.model_id",
    "provider": "model.provider",
    "person": "token.owner_id",
    "group": "member.group_id",
    "supervisor": "CASE WHEN of_key.intern_id IS NOT NULL THEN token.owner_id END",
    "course": "course.id",
    "key": "token.key_id, CASE WHEN token.key_id IS NULL THEN token.id END",
    "kind": "COALESCE(of_key.kind, '')",
    "cost_centre": "fact.cost_centre_number",
}
JOINS: Final = {  # of all splits; that of groups repeats the facts of people who are in several
    "": """
        JOIN usage_usedmodel model ON model.id = fact.model_id
        JOIN usage_tokenref token ON token.id = fact.token_ref_id
        LEFT JOIN keys_key of_key ON of_key.id = token.key_id
        LEFT JOIN courses_course course ON course.team_id = of_key.team_id
    """,
    "group": "LEFT JOIN accounts_user_groups member ON member.user_id = token.owner_id",
}
Part = tuple[str, ...]


def differences() -> Iterator[str]:
    """Yield each number of the explorer that is not that of the facts."""
    period = named(PERIOD, utc_today())
    for split in (DAY, *SPLITS):
        expected = _of_facts(split, period)
        for metric in METRICS:
            wanted = {part: amount for part, row in expected.items() if any(amount := _amount(metric, row))}
            found = _of_explorer(split, metric, period)
            for part in sorted(wanted.keys() | found.keys()):
                if wanted.get(part) != found.get(part):
                    yield f"{metric} by {split} of {part}: {found.get(part)}, by SQL {wanted.get(part)}"


def _of_facts(split: str, period: Period) -> dict[Part, dict[str, Any]]:
    """Return the sums and counts of each part; one query."""
    columns = PARTS[split]
    sums = ", ".join(f"SUM(fact.{name})" for name in SUMS)
    sql = f"""
        SELECT {columns}, {sums}, {PEOPLE}, {KEYS}
        FROM usage_fact fact {JOINS[""]} {JOINS.get(split, "")}
        WHERE fact.day BETWEEN %s AND %s GROUP BY {columns}
    """  # noqa: S608 (constants of this module)
    names = (*SUMS, "people", "keys")
    with connection.cursor() as cursor:
        cursor.execute(sql, [period.first_day, period.last_day])
        rows = cursor.fetchall()
    return {_part(row[: -len(names)]): dict(zip(names, row[-len(names) :], strict=True)) for row in rows}


def _amount(name: str, row: dict[str, Any]) -> Amount:
    metric = METRICS[name]
    if metric.counts:
        return Amount(row[metric.counts])
    top = sum(Decimal(row[each]).scaleb(-PLACES) if each == "spend_usd" else row[each] for each in metric.sums)
    return Amount(top, sum(row[each] for each in metric.per))


def _of_explorer(split: str, metric: str, period: Period) -> dict[Part, Amount]:
    if split == DAY:
        whole = explore(Question(metric=metric), scope_of({}), period)
        return {_part((day,)): amount for day, amount in zip(whole.buckets, whole.totals, strict=True) if any(amount)}
    lines = explore(Question(split=split, metric=metric), scope_of({}), period).lines
    return {_part(line.part): line.amount for line in lines if any(line.amount)}


def _part(values: tuple[Any, ...]) -> Part:
    """Return what identifies a part alike in all databases: SQLite has ids of 32 digits and days as texts."""
    return tuple(str(value).replace("-", "") for value in values)
