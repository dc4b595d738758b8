"""Mails about one key: to its owner, and to its intern in a version without links, which interns cannot open."""

from datetime import datetime
from typing import Any, Final

from django.conf import settings
from django.core.mail import EmailMessage

from accounts.delivery import deliver
from accounts.locale import reading_as
from accounts.mails import compose
from keys.models import Key
from keys.status import distance
from web.templatetags.portal import moment_and_zone

LEAKED: Final = "leaked"
ENDS_SOON: Final = "ends_soon"


def deliver_about(key: Key, kind: str, *, name: str, at: datetime | None = None, **context: object) -> bool:
    """Send the mails of this kind that somebody can get; tell whether any went out. Raises MailServerUnavailable.

    `name` is that of accounts.delivery. An intern gets the owner's language and time zone: theirs are not known.
    """
    with reading_as(key.owner):
        context["when"] = at and moment_and_zone(at)
        mails = [
            (name, _compose(key, kind, to=key.owner.email, name=key.owner.display_name, **context)),
            (f"{name}-intern", _compose(key, f"{kind}_intern", to=key.intern_email, name=key.intern_name, **context)),
        ]
    return sum(deliver(mail, name=called) for called, mail in mails if mail.to != [""]) > 0


def mail_of_leak(key_id: str, at: str, details: dict[str, Any]) -> bool:
    """Tell owner and intern that a leaked secret was replaced at this time (ISO). Raises MailServerUnavailable."""
    key = Key.objects.select_related("owner").prefetch_related("tokens").get(pk=key_id)
    when = datetime.fromisoformat(at)
    return deliver_about(key, LEAKED, name=f"leak-{key.pk}-{when:%Y%m%d%H%M%S}", at=when, **details)


def _compose(key: Key, kind: str, *, to: str, name: str, **context: object) -> EmailMessage:
    is_intern = kind.endswith("_intern")
    more = {
        "key": key,
        "name": name,
        "portal_url": "" if is_intern else settings.PORTAL_URL,
        "ends": key.expires_at and f"{distance(key.expires_at)} ({moment_and_zone(key.expires_at)})",
    }
    return compose(f"keys/mail/{kind}_subject.txt", f"keys/mail/{kind}.txt", to=to, context={**more, **context})
