"""Warns owners of keys that spend much more today than the owner does on a usual day: one mail a key and day.

Facts are of days, so nothing is known of hours.
"""

from collections import defaultdict
from collections.abc import Iterable
from datetime import date, timedelta
from decimal import Decimal
from statistics import median
from typing import Any, Final

from django.conf import settings
from django.core.mail import EmailMessage
from django.db.models import Sum
from django.utils import timezone

from accounts.delivery import MailServerUnavailable, claim, deliver, send_each
from accounts.locale import reading_as
from accounts.mails import compose
from accounts.models import User
from accounts.rights import people_with
from keys.links import WORKS_FOR, LinkAct, link_to
from keys.models import Key
from usage.models import DayToken, UnusualSpend, utc_today

TIMES: Final = 10  # a usual day
LOOK_BACK: Final = timedelta(days=30)
LEAST_DAYS: Final = 3  # with spend: of fewer, nobody knows what is usual
PERMISSION: Final = "usage.view_everyone"
AT_ONCE: Final = 500  # people looked up in one query: SQLite takes 999 values


def warn_of_unusual_spend() -> int:
    """Note the keys whose spend today is unusual, and write to their owners; return to how many."""
    if settings.UNUSUAL_SPEND_USD is None:
        return 0
    today = utc_today()
    for key_id, owner_id, spent_usd, usual_usd in _unusual(today, settings.UNUSUAL_SPEND_USD):
        about = {"owner_id": owner_id, "spent_usd": spent_usd, "usual_usd": usual_usd}
        UnusualSpend.objects.get_or_create(key_id=key_id, day=today, defaults=about)
    unsent = UnusualSpend.objects.filter(mailed_at=None, day=today, owner__is_active=True).exclude(owner__email="")
    return send_each(unsent.select_related("owner"), _send)


def _unusual(today: date, floor_usd: Decimal) -> Iterable[tuple[Any, int, Decimal, Decimal]]:
    """Yield key, owner, spend of today and of a usual day. Of keys below the floor no history is read."""
    days = DayToken.objects.filter(day=today, token_ref__key__isnull=False, token_ref__owner__isnull=False).order_by()
    sums = days.values("token_ref__key", "token_ref__owner").annotate(usd=Sum("spend_usd")).filter(usd__gte=floor_usd)
    high = list(sums.values_list("token_ref__key", "token_ref__owner", "usd"))
    usual = _usual_days(sorted({owner for _key, owner, _usd in high}), today)
    for key_id, owner_id, spent_usd in high:
        if owner_id in usual and spent_usd > TIMES * usual[owner_id]:
            yield key_id, owner_id, spent_usd, usual[owner_id]


def _usual_days(owners: list[int], today: date) -> dict[int, Decimal]:
    """Return the median day with spend of these people, over LOOK_BACK before today."""
    spent: dict[int, list[Decimal]] = defaultdict(list)
    before = DayToken.objects.filter(day__gte=today - LOOK_BACK, day__lt=today).order_by()
    for start in range(0, len(owners), AT_ONCE):
        theirs = before.filter(token_ref__owner__in=owners[start : start + AT_ONCE])
        days = theirs.values("token_ref__owner", "day").annotate(usd=Sum("spend_usd")).filter(usd__gt=0)
        for owner, usd in days.values_list("token_ref__owner", "usd"):
            spent[owner].append(usd)
    return {owner: median(days) for owner, days in spent.items() if len(days) >= LEAST_DAYS}


def _send(row: UnusualSpend) -> bool:
    """Write to the owner, and by setting to admins, unless another run has, or is about to."""
    mine = UnusualSpend.objects.filter(pk=row.pk)
    if not claim(mine.filter(mailed_at=None), "mail_claimed_at"):
        return False
    key = Key.objects.select_related("owner", "intern").prefetch_related("tokens").get(pk=row.key_id)
    try:
        sent = deliver(_compose(row, key, row.owner), name=f"unusual-{row.pk}")
        if settings.UNUSUAL_SPEND_TO_ADMINS:
            for admin in people_with(PERMISSION).exclude(email="").exclude(pk=row.owner_id):
                deliver(_compose(row, key, admin), name=f"unusual-{row.pk}-{admin.pk}")
    except MailServerUnavailable:
        mine.update(mail_claimed_at=None)
        raise
    mine.update(mail_claimed_at=None, mailed_at=timezone.now())
    return sent


def _compose(row: UnusualSpend, key: Key, reader: User) -> EmailMessage:
    """Write the mail; the link to pause the key is for its owner only."""
    is_owner = reader.pk == row.owner_id == key.owner_id
    with reading_as(reader):
        context = {
            "name": reader.display_name,
            "row": row,
            "key": key,
            "is_owner": is_owner,
            "link": link_to(LinkAct.PAUSE, key) if is_owner and not key.blocked and key.live_token else "",
            "days": WORKS_FOR.days,
            "portal_url": settings.PORTAL_URL,
        }
        template = "usage/mail/unusual"
        return compose(f"{template}_subject.txt", f"{template}.txt", to=reader.email, context=context)
