"""Invitations: an account without a password, and a mail to choose one, or to sign in with the institution.

The row is committed with the account; a task reads the rows and sends the mails, each once (accounts.delivery).
"""

import re
from datetime import datetime, timedelta
from typing import Final

from django.conf import settings
from django.core.mail import EmailMessage
from django.db import transaction
from django.urls import reverse
from django.utils import timezone

from accounts.audit import Actor, record_person_change
from accounts.delivery import MailServerUnavailable, claim, deliver, send_each
from accounts.identity_providers import identity_providers, names_of_providers
from accounts.locale import reading_as
from accounts.mails import LATEST_S, compose, reset_path
from accounts.models import AuditAction, Invitation, User
from web.addresses import absolute
from web.tasks import QueueUnavailable, send_task
from web.templatetags.portal import moment_and_zone

TEMPLATE: Final = "account/email/invited"
MAX_USERNAME: Final = 140  # characters, before a number


def invite(*people: User, by_institution: bool, about: str = "") -> None:
    """Record a mail to each of these who have not signed in yet. Call it in a transaction, then `send_soon` once.

    `about` is the name of the course that they are invited to.
    """
    fresh = {"by_institution": by_institution, "asked_at": timezone.now(), "withdrawn_at": None}
    fresh |= {"claimed_at": None, "sent_at": None, "refused_at": None, "about": about}
    rows = [Invitation(person=person, **fresh) for person in people]
    Invitation.objects.bulk_create(rows, update_conflicts=True, unique_fields=["person"], update_fields=[*fresh])


def may_be_invited(person: User) -> bool:
    """Tell whether a mail is useful: the account is open, has an address, and nobody has signed in to it."""
    return bool(person.is_active and person.email) and person.last_login is None


@transaction.atomic
def invite_again(*, person: User, actor: Actor) -> bool:
    """Send the mail again, with a new link; False where the person has signed in, or the account is closed."""
    locked = User.objects.select_for_update().get(pk=person.pk)
    if not may_be_invited(locked):
        return False
    before = Invitation.objects.filter(person=locked).first()
    by_institution = before.by_institution if before else bool(identity_providers())
    invite(locked, by_institution=by_institution, about=before.about if before else "")
    record_person_change(actor=actor, action=AuditAction.INVITE, person=locked)
    transaction.on_commit(send_soon, robust=True)
    return True


@transaction.atomic
def withdraw(*, person: User, actor: Actor) -> bool:
    """Withdraw an unused invitation: the account is closed and its links are void; False where it was used.

    The account stays, as all do, for the audit trail. A new invitation of the same address opens it again.
    """
    locked = User.objects.select_for_update().get(pk=person.pk)
    now = timezone.now()
    if not Invitation.objects.pending().filter(person=locked).update(withdrawn_at=now):
        return False
    locked.is_active = False
    locked.set_unusable_password()  # a new one, because links that were sent depend on the old one
    locked.save(update_fields=["is_active", "password"])
    record_person_change(actor=actor, action=AuditAction.WITHDRAW, person=locked)
    return True


def link_ends_at(invitation: Invitation) -> datetime | None:
    """Return until when the link of the last mail works; None where there is none."""
    if invitation.sent_at is None or invitation.by_institution:
        return None
    return invitation.sent_at + timedelta(seconds=settings.PASSWORD_RESET_TIMEOUT)


def free_username(email: str, taken: set[str]) -> str:
    """Return a free user name derived from an address; never with an @, which would look like an address."""
    base = re.sub(r"[^\w.+-]", "", email.partition("@")[0])[:MAX_USERNAME] or "user"
    name, number = base, 1
    while name.lower() in taken:
        number += 1
        name = f"{base}{number}"
    taken.add(name.lower())
    return name


def send_soon() -> None:
    """Ask the worker to write the mails; if the queue is unavailable, the schedule does."""
    try:
        send_task("accounts.send_invitations", expires=LATEST_S)
    except QueueUnavailable:
        return


def send_invitations() -> int:
    """Write to everybody who was invited and has had no mail yet; return how many mails went out."""
    return send_each(Invitation.objects.to_send().select_related("person"), _send)


def _send(invitation: Invitation) -> bool:
    """Write to one, unless another run has, or is about to."""
    row = Invitation.objects.filter(pk=invitation.pk, asked_at=invitation.asked_at)
    if not claim(row & Invitation.objects.to_send().order_by(), "claimed_at"):  # it may have been withdrawn by now
        return False
    invitation.person.refresh_from_db()
    name = f"invitation-{invitation.pk}-{invitation.asked_at:%Y%m%d%H%M%S}"
    try:
        sent = deliver(_compose(invitation), name=name)
    except MailServerUnavailable:
        row.update(claimed_at=None)
        raise
    row.update(claimed_at=None, **{"sent_at" if sent else "refused_at": timezone.now()})
    return sent


def _compose(invitation: Invitation) -> EmailMessage:
    """Write the mail in the person's language; if that is unknown, in all languages, the portal's first."""
    person = invitation.person
    known = person.language or person.browser_language
    others = [code for code, _name in settings.LANGUAGES if code != settings.LANGUAGE_CODE]
    languages = [known] if known else [settings.LANGUAGE_CODE, *others]
    path = reverse("account_login") if invitation.by_institution else reset_path(person)
    context = {
        "user": person,
        "invitation": invitation,
        "institution": names_of_providers(),
        "link": absolute(path),
        "portal_url": settings.PORTAL_URL,
    }
    mails = [_in_language(language, person, context) for language in languages]
    first = mails[0]
    first.body = "\n\n----------\n\n".join(str(mail.body) for mail in mails)
    return first


def _in_language(language: str, person: User, context: dict[str, object]) -> EmailMessage:
    with reading_as(person, language=language):
        until = timezone.now() + timedelta(seconds=settings.PASSWORD_RESET_TIMEOUT)
        context = {**context, "until": moment_and_zone(until)}
        return compose(f"{TEMPLATE}_subject.txt", f"{TEMPLATE}_message.txt", to=person.email, context=context)
