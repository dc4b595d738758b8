"""What admins do by the API: people, groups, policies, requests, grants, data updates, as on the pages."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.core import mail
from django.core.cache import cache
from django.utils import timezone

from accounts.models import AccessRequest, AuditEntry, Grant, Policy, User
from keys.models import Intern, Key
from tests.api.conftest import Program
from tests.factories import make_policy, make_staff, make_user
from tests.keys.actions import issue
from tests.sandbox_process import Sandbox
from tests.tasks import run_tasks
from usage.models import Discrepancy, Reconciliation

SOON = timedelta(days=3)


@pytest.fixture
def by_manager(db: None) -> Program:
    """Return a program of one of the group Admins, who is no superuser."""
    return Program(make_user("manager", groups=("Admins",)))


def until() -> str:
    return (timezone.now() + SOON).date().isoformat()


def asked(person: User) -> AccessRequest:
    ends_on = (timezone.now() + SOON).date()
    return AccessRequest.objects.create(person=person, thing="budget", amount_usd=2, ends_on=ends_on, why="thesis")


def fields_of(answer: Any) -> list[str]:
    assert answer.status_code == 422, answer.content
    return [each["field"] for each in answer.json()["errors"]]


def test_invites_people_once(by_manager: Program, intern: User) -> None:
    people = [
        {"email": "Ada@example.edu", "name": "Ada L", "groups": ["Interns"]},
        {"email": "x\0@example.edu"},
        {"email": intern.email},
    ]

    first = by_manager.post("/admin/people/invite", {"people": people, "groups": ["Staff"]}, Idempotency_Key="one")
    again = by_manager.post("/admin/people/invite", {"people": people, "groups": ["Staff"]}, Idempotency_Key="one")

    assert first.status_code == 201, first.content
    assert [each["outcome"] for each in first.json()["items"]] == ["new", "refused", "exists"]
    assert first.json() == again.json()
    ada = User.objects.get(email="ada@example.edu")
    assert set(ada.groups.values_list("name", flat=True)) == {"Interns", "Staff"}
    run_tasks()
    assert [message.to for message in mail.outbox].count(["ada@example.edu"]) == 1
    wrong = {"people": [{"email": "b@example.edu"}], "groups": ["Nobody"]}
    assert fields_of(by_manager.post("/admin/people/invite", wrong)) == ["groups"]


def test_closes_and_opens_an_account(by_manager: Program, sandbox: Sandbox) -> None:
    leaving, other = make_staff("leaving"), make_staff("other")
    Intern.objects.create(supervisor=leaving, name="Ada L")
    path = f"/admin/people/{leaving.pk}"

    assert fields_of(by_manager.post(f"{path}/deactivate", {"supervisor": "nobody"})) == ["supervisor"]
    closed = by_manager.post(f"{path}/deactivate", {"supervisor": "other"})

    assert closed.json()["is_active"] is False
    assert Intern.objects.get().supervisor == other
    assert by_manager.post(f"{path}/deactivate", {}).status_code == 409
    assert by_manager.post(f"{path}/activate").json()["is_active"] is True
    assert by_manager.post(f"{path}/activate").status_code == 409
    assert by_manager.post(f"{path}/sign-out").status_code == 204
    assert by_manager.token.last_four in AuditEntry.objects.filter(action="deactivate").get().remark


def test_gives_and_ends_more_budget(by_manager: Program, intern: User, sandbox: Sandbox) -> None:
    path, data = f"/admin/people/{intern.pk}/grants", {"amount_usd": "2", "ends_on": until(), "reason": "thesis"}

    made = by_manager.post(path, data, Idempotency_Key="one")

    assert (made.status_code, made.json()["at_gateway"]) == (201, True), made.content
    assert by_manager.post(path, data, Idempotency_Key="one").json() == made.json()
    assert [each["id"] for each in by_manager.get("/admin/grants").json()["items"]] == [made.json()["id"]]
    assert by_manager.ask("delete", f"{path}/{made.json()['id']}").status_code == 204
    assert by_manager.ask("delete", f"{path}/{made.json()['id']}").status_code == 409
    assert by_manager.get("/admin/grants").json()["items"] == []
    assert len(by_manager.get("/admin/grants?running=false").json()["items"]) == 1
    assert fields_of(by_manager.post(path, data | {"amount_usd": "-1", "ends_on": "2020-01-01"})) == [
        "amount_usd",
        "ends_on",
    ]


def test_creates_renames_and_deletes_a_group_and_changes_its_members(by_admin: Program, intern: User) -> None:
    made = by_admin.post("/admin/groups", {"name": "Office"}, Idempotency_Key="one")
    assert (made.status_code, made.json()["members"]) == (201, 0)
    assert by_admin.post("/admin/groups", {"name": "office"}).json()["code"] == "group"
    path = f"/admin/groups/{made.json()['id']}"
    member = f"{path}/members/{intern.pk}"

    assert [by_admin.ask("put", member).status_code for _time in range(2)] == [204, 409]
    assert [each["id"] for each in by_admin.get(f"{path}/members").json()["items"]] == [intern.pk]
    assert by_admin.ask("patch", path, {"name": "Bureau"}).json()["name"] == "Bureau"
    assert [by_admin.ask("delete", member).status_code for _time in range(2)] == [204, 409]
    assert by_admin.ask("delete", path).status_code == 204
    assert not Group.objects.filter(name="Bureau").exists()


def test_a_group_with_more_rights_is_not_given(by_manager: Program, intern: User) -> None:
    rights = Group.objects.get(name="Admins")
    rights.permissions.add(*rights.permissions.model.objects.filter(codename="delete_session"))
    above = Group.objects.create(name="Above")
    above.permissions.add(*above.permissions.model.objects.filter(codename="add_session"))

    assert by_manager.ask("put", f"/admin/groups/{above.pk}/members/{intern.pk}").status_code == 403
    assert not above.user_set.exists()


def test_a_policy_is_changed_by_those_who_have_read_it(by_admin: Program, sandbox: Sandbox) -> None:
    make_policy("Visitors")
    path = f"/admin/groups/{Group.objects.get(name='Visitors').pk}/policy"
    read = by_admin.get(path)
    changes = {"max_live_keys": 7, "rules": {"personal": {"requests_per_minute": None, "budget_usd": "2.50"}}}

    assert by_admin.ask("patch", path, changes).status_code == 428
    changed = by_admin.ask("patch", path, changes, If_Match=read["ETag"])
    late = by_admin.ask("patch", path, {"max_live_keys": 1}, If_Match=read["ETag"])

    rules = {rule["kind"]: rule for rule in changed.json()["rules"]}
    before = {rule["kind"]: rule for rule in read.json()["rules"]}
    assert (changed.json()["max_live_keys"], rules["personal"]["budget_usd"]) == (7, "2.5")
    assert rules["personal"]["requests_per_minute"] is None
    assert {**before, "personal": None} == {**rules, "personal": None}
    assert (late.status_code, late.json()["code"]) == (412, "precondition_failed")
    assert by_admin.get(path, If_None_Match=changed["ETag"]).status_code == 304
    assert changed["ETag"] != read["ETag"]
    assert "max_live_keys" in str(AuditEntry.objects.get(object_kind="policy", action="change").details)


def test_bad_values_of_a_policy_are_named(by_admin: Program, sandbox: Sandbox) -> None:
    path = "/admin/policies/default"
    etag = by_admin.get(path)["ETag"]
    for changes, field in (
        ({"grace_hours": 10_000}, "grace_hours"),
        ({"group_budget_usd": "5"}, "group_budget_usd"),  # it is of no group
        ({"rules": {"course": {"lifetime_days": 0}}}, "rules.course.lifetime_days"),
        ({"rules": {"personal": {"tokens_per_minute": 0}}}, "rules.personal.tokens_per_minute"),
        ({"rules": {"personal": {"ends_at": "0001-01-01T00:00:00+10:00"}}}, "rules.ends_at"),
        ({"rules": {"personal": {"model_names": ["nothing"]}}}, "rules.personal.model_names"),
    ):
        assert set(fields_of(by_admin.ask("patch", path, changes, If_Match=etag))) == {field}, changes
    assert by_admin.get(path)["ETag"] == etag


def test_a_group_gets_a_policy_of_its_own(by_admin: Program, sandbox: Sandbox) -> None:
    group = Group.objects.create(name="Office")
    path = f"/admin/groups/{group.pk}/policy"
    read = by_admin.get(path)

    assert by_admin.ask("patch", path, {"max_live_keys": 3}, If_Match=read["ETag"]).status_code == 200
    assert by_admin.ask("patch", path, {"max_live_keys": 4}, If_Match=read["ETag"]).status_code == 412
    assert Policy.objects.get(group=group).max_live_keys == 3


def test_requests_are_approved_and_refused_once(by_manager: Program, intern: User, sandbox: Sandbox) -> None:
    request = asked(intern)
    path = f"/admin/requests/{request.pk}"
    (row,) = by_manager.get("/admin/requests").json()["items"]
    assert (row["id"], row["person"], row["amount_usd"], row["why"]) == (str(request.pk), "intern", "2", "thesis")

    granted = by_manager.post(f"{path}/approve", {"amount_usd": "1.50"})

    assert (granted.status_code, granted.json()["amount_usd"]) == (200, "1.5"), granted.content
    assert Grant.objects.get().ends_on == request.ends_on
    assert by_manager.post(f"{path}/approve").status_code == 409
    assert by_manager.get("/admin/requests").json()["items"] == []
    other = asked(intern)
    assert fields_of(by_manager.post(f"/admin/requests/{other.pk}/refuse", {"reason": " "})) == ["reason"]
    refused = by_manager.post(f"/admin/requests/{other.pk}/refuse", {"reason": "later"}).json()
    assert (refused["state"], refused["decided_by"], refused["reason"]) == ("refused", "manager", "later")
    assert len(by_manager.get("/admin/requests?state=").json()["items"]) == 2


def test_data_updates_and_comparisons_are_started_once_in_half_a_minute(by_manager: Program, sandbox: Sandbox) -> None:
    for path in ("/admin/runs", "/admin/reconciliation"):
        cache.delete("usage:asked")
        started, again = by_manager.post(path), by_manager.post(path)
        assert (started.status_code, again.status_code) == (202, 429), path
        assert int(again["Retry-After"]) > 0


def test_differences_from_the_gateway_come_in_pages(by_manager: Program, intern: User, sandbox: Sandbox) -> None:
    assert by_manager.get("/admin/reconciliation").json()["started_at"] is None
    found = Reconciliation.objects.create(ended_at=timezone.now(), keys_here=2)
    key = issue(intern).key
    for name in ("one", "two"):
        Discrepancy.objects.create(reconciliation=found, kind="expiry", fix="sync", key=key, name=name)

    first = by_manager.get("/admin/reconciliation?limit=1").json()
    second = by_manager.get(f"/admin/reconciliation?limit=1&cursor={first['next_cursor']}").json()

    assert [first["items"][0]["name"], second["items"][0]["name"]] == ["two", "one"]
    assert (first["keys_here"], first["items"][0]["key_id"], second["next_cursor"]) == (2, str(key.pk), None)


def test_all_usage_is_a_file_too(by_manager: Program, intern: User, sandbox: Sandbox) -> None:
    answer = by_manager.get("/admin/usage/explore.csv?split=person")

    assert answer["Content-Type"].startswith("text/csv")
    assert Key.objects.count() == 0
