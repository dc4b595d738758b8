"""A person's spend in the current period that their team at the gateway has not counted (ADR 24).

A team begins with zero spend, and the gateway accepts no other number. So its budget is lowered by the spend of keys
before they joined it, and raised by what it counted under another period, until the next one begins.
"""

from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Final

from django.db.models import Q

from accounts.models import User
from gateway.django import get_gateway
from gateway.errors import GatewayRateLimited, GatewayRejected, GatewayUnavailable
from gateway.types import ActivityRow, TeamInfo
from keys.budget_days import period_first_day, utc_today
from keys.models import ALIAS_PREFIX, Key, Token

PLACES: Final = Decimal("1e-9")  # of an amount that is sent to the gateway and read again


def uncounted_usd(owner: User, period: str, team: TeamInfo | None) -> Decimal:
    """Return what the keys of a person have spent in this period and `team` (None: missing) has not counted.

    Negative if it has counted more, because its own period was another. Zero if the gateway does not report usage.
    Raises GatewayUnavailable, without `may_have_happened`.
    """
    if not have_been_used(owner):
        return Decimal(0)
    try:
        spent_usd = spent_in_period_usd(owner, period)
    except GatewayRejected:
        return Decimal(0)
    return (spent_usd - _counted_usd(team)).quantize(PLACES)


def have_been_used(owner: User) -> bool:
    """Tell whether the person has, or had, keys of the portal at the gateway, so that there may be spend."""
    theirs = Q(key__owner=owner) | Q(key__former_owners__owner=owner)
    return (
        Token.objects.filter(theirs, key__team=None, token__isnull=False).exclude(key__kind=Key.Kind.EXTERNAL).exists()
    )


def spent_in_period_usd(owner: User, period: str) -> Decimal:
    """Return the spend of the person's keys of the portal in this period, deleted ones too, as the gateway reports it.

    Raises GatewayUnavailable, without `may_have_happened`, or GatewayRejected.
    """
    first_day = period_first_day(period, utc_today())
    outside = set(Token.objects.filter(key__owner=owner, key__kind=Key.Kind.EXTERNAL).values_list("token", flat=True))
    since = datetime.combine(first_day, time.min, UTC)
    theirs = Token.objects.filter(key__owner=owner, key__given_at__gte=since, token__isnull=False)
    given = set(theirs.values_list("token", flat=True))  # with what they spent before they had an owner
    rows = _activity_since(first_day, user_id=owner.gateway_user_id)
    ours = [row for row in rows if row.token not in outside or (row.alias or "").startswith(ALIAS_PREFIX)]
    of_teams = Token.objects.filter(key__owner=owner, key__team__isnull=False).values_list("token", "alias")
    others = {*given, *(name for names in of_teams for name in names if name)}
    spent_usd = sum((row.spend_usd for row in ours if others.isdisjoint((row.token, row.alias))), Decimal(0))
    for token in sorted(token or "" for token in given):
        spent_usd += sum((row.spend_usd for row in _activity_since(first_day, token=token)), Decimal(0))
    return spent_usd


def _activity_since(first_day: date, *, user_id: str | None = None, token: str | None = None) -> list[ActivityRow]:
    """Return the activity of a person or a key until today; unreadable spend is GatewayUnavailable."""
    try:
        activity = get_gateway().usage.daily_activity(first_day, utc_today(), user_id=user_id, token=token)
        pages = list(activity)
    except (GatewayUnavailable, GatewayRateLimited) as error:  # both are soon over: it does report usage
        raise GatewayUnavailable(str(error), may_have_happened=False) from error
    if any(metric.measure in ("", "spend_usd") for page in pages for metric in page.invalid):
        words = "What the gateway reports of the spend makes no sense."
        raise GatewayUnavailable(words, may_have_happened=False)
    return [row for page in pages for row in page.rows]


def _counted_usd(team: TeamInfo | None) -> Decimal:
    """Return what the team has counted; zero if the gateway is about to reset it, some minutes late."""
    if team is None or (team.budget_reset_at and team.budget_reset_at <= datetime.now(UTC)):
        return Decimal(0)
    return team.spend_usd
