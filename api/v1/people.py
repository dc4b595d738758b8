"""People, for admins: read, invite, deactivate, activate, and give more budget, by the services of the pages."""

import uuid
from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Final

from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.utils.translation import gettext as _
from ninja import Field, Router, Schema, Status

from accounts.identity_providers import identity_providers
from accounts.models import Grant, User
from accounts.people_list import MAX_ROWS, row_of
from accounts.policies import policy_of
from accounts.rights import groups_to_give
from api.problems import Problem
from api.v1.auth import ApiRequest, Bearer, actor_of
from api.v1.choices import OneOf
from api.v1.errors import check_form, invalid
from api.v1.lines import one_line
from api.v1.money import Usd
from api.v1.once import IdempotencyKey, Repeat, once
from api.v1.paging import Paged, page_of
from keys import services as key_services
from people import services
from people.invite_list import Entry
from people.limit_forms import TopUpForm
from people.services.invite import MAX_AN_HOUR
from people.views.common import require_sight, subject_of, subject_to_act_on
from people.views.leaving import interns_of, not_handed_over

router = Router(tags=["admin"])
READ: Final = Bearer("admin:read")
WRITE: Final = Bearer("admin:write")


class PersonOut(Schema):
    """An account."""

    id: int
    username: str
    name: str
    email: str
    is_active: bool
    groups: list[str]
    joined_at: datetime
    last_sign_in_at: datetime | None


class PersonList(Schema):
    """A page of people, the newest account first."""

    items: list[PersonOut]
    next_cursor: str | None


class Invited(Schema):
    """Somebody to invite."""

    email: str = Field(max_length=300)
    name: str = Field("", max_length=300)
    groups: list[Annotated[str, Field(max_length=150)]] = Field([], max_length=50)
    supervisor: str = Field("", max_length=300, description="User name, e-mail address or name.")
    stay_ends_on: date | None = None


class InvitationsIn(Schema):
    """People to invite, and the groups of all of them."""

    people: list[Invited] = Field(min_length=1, max_length=MAX_ROWS)
    groups: list[Annotated[str, Field(max_length=150)]] = Field([], max_length=50)
    sign_in: Annotated[str, OneOf(("", "institution", "password"))] = Field(
        "", description="Empty: with the institution, if there is one."
    )


class InvitationOutcome(Schema):
    """What came of one person."""

    email: str
    outcome: str = Field(description="new, again, exists (nothing changes) or refused.")
    why: list[str] = Field(description="Why they were refused.")


class InvitationsOut(Schema):
    """What came of each person, in the order of the request."""

    items: list[InvitationOutcome]
    invited: int


class DeactivateIn(Schema):
    """Who supervises the interns of the person from now on."""

    supervisor: str = Field("", max_length=300, description="User name or e-mail address; empty: nobody yet.")


class GrantIn(Schema):
    """More budget for a person."""

    amount_usd: Decimal
    ends_on: date
    reason: str = Field(max_length=400, description="It is in the mail to the person.")


class GrantOut(Schema):
    """What a person has beyond their policy."""

    id: int
    person_id: int
    thing: str = Field(description="budget, model, kind or course.")
    name: str
    amount_usd: Usd | None
    created_at: datetime
    ends_at: datetime
    at_gateway: bool = Field(description="false: it follows within a minute.")


class GrantList(Schema):
    """A page of grants, newest first."""

    items: list[GrantOut]
    next_cursor: str | None


@router.get("/admin/people", response=PersonList, auth=READ, summary="All people")
def list_people(request: ApiRequest, page: Paged) -> PersonList:
    """List all accounts. It needs the permission to see people."""
    require_sight(request)
    found, cursor = page_of(User.objects.prefetch_related("groups"), page, "date_joined", "id")
    return PersonList(items=[person_out(person) for person in found], next_cursor=cursor)


@router.get("/admin/people/{int:person_id}", response=PersonOut, auth=READ, summary="A person")
def get_person(request: ApiRequest, person_id: int) -> PersonOut:
    """Return an account."""
    return person_out(subject_of(request, person_id).person)


@router.post("/admin/people/invite", response={201: InvitationsOut}, auth=WRITE, summary="Invite people")
def invite_people(
    request: ApiRequest, response: HttpResponse, data: InvitationsIn, idempotency_key: IdempotencyKey = ""
) -> Status[InvitationsOut]:
    """Invite people, who get a mail with a link; all of those that are not refused, or nobody."""
    if not require_sight(request).manages_people:
        raise PermissionDenied
    groups = list(groups_to_give(request.user).filter(name__in=[one_line(name) for name in data.groups]))
    if len(groups) < len(set(data.groups)):
        words = _("There is no such group, or it has more rights than you.")
        raise invalid([{"field": "groups", "message": words}])
    entries = [_entry(line, each) for line, each in enumerate(data.people, start=1)]

    def make(_request_id: uuid.UUID | None) -> InvitationsOut:
        try:
            planned = services.invite_people(
                entries,
                inviter=request.user,
                groups=groups,
                by_institution=bool(identity_providers()) and data.sign_in != "password",
                today=timezone.localdate(timezone=timezone.get_default_timezone()),
                actor=actor_of(request),
            )
        except services.InvitationQuotaExceeded as error:
            words = _("Nobody was invited: you can invite %(most)d people in an hour.") % {"most": MAX_AN_HOUR}
            raise Problem(429, "too_many_actions", words, headers={"Retry-After": "3600"}) from error
        items = [
            InvitationOutcome(email=each.entry.email, outcome=each.outcome.value, why=each.why) for each in planned
        ]
        return InvitationsOut(items=items, invited=sum(each.is_invited for each in planned))

    action, stored = "people:invite", Repeat.STORED
    return Status(201, once(request, response, idempotency_key, make, InvitationsOut, action=action, repeat=stored))


def _entry(line: int, invited: Invited) -> Entry:
    row = row_of(line, {"name": one_line(invited.name), "email": one_line(invited.email)})
    return Entry(
        line=line,
        email=row.email,
        first_name=row.first_name,
        last_name=row.last_name,
        groups=tuple(dict.fromkeys(one_line(name) for name in invited.groups)),
        supervisor=one_line(invited.supervisor),
        ends_on=invited.stay_ends_on,
        problems=row.problems,
    )


@router.post("/admin/people/{int:person_id}/deactivate", response=PersonOut, auth=WRITE, summary="Close an account")
def deactivate_person(request: ApiRequest, person_id: int, data: DeactivateIn) -> PersonOut:
    """Close an account, end its sessions and block its keys; its interns get the supervisor, if one is named."""
    person = _to_act_on(request, person_id, "deactivate")
    if data.supervisor:
        to = key_services.find_supervisor(data.supervisor)
        if to is None or to.pk == person.pk:
            words = str(key_services.KeyRefused("handover.not_allowed"))
            raise invalid([{"field": "supervisor", "message": words}])
        if refused := key_services.hand_over_all(interns=interns_of(person), to=to, actor=actor_of(request)):
            words = " ".join([_("The account is still active."), not_handed_over(refused)])
            raise Problem(409, "handover", words)
    if not services.deactivate(person=person, actor=actor_of(request)):
        raise Problem(409, "inactive", _("Nothing changed: this account is inactive already."))
    return get_person(request, person_id)


@router.post("/admin/people/{int:person_id}/activate", response=PersonOut, auth=WRITE, summary="Open an account again")
def activate_person(request: ApiRequest, person_id: int) -> PersonOut:
    """Open an account again, and unblock the keys that its closing blocked."""
    person = _to_act_on(request, person_id, "activate")
    if not services.activate(person=person, actor=actor_of(request)):
        raise Problem(409, "active", _("Nothing changed: this account is active already."))
    return get_person(request, person_id)


@router.post("/admin/people/{int:person_id}/sign-out", response={204: None}, auth=WRITE, summary="End all sessions")
def sign_out_person(request: ApiRequest, person_id: int) -> Status[None]:
    """End all sessions of a person. Their keys and access tokens stay as they are."""
    services.sign_out_everywhere(person=_to_act_on(request, person_id, "sign_out"), actor=actor_of(request))
    return Status(204, None)


@router.get("/admin/grants", response=GrantList, auth=READ, summary="Grants")
def list_grants(request: ApiRequest, page: Paged, running: bool = True) -> GrantList:
    """List what people have beyond their policies; with `running` false also what has ended."""
    require_sight(request)
    grants = Grant.objects.running() if running else Grant.objects.all()
    found, cursor = page_of(grants, page, "created_at", "id")
    return GrantList(items=[grant_out(grant) for grant in found], next_cursor=cursor)


@router.post("/admin/people/{int:person_id}/grants", response={201: GrantOut}, auth=WRITE, summary="Give more budget")
def give_grant(
    request: ApiRequest, response: HttpResponse, person_id: int, data: GrantIn, idempotency_key: IdempotencyKey = ""
) -> Status[GrantOut]:
    """Give a person more budget until a day; it ends by itself, and they get a mail."""
    person = subject_to_act_on(request, person_id).person

    def make(request_id: uuid.UUID | None) -> GrantOut:
        typed = check_form(TopUpForm(data.model_dump(), allowance=policy_of(person)))
        key_services.count_action(request.user, "people:top_up")
        try:
            grant = key_services.give_grant(person=person, actor=actor_of(request), **typed | {"form_id": request_id})
        except key_services.KeyRefused as refusal:
            raise Problem(409, refusal.code, refusal.for_admin) from refusal
        services.tell_about_grant(grant, by=request.user.display_name)
        key_services.apply_grant(grant)
        grant.refresh_from_db()
        return grant_out(grant)

    return Status(201, once(request, response, idempotency_key, make, GrantOut))


@router.delete(
    "/admin/people/{int:person_id}/grants/{int:grant_id}", response={204: None}, auth=WRITE, summary="End a grant"
)
def end_grant(request: ApiRequest, person_id: int, grant_id: int) -> Status[None]:
    """End what a person has beyond their policy now; what is spent stays spent."""
    person = subject_to_act_on(request, person_id).person
    grant = get_object_or_404(Grant.objects.filter(person=person), pk=grant_id)
    key_services.count_action(request.user, "people:end_grant")
    try:
        key_services.end_grant(grant=grant, actor=actor_of(request))
    except key_services.KeyRefused as refusal:
        raise Problem(409, refusal.code, refusal.for_admin) from refusal
    services.tell_about_grant(grant, by=request.user.display_name, is_over=True)
    key_services.apply_grant(grant)
    return Status(204, None)


def _to_act_on(request: ApiRequest, person_id: int, name: str) -> User:
    """Return a person whom the owner of the token may change, and count the action."""
    person = subject_to_act_on(request, person_id).person
    key_services.count_action(request.user, f"people:{name}")
    return person


def person_out(person: User) -> PersonOut:
    """Return an account as the API shows it."""
    return PersonOut(
        id=person.pk,
        username=person.username,
        name=person.display_name,
        email=person.email,
        is_active=person.is_active,
        groups=sorted(group.name for group in person.groups.all()),
        joined_at=person.date_joined,
        last_sign_in_at=person.last_login,
    )


def grant_out(grant: Grant) -> GrantOut:
    """Return a grant as the API shows it."""
    return GrantOut(
        id=grant.pk,
        person_id=grant.person_id,
        thing=grant.thing,
        name=grant.name,
        amount_usd=grant.amount_usd,
        created_at=grant.created_at,
        ends_at=grant.ends_at,
        at_gateway=grant.applied_at is not None,
    )
