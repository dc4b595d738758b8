"""Sends a mail as its reader wants it: at once, with all others of the day, or not at all."""

from datetime import UTC, datetime, time, timedelta
from enum import StrEnum
from hashlib import sha256
from typing import Final

from django.conf import settings
from django.core.mail import EmailMessage
from django.db import transaction
from django.db.models import Q
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.delivery import MailServerUnavailable, claim, deliver, send_each
from accounts.locale import reading_as
from accounts.mails import compose
from accounts.models import DailyItem, MailChoices, User
from web.addresses import absolute

OUTDATED_AFTER: Final = timedelta(days=3)  # what could not be sent for so long is no news any more
DAILY_FROM: Final = time(5, 25)  # UTC, as portal/schedule.py has it
DAILY_READ_BY: Final = time(12)  # UTC
SIGNATURE: Final = "\n\n-- \n"  # of templates/mail/base.txt


class MailKind(StrEnum):
    """What a mail is about; the field of MailChoices."""

    EXPIRY = "expiry"
    BUDGET = "budget"
    REQUESTS = "requests"
    UNUSUAL = "unusual"
    LIMITS = "limits"
    VIEWS = "views"


def wants(person: User, kind: MailKind) -> bool:
    """Return whether a person has mails of this kind, at once or daily."""
    return bool(getattr(_choices_of(person), kind))


def deliver_to(
    person: User, kind: MailKind, message: EmailMessage, *, name: str, useful_until: datetime | None = None
) -> bool:
    """Send a mail to a person, or keep it for their daily one; False where they want none, or the server refuses it.

    `name` is that of accounts.delivery: a mail that is kept twice is one. A mail for which the daily one would come
    too late, by `useful_until`, is sent at once. Raises MailServerUnavailable.
    """
    choices = _choices_of(person)
    if not getattr(choices, kind):
        return False
    if choices.daily and (useful_until is None or useful_until >= _next_daily_read_by()):
        subject = message.subject.removeprefix(settings.ACCOUNT_EMAIL_SUBJECT_PREFIX)
        text = str(message.body).partition("\n\n")[2].rpartition(SIGNATURE)[0]  # without greeting and signature
        about = {"person": person, "subject": subject[:300], "body": text}
        DailyItem.objects.get_or_create(name=name, defaults=about)
        return True
    with reading_as(person):
        _name_the_choice(message)
    return deliver(message, name=name)


def _choices_of(person: User) -> MailChoices:
    return MailChoices.objects.filter(person=person).first() or MailChoices(person=person)


def _next_daily_read_by() -> datetime:
    """Return by when a person will have read the next daily mail."""
    now = timezone.now().astimezone(UTC)
    day = now.date() if now.time() < DAILY_FROM else now.date() + timedelta(days=1)
    return datetime.combine(day, DAILY_READ_BY, UTC)


def send_daily_mails() -> int:
    """Write to everybody for whom something waits, once a UTC day; return how many mails went out."""
    DailyItem.objects.filter(made_at__lt=timezone.now() - OUTDATED_AFTER).delete()
    waiting = DailyItem.objects.filter(person__is_active=True, person__email__gt="").values("person")
    return send_each(MailChoices.objects.filter(person__in=waiting).select_related("person"), _send_daily)


def _send_daily(choices: MailChoices) -> bool:
    """Write to one, unless they had a daily mail today, or another run is about to write."""
    today, person = timezone.now().date(), choices.person
    row = MailChoices.objects.filter(pk=choices.pk)
    if not claim(row.filter(Q(daily_sent_on=None) | Q(daily_sent_on__lt=today)), "claimed_at"):
        return False
    items = list(DailyItem.objects.filter(person=person).order_by("made_at", "pk"))
    with reading_as(person):
        context = {"name": person.display_name, "items": items, "portal_url": settings.PORTAL_URL}
        template = "account/email/daily"
        mail = compose(f"{template}_subject.txt", f"{template}_message.txt", to=person.email, context=context)
        _name_the_choice(mail)
    about = " ".join(str(item.pk) for item in items)  # the same items make the same mail, sent again
    name = f"daily-{person.pk}-{choices.daily_sent_on or 'first'}-{sha256(about.encode()).hexdigest()[:20]}"
    try:
        sent = bool(items) and deliver(mail, name=name)
    except MailServerUnavailable:
        row.update(claimed_at=None)
        raise
    with transaction.atomic():
        row.update(claimed_at=None, daily_sent_on=today)  # an address that is refused is tried again tomorrow
        if sent:
            DailyItem.objects.filter(pk__in=[item.pk for item in items]).delete()
    return sent


def _name_the_choice(message: EmailMessage) -> None:
    """Say below the mail, and to the mail program, where one chooses which mails to have."""
    address = absolute(reverse("account_mails"))
    where = _("Choose which mails you get: %(address)s") % {"address": address}
    message.body = f"{message.body}\n{where}"
    message.extra_headers["List-Unsubscribe"] = f"<{address}>"
