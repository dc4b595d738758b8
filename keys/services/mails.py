"""Mails about one key: to its owner, and to its intern in a version without links, which interns cannot open."""

from datetime import datetime
from typing import Any, Final

from django.conf import settings
from django.core.mail import EmailMessage

from accounts.delivery import deliver
from accounts.locale import reading_as
from accounts.mails import compose
from accounts.models import User
from keys.models import Key
from keys.status import distance
from web.templatetags.portal import moment_and_zone

LEAKED: Final = "leaked"
ENDS_SOON: Final = "ends_soon"


def deliver_about(key: Key, kind: str, *, name: str, at: datetime | None = None, **context: object) -> bool:
    """Send the mails of this kind that somebody can get; tell whether any went out. Raises MailServerUnavailable.

    `name` is that of accounts.delivery. Without an account, an intern gets the owner's language and time zone.
    """
    owner, intern = key.owner, key.intern
    mails = []
    if owner.email:
        mail = _compose(key, kind, at=at, reader=owner, to=owner.email, name=owner.display_name, **context)
        mails.append((name, mail))
    if intern and intern.email:
        reader = intern.account or owner
        mail = _compose(key, f"{kind}_intern", at=at, reader=reader, to=intern.email, name=intern.name, **context)
        mails.append((f"{name}-intern", mail))
    return sum(deliver(mail, name=called) for called, mail in mails) > 0


def mail_of_leak(key_id: str, at: str, details: dict[str, Any]) -> bool:
    """Tell owner and intern that a leaked secret was replaced at this time (ISO). Raises MailServerUnavailable."""
    key = Key.objects.select_related("owner", "intern__account").prefetch_related("tokens").get(pk=key_id)
    when = datetime.fromisoformat(at)
    return deliver_about(key, LEAKED, name=f"leak-{key.pk}-{when:%Y%m%d%H%M%S}", at=when, **details)


def _compose(
    key: Key, kind: str, *, at: datetime | None, reader: User, to: str, name: str, **context: object
) -> EmailMessage:
    """Write a mail in the reader's language and time zone."""
    with reading_as(reader):
        more = {
            "key": key,
            "name": name,
            "portal_url": "" if kind.endswith("_intern") else settings.PORTAL_URL,
            "when": at and moment_and_zone(at),
            "ends": key.expires_at and f"{distance(key.expires_at)} ({moment_and_zone(key.expires_at)})",
        }
        return compose(f"keys/mail/{kind}_subject.txt", f"keys/mail/{kind}.txt", to=to, context={**more, **context})
