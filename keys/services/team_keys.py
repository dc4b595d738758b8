"""Keys of a team: one for each person, or handed out by a teacher, with the team's limits and end (ADR 34)."""

import uuid
from collections.abc import Sequence
from decimal import Decimal

from django.db import IntegrityError, transaction
from django.utils import timezone
from django.views.decorators.debug import sensitive_variables

from accounts.audit import Actor
from accounts.models import AuditAction, AuditOutcome, User, owes_terms
from gateway.django import get_gateway
from gateway.errors import GatewayNotFound, GatewayUnavailable
from keys.models import FormerOwner, Key, LimitOverride, Team, Token
from keys.services.delete import AT_THE_GATEWAY, delete_key, lock_team_of, look_at_team_again
from keys.services.issue import FreshKey, being_made, create_and_open, repeated
from keys.services.key_limits import follow_limits, limits_now, limits_of_team, overridden, override_of
from keys.services.lifetimes import as_duration
from keys.services.playground import repair_unanswered
from keys.services.refusals import KeyRefused
from keys.services.team_writes import check_running, lock_running
from keys.services.teams import change_team, follow_soon
from keys.services.trail import audit

LABEL_LENGTH = 60


@sensitive_variables("issued")
def issue_team_key(
    *,
    team: Team,
    owner: User,
    actor: Actor,
    label: str,
    handed_out: bool = False,
    kind: str = Key.Kind.COURSE,
    request_id: uuid.UUID | None = None,
    last: Key | None = None,
) -> FreshKey:
    """Create a key of `team` for `owner`, one of each kind; with `handed_out` one of each `request_id`, for people
    without accounts.

    A new one continues the budget of the owner's one before, or of `last` if it is handed out, with what was added to
    it: a deletion gives no second budget. Raises KeyRefused, GatewayUnavailable or GatewayRejected as `issue_key` does.
    """
    key = Key(owner=owner, team=team, kind=kind, label=label[:LABEL_LENGTH], handed_out=handed_out)
    key.request_id = request_id
    try:
        _set_limits(key, team)
        if not handed_out:
            own = Key.objects.owned_by(owner).filter(team=team, kind=kind, handed_out=False)
            repair_unanswered(own)
            last = own.exclude(state=Key.State.FAILED).order_by("-created_at").first()
        spend_usd = _spent_before(last) if last else None
        token = _reserve(key, last)
    except KeyRefused as refusal:
        if refusal.code != "being_made":  # two first uses of the Playground at once are no error
            audit(actor, AuditAction.ISSUE, AuditOutcome.REFUSED, key, refusal)
        raise
    assert key.team is not None  # noqa: S101  (that of `_reserve`)
    return create_and_open(
        key, token, actor, duration=as_duration(key.team.ends_at - timezone.now()), spend_usd=spend_usd
    )


def set_key_budget(*, key: Key, budget_usd: Decimal | None, actor: Actor, reason: str = "") -> bool:
    """Give one key of a team another budget (None: that of the team); tell whether the gateway has it already.

    If the gateway fails, the next run of `follow_teams` applies it. Raises KeyRefused.
    """
    with transaction.atomic():
        locked = Key.objects.select_for_update().select_related(None).get(pk=key.pk)
        if locked.team_id is None or locked.state != Key.State.ACTIVE:
            raise KeyRefused("state.unused")
        before = limits_now(key).budget_usd
        LimitOverride.objects.filter(key=locked).delete()
        if budget_usd is not None:
            about = {"fields": ["budget_usd", "budget_period"], "reason": reason, "set_by": actor.user}
            LimitOverride.objects.create(key=locked, budget_usd=budget_usd, budget_period="", **about)
        after = limits_now(key).budget_usd
        changes = {"budget_usd": [before and f"{before:f}", after and f"{after:f}"]}
        audit(actor, AuditAction.CHANGE, AuditOutcome.DONE, key, "limits.set", changes=changes)
    try:
        follow_limits(key, actor, limits_now(key))
    except (KeyRefused, GatewayUnavailable):
        return False
    return True


@transaction.atomic
def top_up_team_keys(
    *,
    team_id: uuid.UUID,
    key_ids: Sequence[uuid.UUID],
    amount_usd: Decimal,
    actor: Actor,
    request_id: uuid.UUID | None = None,
) -> int:
    """Add this amount to what each of these keys of a team may spend beyond the team's budget of a key; return how
    many were topped up. A task brings it to the gateway.

    All or none; ended keys are left out, and those that the same form has topped up. KeyRefused if the team has ended.
    """
    team = change_team(team_id)
    keys = Key.objects.select_for_update(of=("self",)).select_related("owner", "intern").order_by("pk")
    found = keys.filter(pk__in=key_ids, team=team_id, kind=Key.Kind.COURSE, state=Key.State.ACTIVE)
    own = {row.key_id: row for row in LimitOverride.objects.filter(key__in=found)}
    rows = []
    for key in found:
        row = own.get(key.pk) or LimitOverride(key=key)
        if request_id and row.extra_request_id == request_id:
            continue
        before = overridden(limits_of_team(team, key.kind), row).budget_usd or Decimal(0)
        row.extra_usd += amount_usd
        row.extra_request_id, row.set_by, row.set_at = request_id, actor.user, timezone.now()
        rows.append(row)
        changes = {"budget_usd": [f"{before:f}", f"{before + amount_usd:f}"]}
        audit(actor, AuditAction.CHANGE, AuditOutcome.DONE, key, "limits.set", changes=changes)
    changed = ["extra_usd", "extra_request_id", "set_by", "set_at"]
    LimitOverride.objects.bulk_create(rows, update_conflicts=True, unique_fields=["key"], update_fields=changed)
    return len(rows)


@transaction.atomic
def give_team_key(*, key: Key, to: User, actor: Actor) -> bool:
    """Make `to` the owner of a key of a team; False if it ended meanwhile, or is theirs. Spend until now stays.

    Its budget stays. Joins the caller's transaction; the next run of `follow_team` does the same at the gateway.
    """
    lock_team_of(key.pk)
    locked = Key.objects.select_for_update(of=("self",)).select_related("owner", "team", "intern").get(pk=key.pk)
    if locked.state != Key.State.ACTIVE or locked.owner_id == to.pk or locked.team is None:
        return False
    values = {"before": locked.owner_id, "after": to.pk}
    FormerOwner.objects.create(key=locked, owner=locked.owner)
    if Key.objects.owned_by(to).filter(request_id=locked.request_id).exists():
        locked.request_id = None
    locked.owner = to
    locked.save(update_fields=["owner", "request_id"])
    Token.objects.filter(key=locked, state__in=AT_THE_GATEWAY).update(in_team=False)
    look_at_team_again(locked)
    follow_soon(locked.team)
    audit(actor, AuditAction.HAND_OVER, AuditOutcome.DONE, locked, "handed_over", **values)
    return True


def end_team_key(*, key: Key, actor: Actor) -> None:
    """Delete a key whose user left the course. Raises as `delete_key` does; the sweep retries."""
    delete_key(key=key, actor=actor, problem=Key.Problem.COURSE_LEFT)


def _reserve(key: Key, last: Key | None) -> Token:
    """Save the key and its first token, if the team runs and its owner has no other. The team's row is locked.

    What was set for the `last` key holds for this one too.
    """
    try:
        with transaction.atomic():
            people = User.objects.select_for_update(no_key=True)  # `_open`, which has the team, refers to the owner
            owner = people.annotate(owes_terms=owes_terms(key.owner)).get(pk=key.owner_id)
            if owner.owes_terms:
                raise KeyRefused("terms")
            assert key.team_id is not None  # noqa: S101  (a key of a team)
            key.team = lock_running(key.team_id)
            override = override_of(last) if last else None
            _set_limits(key, key.team, override)
            _check_the_only_one(key)
            key.save(force_insert=True)
            if override:
                override.key = key
                override.save(force_insert=True)
            return Token.objects.create(key=key)
    except IntegrityError as error:  # a constraint of the database, if the check missed it
        raise KeyRefused("team.known") from error


def _check_the_only_one(key: Key) -> None:
    """Refuse a form that was sent twice, and a second key."""
    if key.handed_out:
        _check_handed_out(key)
        return
    own = Key.objects.owned_by(key.owner)
    earlier = own.filter(request_id=key.request_id).first() if key.request_id else None
    if earlier:
        raise repeated(earlier)
    other = own.filter(
        team=key.team, kind=key.kind, handed_out=False, state__in=(Key.State.ISSUING, Key.State.ACTIVE)
    ).first()
    if other and other.state == Key.State.ISSUING:
        raise being_made() if key.kind == Key.Kind.PLAYGROUND else KeyRefused("under_way", stopped=False)
    if other:
        raise being_made() if key.kind == Key.Kind.PLAYGROUND else KeyRefused("team.known")


def _check_handed_out(key: Key) -> None:
    """Refuse a second key of one `request_id`, whoever makes it; one that has ended gives its place to the new one."""
    if key.request_id is None:
        return
    earlier = Key.objects.filter(team=key.team, handed_out=True, request_id=key.request_id)
    if present := earlier.filter(state__in=Key.LIVE_STATES).first():
        raise repeated(present)
    earlier.update(request_id=None)


def _set_limits(key: Key, team: Team, override: LimitOverride | None = None) -> None:
    """Give an unsaved key the limits of the team, if it runs, and what was set for one key."""
    check_running(team)
    for name, value in overridden(limits_of_team(team, key.kind), override)._asdict().items():
        setattr(key, name, value)


def _spent_before(last: Key) -> Decimal | None:
    """Return what a key has spent, as the gateway reports it."""
    token = Token.objects.filter(key=last, token__isnull=False).order_by("-created_at").first()
    if token is None:
        return None
    try:
        spent_usd: Decimal = get_gateway().keys.info(token.token or "").spend_usd
    except GatewayNotFound:
        return None
    except GatewayUnavailable as error:  # a read: nothing can have happened
        raise GatewayUnavailable(str(error), may_have_happened=False) from error
    return spent_usd or None
