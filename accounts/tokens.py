"""How access tokens end (ADR 46). api.services.tokens creates them."""

import time
from typing import Final

from django.core.cache import cache
from django.db import transaction
from django.utils import timezone

from accounts.audit import Actor, record
from accounts.mails import send_later
from accounts.models import AccessToken, AuditAction, AuditObject, AuditOutcome, User

UNCOLLECTED_S: Final = 3600  # longer than a command waits for a token that its owner approved


def revoke_token(*, token: AccessToken, actor: Actor) -> bool:
    """Revoke a token at once; False if it was before. Its owner has a mail when somebody else did it."""
    with transaction.atomic():
        revoked = AccessToken.objects.filter(pk=token.pk, revoked_at=None).update(revoked_at=timezone.now())
        if revoked:
            record_token(token, actor, AuditAction.REVOKE)
            if actor.user and actor.user.pk != token.owner_id:
                by = actor.user.display_name
                send_later("access_token_revoked", token.owner, action=AuditAction.REVOKE, label=token.name, by=by)
    return bool(revoked)


def revoke_all_tokens(person: User, actor: Actor) -> int:
    """Revoke all tokens of the person that work, and those that are approved and not yet made; return how many."""
    cache.set(_all_revoked(person), time.time(), UNCOLLECTED_S)
    working = AccessToken.objects.owned_by(person).working().select_related("owner")
    return sum(revoke_token(token=token, actor=actor) for token in working)


def are_all_revoked_since(person: User, moment: float) -> bool:
    """Tell whether all tokens of the person were revoked after a moment (s since 1970) of the last minutes."""
    return bool(cache.get(_all_revoked(person), 0) >= moment)


def _all_revoked(person: User) -> str:
    return f"accounts:tokens_revoked:{person.pk}"


def record_token(token: AccessToken, actor: Actor, action: AuditAction) -> None:
    """Record in the audit trail what was done with a token."""
    record(
        actor=actor,
        action=action,
        outcome=AuditOutcome.DONE,
        kind=AuditObject.ACCESS_TOKEN,
        object_id=token.pk,
        label=token.name,
        subject=token.owner,
        code="access_token.scopes",
        details={"scopes": token.scopes},
    )
