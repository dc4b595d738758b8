"""Keeps on each key what it spent recently and when it was last used: lists of all keys are sorted by these."""

from datetime import date, timedelta
from decimal import Decimal
from typing import Any, Final

from django.db import transaction
from django.db.models import F, OuterRef, Q, Subquery, Sum, Value
from django.db.models.functions import Coalesce

from keys.models import Key
from usage.models import DayToken, TokenRef, UsageState, utc_today
from web.money import UsdField

RECENT_DAYS: Final = 30
AT_ONCE: Final = 200  # keys that are locked together


def update_keys() -> int:
    """Write recent spend and last use to the keys of which they have changed; return how many. Idempotent.

    A key that another process is changing keeps its values until the next run, so that none waits for the other.
    """
    today, state = utc_today(), UsageState.load()
    if (state.keys_version, state.keys_day) == (state.version, today):
        return 0
    values = _values(today)
    changed = list(_changed(values).values_list("pk", flat=True))
    written = 0
    for start in range(0, len(changed), AT_ONCE):
        with transaction.atomic():
            free = Key.objects.filter(pk__in=changed[start : start + AT_ONCE]).select_for_update(skip_locked=True)
            written += Key.objects.filter(pk__in=list(free.values_list("pk", flat=True))).update(**values)
    if written == len(changed):
        UsageState.objects.filter(pk=1).update(keys_version=state.version, keys_day=today)
    return written


def _changed(values: dict[str, Any]) -> Any:
    """Return the live keys that have other values."""
    keys = Key.objects.filter(state__in=Key.LIVE_STATES).annotate(**{f"new_{name}": values[name] for name in values})
    is_used, was_used = Q(new_last_used_on__isnull=False), Q(last_used_on__isnull=False)
    has_other_day = (is_used & ~was_used) | (was_used & ~is_used) | ~Q(last_used_on=F("new_last_used_on"))
    return keys.filter(~Q(recent_usd=F("new_recent_usd")) | has_other_day).order_by("pk")


def _values(today: date) -> dict[str, Any]:
    """Return the values of a key, as parts of a query: few index lookups for each of its tokens."""
    first = today - timedelta(days=RECENT_DAYS - 1)
    days = DayToken.objects.filter(token_ref__key=OuterRef("pk"), day__gte=first).order_by()
    recent = days.values("token_ref__key").annotate(usd=Sum("spend_usd")).values("usd")
    of_token = DayToken.objects.filter(token_ref=OuterRef("pk")).order_by("-day").values("day")[:1]
    tokens = TokenRef.objects.filter(key=OuterRef("pk")).annotate(last=Subquery(of_token))
    last = tokens.order_by(F("last").desc(nulls_last=True)).values("last")[:1]
    return {
        "recent_usd": Coalesce(Subquery(recent), Value(Decimal(0), UsdField())),
        "last_used_on": Subquery(last),
    }
