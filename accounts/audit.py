"""The trail of acts on keys: written here, changed nowhere."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import F
from django.utils import timezone

from accounts.models import (
    MAX_LABEL_LENGTH,
    AuditAction,
    AuditEntry,
    AuditEntryQuerySet,
    AuditOutcome,
    AuditRepeat,
    User,
)
from gateway.secret import has_secret, redact
from web.request import client_address

if TYPE_CHECKING:
    from web.request import PortalRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """Who does something, and from where."""

    actor: User | None = None  # None: the portal itself
    address: str | None = None


BY_THE_PORTAL = Act()


def act_of(request: "PortalRequest") -> Act:
    """Return who asks, and from which address."""
    return Act(actor=request.user, address=client_address(request))


def record(
    *,
    act: Act,
    action: AuditAction | str,
    outcome: AuditOutcome | str,
    owner: User,
    key_id: UUID,
    label: str,
    on_behalf_of: str = "",
    detail: str = "",
) -> AuditEntry:
    """Write one entry; it joins the caller's transaction.

    `on_behalf_of` is the intern whom the key is for. `detail` is words for people and never holds a secret.
    """
    return AuditEntry.objects.create(
        actor=act.actor,
        actor_name=act.actor.display_name if act.actor else "",
        owner=owner,
        on_behalf_of=_without_secret(on_behalf_of),
        action=AuditAction(action),
        outcome=AuditOutcome(outcome),
        key_id=key_id,
        label=_without_secret(label)[:MAX_LABEL_LENGTH],
        address=act.address,
        detail=redact(detail),
    )


def _without_secret(text: str) -> str:
    """Blank a secret in a person's words, as in the alias of a key that was made outside of the portal."""
    return redact(text) if has_secret(text) else text


def record_repeatable(
    write: Callable[[], AuditEntry],
    *,
    act: Act,
    action: AuditAction,
    outcome: AuditOutcome,
    owner: User,
    code: str,
) -> None:
    """Have `write` make the entry of something that anybody could repeat without end; within the hour, count it only.

    The entry is that of the first time. What the portal does by itself is always written. `code` tells kinds apart.
    """
    if act.actor is None:
        write()
        return
    now = timezone.now()
    hour = now.replace(minute=0, second=0, microsecond=0)
    kind = {"actor": act.actor, "owner": owner, "action": action, "outcome": outcome, "code": code[:40], "hour": hour}
    same = AuditRepeat.objects.filter(**kind)
    if same.update(count=F("count") + 1, last_at=now):
        return
    try:
        with transaction.atomic():
            AuditRepeat.objects.create(entry=write(), last_at=now, **kind)
    except IntegrityError:  # another request was the first within this hour
        same.update(count=F("count") + 1, last_at=now)


def entries_of_key(key_id: UUID) -> AuditEntryQuerySet:
    """Return what was done to the key, newest first. The caller has checked whose key it is."""
    return AuditEntry.objects.of_key(key_id)


def entries_of_owner(user: User) -> AuditEntryQuerySet:
    """Return what was done to the person's keys by anybody, newest first."""
    return AuditEntry.objects.of_owner(user)
