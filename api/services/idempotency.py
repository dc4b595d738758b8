"""Repeats of requests that create something: with the same Idempotency-Key they create it once."""

import uuid
from datetime import timedelta
from typing import Any, Final

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import timezone

from accounts.models import User
from api.models import IdempotentRequest
from keys.models import Key

KEPT: Final = timedelta(hours=24)
_NAMESPACE: Final = uuid.UUID("6a2c0a5e-0f0e-4d5a-9d3b-6b8a5b2f7c11")


class StillRunning(Exception):
    """The first request with this key has no answer yet."""


class OtherRequest(Exception):
    """The key belongs to another request."""


class Interrupted(Exception):
    """The process of the first request with this key died, and what it did is not known here."""


def begin(*, owner: User, key: str, digest: str, may_repeat: bool) -> IdempotentRequest:
    """Return the row of a request; with a `status`, it was answered before. Raises StillRunning or OtherRequest.

    A request whose process died is begun again after KEY_ANSWER_DEADLINE_S; what creates keys finds the first one by
    `request_id_of`. Raises Interrupted instead for one that may not be repeated, such as the replacement of a secret.
    """
    now = timezone.now()
    try:
        with transaction.atomic():
            begun = IdempotentRequest.objects.create(owner=owner, key=key, digest=digest, begun_at=now)
            earlier = Key.objects.owned_by(owner).filter(request_id=request_id_of(owner, key))
            earlier.filter(created_at__lt=now - KEPT).update(request_id=None)  # of another day: another request
            return begun
    except IntegrityError:
        row = IdempotentRequest.objects.filter(owner=owner, key=key).first()
    if row is None:  # the first one was refused meanwhile
        raise StillRunning
    if row.digest != digest:
        raise OtherRequest
    if row.status is None:
        dead = now - timedelta(seconds=settings.KEY_ANSWER_DEADLINE_S)
        if not may_repeat and row.begun_at <= dead:
            raise Interrupted
        if not IdempotentRequest.objects.filter(pk=row.pk, status=None, begun_at__lte=dead).update(begun_at=now):
            raise StillRunning
    return row


def finish(row: IdempotentRequest, *, status: int, answer: dict[str, Any]) -> None:
    """Store the answer, which has no secret."""
    IdempotentRequest.objects.filter(pk=row.pk).update(status=status, answer=answer)


def give_up(row: IdempotentRequest) -> None:
    """Forget a request that created nothing, so that it can be sent again."""
    IdempotentRequest.objects.filter(pk=row.pk, status=None).delete()


def request_id_of(owner: User, key: str) -> uuid.UUID:
    """Return the id by which the services of keys know a repeated request."""
    return uuid.uuid5(_NAMESPACE, f"{owner.pk} {key}")


def prune() -> int:
    """Delete the answers of more than a day ago; return how many."""
    return IdempotentRequest.objects.filter(begun_at__lt=timezone.now() - KEPT).delete()[0]
