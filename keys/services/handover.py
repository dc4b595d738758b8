"""Hand an intern over to another supervisor: the row first, then their keys, at the gateway and here (ADR 21).

A key is to be moved as long as its owner is not the supervisor of its intern; the sweep continues what was
interrupted, or refused by the gateway.
"""

from collections.abc import Iterable
from contextlib import suppress
from functools import partial
from typing import Final

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from accounts.audit import BY_THE_PORTAL, Actor
from accounts.mails import LATEST_S
from accounts.models import AuditAction, AuditOutcome, User
from accounts.names import name_order
from accounts.policies import Allowance, Allowances, policy_of
from gateway.errors import GatewayError, GatewayNotFound, GatewayUnavailable
from keys.models import FormerOwner, Intern, Key, LimitOverride, Token
from keys.services.apply_policies import bring_up_to_date
from keys.services.claim import claim, release
from keys.services.delete import AT_THE_GATEWAY, mark_gone
from keys.services.person_budget import ceiling_of, give_to
from keys.services.refusals import KeyRefused
from keys.services.trail import audit, audit_intern
from web.tasks import send_task

MAX_SHOWN: Final = 10  # people in a search result
LABEL_LENGTH: Final = 60


def may_take_over(intern: Intern, text: str) -> list[User]:
    """Return people who may have interns and match all words of `text` by name or address, at most MAX_SHOWN.

    Five queries.
    """
    words = text.split()
    found = User.objects.filter(is_active=True, anonymised_at=None).exclude(pk__in=_never(intern))
    for word in words:
        found = found.filter(
            Q(username__icontains=word)
            | Q(first_name__icontains=word)
            | Q(last_name__icontains=word)
            | Q(email__icontains=word)
        )
    if not words:
        return []
    allowances = Allowances.load()
    people = (user for user in found.order_by("last_name", "first_name", "pk") if _may(user, allowances.of(user.pk)))
    return [user for user, _place in zip(people, range(MAX_SHOWN), strict=False)]


def hand_over(*, intern: Intern, to: User, actor: Actor) -> int:
    """Make `to` the supervisor of an intern; return how many of their keys the sweep still has to move.

    The spend of the keys stays with the former owner. Raises KeyRefused; then nothing was changed.
    """
    try:
        _change_supervisor(intern, to, actor)
    except KeyRefused as refusal:
        audit_intern(actor, AuditAction.HAND_OVER, AuditOutcome.REFUSED, intern, refusal)
        raise
    for key in Key.objects.to_move().filter(intern=intern).select_related("owner", "intern"):
        with suppress(KeyRefused, GatewayError):  # the sweep moves it later
            move_key(key, actor)
    return Key.objects.to_move().filter(intern=intern).count()


def hand_over_all(*, interns: Iterable[Intern], to: User, actor: Actor) -> dict[Intern, KeyRefused]:
    """Make `to` the supervisor of these interns; return those whom a rule keeps from it, with the reason.

    Their keys follow at once, as far as the gateway answers; then with the sweep.
    """
    refused: dict[Intern, KeyRefused] = {}
    moved: list[Intern] = []
    for intern in interns:
        try:
            _change_supervisor(intern, to, actor)
        except KeyRefused as refusal:
            audit_intern(actor, AuditAction.HAND_OVER, AuditOutcome.REFUSED, intern, refusal)
            refused[intern] = refusal
        else:
            moved.append(intern)
    for key in Key.objects.to_move().filter(intern__in=moved).select_related("owner", "intern"):
        try:
            move_key(key, actor)
        except GatewayUnavailable:
            break
        except (KeyRefused, GatewayError):
            continue
    return refused


def possible_supervisors() -> list[User]:
    """Return everybody who may have interns, by name. Five queries."""
    allowances = Allowances.load()
    active = User.objects.filter(is_active=True, anonymised_at=None)
    found = (user for user in active if allowances.of(user.pk).may_name_interns)
    return sorted(found, key=lambda user: (name_order(user.display_name), user.pk))


def find_supervisor(name: str) -> User | None:
    """Return the person with this user name or e-mail address if their policy allows interns, else None."""
    wanted = name.strip().lower()
    found = [user for user in possible_supervisors() if wanted in (user.username.lower(), user.email.lower())]
    return found[0] if len(found) == 1 else None


def move_key(key: Key, actor: Actor = BY_THE_PORTAL) -> bool:
    """Move a key to the present supervisor of its intern: at the gateway, then here. Idempotent.

    Its budget, limits and end follow the new owner's policy. Raises KeyRefused ("busy") while the key is being
    changed, GatewayUnavailable or GatewayRejected.
    """
    to = User.objects.get(interns=key.intern_id)
    ceiling = ceiling_of(to, policy_of(to))
    claim(key)
    repair = False
    try:
        tokens = list(Token.objects.filter(key=key, state__in=AT_THE_GATEWAY).select_related("key__owner"))
        for token in tokens:
            try:
                give_to(to, token, ceiling.team_id)
            except GatewayNotFound:
                mark_gone(token)
        moved = _record(key, to, actor, tokens, in_team=ceiling.team_id is not None)
    except GatewayUnavailable as error:
        repair = error.may_have_happened
        raise
    finally:
        release(key, repair=repair)
    if moved:
        with suppress(KeyRefused, GatewayError):  # otherwise with the next comparison of keys with policies
            bring_up_to_date(actor, Key.objects.select_related("owner", "intern").get(pk=key.pk))
    return moved


def _never(intern: Intern) -> list[int]:
    """Return the people who cannot become the supervisor: the present one, and the intern."""
    return [pk for pk in (intern.supervisor_id, intern.account_id) if pk is not None]


def _may(user: User, allowance: Allowance) -> bool:
    return user.is_active and user.anonymised_at is None and allowance.may_name_interns


def _change_supervisor(intern: Intern, to: User, actor: Actor) -> None:
    """Commit the new supervisor, and a mail to both. The rows of both supervisors are locked."""
    with transaction.atomic():
        people = User.objects.select_for_update().filter(pk__in=[intern.supervisor_id, to.pk]).order_by("pk")
        locked = {user.pk: user for user in people}
        stored = Intern.objects.select_related("supervisor").get(pk=intern.pk)
        if stored.supervisor_id != intern.supervisor_id or to.pk not in locked:
            raise KeyRefused("handover.changed")
        _check(stored, locked[to.pk])
        values = {"before": stored.supervisor_id, "after": to.pk}
        audit_intern(actor, AuditAction.HAND_OVER, AuditOutcome.DONE, stored, "handed_over", **values)
        Intern.objects.filter(pk=stored.pk).update(supervisor=to)
        by = actor.user.pk if actor.user else None
        arguments = (str(stored.pk), stored.supervisor_id, to.pk, by, timezone.now().isoformat())
        transaction.on_commit(partial(send_task, "keys.mail_handover", arguments, expires=LATEST_S), robust=True)


def _check(intern: Intern, to: User) -> None:
    """Refuse somebody who cannot have this intern, or not all of their keys."""
    allowance = policy_of(to)
    if to.pk == intern.supervisor_id:
        raise KeyRefused("handover.same")
    if to.pk in _never(intern) or (intern.email and intern.email == to.email.lower()):
        raise KeyRefused("handover.themselves")
    if not _may(to, allowance):
        raise KeyRefused("handover.not_allowed")
    others = Intern.objects.supervised_by(to)
    if intern.email and others.filter(email=intern.email).exists():
        raise KeyRefused("handover.known_email")
    if not intern.email and others.filter(name__iexact=intern.name).exists():
        raise KeyRefused("handover.known_name")
    if intern.keys.filter(state=Key.State.ISSUING).exists():
        raise KeyRefused("handover.issuing")
    _check_number(intern, to, allowance)


def _check_number(intern: Intern, to: User, allowance: Allowance) -> None:
    """Refuse if `to` would have more keys, in all or of a kind, than their policy allows."""
    then = Key.objects.counted().filter(Q(owner=to) | Q(intern=intern) | Q(intern__supervisor=to)).order_by()
    kinds = list(then.values_list("kind", flat=True))
    for kind in set(then.filter(intern=intern).values_list("kind", flat=True)):
        for live, most in (
            (len(kinds), allowance.max_live_keys),
            (kinds.count(kind), allowance.rules[kind].max_keys),
        ):
            if most is not None and live > most:
                raise KeyRefused("handover.limit", live=live, most=most)


def _record(key: Key, to: User, actor: Actor, moved: list[Token], *, in_team: bool) -> bool:
    """Record that `to` owns a key and its moved tokens; False if the key ended meanwhile."""
    with transaction.atomic():
        User.objects.select_for_update().get(pk=to.pk)  # a lock, so that nobody takes the label
        locked = Key.objects.select_for_update().get(pk=key.pk)
        if locked.state != Key.State.ACTIVE or locked.owner_id == to.pk:
            return False
        under_way = (*AT_THE_GATEWAY, Token.State.ISSUING)
        there = set(Token.objects.filter(key=key, state__in=under_way).values_list("pk", flat=True))
        if not there <= {token.pk for token in moved}:  # it got another secret, of its former owner
            raise KeyRefused("busy")
        FormerOwner.objects.create(key=locked, owner=locked.owner)
        values = {"before": locked.owner_id, "after": to.pk}
        locked.owner, locked.label, locked.request_id = to, _free_label(locked, to), None
        locked.save(update_fields=["owner", "label", "request_id"])
        Token.objects.filter(pk__in=there).update(in_team=in_team)
        LimitOverride.objects.filter(key=locked).delete()  # it was given to the former owner
        audit(actor, AuditAction.HAND_OVER, AuditOutcome.DONE, locked, "handed_over", **values)
    return True


def _free_label(key: Key, to: User) -> str:
    """Return the label of a key, with a number appended if `to` has a key with that label."""
    label, number = key.label, 1
    while Key.objects.owned_by(to).counted().filter(label__iexact=label).exists():
        number += 1
        end = f" ({number})"
        label = key.label[: LABEL_LENGTH - len(end)] + end
    return label
