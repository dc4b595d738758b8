"""The usage of a gateway key, for whoever has its secret: verified at the gateway, cached for a minute by its hash."""

from dataclasses import asdict, dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Final
from uuid import UUID

from django.core.cache import cache
from django.utils import timezone
from django.views.decorators.debug import sensitive_variables

from accounts.policies import policy_of
from gateway.django import get_gateway
from gateway.errors import GatewayNotFound
from gateway.secret import token_of
from keys.models import Key, Token
from usage.models import utc_today
from usage.queries.key_use import person_use

KEPT_S: Final = 60
UNKNOWN: Final = "unknown"
WORKING: Final = (Token.State.LIVE, Token.State.RETIRING)


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyUsage:
    """What a key has spent of its budget, and what it can still spend: no more than its owner has left."""

    key_id: UUID
    label: str
    spent_usd: Decimal | None
    budget_usd: Decimal | None
    left_usd: Decimal | None
    budget_period: str
    resets_on: date | None
    expires_at: datetime | None
    as_of: datetime | None


@sensitive_variables("secret")
def find_working(secret: str) -> Token | None:
    """Return the row of a secret that works, as far as the portal knows, with its key; one query. Nothing is cached.

    So that unknown secrets, of which anybody can send any number, take no room in the cache of the rate limits.
    """
    return (
        Token.objects.select_related("key__owner__person_budget", "key__team")
        .filter(token=token_of(secret), state__in=WORKING, key__state=Key.State.ACTIVE, key__owner__is_active=True)
        .first()
    )


def usage_of(token: Token) -> KeyUsage | None:
    """Return the usage of a key by its secret's row; None unless it works at the gateway.

    Raises GatewayUnavailable, and then keeps nothing. One that does not work is kept, too.
    """
    name = f"api:key-usage:{token.token}"
    kept = cache.get(name)
    if kept is None:
        found = _usage(token.key) if _is_at_gateway(token) else None
        kept = UNKNOWN if found is None else asdict(found)
        cache.set(name, kept, KEPT_S)
    return None if kept == UNKNOWN else KeyUsage(**kept)


def _is_at_gateway(token: Token) -> bool:
    try:
        info = get_gateway().keys.info(token.token or "")
    except GatewayNotFound:
        return False
    return not info.deleted and (info.expires_at is None or info.expires_at > timezone.now())


def _usage(key: Key) -> KeyUsage:
    use = person_use(key.owner, utc_today(), [key])
    own = use.by_key[key.pk]
    lefts = [own.left_usd]
    if key.team_id is None and key.kind != Key.Kind.EXTERNAL:
        lefts.append(use.of_person.left_usd if use.of_person else None)
        lefts.append(Decimal(0) if policy_of(key.owner).stopped_by else None)
    return KeyUsage(
        key_id=key.pk,
        label=key.label,
        spent_usd=own.spent_usd,
        budget_usd=own.budget_usd,
        left_usd=min((usd for usd in lefts if usd is not None), default=None),
        budget_period=own.budget_period,
        resets_on=own.resets_on,
        expires_at=key.expires_at,
        as_of=own.as_of,
    )
