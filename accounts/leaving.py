"""What takes an account off the list of leaving ones: a sign-in, or an admin (ADR 50)."""

from datetime import timedelta
from typing import Final

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from accounts.audit import BY_THE_PORTAL, Actor, record_person_change
from accounts.models import AuditAction, LeavingAccount, LeavingReason, User

KEPT_FOR: Final = timedelta(days=365)


def note_return(person: User, *, provider: str) -> None:
    """Take a person who signs in off the list. `provider`: its id, "" for a local account.

    Where a directory no longer lists them, only a sign-in by it shows that it does: by another provider, or with a
    password of the portal, the next check would find the same again. Whom SCIM has deactivated, only SCIM takes back.
    """
    by_directory = Q(reason=LeavingReason.UNLISTED, source=provider)
    for account in LeavingAccount.objects.waiting().filter(
        Q(reason=LeavingReason.UNUSED) | by_directory, person=person
    ):
        take_off(account)


@transaction.atomic
def take_off(account: LeavingAccount) -> bool:
    """Take an account off the list; False if it is not waiting any more."""
    if not LeavingAccount.objects.waiting().filter(pk=account.pk).delete()[0]:
        return False
    record_person_change(actor=BY_THE_PORTAL, action=AuditAction.RETURN, person=account.person)
    return True


def keep_for_now(person: User, actor: Actor | None = None) -> bool:
    """Keep an account that is on the list, or was deactivated from there, for a year; False for no such account."""
    kept_until = timezone.now() + KEPT_FOR
    if not LeavingAccount.objects.filter(person=person, kept_until=None).update(closed_at=None, kept_until=kept_until):
        return False
    if actor:
        record_person_change(actor=actor, action=AuditAction.KEEP, person=person)
    return True
