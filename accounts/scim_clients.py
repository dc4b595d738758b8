"""How the tokens of SCIM clients end (ADR 50). scim.services.clients creates them."""

from collections.abc import Collection

from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from django.views.decorators.debug import sensitive_variables

from accounts.audit import Actor, record
from accounts.models import AuditAction, AuditObject, AuditOutcome, ScimClient


@transaction.atomic
def revoke_client(*, client: ScimClient, actor: Actor) -> bool:
    """Refuse both secrets at once; the people it provisioned stay as they are. False if it was revoked before."""
    working = ScimClient.objects.working().filter(pk=client.pk)
    if not working.update(revoked_at=timezone.now(), former_digest="", former_until=None):
        return False
    record_scim_client(client, actor, AuditAction.REVOKE)
    return True


@sensitive_variables()
@transaction.atomic
def end_secret(*, client: ScimClient, digest: str, actor: Actor) -> bool:
    """Revoke the client of this secret; if it is only the replaced one, end that alone. False if neither works."""
    locked = ScimClient.objects.select_for_update().get(pk=client.pk)
    if locked.digest == digest:
        return revoke_client(client=locked, actor=actor)
    former = ScimClient.objects.filter(pk=client.pk, former_digest=digest)
    if not former.update(former_digest="", former_until=None):
        return False
    record_scim_client(locked, actor, AuditAction.END_OLD)
    return True


def clients_with(digests: Collection[str]) -> dict[str, ScimClient]:
    """Return the clients, revoked ones too, that have or had until lately these secrets, by digest; one query."""
    found = ScimClient.objects.filter(Q(digest__in=digests) | Q(former_digest__in=digests))
    return {digest: client for client in found for digest in (client.digest, client.former_digest) if digest in digests}


def record_scim_client(client: ScimClient, actor: Actor, action: AuditAction) -> None:
    """Record in the audit trail what was done with a client."""
    record(
        actor=actor,
        action=action,
        outcome=AuditOutcome.DONE,
        kind=AuditObject.SCIM_CLIENT,
        object_id=client.pk,
        label=client.provider,
        code="scim_client.scopes",
        details={"scopes": client.scopes},
    )
