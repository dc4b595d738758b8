"""Take over changes made at the gateway, whose state is authoritative.

But only of the gateway that the portal knows, and never many disappearances at once (keys.identity). It deletes
there only keys whose deletion was requested here, or whose secret nobody ever saw.
"""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from itertools import islice
from typing import Final, NamedTuple
from uuid import UUID

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils.translation import gettext, ngettext, override

from accounts.audit import BY_THE_PORTAL
from accounts.models import AuditAction, AuditOutcome, User
from gateway.django import get_gateway
from gateway.errors import GatewayNotFound, GatewayUnreadable
from gateway.types import KeyInfo
from keys.alerts import alert_admins
from keys.identity import clear_change, identify_gateway, note_change
from keys.models import ALIAS_PREFIX, GatewayIdentity, Key, Team, Token
from keys.services.delete import AT_THE_GATEWAY, delete_at_gateway, look_at_team_again, mark_gone
from keys.services.person_budget import team_id_at
from keys.services.restore import (
    adopt_made_elsewhere,
    adopt_ours,
    adopt_unanswered,
    drop_replaced_key,
    is_settled,
    reopen,
)
from keys.services.rounds import each
from keys.services.trail import audit
from keys.services.unowned_list import intended_tokens, is_of_another_portal, note_unowned, token_of_portal

logger = logging.getLogger(__name__)

MANY_KEYS: Final = 5  # so many may be missing at once, however few there are;
MANY_SHARE: Final = 0.2  # and of more, this share: beyond both an admin has to check
AT_ONCE: Final = 500  # rows looked up in one query: SQLite takes 999 values


class LiveToken(NamedTuple):
    """The fields needed of a token that should be at the gateway. Whole rows of 60,000 took 200 MB."""

    key_id: UUID
    state: str
    expires_at: datetime | None
    blocked: bool
    renewing_since: datetime | None
    in_team: bool
    team_id: UUID | None


@dataclass(slots=True)
class SyncReport:
    """The findings of a sync; keys by id."""

    updated: list[UUID] = field(default_factory=list)
    adopted: list[str] = field(default_factory=list)  # tokens
    revived: list[UUID] = field(default_factory=list)
    gone: list[UUID] = field(default_factory=list)
    deleted: list[str] = field(default_factory=list)  # tokens, at the gateway
    unreadable: list[str] = field(default_factory=list)  # tokens; "" if even that is invalid

    @property
    def changed(self) -> int:
        """How many rows, here or there."""
        keys, tokens = (self.updated, self.revived, self.gone), (self.adopted, self.deleted)
        return sum(len(ids) for ids in keys) + sum(len(hashes) for hashes in tokens)


class GatewayList(NamedTuple):
    """The gateway's whole list of keys, compared with our live tokens."""

    differing: list[tuple[LiveToken, KeyInfo]]
    unknown: list[KeyInfo]  # of our people, or with an alias of ours
    strangers: list[KeyInfo]  # of nobody here, nor of another portal
    absent: list[tuple[str, LiveToken]]
    live: int


def sync_keys() -> int:
    """Compare all our keys with the gateway's whole list; return how many rows changed."""
    return run_sync().changed


def run_sync() -> SyncReport:
    """Compare all our keys with the gateway's whole list, and take over its state.

    The list is read before anything is changed; an incomplete list changes nothing (GatewayUnavailable), nor does
    one of a gateway that the portal does not know, or in which many keys are missing (GatewayChanged).
    A row that fails is skipped. Raises GatewayUnavailable at the end when the gateway failed on some.
    """
    if identify_gateway():
        adopt_unanswered()
    report = SyncReport()
    people = dict(User.objects.values_list("gateway_user_id", "pk"))
    found = _read_list(people, report)
    identify_gateway()  # check that the same gateway still answers
    _refuse_many_absences(found, nameless=report.unreadable.count(""))
    rounds = [
        each(partial(_confirm_absence, report), found.absent),
        each(partial(_update, report), found.differing),
        *(each(partial(_take_over, report, people), rows) for rows in _with_tokens(_not_given_now(found.unknown))),
        (0, note_unowned(found.strangers, report.unreadable)),
    ]
    GatewayIdentity.objects.filter(pk=1, absences_accepted=True).update(absences_accepted=False)
    _report_unreadable(report)
    if failure := next((failure for _done, failure in rounds if failure), None):
        raise failure
    return report


def _read_list(people: dict[str, int], report: SyncReport) -> GatewayList:
    """Read the gateway's list, keeping only rows that may need an action."""
    names = (
        "token",
        "key_id",
        "state",
        "key__expires_at",
        "key__blocked",
        "key__renewing_since",
        "in_team",
        "key__team",
    )
    rows = Token.objects.filter(state__in=AT_THE_GATEWAY, token__isnull=False).values_list(*names)
    live = {str(token): LiveToken(*row) for token, *row in rows.iterator(chunk_size=2000)}
    total, differing, unknown, strangers, of_portal = len(live), [], [], [], token_of_portal()
    for info in get_gateway().keys.list(unreadable=report.unreadable):
        ours = live.pop(info.token, None)
        if ours is not None:
            if _differs(ours, info):
                differing.append((ours, info))
            continue
        if info.token == of_portal:
            continue
        if info.user_id in people or (info.alias or "").startswith(ALIAS_PREFIX):
            unknown.append(info)
        if info.user_id not in people and not is_of_another_portal(info):
            strangers.append(info)
    for token in report.unreadable:
        live.pop(token, None)
    return GatewayList(differing, unknown, strangers, list(live.items()), total)


def _not_given_now(unknown: Sequence[KeyInfo]) -> list[KeyInfo]:
    """Leave out keys that an administrator gives to one of our people now: services.unowned records them."""
    given = intended_tokens()
    return [info for info in unknown if info.token not in given]


def _refuse_many_absences(found: GatewayList, *, nameless: int) -> None:
    """Stop if more keys are missing than a person deletes in a quarter of an hour, unless an admin has accepted it.

    Unreadable rows without a token may be some of the missing ones, and are subtracted.
    """
    missing = len(found.absent) - nameless
    identity = GatewayIdentity.load()
    if missing > MANY_KEYS and missing > MANY_SHARE * found.live and not identity.absences_accepted:
        raise note_change(GatewayIdentity.Problem.VANISHED, missing_keys=missing, live_keys=found.live)
    if identity.problem:
        clear_change()


def _differs(ours: LiveToken, info: KeyInfo) -> bool:
    """Tell whether end, block or team of a live key differ from our row, and no renewal is in progress."""
    if ours.renewing_since:
        return False
    if _has_left_team(ours, info):
        return True
    if ours.state != Token.State.LIVE:
        return False
    return info.blocked != ours.blocked or not _same_moment(info.expires_at, ours.expires_at)


def _has_left_team(ours: LiveToken, info: KeyInfo) -> bool:
    """Tell whether somebody removed a key from its course's or its owner's team, in which it counted."""
    if ours.team_id is not None:
        return ours.in_team and info.team_id != Team(pk=ours.team_id).gateway_id
    return ours.in_team and info.team_id != team_id_at(info.user_id or "")


def _same_moment(one: datetime | None, other: datetime | None) -> bool:
    """Compare to the second: the gateway answers in microseconds and stores milliseconds."""
    return one == other or (one is not None and other is not None and abs(one - other) < timedelta(seconds=1))


def _confirm_absence(report: SyncReport, pair: tuple[str, LiveToken]) -> bool:
    """Look up a key that the list did not have: pages shift while keys are created and deleted."""
    hash_, ours = pair
    token = Token.objects.filter(token=hash_, state__in=AT_THE_GATEWAY).first()
    if token is None:
        return False
    try:
        gone = get_gateway().keys.info(token.token or "").deleted
    except GatewayNotFound:
        gone = True
    except GatewayUnreadable:  # it exists, but its row is unreadable
        report.unreadable.append(token.token or "")
        return False
    if gone:
        mark_gone(token)
        report.gone.append(ours.key_id)
    return bool(gone)


def _update(report: SyncReport, pair: tuple[LiveToken, KeyInfo]) -> bool:
    """Take over end and block of a live key; one that no longer counts in its owner's budget joins it again."""
    ours, info = pair
    if _has_left_team(ours, info):
        _note_left_team(report, info.token)
    if ours.state != Token.State.LIVE:
        return True
    as_read = Key.objects.filter(pk=ours.key_id, renewing_since=None, expires_at=ours.expires_at, blocked=ours.blocked)
    with transaction.atomic():
        resumed = {} if info.blocked else {"paused_at": None}
        changed = as_read.update(expires_at=info.expires_at, blocked=info.blocked, **resumed)
        if changed:
            key = Key.objects.select_related("owner").get(pk=ours.key_id)
            end = info.expires_at and info.expires_at.isoformat(timespec="minutes")
            values = {"expires_at": end, "blocked": info.blocked}
            audit(BY_THE_PORTAL, AuditAction.SYNC, AuditOutcome.DONE, key, "taken_over", **values)
            report.updated.append(key.pk)
    return bool(changed)


def _note_left_team(report: SyncReport, hash_: str) -> None:
    """Record that a key counts in no team, and have its owner's checked before all others."""
    with transaction.atomic():
        if Token.objects.filter(token=hash_, in_team=True).update(in_team=False):
            key = Key.objects.select_related("owner", "team").get(tokens__token=hash_)
            look_at_team_again(key)
            audit(BY_THE_PORTAL, AuditAction.SYNC, AuditOutcome.REPAIRED, key, "left_team")
            report.updated.append(key.pk)


# --- Keys that are no live token of ours ------------------------------------------------------------
def _with_tokens(unknown: Sequence[KeyInfo]) -> Iterator[list[tuple[KeyInfo, Token | None]]]:
    """Yield rows of the gateway with their tokens, in batches.

    Read after the list: the row of a key in creation was committed before the gateway could list it.
    """
    rows = iter(unknown)
    while part := list(islice(rows, AT_ONCE)):
        tokens = Token.objects.select_related("key__owner")
        by_token = {token.token: token for token in tokens.filter(token__in=[info.token for info in part])}
        aliases = [info.alias for info in part if info.alias and info.token not in by_token]
        by_alias = {token.alias: token for token in tokens.filter(alias__in=aliases, token=None)}
        yield [(info, by_token.get(info.token) or (info.alias and by_alias.get(info.alias)) or None) for info in part]


def _take_over(report: SyncReport, people: dict[str, int], pair: tuple[KeyInfo, Token | None]) -> bool:
    """Act on one key of the gateway's list that is no live token of ours; return whether anything changed."""
    info, token = pair
    if token is not None:
        return _settle(report, token, info)
    if info.user_id not in people:
        return False  # of a portal with another database
    owner = User.objects.get(pk=people[info.user_id])
    if not (info.alias or "").startswith(ALIAS_PREFIX):
        done = adopt_made_elsewhere(owner, info)
    else:
        done = is_settled(info) and adopt_ours(owner, info)
    if done:
        report.adopted.append(info.token)
    return done


def _settle(report: SyncReport, token: Token, info: KeyInfo) -> bool:
    """Act on a key whose token is in a final state here; the others belong to their creator, or to the sweep."""
    if token.state == Token.State.GONE:
        return _revive(report, token, info)
    if token.state not in (Token.State.DELETED, Token.State.LOST):
        return False
    get_gateway().keys.delete([info.token])
    logger.warning("sync: deleted a key that was deleted here, or whose secret nobody saw (alias %s)", info.alias)
    report.deleted.append(info.token)
    return True


def _revive(report: SyncReport, token: Token, info: KeyInfo) -> bool:
    """Make a token that was gone the live one again, unless its key was deleted or replaced, or its course ended."""
    try:
        with transaction.atomic():
            key = Key.objects.select_for_update(of=("self",)).select_related("owner", "team").get(pk=token.key_id)
            is_deleted = key.state in (Key.State.DELETING, Key.State.DELETED) and key.problem != Key.Problem.GONE
            if is_deleted or (key.team and key.team.ended_at):
                Token.objects.move(token, to=Token.State.DELETING)
            elif token.retires_at is not None:
                return Token.objects.move(token, to=Token.State.RETIRING)
            else:
                if not Token.objects.move(token, to=Token.State.LIVE):
                    return False
                reopen(key, info)
                audit(BY_THE_PORTAL, AuditAction.SYNC, AuditOutcome.REPAIRED, key, "back_at_gateway")
                report.revived.append(key.pk)
                return True
    except IntegrityError:  # another took its place meanwhile
        is_replaced = token.key.kind == Key.Kind.PLAYGROUND or token.key.team_id is not None
        return is_replaced and drop_replaced_key(info)
    delete_at_gateway(token)
    report.deleted.append(info.token)
    return True


def _report_unreadable(report: SyncReport) -> None:
    """Report skipped rows, to the log and to the administrators."""
    if not report.unreadable:
        return
    logger.warning("sync: passed over %d keys that make no sense", len(report.unreadable))
    tokens = "\n".join(token or "?" for token in report.unreadable[:10])
    with override(settings.LANGUAGE_CODE):
        words = ngettext(
            "%(count)d key at the gateway has invalid values (limits, budgets, dates). It was skipped; all "
            "others were compared. Look for it at the gateway, by token:",
            "%(count)d keys at the gateway have invalid values (limits, budgets, dates). They were skipped; all "
            "others were compared. Look for them at the gateway, by token:",
            len(report.unreadable),
        )
        body = f"{words % {'count': len(report.unreadable)}}\n{tokens}\n"
        alert_admins("keys-unreadable", gettext("Some keys of the gateway cannot be read"), body)
