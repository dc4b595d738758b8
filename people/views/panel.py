"""A person's page, rendered by its own view, and after actions that failed."""

from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from django.db.models import Count, Q
from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone

from accounts.cost_centres import cost_centre_of
from accounts.invitations import link_ends_at, may_be_invited
from accounts.models import AuditEntry, Grant, Invitation, User
from accounts.names import name_order
from accounts.policies import policy_of
from accounts.trail_words import thing_words
from keys.models import Intern, Key, SupervisorLeave
from keys.rows import Row, is_deletable, row_with_use
from keys.services import grace_ends_at
from keys.services.block import is_blocked_by_admin
from keys.services.lifetimes import is_extendable
from people.listing import Listed, listed
from people.views.common import Subject
from usage.models import utc_today
from usage.queries.budgets import forecast_of_person
from usage.queries.key_use import person_use
from web.request import PortalRequest

ENTRIES_SHOWN: Final = 50


def render_person(request: PortalRequest, subject: Subject, *, alert: str = "", status: int = 200) -> HttpResponse:
    """Render a person's page; `alert` is why an action failed."""
    person = subject.person
    keys = Key.objects.owned_by(person).listed(timezone.now()).newest_first()
    allowance = policy_of(person)
    use = replace(person_use(person, utc_today(), by_day=True), stopped_by=allowance.stopped_by)
    rows = [row_with_use(key, use) for key in keys]
    context = {
        "access": subject.access,
        "here": "people:person",
        "person": person,
        "may_act": subject.may_act,
        "numbers": _numbers(person),
        "forecast": forecast_of_person(person, subject.access.state),
        "groups": sorted(person.groups.all(), key=lambda group: name_order(group.name)),
        "rows": [{"row": row, "actions": _actions(row, person) if subject.may_act else []} for row in _in_order(rows)],
        **_invitation(person),
        "cost_centre": cost_centre_of(person),
        "policies": allowance.names,
        "grants": _grants(person),
        "interns": _interns(person),
        "grace_ends_at": _grace_ends_at(person),
        "internships": Intern.objects.filter(account=person).select_related("supervisor"),
        "entries": AuditEntry.objects.of_subject(person)[:ENTRIES_SHOWN],
        "alert": alert,
    }
    return render(request, "people/person.html", context, status=status)


def _invitation(person: User) -> dict[str, Any]:
    """Return the person's pending invitation, the expiry of its link, and whether it can be sent again."""
    invitation = Invitation.objects.pending().filter(person=person).first()
    return {
        "invitation": invitation,
        "link_ends_at": invitation and link_ends_at(invitation),
        "may_invite": may_be_invited(person),
    }


def _numbers(person: User) -> Listed:
    """Return the person's numbers in the list."""
    return next(iter(listed([person.pk], utc_today())))


def _in_order(rows: list[Row]) -> list[Row]:
    """Return live keys first, each part newest first."""
    return sorted(rows, key=lambda row: row.key.state not in Key.LIVE_STATES)


def _actions(row: Row, person: User) -> list[str]:
    """Return the route names of the actions on a key."""
    key = row.key
    is_active = key.state == Key.State.ACTIVE
    may = {
        "block_key": is_active and not is_blocked_by_admin(key),
        "unblock_key": is_active and key.blocked and person.is_active and not key.blocked_for_budget,
        "limit_key": is_active and key.kind in Key.COUNTED_KINDS,
        "extend_key": is_extendable(key) and key.kind != Key.Kind.PLAYGROUND,
        "delete_key": is_deletable(key),
    }
    return [name for name, allowed in may.items() if allowed]


def _grace_ends_at(person: User) -> datetime | None:
    """Return until when the keys of a former supervisor's interns work; None if that does not apply."""
    leave = None if person.is_active else SupervisorLeave.objects.filter(supervisor=person).first()
    return grace_ends_at(leave) if leave else None


def _grants(person: User) -> list[dict[str, Any]]:
    """Return in words what the person has beyond their policy now."""
    running = Grant.objects.running().filter(person=person).order_by("ends_at", "pk")
    return [{"grant": each, "what": thing_words(each.thing, each.name, each.amount_usd)} for each in running]


def _interns(person: User) -> list[Any]:
    live = Count("keys", filter=Q(keys__state__in=Key.LIVE_STATES))
    interns = Intern.objects.supervised_by(person).select_related("account").annotate(live=live)
    return sorted(interns, key=lambda intern: name_order(intern.name))
