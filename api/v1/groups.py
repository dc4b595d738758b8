"""Groups and their members, for admins, by the services of the pages."""

from typing import Any, Final

from django.contrib.auth.models import Group
from django.core.exceptions import PermissionDenied
from django.db.models import Count
from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from ninja import Field, Router, Schema, Status

from accounts.models import User
from api.problems import Problem
from api.v1.auth import ApiRequest, Bearer, actor_of
from api.v1.errors import check_form
from api.v1.once import IdempotencyKey, Repeat, once
from api.v1.paging import Paged, page_of
from api.v1.people import PersonList, person_out
from keys.services import count_action
from people import services
from people.forms import GroupNameForm
from people.services import MemberAction
from people.views.common import require_sight
from people.views.group_common import GroupSubject, group_subject

router = Router(tags=["admin"])
READ: Final = Bearer("admin:read")
WRITE: Final = Bearer("admin:write")
GROUP: Final = "/admin/groups/{int:group_id}"
MEMBER: Final = f"{GROUP}/members/{{int:person_id}}"


class GroupOut(Schema):
    """A group."""

    id: int
    name: str
    members: int
    has_policy: bool


class GroupList(Schema):
    """All groups, by name."""

    items: list[GroupOut]


class GroupIn(Schema):
    """The name of a group."""

    name: str = Field(max_length=300)


@router.get("/admin/groups", response=GroupList, auth=READ, summary="All groups")
def list_groups(request: ApiRequest) -> GroupList:
    """List the groups, by name."""
    require_sight(request)
    return GroupList(items=[_group_out(group) for group in _groups().order_by("name")])


@router.post("/admin/groups", response={201: GroupOut}, auth=WRITE, summary="Create a group")
def create_group(
    request: ApiRequest, response: HttpResponse, data: GroupIn, idempotency_key: IdempotencyKey = ""
) -> Status[GroupOut]:
    """Create a group without a policy of its own: the default one applies."""
    if not require_sight(request).manages_policies:
        raise PermissionDenied

    def make(_request_id: object) -> GroupOut:
        name = check_form(GroupNameForm(data.model_dump()))["name"]
        return _group_with(services.create_group(name=name, actor=actor_of(request)).pk)

    action, stored = "people:name_group", Repeat.STORED
    return Status(201, once(request, response, idempotency_key, make, GroupOut, action=action, repeat=stored))


@router.patch(GROUP, response=GroupOut, auth=WRITE, summary="Rename a group")
def rename_group(request: ApiRequest, group_id: int, data: GroupIn) -> GroupOut:
    """Rename a group; members and policy stay."""
    subject = _changeable(request, group_id)
    if not subject.may_rename:
        raise PermissionDenied
    name = check_form(GroupNameForm(data.model_dump()))["name"]
    count_action(request.user, "people:name_group")
    services.rename_group(group=subject.group, name=name, actor=actor_of(request))
    return _group_with(group_id)


@router.delete(GROUP, response={204: None}, auth=WRITE, summary="Delete a group")
def delete_group(request: ApiRequest, group_id: int) -> Status[None]:
    """Delete a group with its policy: its members keep what their other policies give."""
    subject = _changeable(request, group_id)
    count_action(request.user, "people:delete_group")
    services.delete_group(group=subject.group, actor=actor_of(request))
    return Status(204, None)


@router.get(f"{GROUP}/members", response=PersonList, auth=READ, summary="Members of a group")
def list_members(request: ApiRequest, group_id: int, page: Paged) -> PersonList:
    """List the members of a group, the newest account first."""
    members = User.objects.filter(groups=group_subject(request, group_id).group).prefetch_related("groups")
    found, cursor = page_of(members, page, "date_joined", "id")
    return PersonList(items=[person_out(person) for person in found], next_cursor=cursor)


@router.put(MEMBER, response={204: None}, auth=WRITE, summary="Add a member")
def add_member(request: ApiRequest, group_id: int, person_id: int) -> Status[None]:
    """Add a person to a group; one who is in it already is refused."""
    return _change_member(request, group_id, person_id, MemberAction.ADD)


@router.delete(MEMBER, response={204: None}, auth=WRITE, summary="Remove a member")
def remove_member(request: ApiRequest, group_id: int, person_id: int) -> Status[None]:
    """Remove a person from a group."""
    return _change_member(request, group_id, person_id, MemberAction.REMOVE)


def _change_member(request: ApiRequest, group_id: int, person_id: int, action: MemberAction) -> Status[None]:
    subject = group_subject(request, group_id)
    if not subject.may_change_members:
        raise PermissionDenied
    person = get_object_or_404(User, pk=person_id)
    count_action(request.user, f"people:{action}_members")
    (chosen,) = services.choose_members([person.pk], group=subject.group, action=action, admin=request.user)
    if chosen.why_not:
        raise Problem(409, "member", f"{person.display_name}: {chosen.why_not}")
    change = services.add_to_group if action == MemberAction.ADD else services.remove_from_group
    change([person], group=subject.group, actor=actor_of(request))
    return Status(204, None)


def _changeable(request: ApiRequest, group_id: int) -> GroupSubject:
    subject = group_subject(request, group_id)
    if not subject.may_change_group:
        raise PermissionDenied
    return subject


def _groups() -> Any:
    return Group.objects.select_related("policy").annotate(members=Count("user"))


def _group_with(group_id: int) -> GroupOut:
    return _group_out(_groups().get(pk=group_id))


def _group_out(group: Any) -> GroupOut:
    return GroupOut(id=group.pk, name=group.name, members=group.members, has_policy=hasattr(group, "policy"))
