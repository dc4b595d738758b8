"""Helpers for tests about polling: set the gateway's usage of a day, poll, look at both sides."""

from collections import defaultdict
from datetime import date, timedelta
from decimal import Decimal
from itertools import product
from typing import Any

from django.db.models import F, Sum, Value
from django.db.models.functions import Coalesce, TruncDate, TruncWeek
from django.utils import timezone

from keys.models import Intern, Key, Team, Token
from usage.bitsets import numbers_in, unpacked
from usage.models import (
    ALL_CENTRES,
    ALL_MODELS,
    MEASURES,
    DayCostCentre,
    DayGroup,
    DayModel,
    DayPerson,
    DaySet,
    DayToken,
    Fact,
    KeyHour,
    PollRun,
    UsageState,
    WeekToken,
    utc_today,
)
from usage.queries.courses import USED
from usage.services import refresh_facts

ReportedRow = dict[str, Any]


def yesterday() -> date:
    """Return the day before the gateway's present one."""
    return utc_today() - timedelta(days=1)


def used(token: str, model: str = "gpt-4o-mini", *, usd: str = "0.01", ok: int = 1, **more: Any) -> ReportedRow:
    """Return a row of use, as the sandbox takes it."""
    spend = {"spend_pusd": int(Decimal(usd).scaleb(12)), "successes": ok}
    return {"token": token, "model": model, "prompt_tokens": 10 * ok, "completion_tokens": 5 * ok, **spend, **more}


def report_day(sandbox: Any, day: date, *rows: ReportedRow) -> None:
    """Let the gateway's use of a day be this, and nothing else."""
    answer = sandbox.call("POST", "/sandbox/facts", body={"day": day.isoformat(), "facts": list(rows)})
    assert answer.ok, answer.text


def poll(
    first_day: date | None = None, last_day: date | None = None, *, kind: str = PollRun.Kind.TODAY, **how: Any
) -> PollRun:
    """Poll these days (None: today) at once, without waiting for the cooldown."""
    end_cooldown()
    return refresh_facts(first_day or utc_today(), last_day or utc_today(), kind, **how)


def end_cooldown() -> None:
    """End the cooldown."""
    UsageState.objects.update(cooldown_until=None)


def expire_lease() -> None:
    """Let the lease of a run that was killed run out, as time would."""
    UsageState.objects.update(lease_until=None)


def spent(day: date | None = None) -> dict[tuple[str, str], Decimal]:
    """Return what the facts of a day (None: today) say, in USD by token and model."""
    rows = Fact.objects.filter(day=day or utc_today()).values_list("token_ref__token", "model__name", "spend_usd")
    return {(token, model): usd for token, model, usd in rows}


def assert_sums_are_right() -> None:
    """Check that the sums and hours kept are those of the facts, and that no sum is of nothing."""
    sums = {f"sum_{name}": Sum(name) for name in MEASURES}
    kind: Any = Coalesce("token_ref__key__kind", Value(""))
    group: Any = Coalesce("token_ref__owner__groups", Value(0))
    weeks: Any = TruncWeek("day")
    facts = Fact.objects.order_by()
    kept = (
        (DayModel, ("day", "model_id", "kind"), {"by_1": F("day"), "by_2": F("model"), "by_3": kind}),
        (DayToken, ("day", "token_ref_id"), {"by_1": F("day"), "by_2": F("token_ref")}),
        (WeekToken, ("week", "token_ref_id"), {"by_1": weeks, "by_2": F("token_ref")}),
        (
            DayPerson,
            ("day", "person_number", "cost_centre_number"),
            {"by_1": F("day"), "by_2": Coalesce("token_ref__owner_id", Value(0)), "by_3": F("cost_centre_number")},
        ),
        (
            DayCostCentre,
            ("day", "cost_centre_number", "model_id", "kind"),
            {"by_1": F("day"), "by_2": F("cost_centre_number"), "by_3": F("model"), "by_4": kind},
        ),
        (
            DayGroup,
            ("day", "group_number", "model_id", "kind"),
            {"by_1": F("day"), "by_2": group, "by_3": F("model"), "by_4": kind},
        ),
    )
    for model, names, by in kept:
        right = facts.values(**by).annotate(**sums).values_list(*by, *sums)
        assert set(model._default_manager.values_list(*names, *MEASURES)) == set(right)
    sets: dict[Any, tuple[set[int], set[int]]] = defaultdict(lambda: (set(), set()))
    columns = ("day", "model_id", "cost_centre_number", "token_ref__owner_id", "token_ref_id")
    for day, fact_model, centre, owner, token in facts.values_list(*columns):
        for place in product((fact_model, ALL_MODELS), (centre, ALL_CENTRES)):
            people, tokens = sets[day, *place]
            people.update([owner] if owner else [])
            tokens.add(token)
    rows = DaySet.objects.values_list("day", "model_number", "cost_centre_number", "people", "tokens")
    stored = {tuple(row[:3]): tuple(set(numbers_in(unpacked(bits))) for bits in row[3:]) for row in rows}
    assert stored == sets
    counts = {"ok": Sum("ok_requests"), "failed": Sum("failed_requests")}
    hours = KeyHour.objects.order_by().values_list("key", TruncDate("hour")).annotate(**counts)
    of_courses = facts.filter(USED, token_ref__key__team__isnull=False)
    assert set(hours) == set(of_courses.values_list("token_ref__key", "day").annotate(**counts))


def make_team() -> Team:
    """Make the team of a course, as a row only."""
    end = timezone.now() + timedelta(days=10)
    return Team.objects.create(budget_usd=40, key_budget_usd=2, ends_at=end, state=Team.State.WRITTEN)


def make_key(owner: Any, *tokens: str, **fields: Any) -> Key:
    """Make a key that had these tokens, the last of which works; as rows only, without a gateway.

    `intern_name` names the intern of its owner who uses it, who is made where there is none.
    """
    if name := fields.pop("intern_name", ""):
        fields["intern"], _made = Intern.objects.get_or_create(supervisor=owner, name=name)
    key = Key.objects.create(
        **{"owner": owner, "kind": Key.Kind.TEMPORARY, "label": tokens[-1][:8], "state": Key.State.ACTIVE, **fields}
    )
    for token in tokens[:-1]:
        Token.objects.create(key=key, token=token, state=Token.State.DELETED)
    Token.objects.create(key=key, token=tokens[-1], state=Token.State.LIVE)
    return key
