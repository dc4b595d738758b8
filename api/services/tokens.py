"""Access tokens: create, and find the one of a secret. accounts.tokens revokes them."""

from collections.abc import Iterable
from datetime import timedelta
from typing import Final

from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_variables

from accounts.audit import Actor
from accounts.mails import send_later
from accounts.models import AccessToken, AuditAction, User
from accounts.tokens import record_token
from gateway.own_secrets import is_well_formed, new_secret
from gateway.secret import PAT_PREFIX, Secret, token_of

MOST_WORKING: Final = 20  # tokens of a person
USE_NOTED_EVERY: Final = timedelta(minutes=1)


class TokenRefused(Exception):
    """The token is not created; the text says why."""


@sensitive_variables("secret")
def create_token(
    *, owner: User, actor: Actor, name: str, scopes: Iterable[str], lifetime_days: int
) -> tuple[AccessToken, Secret]:
    """Create a token; return it with its secret, which is stored nowhere. Raises TokenRefused."""
    secret = new_secret(PAT_PREFIX)
    with transaction.atomic():
        User.objects.select_for_update().get(pk=owner.pk)
        if AccessToken.objects.owned_by(owner).working().count() >= MOST_WORKING:
            words = _("You have %(count)d access tokens that work. Revoke one first.")
            raise TokenRefused(words % {"count": MOST_WORKING})
        token = AccessToken.objects.create(
            owner=owner,
            name=name,
            scopes=" ".join(scopes),
            digest=token_of(secret),
            last_four=secret[-4:],
            expires_at=timezone.now() + timedelta(days=min(lifetime_days, settings.ACCESS_TOKEN_MAX_DAYS)),
        )
        record_token(token, actor, AuditAction.ISSUE)
        send_later("access_token_created", owner, label=name, ip=actor.address)
    return token, secret


@sensitive_variables("secret")
def find_token(secret: str) -> AccessToken | None:
    """Return the working token of a secret, with its owner, and note its use; None for any other text. One query."""
    if not is_well_formed(secret, PAT_PREFIX):
        return None
    token = AccessToken.objects.working().select_related("owner").filter(digest=token_of(secret)).first()
    if token:
        _note_use(token)
    return token


def _note_use(token: AccessToken) -> None:
    """Store when the token was last used, once a minute."""
    now = timezone.now()
    if token.last_used_at is None or now - token.last_used_at >= USE_NOTED_EVERY:
        earlier = Q(last_used_at=None) | Q(last_used_at__lte=now - USE_NOTED_EVERY)
        AccessToken.objects.filter(earlier, pk=token.pk).update(last_used_at=now)
