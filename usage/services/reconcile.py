"""Compares what the portal and the gateway tell of keys and of past days, and keeps what differs as rows."""

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from django.db.models import Sum
from django.utils import timezone

from accounts.models import User
from gateway.django import get_gateway
from gateway.errors import GatewayError, GatewayNotFound
from gateway.types import DayTotals, KeyInfo
from keys.models import Key, Token
from usage.models import TOKEN_LENGTH, Comparison, DayModel, Difference, utc_today

SUM_DAYS: Final = 7  # before today, whose sums still move
AT_THE_GATEWAY: Final = (Token.State.LIVE, Token.State.RETIRING)
MOMENT: Final = timedelta(seconds=1)  # the gateway answers in microseconds and stores milliseconds
CENT_OF_A_CENT: Final = Decimal("0.0001")  # USD; the gateway adds floats
CHECKED_ONE_BY_ONE: Final = 200  # of keys that the list lacks: it shifts while keys come and go


def compare_with_gateway() -> Comparison:
    """Compare, and keep the result; one that breaks off says so and has no differences."""
    comparison = Comparison.objects.create()
    try:
        found = [*_keys(comparison), *_sums(comparison)]
    except GatewayError as error:
        comparison.problem = str(error)[:300]
    else:
        Difference.objects.bulk_create(found, batch_size=50)
    comparison.ended_at = timezone.now()
    comparison.save()
    return comparison


# --- Keys -------------------------------------------------------------------------------------------
def _keys(comparison: Comparison) -> Iterator[Difference]:
    """Yield what differs between our tokens that are at rest and the gateway's whole list."""
    known = {token.token: token for token in Token.objects.exclude(token=None).select_related("key__owner")}
    under_way = set(Token.objects.filter(token=None).values_list("alias", flat=True))
    people = set(User.objects.values_list("gateway_user_id", flat=True))
    seen = set()
    for info in get_gateway().keys.list():
        seen.add(info.token)
        token = known.get(info.token)
        if token is not None:
            yield from _of_both(comparison, token, info)
        elif info.alias not in under_way:
            yield _only_there(comparison, info, owned=info.user_id in people)
    ours = [token for token in known.values() if token.state in AT_THE_GATEWAY]
    comparison.keys_there, comparison.keys_here = len(seen), len(ours)
    yield from _only_here(comparison, [token for token in ours if token.token not in seen])


def _of_both(comparison: Comparison, token: Token, info: KeyInfo) -> Iterator[Difference]:
    """Yield how one key is told differently."""
    key = token.key
    here, there = key.expires_at, info.expires_at
    settled = token.state == Token.State.LIVE and key.renewing_since is None
    if token.state not in AT_THE_GATEWAY and token.state != Token.State.DELETING:
        yield _difference(comparison, Difference.Kind.ONLY_THERE, Difference.Act.SYNC, key=key, name=key.label)
    if settled and not _same_moment(here, there):
        kind, told = Difference.Kind.EXPIRY, {"here": _spelled(here), "there": _spelled(there)}
        yield _difference(comparison, kind, Difference.Act.SYNC, key=key, name=key.label, **told)
    if info.user_id != key.owner.gateway_user_id:
        kind, told = Difference.Kind.OWNER_DIFFERS, {"here": key.owner.username, "there": info.user_id or ""}
        yield _difference(comparison, kind, Difference.Act.GATEWAY, key=key, name=key.label, **told)


def _only_there(comparison: Comparison, info: KeyInfo, *, owned: bool) -> Difference:
    """Tell of a key that the portal has no row of: taken over if its owner is known, else nobody's."""
    kind = Difference.Kind.ONLY_THERE if owned else Difference.Kind.OWNER_MISSING
    act = Difference.Act.SYNC if owned else Difference.Act.GATEWAY
    return _difference(comparison, kind, act, name=info.alias or info.key_name or info.token, there=info.user_id or "")


def _only_here(comparison: Comparison, absent: list[Token]) -> Iterator[Difference]:
    """Yield our keys that the gateway has not, asked again one by one as long as they are few."""
    for number, token in enumerate(absent):
        if number < CHECKED_ONE_BY_ONE and (not _still_ours(token) or _is_there(token)):
            continue
        key = token.key
        yield _difference(comparison, Difference.Kind.ONLY_HERE, Difference.Act.SYNC, key=key, name=key.label)


def _still_ours(token: Token) -> bool:
    return Token.objects.filter(pk=token.pk, state__in=AT_THE_GATEWAY).exists()


def _is_there(token: Token) -> bool:
    try:
        return not get_gateway().keys.info(token.token or "").deleted
    except GatewayNotFound:
        return False


def _same_moment(one: datetime | None, other: datetime | None) -> bool:
    return one == other or (one is not None and other is not None and abs(one - other) < MOMENT)


def _spelled(moment: datetime | None) -> str:
    return moment.isoformat(timespec="seconds") if moment else ""


# --- Sums -------------------------------------------------------------------------------------------
def _sums(comparison: Comparison) -> Iterator[Difference]:
    """Yield the sums of past days that are not the gateway's own."""
    today = utc_today()
    for days_ago in range(1, SUM_DAYS + 1):
        day = today - timedelta(days=days_ago)
        here, there = _here(day), _there(get_gateway().usage.day_totals(day))
        comparison.days += 1
        for measure, ours in here.items():
            slack = max(CENT_OF_A_CENT, abs(there[measure]) / 10**9) if measure == "spend_usd" else 0
            if abs(ours - there[measure]) > slack:
                told: dict[str, Any] = {"measure": measure, "here": str(ours), "there": str(there[measure])}
                yield _difference(comparison, Difference.Kind.SUMS, Difference.Act.REREAD, day=day, **told)


def _here(day: date) -> dict[str, Decimal]:
    names = ("spend_usd", "prompt_tokens", "completion_tokens", "ok_requests", "failed_requests")
    sums = DayModel.objects.filter(day=day).aggregate(**{f"sum_{name}": Sum(name) for name in names})
    return {name: Decimal(sums[f"sum_{name}"] or 0) for name in names}


def _there(totals: DayTotals) -> dict[str, Decimal]:
    return {
        "spend_usd": totals.spend_usd,
        "prompt_tokens": Decimal(totals.prompt_tokens),
        "completion_tokens": Decimal(totals.completion_tokens),
        "ok_requests": Decimal(totals.successful_requests),
        "failed_requests": Decimal(totals.failed_requests),
    }


def _difference(
    comparison: Comparison, kind: str, act: str, *, key: Key | None = None, name: str = "", **told: Any
) -> Difference:
    return Difference(comparison=comparison, kind=kind, act=act, key=key, name=name[:TOKEN_LENGTH], **told)
