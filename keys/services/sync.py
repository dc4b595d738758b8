"""Take over what changed at the gateway: it is the one that lets a key in, so what it says goes."""

import logging
from datetime import datetime, timedelta
from decimal import Decimal

from django.db import IntegrityError, transaction
from django.utils import timezone

from accounts.audit import BY_THE_PORTAL
from accounts.models import AuditAction, AuditOutcome, User
from gateway.django import get_gateway
from gateway.errors import GatewayNotFound
from gateway.types import KeyInfo
from keys.models import ALIAS_PREFIX, Key, Token
from keys.services.delete import AT_THE_GATEWAY, mark_gone
from keys.services.trail import trace

logger = logging.getLogger(__name__)

# A key of ours at the gateway whose token is in one of these states should not be there: a late answer made it.
OVER = (Token.State.LOST, Token.State.DELETED)
LARGEST_BUDGET_USD, LARGEST_LIMIT = Decimal(10**10 - 1), 2**31 - 1  # that the columns hold


def sync_keys() -> int:
    """Compare all our keys with the gateway's whole list; return how many rows changed.

    The list is read before anything is changed; a list that breaks off changes nothing (GatewayUnavailable).
    """
    known = {token.token: token for token in Token.objects.select_related("key__owner").filter(token__isnull=False)}
    aliases = set(Token.objects.filter(state__in=OVER, alias__isnull=False).values_list("alias", flat=True))
    people = {user.gateway_user_id: user for user in User.objects.all()}
    seen: set[str] = set()
    ours = []
    for info in get_gateway().keys.list():
        seen.add(info.token)
        if info.token in known or info.alias in aliases or info.user_id in people:
            ours.append(info)
    changed = sum(_take_over(info, known.get(info.token), aliases, people) for info in ours)
    absent = [t for t in known.values() if t.state in AT_THE_GATEWAY and t.token not in seen]
    return changed + sum(_confirm_absence(token) for token in absent)


def _take_over(info: KeyInfo, token: Token | None, aliases: set[str | None], people: dict[str, User]) -> bool:
    """Act on one key of the gateway's list; tell whether that changed anything."""
    if (token is None and info.alias in aliases) or (token is not None and token.state in OVER):
        get_gateway().keys.delete([info.token])
        logger.warning("sync: deleted a key that an answer which came too late had made (alias %s)", info.alias)
        return True
    if token is not None:
        return token.state == Token.State.LIVE and _update(token.key, info)
    if (info.alias or "").startswith(ALIAS_PREFIX) or not info.user_id:
        return False  # under way this minute, or of a portal whose database is another
    return _adopt(people[info.user_id], info)


def _update(key: Key, info: KeyInfo) -> bool:
    """Take over end and block of a live key, where they differ and no renewal is under way."""
    if key.renewing_since or (info.blocked == key.blocked and _same_moment(info.expires_at, key.expires_at)):
        return False
    as_read = Key.objects.filter(pk=key.pk, renewing_since=None, expires_at=key.expires_at, blocked=key.blocked)
    with transaction.atomic():
        changed = as_read.update(expires_at=info.expires_at, blocked=info.blocked)
        if changed:
            end = info.expires_at.isoformat(timespec="minutes") if info.expires_at else "never"
            trace(
                BY_THE_PORTAL,
                AuditAction.SYNC,
                AuditOutcome.DONE,
                key,
                f"expires: {end}; blocked: {'yes' if info.blocked else 'no'}",
            )
    return bool(changed)


def _same_moment(one: datetime | None, other: datetime | None) -> bool:
    """Compare to the second: the gateway answers in microseconds and stores milliseconds."""
    return one == other or (one is not None and other is not None and abs(one - other) < timedelta(seconds=1))


def _adopt(owner: User, info: KeyInfo) -> bool:
    """List a key of this person that somebody made elsewhere."""
    try:
        with transaction.atomic():
            key = Key.objects.create(
                owner=owner,
                kind=Key.Kind.OUTSIDE,
                state=Key.State.ACTIVE,
                label=(info.alias or info.key_name or "?")[:60],
                expires_at=info.expires_at,
                blocked=info.blocked,
                budget_usd=info.budget_usd if info.budget_usd is None else min(info.budget_usd, LARGEST_BUDGET_USD),
                budget_period=(info.budget_duration or "")[:10],
                rpm_limit=_held(info.rpm_limit),
                tpm_limit=_held(info.tpm_limit),
                model_names=list(info.models) or None,
                created_at=info.created_at or timezone.now(),
            )
            Token.objects.create(
                key=key, alias=None, token=info.token, last_four=info.last_four[-4:], state=Token.State.LIVE
            )
            trace(BY_THE_PORTAL, AuditAction.SYNC, AuditOutcome.DONE, key, Key.Kind.OUTSIDE.label)
    except IntegrityError:  # another run listed it first
        return False
    return True


def _held(limit: int | None) -> int | None:
    """Return a limit as near as a row can hold it: whoever made the key could write any number."""
    return limit if limit is None else min(max(limit, 0), LARGEST_LIMIT)


def _confirm_absence(token: Token) -> bool:
    """Ask once more about a key that the list did not have: pages shift while keys are made and deleted."""
    try:
        gone = get_gateway().keys.info(token.token or "").deleted
    except GatewayNotFound:
        gone = True
    if gone:
        mark_gone(token)
    return bool(gone)
