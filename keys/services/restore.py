"""Keys of ours that a restored database does not have: created after the copy. They get their rows again.

The metadata at the gateway (creation.metadata_of) says whose key it was, of which kind, and under which label. Its
secret is with the person, or, of a Playground key, derived from the alias: nothing of it was lost.
"""

import logging
import uuid
from contextlib import suppress
from datetime import timedelta
from typing import Any, Final

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import timezone

from accounts.audit import BY_THE_PORTAL
from accounts.models import AuditAction, AuditOutcome, User
from accounts.policies import policy_of
from gateway.django import get_gateway
from gateway.types import KeyInfo
from keys.models import Intern, Key, Team, Token
from keys.services.key_limits import limits_in
from keys.services.rounds import each
from keys.services.trail import audit

logger = logging.getLogger(__name__)

LABEL_LENGTH: Final = 60
OURS: Final = (Key.Kind.PERSONAL, Key.Kind.TEMPORARY, Key.Kind.PLAYGROUND, Key.Kind.COURSE)


def is_settled(info: KeyInfo) -> bool:
    """Tell whether a key of ours is too old for its creation to be still in progress."""
    deadline = timedelta(seconds=settings.KEY_ANSWER_DEADLINE_S)
    return info.created_at is not None and info.created_at < timezone.now() - deadline


def adopt_ours(owner: User, info: KeyInfo) -> bool:
    """Create the row of one of our keys again: as a newer secret of its key if that is known, else as a key."""
    named, kind = _id(info), _kind(info)
    known = Key.objects.select_related("owner").filter(pk=named).first() if named else None
    if known and known.owner_id == owner.pk and known.state != Key.State.FAILED:
        with suppress(IntegrityError):  # deleted here, or has two secrets: then a key of its own
            return attach(known, info)
    try:
        return _adopt(owner, info, kind=kind, pk=None if known else named, alias=info.alias)
    except IntegrityError:
        if kind != Key.Kind.PLAYGROUND or Token.objects.filter(token=info.token).exists():
            return False  # another run was faster
    return drop_replaced_key(info)


def adopt_made_elsewhere(owner: User, info: KeyInfo) -> bool:
    """List a key of this person that was created outside of the portal; False when another run listed it first."""
    try:
        return _adopt(owner, info, kind=Key.Kind.EXTERNAL, alias=None)
    except IntegrityError:
        return False


def attach(key: Key, info: KeyInfo) -> bool:
    """Record a newer secret of a known key: it was replaced after the copy. Raises IntegrityError."""
    with transaction.atomic():
        locked = Key.objects.select_for_update().get(pk=key.pk)
        asked_to_delete = locked.state in (Key.State.DELETING, Key.State.DELETED) and locked.problem != Key.Problem.GONE
        if asked_to_delete:
            raise IntegrityError("the key was deleted here: this one stands for itself")
        retires_at = timezone.now() + grace_of(key)
        Token.objects.filter(key=key, state=Token.State.LIVE).update(
            state=Token.State.RETIRING, since=timezone.now(), retires_at=retires_at
        )
        Token.objects.create(key=key, **_token_fields(info, info.alias))
        reopen(locked, info)
        audit(BY_THE_PORTAL, AuditAction.SYNC, AuditOutcome.REPAIRED, locked, "restored")
    return True


def reopen(key: Key, info: KeyInfo) -> None:
    """Make a locked key active again, with its end at the gateway. Call it in a transaction."""
    key.state, key.problem, key.ended_at, key.renewing_since = Key.State.ACTIVE, Key.Problem.NONE, None, None
    key.expires_at, key.blocked = info.expires_at, info.blocked
    key.paused_at = key.paused_at if info.blocked else None
    key.label = free_label(key.owner, key.label, but=key) if key.kind in Key.COUNTED_KINDS else key.label
    key.save(
        update_fields=["state", "problem", "ended_at", "renewing_since", "expires_at", "blocked", "paused_at", "label"]
    )


def grace_of(key: Key) -> timedelta:
    """Return how long the old secret of a rotation works: not at all in a course, whose budgets have no period."""
    return timedelta(0) if key.team_id else timedelta(hours=policy_of(key.owner).grace_hours)


def adopt_unanswered() -> int:
    """Record the result of creations that were in progress when the copy was taken; return how many.

    In the copy they have no answer yet; in reality somebody has it, and may use the key.
    """
    overdue = timezone.now() - timedelta(seconds=settings.KEY_ANSWER_DEADLINE_S)
    unanswered = Token.objects.filter(state=Token.State.ISSUING, answer_lost=False, since__lt=overdue)
    adopted, failure = each(_adopt_if_made, unanswered.select_related("key__owner"))
    if failure:
        raise failure
    return adopted


def adopt_answer(token: Token, info: KeyInfo) -> bool:
    """Record a key as created, as its creator would have; False if that, or another decision, was made meanwhile."""
    with transaction.atomic():
        key = Key.objects.select_for_update().select_related("owner").get(pk=token.key_id)
        before = Token.objects.filter(key=key, state=Token.State.LIVE).first()
        if before and not Token.objects.move(
            before,
            to=Token.State.RETIRING,
            retires_at=timezone.now() + grace_of(key),
        ):
            return False
        fields = {"token": info.token, "last_four": info.last_four[-4:], "answer_lost": False}
        if not Token.objects.move(token, to=Token.State.LIVE, **fields):
            transaction.set_rollback(True)
            return False
        reopen(key, info)
        audit(BY_THE_PORTAL, AuditAction.SWEEP, AuditOutcome.REPAIRED, key, "restored")
    return True


def free_label(owner: User, label: str, *, but: Key | None = None) -> str:
    """Return the label, with a number appended if the person has a live key of that name."""
    taken = Key.objects.owned_by(owner).counted()
    if but:
        taken = taken.exclude(pk=but.pk)
    labels = {name.lower() for name in taken.values_list("label", flat=True)}
    number, free = 1, label[:LABEL_LENGTH]
    while free.lower() in labels:
        number += 1
        end = f" ({number})"
        free = label[: LABEL_LENGTH - len(end)] + end
    return free


def _adopt_if_made(token: Token) -> bool:
    """Look under the alias of a token; a missing one is left to the sweep."""
    alias = token.alias or ""
    found = next((info for info in get_gateway().keys.list(alias=alias) if info.alias == alias), None)
    return found is not None and adopt_answer(token, found)


def drop_replaced_key(info: KeyInfo) -> bool:
    """Delete a key of the Playground or of a course whose owner has another by now."""
    get_gateway().keys.delete([info.token])
    logger.warning("sync: deleted a key that another has replaced (alias %s)", info.alias)
    return True


def _adopt(owner: User, info: KeyInfo, *, kind: str, alias: str | None, pk: uuid.UUID | None = None) -> bool:
    """Create the rows of a key. Raises IntegrityError."""
    team = _team(info)
    if team is None and (kind == Key.Kind.COURSE or info.metadata.get("passerelle_team")):
        # of a course that was made after the copy
        kind = Key.Kind.EXTERNAL
    of_team = {
        "team": team if kind in (Key.Kind.COURSE, Key.Kind.PLAYGROUND) else None,
        "handed_out": kind == Key.Kind.COURSE and info.metadata.get("passerelle_handed_out") == "yes",
    }
    with transaction.atomic():
        intern = _intern(owner, info) if kind == Key.Kind.TEMPORARY else None
        in_team = team is not None and info.team_id == team.gateway_id
        key = make_rows(owner, info, kind=kind, alias=alias, pk=pk, in_team=in_team, intern=intern, **of_team)
        ours = kind != Key.Kind.EXTERNAL
        code = "restored" if ours else "made_outside"
        audit(BY_THE_PORTAL, AuditAction.SYNC, AuditOutcome.REPAIRED if ours else AuditOutcome.DONE, key, code)
    return True


def make_rows(
    owner: User,
    info: KeyInfo,
    *,
    kind: str,
    alias: str | None = None,
    pk: uuid.UUID | None = None,
    in_team: bool = False,
    **more: Any,
) -> Key:
    """Create the rows of a key that exists at the gateway. Call it in a transaction; raises IntegrityError."""
    label = _label(info)
    key = Key.objects.create(
        pk=pk or uuid.uuid4(),
        owner=owner,
        kind=kind,
        state=Key.State.ACTIVE,
        label=free_label(owner, label) if kind in Key.COUNTED_KINDS else label,
        expires_at=info.expires_at,
        blocked=info.blocked,
        **limits_in(info)._asdict(),
        created_at=info.created_at or timezone.now(),
        **more,
    )
    Token.objects.create(key=key, in_team=in_team, **_token_fields(info, alias))
    return key


def _token_fields(info: KeyInfo, alias: str | None) -> dict[str, Any]:
    return {
        "alias": alias,
        "token": info.token,
        "last_four": info.last_four[-4:],
        "state": Token.State.LIVE,
        "created_at": info.created_at or timezone.now(),
    }


def _id(info: KeyInfo) -> uuid.UUID | None:
    return _uuid(info.metadata.get("passerelle_key"))


def _intern(owner: User, info: KeyInfo) -> Intern | None:
    """Return the intern of the key, unless they were added after the copy too."""
    named = _uuid(info.metadata.get("passerelle_intern"))
    return Intern.objects.supervised_by(owner).filter(pk=named).first() if named else None


def _team(info: KeyInfo) -> Team | None:
    """Return the team of a course key, unless it was made after the copy too."""
    named = _uuid(info.metadata.get("passerelle_team"))
    return Team.objects.filter(pk=named).first() if named else None


def _uuid(value: object) -> uuid.UUID | None:
    try:
        return uuid.UUID(str(value))
    except ValueError:
        return None


def _kind(info: KeyInfo) -> str:
    kind = str(info.metadata.get("passerelle_kind", ""))
    return kind if kind in OURS else Key.Kind.TEMPORARY


def _label(info: KeyInfo) -> str:
    """Return our label in the metadata; of a key that was created elsewhere its alias."""
    label = info.metadata.get("passerelle_label")
    if isinstance(label, str) and label.strip() and label.isprintable():
        return label.strip()[:LABEL_LENGTH]
    return (info.alias or info.key_name or "?")[:LABEL_LENGTH]
