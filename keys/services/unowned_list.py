"""Keeps the table of keys without an owner as the gateway's list of keys has them. The sync calls it (ADR 33)."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import islice
from typing import Any, Final

from django.conf import settings
from django.utils import timezone

from gateway.django import get_gateway
from gateway.errors import GatewayNotFound, GatewayUnavailable, GatewayUnreadable
from gateway.secret import has_secret, redact, token_of
from gateway.types import KeyInfo
from keys.models import ALIAS_PREFIX, Token, UnownedKey
from keys.services.rounds import each

AT_ONCE: Final = 500  # rows looked up in one query: SQLite takes 999 values
LENGTH: Final = 200  # of texts of the gateway's
FIELDS: Final = ("alias", "last_four", "user_id", "team_id", "spend_usd", "expires_at", "blocked", "made_at", "used_at")


def note_unowned(found: Sequence[KeyInfo], unreadable: Sequence[str]) -> GatewayUnavailable | None:
    """Record these keys of the gateway's whole list that belong to nobody here, and drop the rows of all others.

    Read our tokens after the list: a key in creation has its row before the gateway could list it. Idempotent.
    Return the last error of an unavailable gateway, of which some rows may be left that are over.
    """
    started = timezone.now()
    rows = iter(found)
    while part := list(islice(rows, AT_ONCE)):
        _record(part, started)
    UnownedKey.objects.free().filter(token__in=Token.objects.exclude(token=None).values("token")).delete()
    UnownedKey.objects.free().filter(token=token_of_portal()).delete()
    absent = UnownedKey.objects.free().filter(last_seen_at__lt=started).exclude(token__in=unreadable)
    _done, failure = each(_drop_if_gone, absent)
    return failure


def token_of_portal() -> str:
    """Return the token of the key by which the portal itself calls the gateway: without it, every call is refused."""
    return token_of(settings.GATEWAY_ADMIN_KEY)


def is_of_another_portal(info: KeyInfo) -> bool:
    """Tell whether a key of nobody here was made by a portal with another database at the same gateway."""
    return (info.alias or "").startswith(ALIAS_PREFIX) or info.metadata.get("made_by") == "passerelle"


def intended_tokens() -> set[str]:
    """Return the tokens that are getting an owner now: at the gateway they may have one already."""
    return set(UnownedKey.objects.filter(intent=UnownedKey.Intent.GIVE).values_list("token", flat=True))


def _record(part: Sequence[KeyInfo], now: datetime) -> None:
    """Create the rows of new ones, and update those that changed."""
    by_token = {info.token: info for info in part}
    for token in Token.objects.filter(token__in=by_token).values_list("token", flat=True):
        by_token.pop(str(token), None)
    in_creation = Token.objects.filter(token=None, alias__in=[info.alias for info in part if info.alias])
    aliases = set(in_creation.values_list("alias", flat=True))
    unowned = {token: _fields(info) for token, info in by_token.items() if info.alias not in aliases}
    known = {row.token: row for row in UnownedKey.objects.filter(token__in=unowned)}
    new = [UnownedKey(token=token, **fields) for token, fields in unowned.items() if token not in known]
    UnownedKey.objects.bulk_create(new, ignore_conflicts=True)
    UnownedKey.objects.bulk_update(_changed(known, unowned), FIELDS)
    UnownedKey.objects.filter(token__in=known).update(last_seen_at=now)


def _changed(known: dict[str, UnownedKey], unowned: dict[str, dict[str, Any]]) -> Iterator[UnownedKey]:
    for token, row in known.items():
        fields = unowned[token]
        if row.intent == UnownedKey.Intent.GIVE:  # it keeps its user and team of before, for a gift that is undone
            continue
        if any(getattr(row, name) != value for name, value in fields.items()):
            for name, value in fields.items():
                setattr(row, name, value)
            yield row


def _fields(info: KeyInfo) -> dict[str, Any]:
    return {
        "alias": _text(info.alias),
        "last_four": info.last_four[-4:],
        "user_id": _text(info.user_id),
        "team_id": _text(info.team_id),
        "spend_usd": info.spend_usd,
        "expires_at": info.expires_at,
        "blocked": info.blocked,
        "made_at": info.created_at,
        "used_at": info.last_active_at,
    }


def _text(value: str | None) -> str:
    """Return a text of the gateway's, which may hold anything, without a secret."""
    text = (value or "")[:LENGTH]
    return redact(text) if has_secret(text) else text


def _drop_if_gone(row: UnownedKey) -> bool:
    """Look up a key that the list did not have: pages shift while keys are created and deleted."""
    try:
        gone = get_gateway().keys.info(row.token).deleted
    except GatewayNotFound:
        gone = True
    except GatewayUnreadable:
        gone = False
    if gone:
        UnownedKey.objects.free().filter(pk=row.pk).delete()
    return gone
