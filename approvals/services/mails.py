"""Mails about requests: at most one a day to each decider, with all open ones; and the decision to each requester."""

from datetime import datetime, timedelta
from typing import Final

from django.conf import settings
from django.db.models import Q, QuerySet
from django.utils import timezone

from accounts.delivery import MailServerUnavailable, claim, send_each
from accounts.links import WORKS_FOR
from accounts.locale import reading_as
from accounts.mail_choices import MailKind, deliver_to
from accounts.mails import compose
from accounts.models import AccessRequest, RequestDigest, User
from accounts.rights import people_with
from accounts.trail_words import thing_words
from approvals.links import link_to

A_DAY: Final = timedelta(days=1)
LISTED: Final = 20  # requests in one mail; the page has them all


def mail_deciders() -> int:
    """Write to all deciders with open requests who got no such mail for a day; return how many mails."""
    return send_each(_deciders(), _mail_open)


def mail_decisions() -> int:
    """Write to all requesters whose request was decided, once; return how many mails."""
    decided = AccessRequest.objects.filter(state__in=AccessRequest.DECIDED, mailed_at=None)
    return send_each(decided.select_related("person", "decided_by", "grant").order_by("decided_at"), _mail_decision)


def _deciders() -> QuerySet[User]:
    """Return the people who can decide requests; most of them have no open one."""
    if not AccessRequest.objects.filter(state=AccessRequest.State.OPEN).exists():
        return User.objects.none()
    supervisors = User.objects.filter(interns__account__access_requests__state=AccessRequest.State.OPEN)
    permitted = people_with("accounts.decide_requests")
    may = Q(pk__in=supervisors.values("pk")) | Q(pk__in=permitted.values("pk"))
    return User.objects.filter(may, is_active=True).exclude(email="").order_by("pk")


def _mail_open(reader: User) -> bool:
    """Write to one decider, unless they got a mail within a day, or another run is about to."""
    waiting = AccessRequest.objects.addressed_to(reader).select_related("person").order_by("created_at", "pk")
    requests = list(waiting)
    if not requests:
        return False
    digest, _made = RequestDigest.objects.get_or_create(person=reader)
    row = RequestDigest.objects.filter(pk=digest.pk)
    due = row.filter(Q(sent_at=None) | Q(sent_at__lte=timezone.now() - A_DAY))
    if not claim(due, "claimed_at"):
        return False
    with reading_as(reader):
        lines = [
            {
                "who": each.person.display_name,
                "what": thing_words(each.thing, each.name, each.amount_usd),
                "link": link_to(each, reader),
            }
            for each in requests[:LISTED]
        ]
        context = {"name": reader.display_name, "lines": lines, "count": len(requests), **_portal()}
        context["days"] = WORKS_FOR.days
        context["more"] = len(requests) - len(lines)
        mail = compose("approvals/mail/open_subject.txt", "approvals/mail/open.txt", to=reader.email, context=context)
    try:
        name = f"requests-{reader.pk}-{_stamp(digest.sent_at)}"
        sent = deliver_to(reader, MailKind.REQUESTS, mail, name=name)
    except MailServerUnavailable:
        row.update(claimed_at=None)
        raise
    row.update(claimed_at=None, sent_at=timezone.now())  # a refused address is tried again tomorrow
    return sent


def _mail_decision(request: AccessRequest) -> bool:
    """Write to the requester, unless another run has, or is about to; without an address it is done."""
    row = AccessRequest.objects.filter(pk=request.pk)
    if not claim(row.filter(mailed_at=None), "mail_claimed_at"):
        return False
    person, sent = request.person, False
    if person.email and person.is_active:
        grant = getattr(request, "grant", None)
        about = grant or request
        with reading_as(person):
            context = {
                "name": person.display_name,
                "request": request,
                "ends_on": about.ends_on,
                "what": thing_words(about.thing, about.name, about.amount_usd),
                "who": request.decided_by.display_name if request.decided_by else "",
                **_portal(),
            }
            subject = "approvals/mail/decided_subject.txt"
            mail = compose(subject, "approvals/mail/decided.txt", to=person.email, context=context)
        try:
            sent = deliver_to(person, MailKind.REQUESTS, mail, name=f"request-{request.pk}-decided")
        except MailServerUnavailable:
            row.update(mail_claimed_at=None)
            raise
    row.update(mail_claimed_at=None, mailed_at=timezone.now())
    return sent


def _portal() -> dict[str, str]:
    return {"portal_url": settings.PORTAL_URL}


def _stamp(at: datetime | None) -> str:
    """Return a stamp that differs from day to day, and is the same when a mail is sent again."""
    return f"{at:%Y%m%d%H%M%S}" if at else "first"
