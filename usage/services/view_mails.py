"""Mails the numbers of saved views: once a week or a month each, with the rights that their owner has then.

A row is claimed, its mail sent, the row marked (accounts.delivery): a run that is killed is repeated by the next.
"""

import logging
from datetime import date, timedelta
from typing import Any, Final

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.core.mail import EmailMessage
from django.db.models import Q
from django.http import QueryDict

from accounts.delivery import MailServerUnavailable, claim, send_each
from accounts.locale import reading_as
from accounts.mail_choices import MailKind, deliver_to, wants
from accounts.mails import compose
from usage.explorer_view import METRIC_WORDS, SPLIT_WORDS, view_of
from usage.models import SavedView, utc_today
from usage.pages import page_of
from usage.queries.labels import Asked, explored

logger = logging.getLogger(__name__)
LINES: Final = 10
PERIODS: Final = {SavedView.Mail.WEEKLY: "last-week", SavedView.Mail.MONTHLY: "last-month"}


def due_day(mail: str, today: date) -> date:
    """Return the day since which the mail of this week or month is due."""
    return today.replace(day=1) if mail == SavedView.Mail.MONTHLY else today - timedelta(days=today.weekday())


def mail_views() -> int:
    """Send the mails that are due; return how many went out."""
    return send_each(_due().filter(owner__is_active=True).exclude(owner__email="").select_related("owner"), _send)


def _due() -> Any:
    today = utc_today()
    due = Q()
    for mail in PERIODS:
        due |= Q(mail=mail) & (Q(mailed_on=None) | Q(mailed_on__lt=due_day(mail, today)))
    return SavedView.objects.filter(due)


def _send(view: SavedView) -> bool:
    """Send one mail, unless another run has, or is about to; what is not wanted or not allowed any more is done."""
    row, day = SavedView.objects.filter(pk=view.pk), due_day(view.mail, utc_today())
    if not claim(_due().filter(pk=view.pk), "mail_claimed_at"):
        return False
    try:
        sent = wants(view.owner, MailKind.VIEWS) and _deliver(view, name=f"view-{view.pk}-{day}")
    except PermissionDenied:
        logger.info("usage.mail_views: the owner of %s may no longer see it", view.pk)
        sent = False
    except MailServerUnavailable:
        row.update(mail_claimed_at=None)
        raise
    row.update(mail_claimed_at=None, mailed_on=day)
    return sent


def _deliver(view: SavedView, *, name: str) -> bool:
    with reading_as(view.owner):
        message = _compose(view)
    return deliver_to(view.owner, MailKind.VIEWS, message, name=name)


def _compose(view: SavedView) -> EmailMessage:
    """Write the mail about the week or month before, compared with the one before that."""
    params = QueryDict(view.query, mutable=True)
    params.update({"compare": "1"})
    for param in ("from", "to"):
        params.pop(param, None)
    params["period"] = PERIODS[SavedView.Mail(view.mail)]
    page = page_of(view.owner, view.page, params)
    question = view_of(params, page).question
    found = explored(Asked(question=question, limit=LINES), page.scope, page.period)
    numbers = found.numbers
    context = {
        "name": view.owner.display_name,
        "view": view,
        "period": page.period,
        "metric": question.metric,
        "split": question.split,
        "metric_words": METRIC_WORDS[question.metric],
        "split_words": SPLIT_WORDS[question.split],
        "total": numbers.value(numbers.total),
        "before": numbers.value(numbers.before),
        "lines": [(found.labels[line.part].text, numbers.value(line.amount)) for line in numbers.lines],
        "more": max(0, numbers.count - LINES),
        "portal_url": settings.PORTAL_URL,
    }
    return compose("usage/mail/view_subject.txt", "usage/mail/view.txt", to=view.owner.email, context=context)
