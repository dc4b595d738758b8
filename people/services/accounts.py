"""Actions of admins on an account. The sweep applies them at the gateway, as it does after Django's admin."""

from collections.abc import Iterable
from functools import partial

from django.db import transaction

from accounts.anonymise import end_sessions
from accounts.audit import Actor, record_person_change
from accounts.leaving import keep_for_now
from accounts.locale import reading_as
from accounts.mails import send_later
from accounts.models import AuditAction, Grant, Invitation, User
from accounts.tokens import revoke_all_tokens
from accounts.trail_words import thing_words
from web.tasks import ask_worker
from web.templatetags.portal import day


def deactivate(*, person: User, actor: Actor) -> bool:
    """Close the account, end its sessions and block its keys; False if it is inactive already."""
    return bool(close_accounts([person], actor))


@transaction.atomic
def close_accounts(people: Iterable[User], actor: Actor) -> list[User]:
    """Close accounts, end their sessions and block their keys; return those that were open."""
    closed = [each for each in people if User.objects.filter(pk=each.pk, is_active=True).update(is_active=False)]
    end_sessions(*closed)
    for person in closed:
        _record(person, actor, AuditAction.DEACTIVATE)
    transaction.on_commit(partial(ask_worker, "keys.sweep"), robust=True)
    return closed


@transaction.atomic
def activate(*, person: User, actor: Actor) -> bool:
    """Open the account again and unblock the keys that its closing blocked; False if there is nothing to do.

    An anonymised account stays closed: nobody could sign in.
    """
    closed = User.objects.filter(pk=person.pk, is_active=False, anonymised_at=None)
    if not closed.update(is_active=True):
        return False
    Invitation.objects.filter(person=person).exclude(withdrawn_at=None).delete()  # otherwise a list would open it again
    keep_for_now(person)
    _record(person, actor, AuditAction.ACTIVATE)
    transaction.on_commit(partial(ask_worker, "keys.sweep"), robust=True)
    return True


@transaction.atomic
def sign_out_everywhere(*, person: User, actor: Actor, tokens: bool = False) -> None:
    """End all sessions of the person, and with `tokens` their access tokens. Keys and password stay as they are."""
    end_sessions(person)
    if tokens:
        revoke_all_tokens(person, actor)
    _record(person, actor, AuditAction.SIGN_OUT)


def tell_about_key(
    *, owner: User, label: str, action: AuditAction, by: str, lines: list[str] | None = None, reason: str = ""
) -> None:
    """Write to the owner of a key what an admin did with it, in their language; after the commit, by a task.

    `lines` are what was changed, in the owner's language.
    """
    if owner.email and owner.is_active:
        send_later("key_changed", owner, label=label, action=action.value, by=by, lines=lines or [], reason=reason)


def tell_about_grant(grant: Grant, *, by: str, is_over: bool = False) -> None:
    """Write to a person what an admin gave them beyond their policy, or that it is over."""
    person = grant.person
    if person.email and person.is_active:
        with reading_as(person):
            what, until = thing_words(grant.thing, grant.name, grant.amount_usd), day(grant.ends_on)
        action = AuditAction.END_GRANT if is_over else AuditAction.GRANT
        reason = "" if is_over else grant.reason  # that of giving it
        send_later("grant_changed", person, action=action, reason=reason, by=by, what=what, until=until)


def _record(person: User, actor: Actor, action: AuditAction) -> None:
    """Record it in the audit trail, and notify the person."""
    record_person_change(actor=actor, action=action, person=person)
    if person.email:
        send_later("account_changed", person, action=action.value, by=actor.user.display_name if actor.user else "")
