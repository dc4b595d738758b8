"""Apply grants at the gateway, and remove them when they end. The next run continues an interrupted one."""

import logging
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final

from django.utils import timezone

from accounts.audit import BY_THE_PORTAL
from accounts.models import Grant, User
from gateway.errors import GatewayError
from keys.identity import identify_gateway, is_other_gateway
from keys.services import apply_policies_to
from keys.services.rounds import each

logger = logging.getLogger(__name__)

OFTEN_FOR: Final = timedelta(minutes=2)  # a grant is retried at each run
LONGEST_PAUSE: Final = timedelta(hours=1)  # between two attempts that keep failing: each is in the audit trail


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
