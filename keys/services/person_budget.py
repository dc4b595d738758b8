"""A person's budget over all their keys: a team of their own at the gateway, which counts and refuses (ADR 10).

The team exists before the first key that counts in it. A row of `PersonBudget` has what was last written to it; it
is compared with the policy before a key is created or changed, and in turn by the sweep.
"""

from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Final

from django.db.models import Case, Exists, F, OuterRef, Q, When
from django.utils import timezone

from accounts.models import User
from accounts.policies import Allowance, policy_of
from gateway.django import get_gateway
from gateway.errors import GatewayNotFound, GatewayRateLimited, GatewayRejected, GatewayUnavailable
from gateway.types import KeyInfo, TeamInfo
from keys.budget_days import next_period_day, utc_today
from keys.models import ALIAS_PREFIX, Key, PersonBudget, Token
from keys.services.claim import claim, release
from keys.services.delete import mark_gone
from keys.services.refusals import KeyRefused
from keys.services.uncounted import have_been_used, spent_in_period_usd, uncounted_usd

TRY_TEAMS_AGAIN: Final = timedelta(hours=1)  # at a gateway that had none
RECOUNT_AFTER: Final = timedelta(minutes=2)  # the gateway writes a team's spend and its reports seconds apart
State = PersonBudget.State


@dataclass(frozen=True, slots=True, kw_only=True)
class Ceiling:
    """How a new key is held to its owner's budget: by the team, or at a gateway without teams by what is left."""

    team_id: str | None = None
    left_usd: Decimal | None = None


def team_id_of(owner: User) -> str:
    """Return the name of the person's team at the gateway."""
    return team_id_at(owner.gateway_user_id)


def team_id_at(gateway_user_id: str) -> str:
    """Return the name of the team of the person with this id at the gateway."""
    return f"{ALIAS_PREFIX}person-{gateway_user_id}"


def is_current(row: PersonBudget | None, allowance: Allowance) -> bool:
    """Tell whether the gateway has the policy's budget, as far as it can, so that a key may be used."""
    if allowance.person_budget_usd is None and (row is None or row.budget_usd is None):
        return True
    if row is None or not is_wanted(row, allowance):
        return False
    if row.state == State.WITHOUT_TEAMS:
        return row.checked_at is not None and row.checked_at > timezone.now() - TRY_TEAMS_AGAIN
    return row.state == State.WRITTEN and not row.is_over(utc_today())


def is_wanted(row: PersonBudget, allowance: Allowance) -> bool:
    """Tell whether a person's budget is, or is about to be, that of the policy."""
    return (row.budget_usd, row.budget_period) == _wanted(allowance)


def has_team(row: PersonBudget | None) -> bool:
    """Tell whether a team at the gateway has the person's budget."""
    return row is not None and row.budget_usd is not None and row.state == State.WRITTEN


def ceiling_of(owner: User, allowance: Allowance) -> Ceiling:
    """Bring the person's team to the policy's budget if it differs, and return how a new key is held to it.

    Idempotent. Raises GatewayUnavailable, never with `may_have_happened`, since no key was touched; or
    GatewayRejected if the gateway has no teams and does not report spend either.
    """
    row = PersonBudget.objects.filter(owner=owner).first()
    if not is_current(row, allowance):
        row = write_budget(owner, allowance)
    if row is None or row.budget_usd is None:
        return Ceiling()
    if row.state == State.WITHOUT_TEAMS:
        return Ceiling(left_usd=max(Decimal(0), row.budget_usd - spent_in_period_usd(owner, row.budget_period)))
    return Ceiling(team_id=team_id_of(owner))


def write_budget(owner: User, allowance: Allowance, *, recount: bool = False) -> PersonBudget:
    """Write the policy's budget to the person's team, which is created if it is missing. Idempotent.

    The row has the new budget before the call, so a lost answer leads to another write. With `recount` the row's
    uncounted spend is computed again: the team has changed at the gateway.
    """
    now = timezone.now()  # a failed write is repeated in its turn by the sweep, or with the next key
    row, _made = PersonBudget.objects.update_or_create(owner=owner, defaults={"checked_at": now})
    budget_usd, period = _wanted(allowance)
    _set(row, budget_usd=budget_usd, budget_period=period, **_uncounted_now(row, budget_usd, period, recount))
    state = State.WRITTEN
    try:
        _write(row)
    except GatewayRateLimited as error:
        raise GatewayUnavailable(str(error), may_have_happened=False) from error
    except GatewayRejected:
        state = State.WITHOUT_TEAMS
    except GatewayUnavailable as error:
        if not error.no_route:
            raise GatewayUnavailable(str(error), may_have_happened=False) from error
        state = State.WITHOUT_TEAMS
    mine = PersonBudget.objects.filter(pk=row.pk, budget_usd=budget_usd, budget_period=period)
    if not mine.update(state=state, checked_at=timezone.now()):
        PersonBudget.objects.look_again(owner)  # the policy changed meanwhile, and the order of the writes is unknown
    row.refresh_from_db()
    return row


def check_budget(owner: User) -> bool:
    """Compare the person's team with the policy, correct it, and add keys that do not count in it yet.

    Return whether anything changed. Raises GatewayUnavailable or GatewayRejected.
    """
    allowance = policy_of(owner)
    row = PersonBudget.objects.filter(owner=owner).first()
    state = row.state if row else ""
    if allowance.person_budget_usd is None and (row is None or row.budget_usd is None):
        looked_at = {"state": State.WRITTEN, "checked_at": timezone.now()}
        PersonBudget.objects.update_or_create(owner=owner, defaults=looked_at)
        return False
    outside = outside_of_team(owner)
    is_settled = row is not None and is_current(row, allowance) and row.state == State.WRITTEN
    to_recount = row is not None and is_settled and (_has_recount_due(row) or not is_as_written(row))
    if row and is_settled and not to_recount and not outside:
        PersonBudget.objects.filter(pk=row.pk, state=State.WRITTEN).update(checked_at=timezone.now())
    else:
        row = write_budget(owner, allowance, recount=to_recount)
    joined = 0
    if row.budget_usd is not None and row.state == State.WRITTEN:
        for token in outside:
            with suppress(KeyRefused):  # it is being changed, and joins another time
                claim_and_join(token, team_id_of(owner))
                joined += 1
    return row.state != state or joined > 0


def delete_team(row: PersonBudget) -> None:
    """Delete the team of an anonymised person whose keys are deleted, and then the row. Idempotent.

    Raises GatewayUnavailable or GatewayRejected.
    """
    try:
        get_gateway().people.delete_team(team_id_of(row.owner))
    except GatewayNotFound:
        pass
    except GatewayRejected:
        if row.state != State.WITHOUT_TEAMS:
            raise
    row.delete()


def due_for_check(most: int) -> list[User]:
    """Return people with keys, those first whose team needs a check soon or was checked longest ago."""
    have_keys = Exists(Key.objects.live().of_people().filter(owner=OuterRef("pk")))
    longest_ago = F("person_budget__checked_at").asc(nulls_first=True)
    is_over = Q(person_budget__uncounted_until__lte=utc_today()) | Q(person_budget__recount_at__lte=timezone.now())
    over_first = Case(When(is_over, then=0), default=1)
    people = User.objects.filter(have_keys, anonymised_at=None)
    return list(people.order_by(over_first, longest_ago, "pk")[:most])


def join_team(token: Token, team_id: str) -> None:
    """Make a key that was created without the team count in it from now on. The caller has claimed the key.

    In three steps, since the gateway adds no key of a user who is not a member, and a member takes up an SSO
    seat. An interrupted move is started again. Raises GatewayNotFound for a missing key, or GatewayUnavailable.
    """
    give_to(token.key.owner, token, team_id)
    Token.objects.filter(pk=token.pk).update(in_team=True)


def give_to(person: User, token: Token, team_id: str | None) -> None:
    """Make a key this person's at the gateway, and count in their team (None: in none). Idempotent.

    The caller has claimed the key. Former spend stays with the former person and team. An interrupted move is
    started again. Raises GatewayNotFound for a missing key, or GatewayUnavailable.
    """
    info = look_up(token.token or "")
    move_at_gateway(info, person, team_id, former_user_id=info.user_id or token.key.owner.gateway_user_id)


def look_up(hash_: str) -> KeyInfo:
    """Return a key as the gateway has it; GatewayNotFound also where it was deleted."""
    info: KeyInfo = get_gateway().keys.info(hash_)
    if info.deleted:
        raise GatewayNotFound("The key was deleted at the gateway.", status=404)
    return info


def move_at_gateway(info: KeyInfo, person: User, team_id: str | None, *, former_user_id: str | None) -> None:
    """Do what `give_to` does, for a key that was looked up. Its user is put back where the team refuses it."""
    keys, hash_, user_id = get_gateway().keys, info.token, person.gateway_user_id
    if info.team_id != team_id:
        keys.update(hash_, user_id=None)
        try:
            keys.update(hash_, team_id=team_id)
        except GatewayRejected as error:  # most likely the team is missing, which does not mean that the key is
            keys.update(hash_, user_id=former_user_id)
            PersonBudget.objects.look_again(person)
            message = f"The gateway did not let a key into its owner’s team. {error}"
            raise GatewayUnavailable(message, may_have_happened=False) from error
    if info.team_id != team_id or info.user_id != user_id:
        keys.update(hash_, user_id=user_id)


def claim_and_join(token: Token, team_id: str) -> None:
    """Claim a key and add it to the team, unless it is in it; one that is missing at the gateway is marked as gone.

    Raises KeyRefused ("busy") while the key is being changed, or GatewayUnavailable.
    """
    if token.in_team:
        return
    claim(token.key)
    try:
        join_team(token, team_id)
    except GatewayNotFound:
        mark_gone(token)
    finally:
        release(token.key, repair=False)


def outside_of_team(owner: User) -> list[Token]:
    """Return the tokens at the gateway that the portal created and that do not count in their owner's team yet."""
    working = (Token.State.LIVE, Token.State.RETIRING)
    tokens = Token.objects.filter(key__owner=owner, key__team=None, state__in=working, in_team=False)
    return list(tokens.exclude(key__kind=Key.Kind.EXTERNAL).select_related("key__owner"))


def _wanted(allowance: Allowance) -> tuple[Decimal | None, str]:
    budget_usd = allowance.person_budget_usd
    return budget_usd, "" if budget_usd is None else allowance.person_budget_period


def _set(row: PersonBudget, **values: object) -> None:
    """Commit what is about to be written to the team."""
    PersonBudget.objects.filter(pk=row.pk).update(state=State.UNDER_WAY, **values)
    row.refresh_from_db()


def _uncounted_now(row: PersonBudget, budget_usd: Decimal | None, period: str, recount: bool) -> dict[str, object]:
    """Return the period's spend that the team has not counted, if it may have changed since it was written."""
    nothing: dict[str, object] = {"uncounted_usd": Decimal(0), "uncounted_until": None, "recount_at": None}
    if budget_usd is None:
        return nothing
    if row.budget_period == period and not recount and not outside_of_team(row.owner):
        return nothing if row.is_over(utc_today()) else {}
    return _uncounted(row, period, _team_of(row.owner) if have_been_used(row.owner) else None)


def _uncounted(row: PersonBudget, period: str, team: TeamInfo | None) -> dict[str, object]:
    """Count, and note that it is to be done again where it comes to something else than the time before.

    A call that is in the team's spend and not yet in the reports, or the other way round, is counted wrongly once; and
    again by a count that is made at once, as of a missing team before it is created.
    """
    usd = uncounted_usd(row.owner, period, team)
    agrees = _has_recount_due(row) and row.budget_period == period and row.uncounted_usd == usd
    is_final = agrees or not have_been_used(row.owner)
    return {
        "uncounted_usd": usd,
        "uncounted_until": next_period_day(period, utc_today()) if usd else None,
        "recount_at": None if is_final else timezone.now() + RECOUNT_AFTER,
    }


def _has_recount_due(row: PersonBudget) -> bool:
    return row.recount_at is not None and row.recount_at <= timezone.now()


def _team_of(owner: User) -> TeamInfo | None:
    """Return the person's team; None if there is none, or the gateway has no teams at all."""
    try:
        team: TeamInfo = get_gateway().people.team(team_id_of(owner))
    except GatewayRateLimited as error:
        raise GatewayUnavailable(str(error), may_have_happened=False) from error
    except GatewayRejected:
        return None
    except GatewayUnavailable as error:
        if not error.no_route:
            raise GatewayUnavailable(str(error), may_have_happened=False) from error
        return None
    return team


def is_as_written(row: PersonBudget) -> bool:
    """Check at the gateway whether the team exists with the written budget."""
    try:
        team = get_gateway().people.team(team_id_of(row.owner))
    except GatewayNotFound:
        return False
    return (team.budget_usd, team.budget_duration or "") == (row.team_budget_usd, row.budget_period)


def _write(row: PersonBudget) -> None:
    """Set the budget of an existing team, or create it."""
    people, team_id, period = get_gateway().people, team_id_of(row.owner), row.budget_period or None
    try:
        people.update_team(team_id, budget_usd=row.team_budget_usd, budget_duration=period)
    except GatewayNotFound:
        if row.budget_usd is None:
            return
        _set(row, **_uncounted(row, row.budget_period, None))
        try:
            people.new_team(team_id=team_id, alias=team_id, budget_usd=row.team_budget_usd, budget_duration=period)
        except GatewayRejected:  # it exists: another process was faster
            people.update_team(team_id, budget_usd=row.team_budget_usd, budget_duration=period)
