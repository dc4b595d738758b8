"""Counts the use of keys for pages about keys (keys.use): the setting KEY_USE names it."""

from collections.abc import Collection
from decimal import Decimal
from uuid import UUID

from django.template.loader import render_to_string

from keys.models import Key
from keys.status import BudgetUse
from keys.use import KeyUse, PersonUse, SecretUse, UseCounter, pressing_budget
from usage.models import Notice, UsageState, utc_today
from usage.queries.key_use import person_spent, spent_of_teams, spent_with, use_of
from web.request import PortalRequest


class CountedUse(UseCounter):
    """The use of keys as polled."""

    def of_person(self, request: PortalRequest) -> PersonUse:
        """Return the use of every key of the person; two queries, and one where a budget is used up or nearly."""
        today = utc_today()
        uses = use_of(Key.objects.owned_by(request.user), today, with_days=True)
        return PersonUse(
            by_key={use.id: use for use in uses},
            of_person=person_spent(request.user, today),
            notice=_notice(request, uses),
        )

    def pressing_budget(self, key: Key) -> BudgetUse | None:
        """Return the budget that stops `key` first, if one is used up or nearly; two queries."""
        today = utc_today()
        use = next(iter(use_of(Key.objects.filter(pk=key.pk), today)), None)
        return pressing_budget(use, key.kind, person_spent(key.owner, today))

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


def _notice(request: PortalRequest, uses: list[KeyUse]) -> str:
    """Render the person's notices about budgets that still apply and are not dismissed."""
    pressing = [use.notice_id for use in uses if use.notice_id and use.tone and use.is_live]
    notices = list(Notice.objects.filter(pk__in=pressing).select_related("key")) if pressing else []
    return render_to_string("usage/_notices.html", {"notices": notices, "at_my_keys": True}, request) if notices else ""
