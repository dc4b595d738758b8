"""Grants beyond the policy: created, applied at the gateway, and removed at their end.

The next run continues an interrupted one.
"""

import logging
from collections.abc import Iterable
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Final
from uuid import UUID

from django.db import IntegrityError, transaction
from django.utils import timezone

from accounts.audit import BY_THE_PORTAL, Actor, record
from accounts.models import AuditAction, AuditObject, AuditOutcome, Grant, Thing, User
from accounts.policies import has_budget, policy_of
from gateway.errors import GatewayError
from keys.identity import identify_gateway, is_other_gateway
from keys.renewal import last_moment_of
from keys.services.apply_policies import apply_policies_to
from keys.services.refusals import KeyRefused
from keys.services.rounds import each

logger = logging.getLogger(__name__)

OFTEN_FOR: Final = timedelta(minutes=2)  # a grant is retried at each run
LONGEST_PAUSE: Final = timedelta(hours=1)  # between two attempts that keep failing: each is in the audit trail


def give_grant(
    *, person: User, actor: Actor, amount_usd: Decimal, ends_on: date, reason: str, form_id: UUID | None = None
) -> Grant:
    """Give somebody more budget without a request; `apply_grant` then applies it at the gateway.

    Raises KeyRefused: if there is no limit, if the account is inactive, if the day is past, and if the
    same form has given it already.
    """
    if not person.is_active:
        raise KeyRefused("grant.inactive")
    if not has_budget(policy_of(person)):
        raise KeyRefused("grant.no_limit")
    now, ends_at = timezone.now(), last_moment_of(ends_on)
    if ends_at <= now:
        raise KeyRefused("grant.over")
    about = {"thing": Thing.BUDGET, "amount_usd": amount_usd, "reason": reason, "form_id": form_id}
    try:
        with transaction.atomic():
            grant = Grant.objects.create(person=person, given_by=actor.user, created_at=now, ends_at=ends_at, **about)
            _audit(actor, AuditAction.GRANT, grant)
    except IntegrityError as error:  # accounts_grant_form
        if form_id and Grant.objects.filter(form_id=form_id).exists():
            raise KeyRefused("grant.repeated") from error
        raise
    return grant


def end_grant(*, grant: Grant, actor: Actor) -> None:
    """End a grant now; `apply_grant` then updates the gateway. Raises KeyRefused if it has ended already."""
    now = timezone.now()
    with transaction.atomic():
        if not Grant.objects.running().filter(pk=grant.pk).update(ends_at=now):
            raise KeyRefused("grant.ended")
        _audit(actor, AuditAction.END_GRANT, grant)
    grant.refresh_from_db()


def apply_grant(grant: Grant) -> bool:
    """Apply a new grant to the person's budget and keys at once; False where it follows within a minute.

    The gateway may fail: the grant is kept, and `apply_due_grants` tries again.
    """
    if is_other_gateway():
        return False
    try:
        return _apply_to(grant.person)
    except GatewayError as error:
        logger.warning("grant %d: the gateway does not have it yet, %s", grant.pk, error)
        return False


def apply_due_grants() -> int:
    """Send the gateway new grants, and remove those that have ended; return for how many people.

    Idempotent. Raises GatewayUnavailable at the end when the gateway failed on some, and GatewayChanged, before
    anything is done, at a gateway that the portal does not know.
    """
    now = timezone.now()
    due = {grant.person_id for grant in Grant.objects.unapplied() if _is_due(grant, now)}
    if not due:
        return 0
    identify_gateway()
    people = User.objects.filter(pk__in=due).order_by("pk")
    done, failure = each(_apply_to, people)
    if failure:
        raise failure
    return done


def _apply_to(person: User) -> bool:
    """Bring one person to their policies and grants, and record which the gateway knows; False if not possible yet."""
    now = timezone.now()
    noted = list(Grant.objects.unapplied().filter(person=person))
    has_followed = False
    try:
        has_followed = apply_policies_to(person, BY_THE_PORTAL)
    finally:
        if not has_followed:
            Grant.objects.filter(pk__in=[grant.pk for grant in noted]).update(tried_at=now)
    if has_followed:
        _note(noted, now)
    return has_followed


def _is_due(grant: Grant, now: datetime) -> bool:
    """Tell whether to try it: at each run for a while, and then after pauses as long as it has been failing."""
    since = grant.ends_at if grant.ends_at <= now else grant.created_at
    if grant.tried_at is None or grant.tried_at < since + OFTEN_FOR:
        return True
    return now >= grant.tried_at + min(grant.tried_at - since, LONGEST_PAUSE)


def _note(grants: Iterable[Grant], now: datetime) -> None:
    """Record the grants that the gateway has now, as they were before they were written."""
    for grant in grants:
        over = {} if grant.ends_at > now else {"ended_at": now}
        Grant.objects.filter(pk=grant.pk).update(applied_at=grant.applied_at or now, **over)


def _audit(actor: Actor, action: AuditAction, grant: Grant) -> None:
    """Record a grant without a request, or its end. Joins the caller's transaction."""
    amount = None if grant.amount_usd is None else str(grant.amount_usd)
    details = {"thing": grant.thing, "name": grant.name, "amount_usd": amount, "ends_on": grant.ends_on.isoformat()}
    record(
        actor=actor,
        action=action,
        outcome=AuditOutcome.DONE,
        kind=AuditObject.PERSON,
        object_id=grant.person_id,
        subject=grant.person,
        code="grant.about",
        details=details,
    )
