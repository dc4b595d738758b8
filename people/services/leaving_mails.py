"""Mails about leaving accounts, each sent once: to the person and their supervisors; of a stopped check, to admins."""

from datetime import timedelta
from typing import Any

from django.conf import settings
from django.core.mail import EmailMessage
from django.db.models import Exists, OuterRef
from django.utils import timezone

from accounts.delivery import MailServerUnavailable, claim, deliver, send_each
from accounts.locale import reading_as
from accounts.mails import compose
from accounts.models import LeavingAccount, LeavingMail
from people.services.leaving import title_of
from web.templatetags.portal import day


def mail_leaving() -> int:
    """Send the warnings that wait, and begin the grace of those whose warnings went out; return how many mails did."""
    waiting = LeavingMail.objects.filter(done_at=None).select_related("account__person", "stopped", "reader")
    sent = send_each(waiting.order_by("pk"), _send)
    unsent = LeavingMail.objects.filter(account=OuterRef("pk"), done_at=None)
    LeavingAccount.objects.waiting().filter(~Exists(unsent), warned_at=None).update(warned_at=timezone.now())
    return sent


def _send(row: LeavingMail) -> bool:
    """Send one, unless another run has, or is about to, or it is not true any more."""
    mine = LeavingMail.objects.filter(pk=row.pk)
    if not claim(mine.filter(done_at=None), "claimed_at"):
        return False
    is_true = row.account is None or LeavingAccount.objects.waiting().filter(pk=row.account_id).exists()
    try:
        sent = is_true and deliver(_compose(row), name=f"leaving-{row.pk}-{row.made_at:%Y%m%d%H%M%S}")
    except MailServerUnavailable:
        mine.update(claimed_at=None)
        raise
    mine.update(claimed_at=None, done_at=timezone.now())
    return sent


def _compose(row: LeavingMail) -> EmailMessage:
    """Write it in the reader's language."""
    kind = "stopped" if row.stopped else "person" if row.account_id == row.reader_id else "supervisor"
    about = row.account or row.stopped
    context: dict[str, Any] = {
        "name": row.reader.display_name,
        "person": row.account.person if row.account else None,
        "about": about,
        "provider": title_of(about.source) if about else "",
        "unused_days": settings.LEAVING_UNUSED_DAYS,
        "portal_url": settings.PORTAL_URL,
    }
    with reading_as(row.reader):
        context["day"] = day(timezone.now() + timedelta(days=settings.LEAVING_GRACE_DAYS))
        template = f"people/mail/leaving_{kind}"
        return compose(f"{template}_subject.txt", f"{template}.txt", to=row.reader.email, context=context)
