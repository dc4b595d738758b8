"""What administrators do with keys without an owner: give them one, block, unblock or delete them (ADR 33).

The intention is committed before the first call to the gateway; as long as it is there, nobody else can act on the
key. The sweep finishes what was interrupted.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from decimal import Decimal
from functools import cache, partial
from typing import Any, Final

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import timezone

from accounts.audit import Actor, record
from accounts.models import AuditAction, AuditObject, AuditOutcome, BudgetPeriod, User
from accounts.models.policy import NO_MODELS
from accounts.policies import Allowance, policy_of
from gateway.django import get_gateway
from gateway.errors import GatewayError, GatewayNotFound, GatewayRejected, GatewayUnavailable
from gateway.types import KeyInfo
from keys.models import GivenKey, Key, KeyGift, LimitOverride, PersonBudget, Token, UnownedKey
from keys.services.key_limits import Limits, limits_in, limits_of
from keys.services.person_budget import Ceiling, ceiling_of, look_up, move_at_gateway, team_id_of
from keys.services.refusals import KeyRefused
from keys.services.restore import make_rows
from keys.services.trail import audit, code_of
from keys.services.unowned_list import token_of_portal

Intent = UnownedKey.Intent
ACTIONS: Final = {
    Intent.GIVE: AuditAction.GIVE,
    Intent.BLOCK: AuditAction.BLOCK,
    Intent.UNBLOCK: AuditAction.UNBLOCK,
    Intent.DELETE: AuditAction.DELETE,
}


def ceiling_once(to: User) -> Callable[[], Ceiling]:
    """Return a function that brings the person's team to the policy when it is first called."""
    return cache(lambda: ceiling_of(to, policy_of(to)))


def block_unowned(*, unowned: UnownedKey, actor: Actor) -> None:
    """Block a key without an owner at the gateway. Raises KeyRefused, GatewayUnavailable or GatewayRejected."""
    if unowned.blocked:
        raise KeyRefused("blocked.already")
    carry_out(_begin(unowned, Intent.BLOCK, actor), actor)


def unblock_unowned(*, unowned: UnownedKey, actor: Actor) -> None:
    """Unblock a key without an owner at the gateway. Raises as `block_unowned`."""
    if not unowned.blocked:
        raise KeyRefused("blocked.not")
    carry_out(_begin(unowned, Intent.UNBLOCK, actor), actor)


def delete_unowned(*, unowned: UnownedKey, actor: Actor) -> None:
    """Delete a key without an owner at the gateway, and confirm it. Raises as `block_unowned`."""
    carry_out(_begin(unowned, Intent.DELETE, actor), actor)


def finish(row: UnownedKey, ceiling: Callable[[], Ceiling] | None = None) -> bool:
    """Finish what an administrator began and nobody waits for any more; False if another process does."""
    as_read = UnownedKey.objects.filter(pk=row.pk, intent=row.intent, intended_at=row.intended_at)
    if not as_read.update(intended_at=timezone.now()):
        return False
    with suppress(KeyRefused):  # it is over: the trail says how
        carry_out(row, Actor(user=row.intended_by), again=True, ceiling=ceiling)
    return True


def nobody_waits_since() -> datetime:
    """Return the time before which an unfinished action counts as interrupted."""
    return timezone.now() - timedelta(seconds=settings.KEY_ANSWER_DEADLINE_S)


def may_own(person: User) -> bool:
    """Tell whether the person can get keys: they have not left."""
    return person.is_active and not person.anonymised_at


def kind_for(allowance: Allowance) -> Key.Kind:
    """Return the kind that a key gets which was made outside. Temporary keys are always allowed."""
    return Key.Kind.PERSONAL if allowance.rules[Key.Kind.PERSONAL].allowed else Key.Kind.TEMPORARY


# --- The intention ----------------------------------------------------------------------------------
def intend(unowned: Sequence[UnownedKey], intent: Intent, actor: Actor, **more: Any) -> int:
    """Commit what is about to be done with those that are free; return how many. Never with the portal's own key.

    Of two administrators the first wins. Raises KeyRefused where it is none.
    """
    if token_of_portal() in {row.token for row in unowned}:
        raise KeyRefused("unowned.portal")
    rows = UnownedKey.objects.filter(pk__in=[row.pk for row in unowned])
    begun = {"intent": intent, "intended_at": timezone.now(), "intended_by": actor.user, **more}
    number = rows.free().update(**begun)
    if not number:
        raise KeyRefused("unowned.busy" if rows.exists() else "unowned.gone")
    return number


def _begin(unowned: UnownedKey, intent: Intent, actor: Actor) -> UnownedKey:
    intend([unowned], intent, actor)
    return UnownedKey.objects.select_related("intended_by").get(pk=unowned.pk)


def _take_back(row: UnownedKey) -> None:
    """Drop an intention of which nothing was done."""
    nothing: dict[str, Any] = {"intent": "", "intended_at": None, "intended_by": None, "gift": None}
    UnownedKey.objects.filter(pk=row.pk).update(**nothing)


def _leave_to_sweep(row: UnownedKey) -> None:
    """Have the sweep finish it at its next run."""
    UnownedKey.objects.filter(pk=row.pk).update(intended_at=nobody_waits_since() - timedelta(seconds=1))


def carry_out(
    row: UnownedKey, actor: Actor, *, again: bool = False, ceiling: Callable[[], Ceiling] | None = None
) -> None:
    """Do at the gateway what was intended, then here. Idempotent; raises KeyRefused or GatewayError.

    `again`: a part of it may have been done before, so that it is finished however often the gateway does not answer.
    """
    steps: dict[str, Callable[[UnownedKey, Actor], None]] = {
        Intent.GIVE: partial(_give, ceiling=ceiling),
        Intent.BLOCK: partial(_switch, blocked=True),
        Intent.UNBLOCK: partial(_switch, blocked=False),
        Intent.DELETE: _delete,
    }
    try:
        steps[row.intent](row, actor)
    except GatewayNotFound as error:
        UnownedKey.objects.filter(pk=row.pk).delete()
        _audit(row, actor, AuditOutcome.FAILED, error)
        raise KeyRefused("unowned.gone") from error
    except GatewayError as error:
        if again and isinstance(error, GatewayUnavailable):
            raise
        unknown = isinstance(error, GatewayUnavailable) and error.may_have_happened
        if unknown:
            _leave_to_sweep(row)
        else:
            _take_back(row)
        _audit(row, actor, AuditOutcome.UNKNOWN if unknown else AuditOutcome.FAILED, error)
        raise


def _audit(row: UnownedKey, actor: Actor, outcome: AuditOutcome, error: Exception | None = None) -> None:
    """Record the outcome for a key that has no row of its own yet, or never will."""
    code, details = code_of(error) if error else ("", {})
    record(
        actor=actor,
        action=ACTIONS[Intent(row.intent)],
        outcome=outcome,
        kind=AuditObject.KEY,
        object_id=row.pk,
        label=row.label,
        subject=row.new_owner,
        code=code,
        details=details,
    )


# --- At the gateway, then here ----------------------------------------------------------------------
def _switch(row: UnownedKey, actor: Actor, *, blocked: bool) -> None:
    keys = get_gateway().keys
    (keys.block if blocked else keys.unblock)(row.token)
    with transaction.atomic():
        UnownedKey.objects.filter(pk=row.pk).update(blocked=blocked)
        _take_back(row)
        _audit(row, actor, AuditOutcome.DONE)


def _delete(row: UnownedKey, actor: Actor) -> None:
    keys = get_gateway().keys
    with suppress(GatewayNotFound):  # a call before, whose answer was lost, has deleted it
        keys.delete([row.token])
        if not keys.info(row.token).deleted:
            raise GatewayUnavailable("The gateway said that it had deleted a key, and still has it.")
    with transaction.atomic():
        if UnownedKey.objects.filter(pk=row.pk).delete()[0]:
            _audit(row, actor, AuditOutcome.DONE)


def _give(row: UnownedKey, actor: Actor, *, ceiling: Callable[[], Ceiling] | None) -> None:
    """Move the key to the person and their team, then record it; give it back if they have left meanwhile."""
    if (gift := row.gift) is None:  # another process has taken it back
        return
    to = gift.owner
    if not (may_own(User.objects.get(pk=to.pk)) and _move_and_record(row, gift, actor, ceiling or ceiling_once(to))):
        _give_back(row, to)
        refusal = KeyRefused("unowned.inactive")
        with transaction.atomic():
            _take_back(row)
            _audit(row, actor, AuditOutcome.FAILED, refusal)
        raise refusal


def _move_and_record(row: UnownedKey, gift: KeyGift, actor: Actor, ceiling: Callable[[], Ceiling]) -> bool:
    """Return whether they have not left meanwhile."""
    to, allowance = gift.owner, policy_of(gift.owner)
    team_id = ceiling().team_id
    try:
        info = look_up(row.token)
    except GatewayUnavailable as error:
        raise GatewayUnavailable(str(error), may_have_happened=False) from error
    try:
        move_at_gateway(info, to, team_id, former_user_id=info.user_id)
    except GatewayNotFound:
        raise
    except GatewayError as error:
        raise _as_begun(row, error) from error
    return _record(row, gift, info, allowance, actor)


def _as_begun(row: UnownedKey, error: GatewayError) -> GatewayError:
    """Return the error of a move as one that may have happened, unless the key is seen to be as it was."""
    if not (isinstance(error, GatewayUnavailable) and error.may_have_happened):
        with suppress(GatewayError):
            if _is_as_before(row, get_gateway().keys.info(row.token)):
                return error
    return GatewayUnavailable(str(error), may_have_happened=True)


def _is_as_before(row: UnownedKey, info: KeyInfo) -> bool:
    """Tell whether a key has the user and the team that it had before it was given."""
    return (info.user_id or "", info.team_id or "") == (row.user_id, row.team_id)


def _give_back(row: UnownedKey, to: User) -> None:
    """Give the key its former user and team again, if `to` had got a part of it. Idempotent.

    It is left without a team where the former one refuses it. Raises GatewayNotFound for a missing key; or
    GatewayUnavailable, and the sweep does it.
    """
    keys = get_gateway().keys
    try:
        info = look_up(row.token)
        is_theirs = info.team_id == team_id_of(to) or info.user_id in (to.gateway_user_id, None)
        if not is_theirs or _is_as_before(row, info):
            return
        keys.update(row.token, user_id=None)
        try:
            keys.update(row.token, team_id=row.team_id or None)
        except GatewayRejected:
            keys.update(row.token, team_id=None)
        keys.update(row.token, user_id=row.user_id or None)
    except GatewayNotFound:
        raise
    except GatewayRejected as error:
        raise GatewayUnavailable(str(error), may_have_happened=True) from error


def _record(row: UnownedKey, gift: KeyGift, info: KeyInfo, allowance: Allowance, actor: Actor) -> bool:
    """Create the rows of the key in place of this one, unless another process has; False if the person has left.

    It counts in no team here yet: so `check_budget` counts what the key has spent in this period, and the sweep does
    it if this process dies.
    """
    to, kind = gift.owner, kind_for(allowance)
    try:
        with transaction.atomic():
            locked = User.objects.select_for_update().get(pk=to.pk)  # also so that nobody takes the label
            if not may_own(locked):
                return False
            if not UnownedKey.objects.filter(pk=row.pk, intent=Intent.GIVE, gift=gift).delete()[0]:
                return True
            was_used = info.last_active_at is not None or info.spend_usd
            key = make_rows(to, info, kind=kind, pk=row.pk, given_at=timezone.now() if was_used else None)
            _keep_limits(key, limits_in(info), limits_of(kind, allowance.before_grants or allowance), actor)
            PersonBudget.objects.look_again(to)
            audit(actor, AuditAction.GIVE, AuditOutcome.DONE, key, "given", user_id=info.user_id or "")
            GivenKey.objects.create(gift=gift, key=key, spent_usd=info.spend_usd or Decimal(0))
    except IntegrityError:  # the sync took it over for somebody whose id it was given at the gateway
        if not Token.objects.filter(token=row.token).exists():
            raise
        UnownedKey.objects.filter(pk=row.pk).delete()
        raise KeyRefused("unowned.owned") from None
    return True


def _keep_limits(key: Key, has: Limits, policy: Limits, actor: Actor) -> None:
    """Keep the limits that were set for the key; those that it lacks are the policy's.

    Budgets need a known period. A name for a special list of models is no limit: in another team it means all models.
    """
    if set(has.model_names or ()) & set(NO_MODELS):
        has = has._replace(model_names=None)
    if has.budget_period not in BudgetPeriod.values:
        has = has._replace(budget_usd=None, budget_period="")
    set_there = [name for name in Limits._fields if getattr(has, name) not in (None, "")]
    if any(getattr(has, name) != getattr(policy, name) for name in set_there):
        LimitOverride.objects.create(key=key, fields=set_there, set_by=actor.user, **has._asdict())
