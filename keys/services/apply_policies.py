"""Apply policies to existing keys: limits, models, and an end within the lifetime.

Differences are found by comparing rows, so the next run continues an interrupted one, and without differences
no call is made.
"""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final, TypeVar
from uuid import UUID

from django.db.models import Model, Q, QuerySet
from django.utils import timezone

from accounts.audit import Actor
from accounts.models import User
from accounts.policies import Allowance, Allowances, KeyAllowance, policy_of
from gateway.errors import GatewayRejected
from gateway.types import UNSET, Unset
from keys.identity import identify_gateway
from keys.models import Key, LimitOverride, PersonBudget, Token
from keys.renewal import last_moment_of
from keys.services.key_limits import Limits, follow_limits, override_of, usable_limits
from keys.services.lifetimes import as_duration, end_set_for, longest_life
from keys.services.person_budget import check_budget, is_current, is_wanted, write_budget
from keys.services.refusals import KeyRefused
from keys.services.rounds import each

logger = logging.getLogger(__name__)

SLACK: Final = timedelta(hours=1)  # clocks differ, and a key that was created a moment ago ends a moment later
EXACT: Final = timedelta(minutes=2)  # for a fixed end of all keys of a kind
AT_ONCE: Final = 500  # rows of a query: SQLite takes 999 values
M = TypeVar("M", bound=Model)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outdated:
    """What differs from the policies: keys, and people's budgets over all keys."""

    keys: list[UUID]
    people: list[int]
    ends: tuple[datetime, ...] = ()  # the new ones of those keys that expire earlier, and that people renew

    def __bool__(self) -> bool:
        return bool(self.keys or self.people)


def find_outdated(
    owner: User | None = None,
    *,
    among: QuerySet[User] | None = None,
    allowances: Allowances | None = None,
    before: Allowances | None = None,
) -> Outdated:
    """Return what differs from the policies: of everybody, of one person, or `among` some. The gateway is not asked.

    `allowances`: what policies that are not saved yet would give. `before`: only keys for which these differ.
    """
    allowances = allowances or Allowances.load()
    of_owner: dict[str, Any] = {} if owner is None else {"owner": owner}
    of_owner |= {} if among is None else {"owner__in": among}
    now = timezone.now()
    overrides = _overrides(owner)
    lives = Q(expires_at=None) | Q(expires_at__gt=now) | Q(override__expires_at__gt=now)
    keys = Key.objects.of_people().filter(lives, state=Key.State.ACTIVE, **of_owner)
    names = ("pk", "owner_id", "kind", "expires_at", *Limits._fields)
    rows = keys.exclude(kind=Key.Kind.EXTERNAL).values_list(*names)
    outdated: list[UUID] = []
    ends: list[datetime] = []
    for pk, owner_id, kind, expires_at, *limits in rows.iterator(chunk_size=2000):
        allowance, override = allowances.of(owner_id), overrides.get(pk)
        rule = allowance.rules[kind]
        if before is not None and before.of(owner_id).rules[kind] == rule:
            continue
        if _differs(allowance, kind, expires_at, Limits(*limits), now, override):
            outdated.append(pk)
            has_own_end = override is not None and end_set_for(override.key, override, rule) is not None
            if kind in Key.COUNTED_KINDS and not has_own_end and _lives_too_long(rule, expires_at, now):
                ends.append(now + longest_life(rule))
    budgets = PersonBudget.objects.filter(**of_owner)
    people = [row.owner_id for row in budgets.iterator() if not is_wanted(row, allowances.of(row.owner_id))]
    return Outdated(keys=outdated, people=people, ends=tuple(ends))


def apply_policies(actor: Actor) -> int:
    """Apply the present policies to keys and people, at the gateway and here; return how many were changed.

    A row that fails is skipped. Raises GatewayUnavailable at the end when the gateway failed on some, and
    GatewayChanged, before anything is done, at a gateway that the portal does not know. Idempotent.
    """
    outdated = find_outdated()
    if not outdated:
        return 0
    identify_gateway()
    rounds = [
        each(check_budget, _in_parts(User.objects.all(), outdated.people)),
        each(partial(bring_up_to_date, actor), _in_parts(Key.objects.select_related("owner"), outdated.keys)),
    ]
    if failure := next((failure for _done, failure in rounds if failure), None):
        raise failure
    return sum(done for done, _failure in rounds)


def apply_policies_to(owner: User, actor: Actor) -> bool:
    """Apply a person's present policies and grants, their budget first; tell whether everything is up to date.

    It is not where a key is just being created or changed, or the gateway refused something. Idempotent.
    Raises GatewayUnavailable, at the first call without an answer.
    """
    allowance = policy_of(owner)
    row = PersonBudget.objects.filter(owner=owner).first()
    if row is not None and not is_current(row, allowance):
        row = write_budget(owner, allowance)
    keys = Key.objects.filter(owner=owner, pk__in=find_outdated(owner).keys).select_related("owner")
    for key in keys:
        try:
            bring_up_to_date(actor, key)
        except GatewayRejected as error:
            logger.warning("apply_policies: the gateway refused the limits of a key, %s", error)
    is_quiet = (
        not Key.objects.of_people().filter(owner=owner, state=Key.State.ISSUING).exists()
    )  # one may have former limits
    return is_quiet and (row is None or is_current(row, allowance)) and not find_outdated(owner).keys


def _in_parts(rows: QuerySet[M], ids: Sequence[object]) -> Iterator[M]:
    """Yield the rows of these ids in batches."""
    for start in range(0, len(ids), AT_ONCE):
        yield from rows.filter(pk__in=ids[start : start + AT_ONCE])


def bring_up_to_date(actor: Actor, key: Key) -> bool:
    """Give one key what its owner's policies give now; False where it cannot be, or is being changed."""
    allowance, override = policy_of(key.owner), override_of(key)
    duration, why = _shorter(key, allowance), "expires_sooner"
    if end := end_set_for(key, override, allowance.rules[key.kind]):
        duration, why = _until(end) if _is_another(end, key.expires_at) else UNSET, "own_end"
        Token.objects.filter(key=key, state=Token.State.RETIRING, retires_at__gt=end).update(retires_at=end)
    try:
        return follow_limits(key, actor, usable_limits(key.kind, allowance, override), duration=duration, why=why)
    except KeyRefused:  # no model is left to it, or somebody changes it just now
        return False


def _overrides(owner: User | None) -> dict[UUID, LimitOverride]:
    """Return what was set for single keys, by key."""
    found = LimitOverride.objects.filter(key__state=Key.State.ACTIVE, key__team=None).select_related("key__intern")
    return {each.key_id: each for each in (found.filter(key__owner=owner) if owner else found)}


def _differs(
    allowance: Allowance,
    kind: str,
    expires_at: datetime | None,
    limits: Limits,
    now: datetime,
    override: LimitOverride | None,
) -> bool:
    """Tell whether a key has other limits, or another end, than the policies, or limits of its own, give now."""
    if kind == Key.Kind.PLAYGROUND and not allowance.rules[kind].allowed:
        return False  # only the portal has its secret, and no longer uses it
    try:
        wanted = usable_limits(kind, allowance, override)
    except KeyRefused:
        return False
    if override and (end := end_set_for(override.key, override, allowance.rules[kind])):
        if expires_at and max(end, expires_at) <= now:  # also where the stay is over
            return False
        return limits != wanted or _is_another(end, expires_at)
    return limits != wanted or _lives_too_long(allowance.rules[kind], expires_at, now)


def _is_another(end: datetime, expires_at: datetime | None) -> bool:
    """Tell whether a key ends at another time than was set for it."""
    return expires_at is None or abs(expires_at - end) > SLACK


def _until(end: datetime) -> str:
    """Spell how long a key lives that is to end then, or now where that is past."""
    return as_duration(max(end - timezone.now(), timedelta(seconds=1)))


def _lives_too_long(rule: KeyAllowance, expires_at: datetime | None, now: datetime) -> bool:
    """Tell whether a key ends later than its rule allows; one of a kind that is no longer allowed keeps its end."""
    if not rule.allowed:
        return False
    too_late = now + timedelta(days=rule.lifetime_days) + SLACK
    if rule.ends_at is not None:
        too_late = min(too_late, rule.ends_at + EXACT)
    return expires_at is None or expires_at > too_late


def _shorter(key: Key, allowance: Allowance) -> str | Unset:
    """Return the remaining lifetime of a key that would live longer than the policy allows."""
    rule, now = allowance.rules[key.kind], timezone.now()
    if not _lives_too_long(rule, key.expires_at, now):
        return UNSET
    lifetime = longest_life(rule)
    if key.stay_ends_on:
        lifetime = min(lifetime, max(last_moment_of(key.stay_ends_on) - now, timedelta(seconds=1)))
    return as_duration(lifetime)
