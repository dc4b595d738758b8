"""Finds accounts that are leaving, and deactivates them after the grace (ADR 50).

Each step is one transaction, and what is left to do follows from the rows: an interrupted run is continued by the
next one.
"""

import logging
from datetime import timedelta
from functools import partial
from typing import Final

from allauth.socialaccount.models import SocialAccount
from django.conf import settings
from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from accounts.audit import BY_THE_PORTAL, Actor, record
from accounts.claims import DIGEST
from accounts.identity_providers import Ldap, identity_providers
from accounts.leaving import keep_for_now, take_off
from accounts.models import (
    AccessToken,
    AuditAction,
    AuditObject,
    AuditOutcome,
    LeavingAccount,
    LeavingCheck,
    LeavingMail,
    LeavingQuerySet,
    LeavingReason,
    ScimClient,
    ScimUser,
    SignIn,
    User,
)
from accounts.rights import people_with
from keys.models import Intern, Key
from people.services.accounts import activate, close_accounts
from web.tasks import ask_worker

logger = logging.getLogger(__name__)

ALWAYS_ALLOWED: Final = 3  # accounts at once, in a small lab too
MANAGES: Final = "accounts.manage_people"  # whoever has it is warned of a check that stopped


def check_leaving() -> int:
    """Put on the list who is leaving, take off who is back, deactivate whose grace is over; return how many.

    Who is named by a directory that does not answer, or whose check stopped, stays as they are.
    """
    _forget_outdated()
    done = [_check_directory(provider) for provider in _directories()]
    done += [_check_provisioned(client) for client in ScimClient.objects.working()]
    done.append(_check_use())
    transaction.on_commit(partial(ask_worker, "people.mail_leaving"), robust=True)
    return sum(_close_due(check) for check in done if check.outcome == LeavingCheck.Outcome.DONE)


def _directories() -> list[Ldap]:
    return [each for each in identity_providers() if isinstance(each, Ldap)]


def _forget_outdated() -> None:
    """Delete rows that say nothing any more: kept long enough, closed or opened by others, of a former directory."""
    rows = LeavingAccount.objects
    rows.filter(kept_until__lte=timezone.now()).delete()
    rows.filter(closed_at__isnull=False, person__is_active=True).delete()
    rows.filter(closed_at=None, kept_until=None, person__is_active=False).delete()
    known = {
        LeavingReason.UNLISTED: [each.id for each in _directories()],
        LeavingReason.INACTIVE: list(ScimClient.objects.working().values_list("provider", flat=True)),
    }
    for reason, sources in known.items():
        rows.waiting().filter(reason=reason).exclude(source__in=sources).delete()
        LeavingCheck.objects.filter(reason=reason).exclude(source__in=sources).delete()


def _could_leave() -> QuerySet[User]:
    """Return the accounts that the portal may deactivate by itself: no superuser, so that somebody can still enter."""
    return User.objects.filter(is_active=True, anonymised_at=None, is_superuser=False)


# --- Who is leaving -------------------------------------------------------------------------------
def _check_directory(provider: Ldap) -> LeavingCheck:
    """Look up everybody who signs in by this directory and by no other provider."""
    from accounts.directory import DirectoryUnavailable, listed_among  # of an optional package

    others = [each.id for each in identity_providers() if each.id != provider.id]
    elsewhere = SocialAccount.objects.filter(user=OuterRef("user"), provider__in=others)
    links = SocialAccount.objects.filter(~Exists(elsewhere), provider=provider.id, user__in=_could_leave())
    people = dict(links.exclude(uid__startswith=DIGEST).values_list("uid", "user"))  # no entry is found by a digest
    try:
        listed = listed_among(provider, people)
    except DirectoryUnavailable as error:
        logger.warning("leaving accounts: %s does not answer (%s)", provider.id, error)
        return _note_check(LeavingReason.UNLISTED, provider.id, outcome=LeavingCheck.Outcome.UNAVAILABLE)
    gone = set(people.values()) - {people[uid] for uid in listed}
    return _take_over(LeavingReason.UNLISTED, provider.id, gone, looked_up=len(set(people.values())))


def check_provisioned() -> None:
    """Put on the list whom SCIM has just deactivated, and take off who is back; the nightly check does the rest."""
    for client in ScimClient.objects.working():
        _check_provisioned(client)
    transaction.on_commit(partial(ask_worker, "people.mail_leaving"), robust=True)


def _check_provisioned(client: ScimClient) -> LeavingCheck:
    """Look for people whom the client has deactivated or deleted."""
    people = ScimUser.objects.filter(client=client, person__in=_could_leave())
    gone = set(people.filter(active=False).values_list("person", flat=True))
    return _take_over(LeavingReason.INACTIVE, client.provider, gone, looked_up=people.count())


def _check_use() -> LeavingCheck:
    """Look for accounts without a sign of life for LEAVING_UNUSED_DAYS."""
    gone = set(unused_accounts().values_list("pk", flat=True)) if settings.LEAVING_UNUSED_DAYS else set[int]()
    return _take_over(LeavingReason.UNUSED, "", gone, looked_up=_could_leave().count())


def unused_accounts() -> QuerySet[User]:
    """Return accounts without sign-in, session, access token or key in use for LEAVING_UNUSED_DAYS."""
    since = timezone.now() - timedelta(days=settings.LEAVING_UNUSED_DAYS)
    me = OuterRef("pk")
    used_keys = Key.objects.filter(Q(owner=me, intern=None) | Q(intern__account=me), last_used_on__gte=since.date())
    return _could_leave().filter(
        Q(last_login=None) | Q(last_login__lt=since),
        ~Exists(AccessToken.objects.filter(owner=me, last_used_at__gte=since)),
        ~Exists(SignIn.objects.filter(user=me, last_use_at__gte=since)),
        ~Exists(used_keys),
        date_joined__lt=since,
    )


def most_at_once(looked_up: int) -> int:
    """Return how many of so many accounts can be leaving at the same time; more is taken for a mistake."""
    percent: int = settings.LEAVING_MAX_PERCENT
    return max(ALWAYS_ALLOWED, looked_up * percent // 100)


def _take_over(reason: LeavingReason, source: str, gone: set[int], *, looked_up: int) -> LeavingCheck:
    """Make the list say that of this source these people are leaving, and nobody else; or stop, if it is too many."""
    for account in LeavingAccount.objects.waiting().filter(reason=reason, source=source).exclude(person__in=gone):
        take_off(account)
    leaving = gone - set(LeavingAccount.objects.kept().values_list("person", flat=True))
    check = _note_check(reason, source, looked_up=looked_up, leaving=len(leaving))
    if check.outcome == LeavingCheck.Outcome.DONE:
        known = LeavingAccount.objects.values("person")
        for person in User.objects.filter(pk__in=leaving).exclude(pk__in=known).order_by("pk"):
            _put_on_list(person, reason, source)
    return check


@transaction.atomic
def _note_check(
    reason: LeavingReason,
    source: str,
    *,
    looked_up: int = 0,
    leaving: int = 0,
    outcome: LeavingCheck.Outcome = LeavingCheck.Outcome.DONE,
) -> LeavingCheck:
    """Write down what a check found; admins get a mail about the first that stops."""
    check, _made = LeavingCheck.objects.select_for_update().get_or_create(reason=reason, source=source)
    check.at = timezone.now()
    if outcome == LeavingCheck.Outcome.DONE:
        too_many = leaving > most_at_once(looked_up) or 0 < leaving == looked_up
        check.looked_up, check.leaving = looked_up, leaving
        check.allowed = check.allowed if too_many else 0
        if too_many and leaving > check.allowed:
            outcome = LeavingCheck.Outcome.STOPPED
            LeavingMail.objects.bulk_create(
                [LeavingMail(stopped=check, reader=admin) for admin in people_with(MANAGES).exclude(email="")],
                ignore_conflicts=True,
            )
            logger.warning("leaving accounts: %s %s stopped, %d of %d", reason, source, leaving, looked_up)
        else:
            check.done_at = check.at
            LeavingMail.objects.filter(stopped=check).delete()
    check.outcome = outcome
    check.save()
    return check


@transaction.atomic
def _put_on_list(person: User, reason: LeavingReason, source: str) -> None:
    """Put one on the list, with the warnings: to the person, and to whoever supervises them."""
    account, is_new = LeavingAccount.objects.get_or_create(person=person, defaults={"reason": reason, "source": source})
    if not is_new:  # another run was faster
        return
    supervisors = User.objects.filter(pk__in=Intern.objects.filter(account=person).values("supervisor"), is_active=True)
    readers = [each for each in (person, *supervisors) if each.email]
    LeavingMail.objects.bulk_create([LeavingMail(account=account, reader=reader) for reader in readers])
    record(
        actor=BY_THE_PORTAL,
        action=AuditAction.LEAVING,
        outcome=AuditOutcome.DONE,
        kind=AuditObject.PERSON,
        object_id=person.pk,
        subject=person,
        code=f"leaving.{reason}",
        details={"source": title_of(source), "days": settings.LEAVING_UNUSED_DAYS},
    )


def title_of(source: str) -> str:
    """Return the name of a provider as people read it."""
    return next((each.title for each in identity_providers() if each.id == source), source)


# --- After the grace ------------------------------------------------------------------------------
def _close_due(check: LeavingCheck) -> int:
    """Deactivate the accounts of this source whose grace is over; return how many."""
    return sum(_close(account) for account in _due().filter(reason=check.reason, source=check.source))


def _due() -> LeavingQuerySet:
    over = timezone.now() - timedelta(days=settings.LEAVING_GRACE_DAYS)
    return LeavingAccount.objects.waiting().filter(warned_at__lte=over).select_related("person")


@transaction.atomic
def _close(account: LeavingAccount) -> bool:
    """Deactivate one, unless they are back since, or nobody else could manage people; the sweep blocks the keys."""
    managers = people_with(MANAGES)
    if managers.filter(pk=account.pk).exists() and not managers.exclude(pk=account.pk).exists():
        return False
    if not LeavingAccount.objects.filter(pk__in=_due().filter(pk=account.pk)).update(closed_at=timezone.now()):
        return False
    if close_accounts([account.person], BY_THE_PORTAL):
        return True
    transaction.set_rollback(True)  # an admin was faster: only an admin opens it again
    return False


@transaction.atomic
def take_back(person: User, *, source: str, actor: Actor) -> None:
    """Take off the list whom the institution activates again, and open the account if it was closed from there."""
    mine = LeavingAccount.objects.filter(person=person, reason=LeavingReason.INACTIVE, source=source)
    for account in mine.filter(kept_until=None).select_for_update():  # the nightly check may be closing it
        if account.closed_at is None:
            take_off(account)
        elif activate(person=person, actor=actor):
            mine.delete()


# --- What admins decide ---------------------------------------------------------------------------
@transaction.atomic
def keep(*, person: User, actor: Actor) -> bool:
    """Keep an account on the list for a year, and open it again; False if it is not on the list, or kept already."""
    if not keep_for_now(person, actor):
        return False
    if not person.is_active:
        activate(person=person, actor=actor)
    return True


@transaction.atomic
def allow(*, check: LeavingCheck, count: int, actor: Actor) -> bool:
    """Accept that so many accounts are leaving at once; False if the check has not stopped at this number."""
    stopped = LeavingCheck.objects.filter(pk=check.pk, outcome=LeavingCheck.Outcome.STOPPED, leaving=count)
    if not stopped.update(allowed=count):
        return False
    record(
        actor=actor,
        action=AuditAction.APPROVE,
        outcome=AuditOutcome.DONE,
        kind=AuditObject.LEAVING_CHECK,
        object_id=check.pk,
        label=title_of(check.source),
        code="leaving.allowed",
        details={"count": count},
    )
    transaction.on_commit(partial(ask_worker, "people.check_leaving"), robust=True)
    return True
