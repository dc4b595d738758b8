"""Remind people by e-mail of keys that expire soon: when a key can be renewed, and again on the day before its end.

A reader, an owner or an intern, has one mail a UTC day, with all their keys, and another one only about keys for which
the mail of the next day would come too late. What admins ask for comes besides.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from hashlib import sha256
from typing import Any, Final

from django.conf import settings
from django.core.mail import EmailMessage
from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from accounts.delivery import MailServerUnavailable, claim, deliver, send_each
from accounts.links import WORKS_FOR
from accounts.locale import reading_as
from accounts.mail_choices import MailKind, deliver_to
from accounts.mails import LATEST_S, compose
from accounts.models import User
from keys.links import LinkAction, link_to
from keys.models import Key, Reminder, ReminderMail, RequestedReminder
from keys.renewal import ends_with_stay, has_own_end, renewable_from
from keys.services.lifetimes import is_renewable
from keys.status import distance
from web.tasks import QueueUnavailable, send_task
from web.templatetags.portal import moment_and_zone

TOO_LATE: Final = time(12)  # of an end before it, the mail of the same UTC day may be read too late
READERS = {"person": "owner", "intern": "intern"}  # field of ReminderMail -> of Key


def remind_owners() -> int:
    """Write to the owners and the interns of keys that expire soon; return how many mails went out."""
    return send_each(_mails(), _remind)


def _mails() -> Iterator[ReminderMail]:
    """Yield the row of each reader who has not had a mail about some key."""
    for field, reader in READERS.items():
        ids = _expiring(field).order_by().values_list(reader, flat=True).distinct()
        for pk in list(ids):
            mail, _made = ReminderMail.objects.select_related("person", "intern__account").get_or_create(
                **{f"{field}_id": pk}
            )
            yield mail


def _expiring(field: str) -> QuerySet[Key]:
    """Return the keys that expire within the days of renewal and of whose end their reader had no mail.

    Or not the last one: that is sent when the end is today or tomorrow (UTC).
    """
    now, reader = timezone.now(), READERS[field]
    had = Reminder.objects.filter(
        Q(is_last=True) | Q(expires_at__gte=_last_before(now.date())),
        key=OuterRef("pk"),
        expires_at=OuterRef("expires_at"),
        **{f"mail__{field}": OuterRef(reader)},
    )
    return Key.objects.filter(
        ~Exists(had),
        state=Key.State.ACTIVE,
        kind__in=Key.COUNTED_KINDS,
        expires_at__gt=now,
        expires_at__lte=now + timedelta(days=settings.KEY_RENEW_BEFORE_DAYS),
        owner__is_active=True,
        **{f"{reader}__email__gt": ""},
    )


def _last_before(today: date) -> datetime:
    """Return when the day after tomorrow begins: of an end before it, a mail today is the last."""
    return datetime.combine(today + timedelta(days=2), time.min, UTC)


def _remind(mail: ReminderMail) -> bool:
    """Write to one reader, unless another run is about to; the keys are read once the mail is claimed."""
    row = ReminderMail.objects.filter(pk=mail.pk)
    if not claim(row, "claimed_at"):
        return False
    mail, today = row.select_related("person", "intern__account").get(), timezone.now().date()
    keys = _due(mail, today)
    if not keys:
        row.update(claimed_at=None)
        return False
    try:
        sent = _deliver(mail, keys)
    except MailServerUnavailable:
        row.update(claimed_at=None)
        raise
    _note(mail, keys if sent else [], today)
    return sent


def _due(mail: ReminderMail, today: date) -> list[Key]:
    """Return the keys to write about now, which expire soonest first, of one owner.

    An intern has keys of two while a handover is under way; those of the second come with a later mail.
    """
    field = "person" if mail.person else "intern"
    found = _expiring(field).filter(**{READERS[field]: getattr(mail, field)}).order_by("expires_at", "pk")
    if mail.sent_on is not None and mail.sent_on >= today:
        had = Reminder.objects.filter(mail=mail, key=OuterRef("pk"), expires_at=OuterRef("expires_at"))
        too_late = datetime.combine(today + timedelta(days=1), TOO_LATE, UTC)
        found = found.filter(~Exists(had), expires_at__lt=too_late)
    found = found.select_related("owner", "intern", "override").prefetch_related("tokens")
    keys = [key for key in found if _is_near(key)]
    return [key for key in keys if key.owner == keys[0].owner]


def _deliver(mail: ReminderMail, keys: list[Key]) -> bool:
    """Send it as its reader wants it; an intern without an account has no choice.

    The name is that of a mail after the same one, about the same keys and ends: such a mail is a repeated one.
    """
    about = " ".join(f"{key.pk} {key.expires_at}" for key in keys)
    name = f"reminder-{mail.pk}-{mail.sent_on or 'first'}-{sha256(about.encode()).hexdigest()[:20]}"
    reader, message = mail.person or (mail.intern and mail.intern.account), _compose(mail, keys)
    if not reader:
        return deliver(message, name=name)
    return deliver_to(reader, MailKind.EXPIRY, message, name=name, useful_until=keys[0].expires_at)


def _is_near(key: Key) -> bool:
    """Tell whether a key can be renewed by its dates: a short one later than the days of renewal."""
    near = renewable_from(key)
    return near is not None and near <= timezone.now()


@transaction.atomic
def _note(mail: ReminderMail, keys: list[Key], today: date) -> None:
    """Note what a reader had a mail about; an address that is refused is tried again tomorrow."""
    rows = [
        Reminder(mail=mail, key=key, expires_at=key.expires_at, is_last=key.expires_at < _last_before(today))
        for key in keys
        if key.expires_at
    ]
    updated = ["expires_at", "is_last"]
    Reminder.objects.bulk_create(rows, update_conflicts=True, unique_fields=["mail", "key"], update_fields=updated)
    ReminderMail.objects.filter(pk=mail.pk).update(claimed_at=None, sent_on=today)


def _compose(mail: ReminderMail, keys: list[Key]) -> EmailMessage:
    """Write the mail in the reader's language; an intern without an account gets the owner's."""
    owner = keys[0].owner
    reader = mail.person or (mail.intern and mail.intern.account) or owner
    to, name = (mail.intern.email, mail.intern.name) if mail.intern else (owner.email, owner.display_name)
    with reading_as(reader):
        about = [_about(key) for key in keys]
        context: dict[str, Any] = {
            "name": name,
            "owner": owner,
            "keys": about,
            "days": WORKS_FOR.days,
            "has_links": any(row["link"] for row in about),
            "portal_url": "" if mail.intern else settings.PORTAL_URL,
        }
        template = "keys/mail/expires_soon_intern" if mail.intern else "keys/mail/expires_soon"
        return compose(f"{template}_subject.txt", f"{template}.txt", to=to, context=context)


def _about(key: Key) -> dict[str, Any]:
    """Return what a mail says of a key."""
    return {
        "key": key,
        "ends": key.expires_at and f"{distance(key.expires_at)} ({moment_and_zone(key.expires_at)})",
        "ends_with_stay": ends_with_stay(key),
        "has_own_end": has_own_end(key),
        "link": link_to(LinkAction.RENEW, key) if is_renewable(key) else "",
    }


# --- What admins ask for ----------------------------------------------------------------------------
def request_reminder(*, owner: User, lines: Sequence[str], by: str) -> None:
    """Have an owner reminded of keys by an admin, `by` name; `lines` say of each what there is to say.

    Joins the caller's transaction, with what says that they were reminded: so neither is there without the other.
    """
    RequestedReminder.objects.create(owner=owner, lines=list(lines), by=by)
    transaction.on_commit(_send_soon, robust=True)


def _send_soon() -> None:
    try:
        send_task("keys.send_reminders", expires=LATEST_S)
    except QueueUnavailable:
        return  # the schedule asks


def send_requested_reminders() -> int:
    """Send the reminders that admins asked for; return how many mails went out."""
    return send_each(RequestedReminder.objects.order_by("asked_at", "pk"), _send_requested)


def _send_requested(reminder: RequestedReminder) -> bool:
    """Write to one owner, unless another run has, or is about to; the row goes with the mail."""
    row, sent = RequestedReminder.objects.filter(pk=reminder.pk), False
    if not claim(row, "claimed_at"):
        return False
    owner = User.objects.get(pk=reminder.owner_id)  # as they are now: their account or address may have changed
    if owner.email and owner.is_active:
        with reading_as(owner):
            context = {"user": owner, "lines": reminder.lines, "by": reminder.by, "portal_url": settings.PORTAL_URL}
            template = "account/email/keys_reminder"
            mail = compose(f"{template}_subject.txt", f"{template}_message.txt", to=owner.email, context=context)
        try:
            sent = deliver(mail, name=f"requested-reminder-{reminder.pk}-{reminder.asked_at:%Y%m%d%H%M%S}")
        except MailServerUnavailable:
            row.update(claimed_at=None)
            raise
    row.delete()
    return sent
