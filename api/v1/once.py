"""Requests that create something, with an Idempotency-Key: a repeat gets the first answer, without its secret."""

import hashlib
import uuid
from collections.abc import Callable
from typing import Annotated, TypeVar

from django.http import HttpResponse
from django.utils.translation import gettext as _
from ninja import Field, Header, Schema

from api.models import IdempotentRequest
from api.problems import Problem
from api.services import idempotency
from api.v1.auth import ApiRequest

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


def once(
    request: ApiRequest, response: HttpResponse, key: str, make: Callable[[uuid.UUID | None], Made], form: type[Made]
) -> Made:
    """Return what `make` makes, or what it made for an earlier request with the same key."""
    if not key:
        return make(None)
    row = _begin(request, key)
    if row.status is not None:
        response.headers["Idempotency-Replayed"] = "true"
        return form.model_validate(row.answer)
    try:
        made = make(idempotency.request_id_of(request.user, key))
    except BaseException:
        idempotency.give_up(row)
        raise
    answer = made.model_dump(mode="json")
    if "secret" in answer:
        answer |= {"secret": None, "note": _("This request was sent before. The secret was in the first answer only.")}
    idempotency.finish(row, status=201, answer=answer)
    return made


def _begin(request: ApiRequest, key: str) -> IdempotentRequest:
    text = f"{request.method} {request.path} ".encode() + request.body
    try:
        return idempotency.begin(owner=request.user, key=key, digest=hashlib.sha256(text).hexdigest())
    except idempotency.OtherRequest as error:
        words = _("This Idempotency-Key was used for another request.")
        raise Problem(422, "idempotency_key_reused", words) from error
    except idempotency.StillRunning as error:
        words = _("The first request with this Idempotency-Key is still running. Try again in a moment.")
        raise Problem(409, "idempotency_still_running", words, headers={"Retry-After": "5"}) from error
