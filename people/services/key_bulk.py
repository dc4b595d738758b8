"""One action on many keys: which it applies to, which are left out and why, and the action. One mail for each owner."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from operator import attrgetter
from typing import Any, Final
from uuid import UUID

from django.db import transaction
from django.db.models import Exists, OuterRef, Q
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.audit import Actor
from accounts.locale import reading_as
from accounts.mails import send_later
from accounts.models import AuditAction, AuditEntry, AuditObject, AuditOutcome, User
from accounts.names import name_order
from accounts.rights import permissions_of
from keys.models import Key
from keys.services import KeysActed, block_key, delete_key, request_reminder, run_on_each, unblock_key
from keys.services.block import is_blocked_by_admin
from keys.services.trail import audit
from people.services.accounts import tell_about_key
from web.templatetags.portal import day, last_use

MAX_KEYS: Final = 100  # changed at the gateway within the request
MAX_REMINDED: Final = 500
REMINDED_FOR: Final = timedelta(days=7)  # nobody is reminded of a key twice within it


class KeyAction(StrEnum):
    """An action on many keys at once."""

    BLOCK = "block"
    UNBLOCK = "unblock"
    DELETE = "delete"
    REMIND = "remind"


SERVICES: Final[dict[KeyAction, Callable[..., None]]] = {
    KeyAction.BLOCK: block_key,
    KeyAction.UNBLOCK: unblock_key,
    KeyAction.DELETE: delete_key,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ChosenKey:
    """A key chosen for an action."""

    key: Any  # Key, with the annotations of `choose_keys`
    why_not: str  # "" if the action applies


def choose_keys(ids: Iterable[UUID], *, action: KeyAction, admin: User) -> list[ChosenKey]:
    """Return these keys by owner and label, with the reasons why the action leaves some of them out. Three queries.

    Never one's own, those of superusers and of people with more rights than the admin, as for `choose`.
    """
    beyond = permissions_of(OuterRef("owner"))
    if not admin.is_superuser:
        beyond = beyond.exclude(pk__in=permissions_of(admin.pk).values("pk"))
    keys = Key.objects.filter(pk__in=list(ids)).select_related("owner", "intern").prefetch_related("tokens")
    found = keys.annotate(
        has_more_rights=Exists(beyond) if not admin.is_superuser else Q(owner__is_superuser=True),
    )
    rows = sorted(found, key=lambda key: (name_order(key.owner.display_name), name_order(key.label), key.pk))
    reminded = _reminded(rows) if action == KeyAction.REMIND else set()
    return [ChosenKey(key=key, why_not=_why_not(key, action, admin, reminded)) for key in rows]


def _why_not(key: Any, action: KeyAction, admin: User, reminded: set[str]) -> str:
    if key.owner_id == admin.pk:
        return _("this is your own key")
    if key.owner.is_superuser or key.has_more_rights:
        return _("its owner has more rights than you, or is a superuser")
    if key.owner.anonymised_at:
        return _("its owner was anonymised")
    if action == KeyAction.DELETE:
        return "" if key.state in (Key.State.ACTIVE, Key.State.DELETING) else _("it is being created")
    if key.state != Key.State.ACTIVE:
        return _("it is being created or deleted")
    if action == KeyAction.BLOCK:
        return _("it is blocked already") if is_blocked_by_admin(key) else ""
    if action == KeyAction.UNBLOCK:
        return _why_not_unblocked(key)
    if not (key.owner.is_active and key.owner.email):
        return _("its owner gets no mail")
    return _("its owner had a mail about it within the last 7 days") if str(key.pk) in reminded else ""


def _why_not_unblocked(key: Key) -> str:
    if not key.blocked:
        return _("it is not blocked")
    if not key.owner.is_active:
        return _("its owner is inactive")
    return _("a budget of its owner, or of their group, is used up") if key.blocked_for_budget else ""


def act_on_keys(keys: Sequence[Key], *, action: KeyAction, actor: Actor) -> KeysActed:
    """Block, unblock or delete; each has its audit entry, each owner one mail about all of them.

    A refusal for one key does not stop the others; when the gateway does not answer, the rest stays as it is. The sweep
    finishes an unconfirmed deletion, so its owner gets the mail, too; not again at another try.
    """
    deleting = {key.pk for key in keys if key.state == Key.State.DELETING}
    run = run_on_each(keys, lambda key: SERVICES[action](key=key, actor=actor), words=attrgetter("for_admin"))
    changed = [*run.done, *(run.failed if action == KeyAction.DELETE else ())]
    for owner, theirs in _by_owner(key for key in changed if key.pk not in deleting):
        _tell(owner, theirs, AuditAction(action.value), actor)
    return run.as_labels


@transaction.atomic
def remind_of_keys(keys: Sequence[Any], *, actor: Actor) -> int:
    """Remind the owners of these keys; return the number of keys. Not of those that another request took."""
    locked = Key.objects.select_for_update().filter(pk__in=[key.pk for key in keys]).order_by("pk")
    there = set(locked.values_list("pk", flat=True))
    reminded = _reminded(keys)
    due = [key for key in keys if key.pk in there and str(key.pk) not in reminded]
    for key in due:
        audit(actor, AuditAction.REMIND, AuditOutcome.DONE, key)
    for owner, theirs in _by_owner(due):
        with reading_as(owner):
            lines = [_line(key) for key in theirs]
        request_reminder(owner=owner, lines=lines, by=_name(actor))
    return len(due)


def _reminded(keys: Iterable[Key]) -> set[str]:
    """Return the ids of the keys of which their owners were reminded recently."""
    lately = AuditEntry.objects.filter(
        action=AuditAction.REMIND,
        object_kind=AuditObject.KEY,
        object_id__in=[str(key.pk) for key in keys],
        at__gt=timezone.now() - REMINDED_FOR,
    )
    return set(lately.values_list("object_id", flat=True))


def _by_owner(keys: Iterable[Key]) -> Iterable[tuple[User, list[Key]]]:
    owners: dict[int, list[Key]] = defaultdict(list)
    for key in keys:
        owners[key.owner_id].append(key)
    return [(theirs[0].owner, theirs) for theirs in owners.values()]


def _tell(owner: User, keys: Sequence[Key], action: AuditAction, actor: Actor) -> None:
    """Notify an owner of what was done with their keys: one mail, however many."""
    if len(keys) == 1:
        tell_about_key(owner=owner, label=keys[0].label, action=action, by=_name(actor))
    elif owner.email and owner.is_active:
        labels = [key.label for key in keys]
        send_later("keys_changed", owner, labels=labels, action=action.value, by=_name(actor))


def _name(actor: Actor) -> str:
    return actor.user.display_name if actor.user else ""


def _line(key: Any) -> str:
    """Describe a key in a mail: its last use and its expiry."""
    words = {"label": key.label, "last": last_use(key.last_used_on), "expires": day(key.expires_at)}
    if key.expires_at is None:
        return _("“%(label)s”: last use %(last)s, never expires") % words
    return _("“%(label)s”: last use %(last)s, expires %(expires)s") % words
