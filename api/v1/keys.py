"""A person's own keys, by the services of the pages."""

import uuid
from datetime import date
from decimal import Decimal
from functools import partial
from typing import Final

from django.http import HttpResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_variables
from ninja import Field, Router, Schema, Status

from api.problems import Problem
from api.v1 import key_actions
from api.v1.auth import ApiRequest, Bearer, access_token_of, actor_of, insufficient_scope
from api.v1.errors import check_form, gateway_call
from api.v1.key_actions import CreatedKey, ReplaceIn, key_out, own_key
from api.v1.key_rows import KeyList, KeyOut, shown, with_all
from api.v1.money import Usd
from api.v1.once import IdempotencyKey, Repeat, once
from api.v1.paging import Paged, page_of
from gateway.secret import Secret
from keys import services
from keys.forms import LabelForm
from keys.models import Key, Token
from keys.views.actions import SWITCHED_OR_NOT
from keys.views.check import NO_KEY, NOT_YOURS

router = Router(tags=["keys"])
READ: Final = Bearer("keys:read")
WRITE: Final = Bearer("keys:write")
INTERNS_READ, INTERNS_WRITE = "interns:read", "interns:write"


class KeyIn(Schema):
    """A new key. For an intern of yours give `intern`, or `intern_name` and more for a new one."""

    label: str = Field(max_length=200)
    kind: str = Field("", max_length=20, description="personal or temporary; can be empty if your policy has one kind.")
    intern: uuid.UUID | None = None
    intern_name: str = Field("", max_length=200)
    intern_email: str = Field("", max_length=300)
    stay_ends_on: date | None = None
    budget_usd: Decimal | None = Field(None, description="At most what your policy gives; null: that.")
    model_names: list[str] = Field([], max_length=500, description="Of those that your policy allows; empty: all.")


class LabelIn(Schema):
    """Another label."""

    label: str = Field(max_length=200)


class SecretIn(Schema):
    """The secret of a key."""

    secret: str = Field(max_length=500)


class CheckOut(Schema):
    """What came of calls with a key."""

    ok: bool
    sentence: str
    hint: str
    model: str
    models_count: int
    seconds: float | None
    cost_usd: Usd | None


@router.get("/me/keys", response=KeyList, auth=READ, summary="Your keys")
def list_keys(request: ApiRequest, page: Paged, ended: bool = False) -> KeyList:
    """List your keys, newest first; with `ended` also those that were deleted, or could not be created.

    Keys of your interns are among them if the access token has the scope `interns:read`, too.
    """
    own = Key.objects.used_by_owner(request.user).filter(**_within_scopes(request))
    found, cursor = page_of(with_all(own if ended else own.listed(timezone.now())), page, "created_at", "id")
    return KeyList(items=shown(found, request.user), next_cursor=cursor)


@router.get("/me/keys/{uuid:key_id}", response=KeyOut, auth=READ, summary="One of your keys")
def get_key(request: ApiRequest, key_id: uuid.UUID) -> KeyOut:
    """Return one of your keys."""
    return shown([_own_key(request, key_id)], request.user)[0]


@router.post("/me/keys", response={201: CreatedKey}, auth=WRITE, summary="Create a key")
@sensitive_variables()
def create_key(
    request: ApiRequest, response: HttpResponse, data: KeyIn, idempotency_key: IdempotencyKey = ""
) -> Status[CreatedKey]:
    """Create a key; its secret is in this answer only. Your policy decides its limits and its end.

    A key for an intern needs the scope `interns:write`, too.
    """
    if (data.intern or data.intern_name) and _within_scopes(request):
        raise insufficient_scope(INTERNS_WRITE)
    made = once(
        request, response, idempotency_key, partial(key_actions.create_key_of, request, data.model_dump()), CreatedKey
    )
    return Status(201, made)


@router.patch("/me/keys/{uuid:key_id}", response=KeyOut, auth=WRITE, summary="Change the label of a key")
def relabel_key(request: ApiRequest, key_id: uuid.UUID, data: LabelIn) -> KeyOut:
    """Change the label, which you and the administrators see."""
    key = _own_key(request, key_id)
    label = check_form(LabelForm(data.model_dump()))["label"]
    services.count_action(request.user, "keys:label")
    services.relabel_key(key=key, label=label, actor=actor_of(request))
    return key_out(request, key_id)


@router.post("/me/keys/{uuid:key_id}/renew", response=KeyOut, auth=WRITE, summary="Renew a key")
def renew_key(request: ApiRequest, key_id: uuid.UUID) -> KeyOut:
    """Renew a key for another lifetime; its secret stays the same."""
    return key_actions.renew(request, _own_key(request, key_id))


@router.post("/me/keys/{uuid:key_id}/replace", response={201: CreatedKey}, auth=WRITE, summary="Replace a secret")
@sensitive_variables()
def replace_secret(
    request: ApiRequest,
    response: HttpResponse,
    key_id: uuid.UUID,
    data: ReplaceIn,
    idempotency_key: IdempotencyKey = "",
) -> Status[CreatedKey]:
    """Give a key a new secret, in this answer only. The old one works for the grace period of your policy."""
    make = partial(key_actions.replace, request, _own_key(request, key_id), data)
    return Status(201, once(request, response, idempotency_key, make, CreatedKey, repeat=Repeat.NEVER))


@router.post("/me/keys/{uuid:key_id}/pause", response=KeyOut, auth=WRITE, summary="Pause a key")
def pause_key(request: ApiRequest, key_id: uuid.UUID) -> KeyOut:
    """Have the gateway refuse a key until you resume it."""
    key = _own_key(request, key_id)
    services.count_action(request.user, "keys:pause")
    with gateway_call(nothing=_("Nothing has changed"), unknown=SWITCHED_OR_NOT):
        services.pause_key(key=key, actor=actor_of(request))
    return key_out(request, key_id)


@router.post("/me/keys/{uuid:key_id}/resume", response=KeyOut, auth=WRITE, summary="Resume a key")
def resume_key(request: ApiRequest, key_id: uuid.UUID) -> KeyOut:
    """Have the gateway accept a paused key again."""
    key = _own_key(request, key_id)
    services.count_action(request.user, "keys:resume")
    with gateway_call(nothing=_("Nothing has changed"), unknown=SWITCHED_OR_NOT):
        services.resume_key(key=key, actor=actor_of(request))
    return key_out(request, key_id)


@router.delete("/me/keys/{uuid:key_id}", response={204: None}, auth=WRITE, summary="Delete a key")
def delete_key(request: ApiRequest, key_id: uuid.UUID) -> Status[None]:
    """Delete a key: the gateway refuses it from now on. What it spent stays in your usage."""
    return key_actions.delete(request, _own_key(request, key_id))


@router.post("/me/keys/check", response=CheckOut, auth=READ, summary="Check the secret of a key")
@sensitive_variables()
def check_key(request: ApiRequest, data: SecretIn) -> CheckOut:
    """Make two real calls with one of your keys: its models, and a one-word answer. The secret is stored nowhere."""
    services.count_action(request.user, "keys:check")
    secret = Secret(data.secret.strip())
    if not secret.startswith("sk-"):
        raise Problem(422, "no_key", str(NO_KEY), errors=[{"field": "secret", "message": str(NO_KEY)}])
    try:
        found = services.check_secret(owner=request.user, secret=secret)
    except Token.DoesNotExist as error:
        raise Problem(404, "not_found", str(NOT_YOURS)) from error
    return CheckOut(
        ok=found.ok,
        sentence=str(found.sentence),
        hint=str(found.hint),
        model=found.model,
        models_count=found.models_count,
        seconds=found.seconds,
        cost_usd=found.cost_usd,
    )


def _own_key(request: ApiRequest, key_id: uuid.UUID) -> Key:
    return own_key(request, key_id, **_within_scopes(request))


def _within_scopes(request: ApiRequest) -> dict[str, None]:
    """Return the filter that leaves out keys of interns, unless the access token is for them, too."""
    needed = INTERNS_READ if request.method == "GET" else INTERNS_WRITE
    return {} if needed in access_token_of(request).scope_names else {"intern": None}
