"""Mails about one key: to its owner, and to its intern in a version without links, which interns cannot open."""

from datetime import datetime
from typing import Any, Final

from django.conf import settings
from django.core.mail import EmailMessage

from accounts.delivery import deliver
from accounts.locale import reading_as
from accounts.mails import compose
from accounts.models import User
from keys.models import Intern, Key
from web.templatetags.portal import moment_and_zone

LEAKED: Final = "leaked"


def deliver_about(key: Key, kind: str, *, name: str, at: datetime | None = None, **context: object) -> bool:
    """Send the mails of this kind to all who have an address; tell whether any went out. Raises MailServerUnavailable.

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
    """Notify owner and intern that a leaked secret was replaced at this time (ISO). Raises MailServerUnavailable."""
    key = Key.objects.select_related("owner", "intern__account").prefetch_related("tokens").get(pk=key_id)
    when = datetime.fromisoformat(at)
    return deliver_about(key, LEAKED, name=f"leak-{key.pk}-{when:%Y%m%d%H%M%S}", at=when, **details)


def mail_of_handover(intern_id: str, before: int, after: int, by: int | None, at: str) -> int:
    """Notify an intern and both supervisors, except the actor, of a handover; return how many mails went out.

    Raises MailServerUnavailable: then all are sent again, with the same Message-IDs. None is sent if the intern was
    handed over again, or if the former supervisor's account was deleted.
    """
    intern = Intern.objects.select_related("account", "supervisor").filter(pk=intern_id, supervisor=after).first()
    people = User.objects.in_bulk([before, by] if by else [before])
    old, actor = people.get(before), people.get(by or 0)
    if intern is None or old is None:
        return 0
    new, when = intern.supervisor, datetime.fromisoformat(at)
    who = actor.display_name if actor else ""
    readers = [("to", new, new.email, new.display_name), ("from", old, old.email, old.display_name)]
    readers = [reader for reader in readers if reader[1] != actor]
    sent = 0
    for kind, reader, email, name in [*readers, ("intern", intern.account or new, intern.email, intern.name)]:
        if not email:
            continue
        with reading_as(reader):
            context = {"intern": intern, "old": old, "new": new, "who": who, "name": name}
            context |= {"when": moment_and_zone(when), "portal_url": "" if kind == "intern" else settings.PORTAL_URL}
            template = f"keys/mail/handover_{kind}"
            mail = compose(f"{template}_subject.txt", f"{template}.txt", to=email, context=context)
        sent += deliver(mail, name=f"handover-{intern.pk}-{kind}-{when:%Y%m%d%H%M%S}")
    return sent


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
        }
        return compose(f"keys/mail/{kind}_subject.txt", f"keys/mail/{kind}.txt", to=to, context={**more, **context})
