"""Requests that create something, with an Idempotency-Key: a repeat gets the first answer, without its secret."""

import hashlib
import uuid
from collections.abc import Callable
from enum import StrEnum
from typing import Annotated, TypeVar

from django.db import transaction
from django.http import HttpResponse
from django.utils.translation import gettext as _
from ninja import Field, Header, Schema

from api.models import IdempotentRequest
from api.problems import Problem
from api.services import idempotency
from api.v1.auth import ApiRequest
from keys.services import count_action

IdempotencyKey = Annotated[
    str,
    Header(
        alias="Idempotency-Key",
        max_length=255,
        pattern="^[!-~]*$",
        description="Any text of yours; a repeat with the same one creates nothing more, for a day.",
    ),
]


class WithSecret(Schema):
    """An answer with a secret, which only the first one has."""

    secret: str | None = Field(description="Shown once; null in the answer to a repeated request.")
    note: str = ""


Made = TypeVar("Made", bound=Schema)


class Repeat(StrEnum):
    """What a repeat does where the process of the first request died before its answer was stored."""

    BY_ID = "by id"  # makes it again: the service knows the id of the first one, and creates no second
    STORED = "stored"  # makes it again: the first one was committed with its answer, or not at all
    NEVER = "never"  # is refused: the first one may have been made


def once(
    request: ApiRequest,
    response: HttpResponse,
    key: str,
    make: Callable[[uuid.UUID | None], Made],
    form: type[Made],
    *,
    action: str = "",
    repeat: Repeat = Repeat.BY_ID,
) -> Made:
    """Return what `make` makes, or what it made for an earlier request with the same key.

    The `action` is counted in the hourly limit first, outside of a transaction: a refused one counts, too.
    """
    if not key:
        _count(request, action)
        return make(None)
    row = _begin(request, key, may_repeat=repeat != Repeat.NEVER)
    if row.status is not None:
        response.headers["Idempotency-Replayed"] = "true"
        return form.model_validate(row.answer)
    try:
        _count(request, action)
        request_id = idempotency.request_id_of(request.user, key)
        if repeat != Repeat.STORED:
            return _answered(row, make(request_id))
        with transaction.atomic():
            return _answered(row, make(request_id))
    except BaseException:
        idempotency.give_up(row)
        raise


def _count(request: ApiRequest, action: str) -> None:
    if action:
        count_action(request.user, action)


def _answered(row: IdempotentRequest, made: Made) -> Made:
    """Store an answer without its secret, and return it."""
    answer = made.model_dump(mode="json")
    if "secret" in answer:
        answer |= {"secret": None, "note": _("This request was sent before. The secret was in the first answer only.")}
    idempotency.finish(row, status=201, answer=answer)
    return made


def _begin(request: ApiRequest, key: str, *, may_repeat: bool) -> IdempotentRequest:
    text = f"{request.method} {request.path} ".encode() + request.body
    digest = hashlib.sha256(text).hexdigest()
    try:
        return idempotency.begin(owner=request.user, key=key, digest=digest, may_repeat=may_repeat)
    except idempotency.OtherRequest as error:
        words = _("This Idempotency-Key was used for another request.")
        raise Problem(422, "idempotency_key_reused", words) from error
    except idempotency.StillRunning as error:
        words = _("The first request with this Idempotency-Key is still running. Try again in a moment.")
        raise Problem(409, "idempotency_still_running", words, headers={"Retry-After": "5"}) from error
    except idempotency.Interrupted as error:
        words = _("The first request with this Idempotency-Key was interrupted. See what it has done.")
        raise Problem(409, "idempotency_interrupted", words) from error
