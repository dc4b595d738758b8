"""The clients of identity providers: create, replace the secret, and find the one of a secret.

accounts.scim_clients revokes them.
"""

import secrets
from collections.abc import Iterable
from datetime import timedelta
from typing import Final

from django.contrib.auth.models import Group
from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils import timezone
from django.views.decorators.debug import sensitive_variables

from accounts.audit import Actor
from accounts.identity_providers import IdentityProvider, identity_provider
from accounts.models import AuditAction, ScimClient, User
from accounts.rights import groups_to_give
from accounts.scim_clients import record_scim_client
from gateway.secret import SCIM_PREFIX, Secret, token_of

FORMER_WORKS_FOR: Final = timedelta(days=1)
SAME_CLICK: Final = timedelta(minutes=1)  # a second click within it replaces a secret that nobody has
USE_NOTED_EVERY: Final = timedelta(minutes=1)


def may_set_up(actor: User, provider: IdentityProvider) -> bool:
    """Return whether somebody may have the secret of a provider's client: not if it can give more than they have."""
    given = {*provider.can_give, *provider.first_groups}
    return not Group.objects.filter(name__in=given).exclude(pk__in=groups_to_give(actor).values("pk")).exists()


@sensitive_variables("secret")
def create_client(*, provider: IdentityProvider, scopes: Iterable[str], actor: Actor) -> Secret | None:
    """Create the client of a provider and return its secret, which is stored nowhere; None if there is one already."""
    secret = _new_secret()
    about = {"scopes": " ".join(scopes), "digest": token_of(secret), "last_four": secret[-4:]}
    try:
        with transaction.atomic():
            client = ScimClient.objects.create(provider=provider.id, **about)
            record_scim_client(client, actor, AuditAction.ISSUE)
    except IntegrityError:
        return None
    return secret


@sensitive_variables("secret")
@transaction.atomic
def replace_secret(*, client: ScimClient, scopes: Iterable[str], actor: Actor) -> Secret:
    """Give the client another secret, and these scopes; the present one works for a day more, unless it was revoked.

    Replaced twice by a double click, the one before both does: it is the client's.
    """
    secret, now = _new_secret(), timezone.now()
    locked = ScimClient.objects.select_for_update().get(pk=client.pk)
    is_same_click = bool(locked.former_digest and locked.replaced_at and now - locked.replaced_at < SAME_CLICK)
    former = locked.former_digest if is_same_click else locked.digest
    ScimClient.objects.filter(pk=client.pk).update(
        former_digest="" if locked.revoked_at else former,
        former_until=None if locked.revoked_at else now + FORMER_WORKS_FOR,
        digest=token_of(secret),
        last_four=secret[-4:],
        scopes=" ".join(scopes),
        replaced_at=now,
        revoked_at=None,
    )
    client.refresh_from_db()
    record_scim_client(client, actor, AuditAction.ROTATE)
    return secret


@sensitive_variables("secret", "digest")
def find_client(secret: str) -> ScimClient | None:
    """Return the working client of a secret, and note its use; None for any other text."""
    if not secret.startswith(SCIM_PREFIX) or len(secret) > 100:
        return None
    digest, now = token_of(secret), timezone.now()
    by_secret = Q(digest=digest) | Q(former_digest=digest, former_until__gt=now)
    client = ScimClient.objects.working().filter(by_secret).first()
    if client and (client.last_used_at is None or now - client.last_used_at >= USE_NOTED_EVERY):
        same = ScimClient.objects.filter(pk=client.pk, last_used_at=client.last_used_at)
        same.update(last_used_at=now)
    return client


def provider_of(client: ScimClient) -> IdentityProvider | None:
    """Return the identity provider whose people it names; None if it is not set up any more."""
    return identity_provider(client.provider)


def _new_secret() -> Secret:
    return Secret(f"{SCIM_PREFIX}{secrets.token_hex(24)}")
