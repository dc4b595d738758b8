"""Groups by SCIM: what memberships mean for the groups of the portal."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.db import connection
from django.test.utils import CaptureQueriesContext
from msgspec.structs import replace
from pytest_django import Settings

from accounts.models import AuditEntry, ScimClient, ScimGroup, ScimUser, User
from tests.accounts.visits import groups_of
from tests.scim.conftest import TRUSTED, Send
from tests.scim.test_people import patch, person

pytestmark = pytest.mark.django_db
SCHEMA = "urn:ietf:params:scim:schemas:core:2.0:Group"


def group(name: str, *members: str) -> dict[str, Any]:
    return {"schemas": [SCHEMA], "displayName": name, "members": [{"value": each} for each in members]}


@pytest.fixture
def ada(send: Send) -> tuple[str, User]:
    number = send("POST", "/Users", person("ada")).json()["id"]
    return number, User.objects.get(username="ada")


def test_members_get_and_lose_the_group_of_the_portal(send: Send, ada: tuple[str, User]) -> None:
    number, user = ada
    made = send("POST", "/Groups", group("Staff", number)).json()
    path = f"/Groups/{made['id']}"
    assert (groups_of(user), made["members"][0]["value"]) == ({"Staff"}, number)
    assert [each["display"] for each in send("GET", f"/Users/{number}").json()["groups"]] == ["Staff"]
    assert send("GET", '/Groups?filter=displayName%20eq%20"STAFF"').json()["totalResults"] == 1

    for operation, expected in (
        ({"op": "remove", "path": f'members[value eq "{number}"]'}, set()),
        ({"op": "Add", "path": "members", "value": [{"value": number}]}, {"Staff"}),
        ({"op": "Remove", "path": "members", "value": [{"value": number}]}, set()),  # as Entra ID sends it
        ({"op": "replace", "path": "members", "value": [{"value": number}]}, {"Staff"}),
        ({"op": "replace", "path": "displayName", "value": "Interns"}, {"Interns"}),
    ):
        assert send("PATCH", path, patch(operation)).status_code in (200, 204), operation
        assert groups_of(user) == expected, operation
    assert send("DELETE", path).status_code == 204
    assert groups_of(user) == set()
    assert AuditEntry.objects.of_subject(user).filter(action="change").count() == 7


def test_groups_with_rights_and_those_of_admins_are_left_alone(
    send: Send, ada: tuple[str, User], settings: Settings
) -> None:
    number, user = ada
    user.groups.add(Group.objects.get(name="Interns"))
    for name in ("Admins", "Interns", "Nothing of the kind"):
        assert send("POST", "/Groups", group(name, number)).status_code == 201
    assert groups_of(user) == {"Interns"}
    settings.IDENTITY_PROVIDERS = [replace(TRUSTED, group_names={"cn-staff": "Staff"})]
    assert send("POST", "/Groups", group("cn-staff", number)).status_code == 201
    assert groups_of(user) == {"Interns", "Staff"}
    send("DELETE", f"/Users/{number}")
    assert groups_of(user) == {"Interns"}
    assert send("POST", "/Groups", group("cn-STAFF")).status_code == 409


def test_a_membership_is_a_new_version_of_the_group_and_of_the_person(send: Send, ada: tuple[str, User]) -> None:
    number, _user = ada
    first = send("GET", f"/Users/{number}")["ETag"]
    there = f"/Groups/{send('POST', '/Groups', group('Staff', number)).json()['id']}"
    with_ada = send("GET", there)["ETag"]

    assert send("GET", f"/Users/{number}", **{"If-None-Match": first}).status_code == 200
    send("DELETE", f"/Users/{number}")
    assert "members" not in send("GET", there, **{"If-None-Match": with_ada}).json()


def test_many_members_cost_no_more_queries_than_few(send: Send, scim_client: ScimClient) -> None:
    def queries(action: Callable[[], Any]) -> int:
        with CaptureQueriesContext(connection) as captured:
            action()
        return sum("portal_cache" not in each["sql"] and "SAVEPOINT" not in each["sql"] for each in captured)

    def changed_to(people: list[User]) -> Any:
        assert len({frozenset(groups_of(each)) for each in people}) == 1
        entries = AuditEntry.objects.filter(subject__in=people).order_by("-pk")[: len(people)]
        assert {each.subject_id for each in entries} == {each.pk for each in people}
        assert len({str(each.details) for each in entries}) == 1
        return groups_of(people[0]), entries[0].details["changes"]["groups"]

    def counts(name: str, members: int) -> list[int]:
        Group.objects.create(name=name)
        people = User.objects.bulk_create(User(username=f"{name}-{each}") for each in range(members))
        rows = ScimUser.objects.bulk_create(
            ScimUser(client=scim_client, person=p, user_name=p.username) for p in people
        )
        sent = group(name, *(str(row.pk) for row in rows))
        joining = queries(lambda: send("POST", "/Groups", sent))
        assert changed_to(people) == ({name}, [[], [name]])
        path = f"/Groups/{ScimGroup.objects.get(name=name).pk}"
        leaving = queries(lambda: send("PATCH", path, patch({"op": "remove", "path": "members"})))
        assert changed_to(people) == (set(), [[name], []])
        return [joining, leaving]

    send("GET", "/Groups")  # notes the use of the token
    assert counts("few", 3) == counts("many", 60)


def test_refuses_strangers_as_members(send: Send, ada: tuple[str, User]) -> None:
    for member in ("2819c223-7f76-453a-919d-413861904646", "x", ""):
        answer = send("POST", "/Groups", group("Staff", ada[0], member))
        assert answer.status_code == 400, member
    assert groups_of(ada[1]) == set()
    assert send("GET", "/Groups").json()["totalResults"] == 0


def test_a_token_writes_what_its_scopes_name(send: Send, ada: tuple[str, User]) -> None:
    ScimClient.objects.update(scopes="groups")

    assert send("POST", "/Users", person("x")).status_code == 403
    assert send("DELETE", f"/Users/{ada[0]}").status_code == 403
    assert send("GET", "/Users").status_code == 200
    assert send("POST", "/Groups", group("Staff", ada[0])).status_code == 201
    ScimClient.objects.update(scopes="users")
    assert send("POST", "/Groups", group("Interns")).status_code == 403
    assert send("GET", "/Groups").status_code == 200
