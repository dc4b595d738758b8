"""What admins see of all keys and all usage; and actions on people's keys."""

import uuid
from collections.abc import Callable
from datetime import date, datetime
from typing import Annotated, Any, Final

from django.http import HttpResponseBase
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext as _
from ninja import Field, Query, Router, Schema, Status

from accounts.models import AuditAction, User
from api.problems import Problem
from api.v1.auth import ApiRequest, Bearer, actor_of
from api.v1.choices import OneOf
from api.v1.errors import gateway_call, gateway_deletion
from api.v1.lines import one_line
from api.v1.money import Usd
from api.v1.paging import Paged, page_of
from api.v1.usage import CSV_ANSWER, ExploreOut, ExploreQuery, Text, explored_page
from keys import services as key_services
from keys.models import Key
from people import services
from people.views.common import require_sight, subject_to_act_on
from people.views.key_actions import UNKNOWN, key_of
from usage.explorer_view import SPLIT_WORDS
from usage.pages import EVERYONE
from usage.queries.access import page_access
from usage.queries.metrics import METRICS
from usage.views.explorer_csv import of_everyone

router = Router(tags=["admin"])
READ: Final = Bearer("admin:read")
WRITE: Final = Bearer("admin:write")


class AnyKeyOut(Schema):
    """A key of anybody."""

    id: uuid.UUID
    label: str
    kind: str
    state: str
    is_blocked: bool
    owner_id: int
    owner: str = Field(description="User name.")
    created_at: datetime
    expires_at: datetime | None
    budget_usd: Usd | None
    budget_period: str
    spent_30_days_usd: Usd
    last_used_on: date | None


class AnyKeyList(Schema):
    """A page of keys, newest first."""

    items: list[AnyKeyOut]
    next_cursor: str | None


class ExploreAllQuery(ExploreQuery):
    """A question about everybody's usage; it can be split by people, too, and filtered by them."""

    metric: Annotated[str, OneOf(METRICS)] = "spend"
    split: Annotated[str, OneOf(SPLIT_WORDS)] = "model"
    person: Text = ""
    group: Text = ""
    supervisor: Text = ""


@router.get("/admin/keys", response=AnyKeyList, auth=READ, summary="All keys")
def list_all_keys(request: ApiRequest, page: Paged, owner_id: int | None = None, group: Text = "") -> AnyKeyList:
    """List the keys of all people, of one, or of those in a group, newest first, deleted ones too."""
    require_sight(request)
    keys = Key.objects.select_related("owner")
    if owner_id is not None:
        keys = keys.filter(owner__in=User.objects.filter(pk=owner_id))
    if group:
        keys = keys.filter(owner__in=User.objects.filter(groups__name=one_line(group)))
    found, cursor = page_of(keys, page, "created_at", "id")
    return AnyKeyList(items=[_key_out(key) for key in found], next_cursor=cursor)


@router.post("/admin/keys/{uuid:key_id}/block", response=AnyKeyOut, auth=WRITE, summary="Block a key")
def block_key(request: ApiRequest, key_id: uuid.UUID) -> AnyKeyOut:
    """Have the gateway refuse somebody's key until it is unblocked; its owner gets a mail."""
    return _act(request, key_id, "block", key_services.block_key, AuditAction.BLOCK)


@router.post("/admin/keys/{uuid:key_id}/unblock", response=AnyKeyOut, auth=WRITE, summary="Unblock a key")
def unblock_key(request: ApiRequest, key_id: uuid.UUID) -> AnyKeyOut:
    """Have the gateway accept somebody's key again; its owner gets a mail."""
    return _act(request, key_id, "unblock", key_services.unblock_key, AuditAction.UNBLOCK)


@router.delete("/admin/keys/{uuid:key_id}", response={204: None}, auth=WRITE, summary="Delete somebody's key")
def delete_any_key(request: ApiRequest, key_id: uuid.UUID) -> Status[None]:
    """Delete somebody's key, here and at the gateway; its owner gets a mail."""
    key = _key_to_act_on(request, key_id, "delete")
    try:
        with gateway_deletion(key):
            key_services.delete_key(key=key, actor=actor_of(request))
    except Problem:
        _mail_owner(request, key, AuditAction.DELETE)  # it is irreversible
        raise
    except key_services.KeyRefused as refusal:
        raise _refused(refusal) from refusal
    _mail_owner(request, key, AuditAction.DELETE)
    return Status(204, None)


def _act(
    request: ApiRequest, key_id: uuid.UUID, name: str, service: Callable[..., Any], action: AuditAction
) -> AnyKeyOut:
    """Do it as the page of the person does: counted, audited, and with a mail to the owner."""
    key = _key_to_act_on(request, key_id, name)
    try:
        with gateway_call(nothing=_("Nothing has changed"), unknown=UNKNOWN):
            service(key=key, actor=actor_of(request))
    except key_services.KeyRefused as refusal:
        raise _refused(refusal) from refusal
    _mail_owner(request, key, action)
    return _key_out(Key.objects.select_related("owner").get(pk=key_id))


def _key_to_act_on(request: ApiRequest, key_id: uuid.UUID, name: str) -> Key:
    """Return the key of somebody whom the person may change, and count the action."""
    if not page_access(request.user).sees_people:
        raise Problem(404, "not_found", _("There is nothing at this address."))
    owner_id = get_object_or_404(Key, pk=key_id).owner_id
    key = key_of(subject_to_act_on(request, owner_id), key_id)
    key_services.count_action(request.user, f"people:{name}")
    return key


def _refused(refusal: key_services.KeyRefused) -> Problem:
    return Problem(409, refusal.code, refusal.for_admin)


def _mail_owner(request: ApiRequest, key: Key, action: AuditAction) -> None:
    services.tell_about_key(owner=key.owner, label=key.label, action=action, by=request.user.display_name)


@router.get("/admin/usage/explore", response=ExploreOut, auth=READ, summary="Ask the explorer about everyone")
def explore_everyone(request: ApiRequest, asked: Annotated[ExploreAllQuery, Query(...)]) -> ExploreOut:
    """Answer a question about usage of all people. It needs the permission to see it."""
    return explored_page(request, EVERYONE)


@router.get(
    "/admin/usage/explore.csv", auth=READ, summary="Ask the explorer about everyone, as CSV", openapi_extra=CSV_ANSWER
)
def explore_everyone_csv(request: ApiRequest, asked: Annotated[ExploreAllQuery, Query(...)]) -> HttpResponseBase:
    """Return the same as a file, with all lines."""
    return of_everyone(request)


def _key_out(key: Key) -> AnyKeyOut:
    return AnyKeyOut(
        id=key.pk,
        label=key.label,
        kind=key.kind,
        state=key.state,
        is_blocked=key.blocked,
        owner_id=key.owner_id,
        owner=key.owner.username,
        created_at=key.created_at,
        expires_at=key.expires_at,
        budget_usd=key.budget_usd,
        budget_period=key.budget_period,
        spent_30_days_usd=key.recent_usd,
        last_used_on=key.last_used_on,
    )
