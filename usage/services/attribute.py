"""Finds the owner of a token: the key that ever had it, or else the person named by the gateway.

LiteLLM bills some calls under the hash of the hash; those find their key too. Cheap: it checks only tokens
without a key, and hashes our tokens only when one of those looks like a hash.
"""

import hashlib

from django.db import transaction
from django.db.models import Q

from accounts.models import User
from keys.models import GatewayModel, Token
from usage.models import TokenRef, UsedModel
from usage.services.owners import split_token_refs
from usage.services.state import lock_state, mark_changed

HASH_LENGTH = 64


def attribute_tokens() -> int:
    """Set key and owner of tokens, and provider of models, where they are known by now; return how many."""
    with transaction.atomic():
        lock_state()
        found = _by_token() + _by_hash_of_token() + _by_person() + split_token_refs() + _providers()
        if found:
            mark_changed()
    return found


def _by_token() -> int:
    orphans = TokenRef.objects.filter(key=None).values("token")
    known = Token.objects.filter(token__in=orphans).values_list("token", "key_id", "key__owner_id")
    return sum(
        TokenRef.objects.filter(token=token, key=None).update(key=key, owner=owner) for token, key, owner in known
    )


def _by_hash_of_token() -> int:
    orphans = {token for token in TokenRef.objects.filter(key=None).values_list("token", flat=True) if _is_hash(token)}
    if not orphans:
        return 0
    found = 0
    known = Token.objects.exclude(token=None).values_list("token", "key_id", "key__owner_id")
    for token, key, owner in known.iterator(chunk_size=2000):
        again = hashlib.sha256((token or "").encode()).hexdigest()
        if again in orphans:
            found += TokenRef.objects.filter(token=again, key=None).update(key=key, owner=owner)
    return found


def _is_hash(token: str) -> bool:
    return len(token) == HASH_LENGTH


def _by_person() -> int:
    named = TokenRef.objects.filter(key=None, owner=None).exclude(gateway_user_id="")
    people = User.objects.filter(gateway_user_id__in=named.values("gateway_user_id"))
    return sum(
        named.filter(gateway_user_id=name).update(owner=owner)
        for name, owner in people.values_list("gateway_user_id", "pk")
    )


def _providers() -> int:
    known = GatewayModel.objects.exclude(provider="").filter(name__in=UsedModel.objects.values("name"))
    return sum(
        UsedModel.objects.filter(~Q(provider=provider), name=name).update(provider=provider)
        for name, provider in known.values_list("name", "provider")
    )
