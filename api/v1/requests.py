"""Requests for more than a policy gives, for those who decide them, by the services of the pages."""

import uuid
from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Final

from django.shortcuts import get_object_or_404
from ninja import Field, Router, Schema

from accounts.models import AccessRequest
from api.problems import Problem
from api.v1.auth import ApiRequest, Bearer, actor_of
from api.v1.choices import OneOf
from api.v1.errors import check_form
from api.v1.money import Usd
from api.v1.paging import Paged, page_of
from api.v1.people import GrantOut, grant_out
from approvals import services
from approvals.forms import DecideForm, RefuseForm
from keys.services import count_action

router = Router(tags=["admin"])
READ: Final = Bearer("admin:read")
WRITE: Final = Bearer("admin:write")
State = AccessRequest.State


class RequestOut(Schema):
    """A request for more than a policy gives."""

    id: uuid.UUID
    person_id: int
    person: str = Field(description="User name.")
    thing: str = Field(description="budget, model, kind or course.")
    name: str
    amount_usd: Usd | None
    ends_on: date
    why: str
    state: str
    created_at: datetime
    decided_by: str | None = Field(description="User name.")
    decided_at: datetime | None
    reason: str


class RequestList(Schema):
    """A page of requests, newest first."""

    items: list[RequestOut]
    next_cursor: str | None


class ApproveIn(Schema):
    """What to grant; what is left out is as it was requested."""

    amount_usd: Decimal | None = Field(None, description="Of a budget.")
    ends_on: date | None = None
    reason: str = Field("", max_length=400)


class RefuseIn(Schema):
    """Why it is refused."""

    reason: str = Field(max_length=400, description="It is in the mail to the person.")


@router.get("/admin/requests", response=RequestList, auth=READ, summary="Requests")
def list_requests(
    request: ApiRequest, page: Paged, state: Annotated[str, OneOf(("", *State.values))] = State.OPEN.value
) -> RequestList:
    """List the requests that you can decide: those of your interns, or with the permission all; empty `state`: all."""
    requests = AccessRequest.objects.decidable_by(request.user).select_related("person", "decided_by")
    found, cursor = page_of(requests.filter(state=state) if state else requests, page, "created_at", "id")
    return RequestList(items=[_request_out(each) for each in found], next_cursor=cursor)


@router.get("/admin/requests/{uuid:request_id}", response=RequestOut, auth=READ, summary="A request")
def get_request(request: ApiRequest, request_id: uuid.UUID) -> RequestOut:
    """Return a request that you can decide, or have decided."""
    return _request_out(_decidable(request, request_id))


@router.post("/admin/requests/{uuid:request_id}/approve", response=GrantOut, auth=WRITE, summary="Approve a request")
def approve_request(request: ApiRequest, request_id: uuid.UUID, data: ApproveIn) -> GrantOut:
    """Grant a request, with another amount or end if you name one; the person gets a mail."""
    asked = _decidable(request, request_id)
    given = {name: value for name, value in data.model_dump().items() if value is not None}
    form = DecideForm({"amount_usd": asked.amount_usd, "ends_on": asked.ends_on, **given}, asked=asked)
    count_action(request.user, "approvals:approve")
    typed = check_form(form)
    try:
        grant = services.approve(request=asked, actor=actor_of(request), **typed)
    except services.RequestRefused as refusal:
        raise Problem(409, "request", str(refusal)) from refusal
    services.apply_grant(grant)
    grant.refresh_from_db()
    return grant_out(grant)


@router.post("/admin/requests/{uuid:request_id}/refuse", response=RequestOut, auth=WRITE, summary="Refuse a request")
def refuse_request(request: ApiRequest, request_id: uuid.UUID, data: RefuseIn) -> RequestOut:
    """Refuse a request, with a reason, which is in the mail to the person."""
    asked = _decidable(request, request_id)
    count_action(request.user, "approvals:refuse")
    reason = check_form(RefuseForm(data.model_dump()))["reason"]
    try:
        services.refuse(request=asked, actor=actor_of(request), reason=reason)
    except services.RequestRefused as refusal:
        raise Problem(409, "request", str(refusal)) from refusal
    return get_request(request, request_id)


def _decidable(request: ApiRequest, request_id: uuid.UUID) -> AccessRequest:
    requests = AccessRequest.objects.decidable_by(request.user).select_related("person", "decided_by", "grant")
    return get_object_or_404(requests, pk=request_id)


def _request_out(asked: AccessRequest) -> RequestOut:
    return RequestOut(
        id=asked.pk,
        person_id=asked.person_id,
        person=asked.person.username,
        thing=asked.thing,
        name=asked.name,
        amount_usd=asked.amount_usd,
        ends_on=asked.ends_on,
        why=asked.why,
        state=asked.state,
        created_at=asked.created_at,
        decided_by=asked.decided_by.username if asked.decided_by else None,
        decided_at=asked.decided_at,
        reason=asked.reason,
    )
