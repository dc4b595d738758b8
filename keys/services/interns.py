"""Interns: which one a new key is for, and links to their accounts."""

from datetime import date

from allauth.account.models import EmailAddress
from django.db import transaction
from django.db.models.functions import Lower

from accounts.audit import Actor
from accounts.models import AuditAction, AuditOutcome, User
from accounts.policies import policy_of
from keys.models import Intern
from keys.services.refusals import KeyRefused
from keys.services.trail import audit_intern


def intern_for_key(supervisor: User, asked: Intern, actor: Actor) -> Intern:
    """Return the intern whom a new key is for: the chosen one, or a new one.

    An intern with the same name and address is reused: resending a form after a gateway failure creates no
    second one. Raises KeyRefused. Call it in a transaction that locks the supervisor's row.
    """
    own = Intern.objects.supervised_by(supervisor)
    if not asked._state.adding:
        picked = own.filter(pk=asked.pk).first()
        if picked is None:
            raise KeyRefused("intern_gone")
        return picked
    name, email, ends_on = asked.name, asked.email.lower(), asked.stay_ends_on
    same = own.filter(name=name, email=email).order_by("created_at").first()
    if same and ends_on in (None, same.stay_ends_on):
        return same
    if own.filter(email=email).exists() if email else own.filter(name__iexact=name).exists():
        raise KeyRefused("intern_known.email" if email else "intern_known")
    intern = Intern.objects.create(supervisor=supervisor, name=name, email=email, stay_ends_on=ends_on)
    audit_intern(actor, AuditAction.ISSUE, AuditOutcome.DONE, intern)
    return intern


@transaction.atomic
def create_intern(*, supervisor: User, name: str, email: str, ends_on: date | None, actor: Actor) -> Intern:
    """Return a new intern without a key, or the one with the same name and address. Raises KeyRefused."""
    locked = User.objects.select_for_update().get(pk=supervisor.pk)
    if not policy_of(locked).may_name_interns:
        raise KeyRefused("intern.none")
    return intern_for_key(locked, Intern(name=name, email=email, stay_ends_on=ends_on), actor)


def change_intern(*, intern: Intern, name: str, email: str, actor: Actor) -> None:
    """Correct name and address of an intern; the audit entry names the fields, not the old values. Raises KeyRefused.

    Another address unlinks the account that the former one matched; the next sign-in links the right one.
    """
    wanted = {"name": name, "email": email.lower()}
    with transaction.atomic():
        supervisor = User.objects.select_for_update().get(pk=intern.supervisor_id)
        stored = Intern.objects.get(pk=intern.pk)
        changes: dict[str, list[str]] = {field: [] for field in wanted if getattr(stored, field) != wanted[field]}
        if not changes:
            return
        check_not_taken(stored, supervisor=supervisor, **wanted)
        stored.name, stored.email = name, wanted["email"]
        stored.account = None if "email" in changes else stored.account
        stored.save(update_fields=["name", "email", "account"])
        audit_intern(actor, AuditAction.CHANGE, AuditOutcome.DONE, stored, "intern.changes", changes=changes)


def check_not_taken(intern: Intern, *, supervisor: User, name: str, email: str) -> None:
    """Refuse a name or an address that another intern of the supervisor has. Raises KeyRefused."""
    others = Intern.objects.supervised_by(supervisor).exclude(pk=intern.pk)
    if others.filter(email=email.lower()).exists() if email else others.filter(name__iexact=name).exists():
        raise KeyRefused("intern_taken.email" if email else "intern_taken")


def link_account(user: User) -> None:
    """Link this account to the interns with its verified addresses. Idempotent."""
    verified = EmailAddress.objects.filter(user=user, verified=True).annotate(lower=Lower("email")).values("lower")
    waiting = Intern.objects.filter(account=None).exclude(supervisor=user)
    waiting.alias(lower=Lower("email")).filter(lower__in=verified).update(account=user)
