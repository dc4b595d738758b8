"""Compares keys and the sums of past days with the gateway's, and stores each discrepancy as a row."""

import logging
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import islice
from typing import Any, Final, NamedTuple
from uuid import UUID

from django.db.models import Sum
from django.utils import timezone

from accounts.models import User
from gateway.django import get_gateway
from gateway.errors import GatewayError, GatewayNotFound, is_unknown_route
from gateway.secret import without_addresses
from gateway.types import DayTotals, KeyInfo
from keys.models import Token
from keys.services import identify_gateway
from usage.models import TOKEN_LENGTH, DayModel, Discrepancy, Reconciliation, utc_today

SUM_DAYS: Final = 7  # before today, whose sums still change
logger = logging.getLogger(__name__)

AT_THE_GATEWAY: Final = (Token.State.LIVE, Token.State.RETIRING)
MOMENT: Final = timedelta(seconds=1)  # the gateway answers in microseconds and stores milliseconds
CENT_OF_A_CENT: Final = Decimal("0.0001")  # USD; the gateway adds floats
LOOKED_UP_AT_ONCE: Final = 500  # rows of a query: SQLite takes 999 values
CHECKED_ONE_BY_ONE: Final = 200  # of keys that the list lacks: it shifts while keys come and go


def compare_with_gateway() -> Reconciliation:
    """Compare, and store the result; a run that fails says so and has no discrepancies."""
    reconciliation = Reconciliation.objects.create()
    try:
        identify_gateway()
        found = [*_keys(reconciliation), *_sums(reconciliation)]
    except GatewayError as error:
        logger.warning("usage.reconcile: broke off, %s", error)  # with URLs, which the page does not show
        reconciliation.problem = without_addresses(str(error))[:300]
    else:
        Discrepancy.objects.bulk_create(found, batch_size=50)
    reconciliation.ended_at = timezone.now()
    reconciliation.save()
    return reconciliation


# --- Keys -------------------------------------------------------------------------------------------
class _Here(NamedTuple):
    """The compared fields of one of our tokens."""

    pk: int
    state: str
    key_id: UUID
    label: str
    expires_at: datetime | None
    renewing_since: datetime | None
    owner_id: str  # at the gateway
    owner_name: str


_NAMES: Final = (
    "pk",
    "state",
    "key_id",
    "key__label",
    "key__expires_at",
    "key__renewing_since",
    "key__owner__gateway_user_id",
    "key__owner__username",
)


def _keys(reconciliation: Reconciliation) -> Iterator[Discrepancy]:
    """Yield the differences between our tokens without a change in progress and the gateway's whole list."""
    ours = Token.objects.filter(state__in=AT_THE_GATEWAY, token__isnull=False).values_list("token", *_NAMES)
    live = {str(token): _Here(*row) for token, *row in ours.iterator(chunk_size=2000)}
    reconciliation.keys_here = len(live)
    unknown: list[KeyInfo] = []
    unreadable: list[str] = []
    for info in get_gateway().keys.list(unreadable=unreadable):
        reconciliation.keys_there += 1
        if here := live.pop(info.token, None):
            yield from _of_both(reconciliation, here, info)
        else:
            unknown.append(info)
    reconciliation.keys_there += len(unreadable)
    for token in unreadable:
        live.pop(token, None)
    yield from _not_live_here(reconciliation, unknown)
    yield from _only_here(reconciliation, list(live.values()))


def _of_both(reconciliation: Reconciliation, here: _Here, info: KeyInfo) -> Iterator[Discrepancy]:
    """Yield the differences of one key between the two sides."""
    is_settled = here.state == Token.State.LIVE and here.renewing_since is None
    if is_settled and not _same_moment(here.expires_at, info.expires_at):
        kind, fields = (
            Discrepancy.Kind.EXPIRY,
            {"here": _isoformat(here.expires_at), "there": _isoformat(info.expires_at)},
        )
        yield _discrepancy(reconciliation, kind, Discrepancy.Fix.SYNC, here, **fields)
    if info.user_id != here.owner_id:
        kind, fields = Discrepancy.Kind.OWNER_DIFFERS, {"here": here.owner_name, "there": info.user_id or ""}
        yield _discrepancy(reconciliation, kind, Discrepancy.Fix.GATEWAY, here, **fields)


def _not_live_here(reconciliation: Reconciliation, unknown: list[KeyInfo]) -> Iterator[Discrepancy]:
    """Yield the gateway's keys that are no live ones of ours; those in progress are left alone."""
    people = set(User.objects.values_list("gateway_user_id", flat=True))
    under_way = set(Token.objects.filter(token=None).values_list("alias", flat=True))
    on_the_way = (Token.State.DELETING, *AT_THE_GATEWAY)  # the last were created while the list was read
    rows = iter(unknown)
    while part := list(islice(rows, LOOKED_UP_AT_ONCE)):
        ours = Token.objects.filter(token__in=[info.token for info in part]).values_list("token", *_NAMES)
        known = {str(token): _Here(*row) for token, *row in ours}
        for info in part:
            here = known.get(info.token)
            if here is None and info.alias not in under_way:
                yield _only_there(reconciliation, info, owned=info.user_id in people)
            elif here is not None and here.state not in on_the_way:
                yield _discrepancy(reconciliation, Discrepancy.Kind.ONLY_THERE, Discrepancy.Fix.SYNC, here)
            if here is not None:
                yield from _of_both(reconciliation, here, info)


def _only_there(reconciliation: Reconciliation, info: KeyInfo, *, owned: bool) -> Discrepancy:
    """Report a key without a row in the portal: taken over if its owner is known, otherwise nobody's."""
    kind = Discrepancy.Kind.ONLY_THERE if owned else Discrepancy.Kind.OWNER_MISSING
    fix = Discrepancy.Fix.SYNC if owned else Discrepancy.Fix.GATEWAY
    name = info.alias or info.key_name or info.token
    return _discrepancy(reconciliation, kind, fix, name=name, there=info.user_id or "")


def _only_here(reconciliation: Reconciliation, absent: list[_Here]) -> Iterator[Discrepancy]:
    """Yield our keys that are missing at the gateway, looked up one by one as long as they are few."""
    for number, here in enumerate(absent):
        if number < CHECKED_ONE_BY_ONE and not _is_missing(here):
            continue
        yield _discrepancy(reconciliation, Discrepancy.Kind.ONLY_HERE, Discrepancy.Fix.SYNC, here)


def _is_missing(here: _Here) -> bool:
    """Look up a key that the gateway's list lacks, unless the portal has deleted it meanwhile."""
    token = Token.objects.filter(pk=here.pk, state__in=AT_THE_GATEWAY).first()
    if token is None:
        return False
    try:
        return bool(get_gateway().keys.info(token.token or "").deleted)
    except GatewayNotFound:
        return True


def _same_moment(one: datetime | None, other: datetime | None) -> bool:
    return one == other or (one is not None and other is not None and abs(one - other) < MOMENT)


def _isoformat(moment: datetime | None) -> str:
    return moment.isoformat(timespec="seconds") if moment else ""


# --- Sums -------------------------------------------------------------------------------------------
def _sums(reconciliation: Reconciliation) -> Iterator[Discrepancy]:
    """Yield the sums of past days that differ from the gateway's."""
    today = utc_today()
    for days_ago in range(1, SUM_DAYS + 1):
        day = today - timedelta(days=days_ago)
        try:
            totals = get_gateway().usage.day_totals(day)
        except GatewayError as error:
            if is_unknown_route(error):
                return  # an older gateway has no sums of days
            raise
        here, there = _here(day), _there(totals)
        reconciliation.days += 1
        for measure, ours in here.items():
            theirs = there[measure]
            slack = max(CENT_OF_A_CENT, abs(theirs or Decimal(0)) / 10**9) if measure == "spend_usd" else 0
            if theirs is None or abs(ours - theirs) > slack:
                shown = "" if theirs is None else str(theirs)
                fields: dict[str, Any] = {"measure": measure, "here": str(ours), "there": shown}
                yield _discrepancy(reconciliation, Discrepancy.Kind.SUMS, Discrepancy.Fix.REREAD, day=day, **fields)


def _here(day: date) -> dict[str, Decimal]:
    names = ("spend_usd", "prompt_tokens", "completion_tokens", "ok_requests", "failed_requests")
    sums = DayModel.objects.filter(day=day).aggregate(**{f"sum_{name}": Sum(name) for name in names})
    return {name: Decimal(sums[f"sum_{name}"] or 0) for name in names}


def _there(totals: DayTotals) -> dict[str, Decimal | None]:
    """Return the gateway's sums; None: invalid."""
    counts = {
        "prompt_tokens": totals.prompt_tokens,
        "completion_tokens": totals.completion_tokens,
        "ok_requests": totals.successful_requests,
        "failed_requests": totals.failed_requests,
    }
    sums: dict[str, Decimal | None] = {"spend_usd": totals.spend_usd}
    sums.update({name: None if count is None else Decimal(count) for name, count in counts.items()})
    return sums


def _discrepancy(
    reconciliation: Reconciliation, kind: str, fix: str, ours: _Here | None = None, /, *, name: str = "", **fields: Any
) -> Discrepancy:
    return Discrepancy(
        reconciliation=reconciliation,
        kind=kind,
        fix=fix,
        key_id=ours and ours.key_id,
        name=(ours.label if ours else name)[:TOKEN_LENGTH],
        **fields,
    )
