"""Bring a grant to the gateway, and take it away when it is over. A run that is cut short is continued by the next."""

import logging
from collections.abc import Iterable
from datetime import datetime

from django.utils import timezone

from accounts.audit import BY_THE_PORTAL
from accounts.models import Grant, User
from gateway.errors import GatewayError
from keys.services import apply_policies_to
from keys.services.rounds import each

logger = logging.getLogger(__name__)


def apply_grant(grant: Grant) -> bool:
    """Give the person's budget and keys what was granted, at once; False where it follows within a minute.

    The gateway may fail: the grant stands, and `apply_due_grants` tells it again.
    """
    try:
        return _apply_to(grant.person)
    except GatewayError as error:
        logger.warning("grant %d: the gateway does not have it yet, %s", grant.pk, error)
        return False


def apply_due_grants() -> int:
    """Tell the gateway of grants that it does not have yet, and of those that are over; return for how many people.

    Again is harmless. Raises GatewayUnavailable at the end when the gateway failed on some.
    """
    people = User.objects.filter(pk__in=Grant.objects.unapplied().values("person")).order_by("pk")
    done, failure = each(_apply_to, people)
    if failure:
        raise failure
    return done


def _apply_to(person: User) -> bool:
    """Bring one person to what the policies and grants give, and note of which grants the gateway knows; else False."""
    now = timezone.now()
    noted = list(Grant.objects.unapplied().filter(person=person))
    if not apply_policies_to(person, BY_THE_PORTAL):
        return False
    _note(noted, now)
    return True


def _note(grants: Iterable[Grant], now: datetime) -> None:
    """Note what the gateway was told, of grants as they were before it was."""
    for grant in grants:
        over = {} if grant.ends_at > now else {"ended_at": now}
        Grant.objects.filter(pk=grant.pk).update(applied_at=grant.applied_at or now, **over)
