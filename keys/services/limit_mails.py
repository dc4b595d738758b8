"""Mails to interns whose limits somebody has changed: one for each change, by preference (ADR 29)."""

from django.conf import settings
from django.core.mail import EmailMessage
from django.utils import timezone

from accounts.delivery import MailServerUnavailable, claim, deliver, send_each
from accounts.locale import reading_as
from accounts.mail_choices import MailKind, deliver_to
from accounts.mails import compose
from keys.models import LimitChange
from keys.models.limit_changes import SHOWN_FOR
from keys.services.trail import limit_lines


def mail_limit_changes() -> int:
    """Write to every intern who had no mail about a change yet; return how many mails went out."""
    LimitChange.objects.filter(made_at__lt=timezone.now() - SHOWN_FOR).delete()
    unsent = LimitChange.objects.filter(mailed_at=None).select_related("key__owner", "intern__account", "changed_by")
    return send_each(unsent.order_by("pk"), _send)


def _send(change: LimitChange) -> bool:
    """Write one, unless another run has, or is about to. An intern without an account has no choice of mails.

    One whose account is deactivated gets none.
    """
    mine, account = LimitChange.objects.filter(pk=change.pk), change.intern.account
    if not claim(mine.filter(mailed_at=None), "claimed_at"):
        return False
    to = change.intern.email or (account.email if account else "")
    if account and not account.is_active:
        to = ""
    name, sent = f"limits-{change.pk}-{change.made_at:%Y%m%d%H%M%S}", False
    try:
        if to and account:
            sent = deliver_to(account, MailKind.LIMITS, _compose(change, to), name=name)
        elif to:
            sent = deliver(_compose(change, to), name=name)
    except MailServerUnavailable:
        mine.update(claimed_at=None)
        raise
    mine.update(claimed_at=None, mailed_at=timezone.now())
    return sent


def _compose(change: LimitChange, to: str) -> EmailMessage:
    """Write the mail in the intern's language; without an account, in that of the key's owner."""
    account = change.intern.account
    with reading_as(account or change.key.owner):
        context = {
            "name": change.intern.name,
            "key": change.key,
            "by": change.changed_by.display_name if change.changed_by else "",
            "lines": limit_lines(change.changes),
            "portal_url": settings.PORTAL_URL if account else "",
        }
        return compose("keys/mail/limits_intern_subject.txt", "keys/mail/limits_intern.txt", to=to, context=context)
