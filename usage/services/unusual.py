"""Warns owners of keys that spend much more than the owner does on a usual day: one mail a key and week.

Another one comes before only when the spend is many times that of the last mail. Facts are of days, so nothing is known
of hours; yesterday is looked at too, as its last facts come after midnight.
"""

import logging
from collections import defaultdict
from collections.abc import Iterable
from datetime import date, timedelta
from decimal import Decimal
from statistics import median
from typing import Any, Final

from django.conf import settings
from django.core.mail import EmailMessage
from django.db.models import F, Max, Q, Sum
from django.utils import timezone

from accounts.delivery import MailServerUnavailable, claim, send_each
from accounts.links import WORKS_FOR
from accounts.locale import reading_as
from accounts.mail_choices import MailKind, deliver_to
from accounts.mails import compose
from accounts.models import User
from accounts.rights import people_with
from keys.links import LinkAction, link_to
from keys.models import Key
from usage.models import DayToken, UnusualSpend, utc_today

logger = logging.getLogger(__name__)

TIMES: Final = 10  # a usual day
LOOK_BACK: Final = timedelta(days=30)
LEAST_DAYS: Final = 3  # with spend: of fewer, nobody knows what is usual
QUIET_FOR: Final = timedelta(days=7)  # after a mail: a new level of spend is usual after more days than that
PERMISSION: Final = "usage.view_everyone"
AT_ONCE: Final = 500  # people looked up in one query: SQLite takes 999 values


def warn_of_unusual_spend() -> int:
    """Note the keys whose spend today or yesterday is unusual, and write to their owners; return to how many."""
    if settings.UNUSUAL_SPEND_USD is None:
        return 0
    today = utc_today()
    yesterday = today - timedelta(days=1)
    for day in (yesterday, today):
        for key_id, owner_id, spent_usd, usual_usd in _unusual(day, settings.UNUSUAL_SPEND_USD):
            about = {"owner_id": owner_id, "spent_usd": spent_usd, "usual_usd": usual_usd}
            UnusualSpend.objects.get_or_create(key_id=key_id, day=day, defaults=about)
    unsent = UnusualSpend.objects.filter(mailed_at=None, day__gte=yesterday)
    return send_each(unsent, _send)


def _unusual(day: date, floor_usd: Decimal) -> Iterable[tuple[Any, int, Decimal, Decimal]]:
    """Yield key, owner, spend of the day and of a usual day. Of keys below the floor no history is read.

    On the day of a handover only the spend of the new owner counts: the former one can do nothing about the key.
    """
    days = DayToken.objects.filter(day=day, token_ref__owner=F("token_ref__key__owner")).order_by()
    sums = days.values("token_ref__key", "token_ref__owner").annotate(usd=Sum("spend_usd")).filter(usd__gte=floor_usd)
    high = list(sums.values_list("token_ref__key", "token_ref__owner", "usd"))
    if not high:
        return
    usual, noted = _usual_days(sorted({owner for _key, owner, _usd in high}), day), _noted(day)
    for key_id, owner_id, spent_usd in high:
        if owner_id in usual and spent_usd > TIMES * max(usual[owner_id], noted.get((key_id, owner_id), Decimal(0))):
            yield key_id, owner_id, spent_usd, usual[owner_id]


def _noted(day: date) -> dict[tuple[Any, int], Decimal]:
    """Return the highest spend that was noted, by key and owner, over QUIET_FOR before this day, and later.

    Without rows whose mail was never sent, as the mail server was away too long.
    """
    is_known = Q(mailed_at__isnull=False) | Q(day__gte=day - timedelta(days=1))
    rows = UnusualSpend.objects.filter(is_known, day__gt=day - QUIET_FOR).order_by().values("key", "owner")
    highest = rows.annotate(usd=Max("spent_usd")).values_list("key", "owner", "usd")
    return {(key, owner): usd for key, owner, usd in highest}


def _usual_days(owners: list[int], day: date) -> dict[int, Decimal]:
    """Return the median day with spend of these people, over LOOK_BACK before this day."""
    spent: dict[int, list[Decimal]] = defaultdict(list)
    before = DayToken.objects.filter(day__gte=day - LOOK_BACK, day__lt=day).order_by()
    for start in range(0, len(owners), AT_ONCE):
        theirs = before.filter(token_ref__owner__in=owners[start : start + AT_ONCE])
        days = theirs.values("token_ref__owner", "day").annotate(usd=Sum("spend_usd")).filter(usd__gt=0)
        for owner, usd in days.values_list("token_ref__owner", "usd"):
            spent[owner].append(usd)
    return {owner: median(days) for owner, days in spent.items() if len(days) >= LEAST_DAYS}


def _send(row: UnusualSpend) -> bool:
    """Write to the owner, and by setting to admins, unless another run has, or is about to.

    A mail to an admin that fails does not repeat the owner's; a process that dies in between repeats all of them, with
    their Message-IDs.
    """
    mine = UnusualSpend.objects.filter(pk=row.pk)
    if not claim(mine.filter(mailed_at=None), "mail_claimed_at"):
        return False
    key = Key.objects.select_related("owner", "intern", "team__course").prefetch_related("tokens").get(pk=row.key_id)
    owner = key.owner
    is_reached = owner.pk == row.owner_id and owner.is_active and bool(owner.email)
    try:
        sent = is_reached and _deliver(row, key, owner, name=f"unusual-{row.pk}")
    except MailServerUnavailable:
        mine.update(mail_claimed_at=None)
        raise
    if settings.UNUSUAL_SPEND_TO_ADMINS:
        _send_to_admins(row, key)
    mine.update(mail_claimed_at=None, mailed_at=timezone.now())
    return sent


def _send_to_admins(row: UnusualSpend, key: Key) -> None:
    """Write to each admin but the owner, once; what fails is in the log only."""
    for admin in people_with(PERMISSION).exclude(email="").exclude(pk=row.owner_id):
        try:
            _deliver(row, key, admin, name=f"unusual-{row.pk}-{admin.pk}")
        except MailServerUnavailable as error:
            logger.warning("unusual spend %d: no mail to the administrator %d (%s)", row.pk, admin.pk, error)


def _deliver(row: UnusualSpend, key: Key, reader: User, *, name: str) -> bool:
    """Send the mail now, to somebody who wants such mails: with the daily one it would come too late."""
    message = _compose(row, key, reader)
    return deliver_to(reader, MailKind.UNUSUAL, message, name=name, useful_until=timezone.now())


def _compose(row: UnusualSpend, key: Key, reader: User) -> EmailMessage:
    """Write the mail; the link to pause the key is for its owner only.

    A teacher who has handed a key out has none: they block it on the course's page, where they can unblock it again.
    """
    is_owner = reader.pk == row.owner_id == key.owner_id
    may_pause = is_owner and not key.handed_out and not key.blocked
    with reading_as(reader):
        context = {
            "name": reader.display_name,
            "row": row,
            "key": key,
            "is_owner": is_owner,
            "link": link_to(LinkAction.PAUSE, key) if may_pause and key.live_token else "",
            "days": WORKS_FOR.days,
            "portal_url": settings.PORTAL_URL,
        }
        template = "usage/mail/unusual"
        return compose(f"{template}_subject.txt", f"{template}.txt", to=reader.email, context=context)
