"""The interns of a supervisor, with their keys and usage, by the services of the pages."""

import uuid
from datetime import date
from decimal import Decimal
from functools import partial
from typing import Annotated, Final

from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404
from django.views.decorators.debug import sensitive_variables
from ninja import Field, Query, Router, Schema, Status

from api.problems import Problem
from api.v1 import key_actions
from api.v1.auth import ApiRequest, Bearer, actor_of
from api.v1.errors import check_form, invalid
from api.v1.key_actions import CreatedKey, ReplaceIn
from api.v1.key_rows import KeyList, KeyOut, shown, with_all
from api.v1.once import IdempotencyKey, Repeat, once
from api.v1.paging import Paged, page_of
from api.v1.usage import CSV_ANSWER, ExploreOut, ExploreQuery, explored_page
from gateway.errors import GatewayError, GatewayUnavailable
from keys import services
from keys.forms import InternForm, StayForm
from keys.models import Intern, Key
from keys.views.interns import why_not_stay
from usage.pages import INTERNS
from usage.views.explorer_csv import of_interns

router = Router(tags=["interns"])
READ: Final = Bearer("interns:read")
WRITE: Final = Bearer("interns:write")


class InternOut(Schema):
    """An intern of yours."""

    id: uuid.UUID
    name: str
    email: str
    stay_ends_on: date | None
    has_account: bool


class InternIn(Schema):
    """A new intern, without a key."""

    name: str = Field(max_length=200)
    email: str = Field("", max_length=300, description="Mails about their keys go to this address.")
    stay_ends_on: date | None = None


class InternChange(Schema):
    """What to change of an intern; what is left out stays as it is."""

    name: str = Field("", max_length=200)
    email: str = Field("", max_length=300)
    stay_ends_on: date | None = Field(None, description="null: no end.")


class HandOverIn(Schema):
    """The new supervisor of an intern."""

    supervisor: str = Field(max_length=300, description="User name or e-mail address.")


class HandedOver(Schema):
    """Who supervises the intern now."""

    supervisor: str = Field(description="User name.")
    keys_to_follow: int = Field(description="Keys that the gateway has not moved yet; they follow by themselves.")


class InternKeyIn(Schema):
    """A new key for an intern."""

    label: str = Field(max_length=200)
    budget_usd: Decimal | None = Field(None, description="At most what your policy gives; null: that.")
    model_names: list[str] = Field([], max_length=500, description="Of those that your policy allows; empty: all.")


class InternList(Schema):
    """A page of interns, the newest first."""

    items: list[InternOut]
    next_cursor: str | None


@router.get("/interns", response=InternList, auth=READ, summary="Your interns")
def list_interns(request: ApiRequest, page: Paged) -> InternList:
    """List your interns, those that were added last first."""
    found, cursor = page_of(Intern.objects.supervised_by(request.user), page, "created_at", "id")
    return InternList(items=[_intern_out(intern) for intern in found], next_cursor=cursor)


@router.get("/interns/usage/explore", response=ExploreOut, auth=READ, summary="Ask the explorer about your interns")
def explore_interns(request: ApiRequest, asked: Annotated[ExploreQuery, Query(...)]) -> ExploreOut:
    """Answer a question about the keys of all your interns."""
    return explored_page(request, INTERNS)


@router.get(
    "/interns/usage/explore.csv",
    auth=READ,
    summary="Ask the explorer about your interns, as CSV",
    openapi_extra=CSV_ANSWER,
)
def explore_interns_csv(request: ApiRequest, asked: Annotated[ExploreQuery, Query(...)]) -> HttpResponseBase:
    """Return the same as a file, with all lines."""
    return of_interns(request)


@router.get("/interns/{uuid:intern_id}", response=InternOut, auth=READ, summary="One of your interns")
def get_intern(request: ApiRequest, intern_id: uuid.UUID) -> InternOut:
    """Return one of your interns."""
    return _intern_out(_own_intern(request, intern_id))


@router.get("/interns/{uuid:intern_id}/keys", response=KeyList, auth=READ, summary="The keys of an intern")
def list_intern_keys(request: ApiRequest, intern_id: uuid.UUID, page: Paged) -> KeyList:
    """List the keys that you have given to an intern, newest first, deleted ones too."""
    keys = Key.objects.owned_by(request.user).filter(intern=_own_intern(request, intern_id))
    found, cursor = page_of(with_all(keys), page, "created_at", "id")
    return KeyList(items=shown(found, request.user), next_cursor=cursor)


@router.post("/interns", response={201: InternOut}, auth=WRITE, summary="Add an intern")
def create_intern(
    request: ApiRequest, response: HttpResponse, data: InternIn, idempotency_key: IdempotencyKey = ""
) -> Status[InternOut]:
    """Add an intern; one of yours with the same name and address is returned as they are."""

    def make(_request_id: uuid.UUID | None) -> InternOut:
        named = check_form(InternForm(data.model_dump()))
        ends_on = check_form(StayForm(data.model_dump()))["stay_ends_on"]
        intern = services.create_intern(supervisor=request.user, ends_on=ends_on, actor=actor_of(request), **named)
        return _intern_out(intern)

    made = once(request, response, idempotency_key, make, InternOut, action="keys:intern_create", repeat=Repeat.STORED)
    return Status(201, made)


@router.patch("/interns/{uuid:intern_id}", response=InternOut, auth=WRITE, summary="Change an intern")
def change_intern(request: ApiRequest, intern_id: uuid.UUID, data: InternChange) -> InternOut:
    """Change name, address and end of stay; the ends of their keys follow the stay, within your policy."""
    intern, given = _own_intern(request, intern_id), data.model_dump(exclude_unset=True)
    named = check_form(InternForm({"name": intern.name, "email": intern.email, **given}))
    stay = check_form(StayForm(given)) if "stay_ends_on" in given else {}
    renames = bool(named.items() - {("name", intern.name), ("email", intern.email)})
    if renames:
        services.count_action(request.user, "keys:intern_edit")
        services.check_not_taken(intern, supervisor=request.user, **named)
    if stay:  # the gateway can fail: the name is written after it, or not at all
        services.count_action(request.user, "keys:intern_stay")
        _change_stay(request, intern, stay["stay_ends_on"])
    if renames:
        services.change_intern(intern=intern, actor=actor_of(request), **named)
    return get_intern(request, intern_id)


def _change_stay(request: ApiRequest, intern: Intern, ends_on: date | None) -> None:
    try:
        services.change_stay(intern=intern, ends_on=ends_on, actor=actor_of(request))
    except GatewayError as error:
        words = why_not_stay(error, earlier=services.is_earlier(ends_on, than=intern.stay_ends_on))
        away = isinstance(error, GatewayUnavailable)
        code = "gateway_unavailable" if away else "gateway_refused"
        raise Problem(503 if away else 502, code, words) from error


@router.post("/interns/{uuid:intern_id}/hand-over", response=HandedOver, auth=WRITE, summary="Hand an intern over")
def hand_over_intern(request: ApiRequest, intern_id: uuid.UUID, data: HandOverIn) -> HandedOver:
    """Make somebody else the supervisor of an intern; their keys keep their secrets."""
    intern = _own_intern(request, intern_id)
    services.count_action(request.user, "keys:intern_hand_over")
    to = services.find_supervisor(data.supervisor)
    if to is None:  # the same words for an unknown name: accounts are not public
        raise invalid([{"field": "supervisor", "message": str(services.KeyRefused("handover.not_allowed"))}])
    left = services.hand_over(intern=intern, to=to, actor=actor_of(request))
    return HandedOver(supervisor=to.username, keys_to_follow=left)


@router.post("/interns/{uuid:intern_id}/keys", response={201: CreatedKey}, auth=WRITE, summary="Create an intern’s key")
@sensitive_variables()
def create_intern_key(
    request: ApiRequest,
    response: HttpResponse,
    intern_id: uuid.UUID,
    data: InternKeyIn,
    idempotency_key: IdempotencyKey = "",
) -> Status[CreatedKey]:
    """Create a key for an intern; its secret is in this answer only. Your policy decides its limits and its end."""
    values = {**data.model_dump(), "kind": Key.Kind.TEMPORARY, "intern": _own_intern(request, intern_id).pk}
    make = partial(key_actions.create_key_of, request, values)
    return Status(201, once(request, response, idempotency_key, make, CreatedKey))


KEY: Final = "/interns/{uuid:intern_id}/keys/{uuid:key_id}"


@router.post(f"{KEY}/renew", response=KeyOut, auth=WRITE, summary="Renew an intern’s key")
def renew_intern_key(request: ApiRequest, intern_id: uuid.UUID, key_id: uuid.UUID) -> KeyOut:
    """Renew the key of an intern for another lifetime, until the end of the stay at most."""
    return key_actions.renew(request, _own_key(request, intern_id, key_id))


@router.post(f"{KEY}/replace", response={201: CreatedKey}, auth=WRITE, summary="Replace the secret of an intern’s key")
@sensitive_variables()
def replace_intern_secret(
    request: ApiRequest,
    response: HttpResponse,
    intern_id: uuid.UUID,
    key_id: uuid.UUID,
    data: ReplaceIn,
    idempotency_key: IdempotencyKey = "",
) -> Status[CreatedKey]:
    """Give the key of an intern a new secret, in this answer only."""
    make = partial(key_actions.replace, request, _own_key(request, intern_id, key_id), data)
    return Status(201, once(request, response, idempotency_key, make, CreatedKey, repeat=Repeat.NEVER))


@router.delete(KEY, response={204: None}, auth=WRITE, summary="Delete an intern’s key")
def delete_intern_key(request: ApiRequest, intern_id: uuid.UUID, key_id: uuid.UUID) -> Status[None]:
    """Delete the key of an intern: the gateway refuses it from now on."""
    return key_actions.delete(request, _own_key(request, intern_id, key_id))


def _own_key(request: ApiRequest, intern_id: uuid.UUID, key_id: uuid.UUID) -> Key:
    return key_actions.own_key(request, key_id, intern=_own_intern(request, intern_id))


def _own_intern(request: ApiRequest, intern_id: uuid.UUID) -> Intern:
    return get_object_or_404(Intern.objects.supervised_by(request.user), pk=intern_id)


def _intern_out(intern: Intern) -> InternOut:
    return InternOut(
        id=intern.pk,
        name=intern.name,
        email=intern.email,
        stay_ends_on=intern.stay_ends_on,
        has_account=intern.account_id is not None,
    )
