"""The interns of a supervisor, with their keys and usage."""

import uuid
from datetime import date
from typing import Annotated, Final

from django.shortcuts import get_object_or_404
from ninja import Query, Router, Schema

from api.v1.auth import ApiRequest, Bearer
from api.v1.key_rows import KeyList, shown, with_all
from api.v1.paging import Paged, page_of
from api.v1.usage import ExploreOut, ExploreQuery, explored_page
from keys.models import Intern, Key
from usage.pages import INTERNS

router = Router(tags=["interns"])
READ: Final = Bearer("interns:read")


class InternOut(Schema):
    """An intern of yours."""

    id: uuid.UUID
    name: str
    email: str
    stay_ends_on: date | None
    has_account: bool


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
