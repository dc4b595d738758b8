"""Counts the use of keys for pages about keys (keys.use): the setting KEY_USE names it."""

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.template.loader import render_to_string

from accounts.policies import policy_of
from keys.models import Key, Team, Token
from keys.status import BudgetUse
from keys.use import KeyUse, PersonUse, SecretUse, TeamUse, UseCounter, pressing_budget
from usage.models import Notice, UsageState, utc_today
from usage.queries.budgets import forecast_of_key
from usage.queries.key_use import person_use, spent_of_teams, spent_with, team_spent
from web.request import PortalRequest


class CountedUse(UseCounter):
    """The use of keys as polled."""

    def of_person(
        self, request: PortalRequest, keys: Sequence[Key] | None = None, *, by_day: bool = False
    ) -> PersonUse:
        """Return the use of every key of the person, or of `keys`; two queries, else one.

        One more where a budget is used up or nearly.
        """
        use = person_use(request.user, utc_today(), keys, by_day=by_day)
        return replace(use, notice=_notice(request, use))

    def pressing_budget(self, key: Key) -> BudgetUse | None:
        """Return the budget that stops `key` first, if one is used up or nearly; two or three queries."""
        use = person_use(key.owner, utc_today())
        stopped_by = policy_of(key.owner).stopped_by if key.blocked_for_budget else ""
        return pressing_budget(use.by_key.get(key.pk), key, use.of_person, stopped_by)

    def of_teams(self, team_ids: Collection[UUID]) -> dict[UUID, Decimal]:
        """Return what the keys of each of these teams have spent; one query."""
        return spent_of_teams(team_ids)

    def of_secrets(self, key: Key, *, ended_only: bool = False) -> list[SecretUse]:
        """Return the use of secrets, oldest first; one query for each, and one."""
        known = sorted((t for t in key.tokens.all() if t.last_four and t.token), key=lambda t: t.created_at)
        shown = known[-2:-1] if ended_only else [t for t in known if t.state in ("live", "retiring", "deleting")]
        as_of = UsageState.objects.filter(pk=1).values_list("last_ok_at", flat=True).first()
        return [
            SecretUse(last_four=t.last_four, since=t.created_at, spend_usd=spent_with(t.token, t.alias), as_of=as_of)
            for t in shown
        ]

    def of_secret_since(self, token: Token, day: date) -> Decimal:
        """Return the spend with one secret from this UTC day on; one query."""
        return spent_with(token.token, token.alias, since=day)

    def budget_picture(self, use: KeyUse) -> str:
        """Render the forecast of a key's budget; no query."""
        found = forecast_of_key(use, utc_today())
        return render_to_string("usage/_pace.html", {"forecast": found}) if found else ""

    def of_team(self, team: Team, key: Key | None = None) -> TeamUse:
        """Return the spend of a team, and of `key` in it; one query."""
        return team_spent(team, key)


def _notice(request: PortalRequest, use: PersonUse) -> str:
    """Render the person's newest notice about each budget that still applies, unless it is dismissed."""
    pressing = [key for key, each in use.by_key.items() if each.tone and each.is_live]
    if not pressing:
        return ""
    newest: dict[Any, Notice] = {}
    for notice in Notice.objects.filter(person=request.user, key__in=pressing, seen_at=None).select_related("key"):
        newest.setdefault(notice.key_id, notice)
    context = {"notices": list(newest.values()), "at_my_keys": True}
    return render_to_string("usage/_notices.html", context, request) if newest else ""
