"""Interns of supervisors, courses of teachers, and what admins read and do: for every kind of person."""

import uuid

import pytest
from django.core import mail
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import AuditEntry, User
from courses.models import Course
from keys.models import Intern, Key
from tests.api.conftest import Program
from tests.courses.actions import enrol, follow, get_key, open_course
from tests.factories import make_staff, make_user
from tests.keys.actions import issue
from tests.people.conftest import with_permissions
from tests.sandbox_process import Sandbox
from tests.tasks import run_tasks
from tests.usage.views.facts import used

ADMIN_LISTS = ("people", "keys", "groups", "policies")


@pytest.fixture
def people(intern: User, staff: User, admin: User) -> dict[str, Program]:
    """Return a program of each kind of person."""
    others = {
        "reader": with_permissions("reader", "view_people", "view_everyone"),
        "secretary": with_permissions("secretary", "manage_people"),
        "manager": make_user("manager", groups=("Admins",)),
    }
    return {
        name: Program(person) for name, person in {"intern": intern, "staff": staff, "admin": admin, **others}.items()
    }


def statuses(people: dict[str, Program], method: str, path: str) -> dict[str, int]:
    return {name: program.ask(method, path).status_code for name, program in people.items()}


def test_lists_of_admins_are_for_those_who_may_see_people(people: dict[str, Program], intern: User) -> None:
    expected = dict.fromkeys(people, 200) | {"intern": 403, "staff": 403}

    for name in ADMIN_LISTS:
        assert statuses(people, "get", f"/admin/{name}") == expected, name
    assert statuses(people, "get", f"/admin/people/{intern.pk}") == expected | {"intern": 404, "staff": 404}
    of_usage = dict.fromkeys(people, 403) | {"reader": 200, "manager": 200, "admin": 200}
    assert statuses(people, "get", "/admin/usage/explore?split=person") == of_usage
    assert statuses(people, "get", "/admin/runs") == of_usage


def test_admins_read_people_keys_groups_and_policies(
    people: dict[str, Program], intern: User, sandbox: Sandbox
) -> None:
    key = issue(intern).key
    used(key, "1.5")
    reader = people["reader"]

    names = [person["username"] for person in reader.get("/admin/people?limit=100").json()["items"]]
    assert sorted(names) == sorted(User.objects.values_list("username", flat=True))
    assert reader.get(f"/admin/people/{intern.pk}").json()["groups"] == ["Interns"]
    (row,) = reader.get(f"/admin/keys?owner_id={intern.pk}").json()["items"]
    assert (row["id"], row["owner"], row["spent_30_days_usd"]) == (str(key.pk), "intern", "1.5")
    of_groups = {name: reader.get(f"/admin/keys?group={name}").json()["items"] for name in ("Interns", "Staff", "%00")}
    assert of_groups == {"Interns": [row], "Staff": [], "%00": []}
    assert reader.get("/admin/keys?owner_id=99999999999999999999").json()["items"] == []
    assert "Interns" in [group["name"] for group in reader.get("/admin/groups").json()["items"]]
    policies = reader.get("/admin/policies").json()["items"]
    assert policies[0]["group"] is None
    assert {rule["kind"] for rule in policies[0]["rules"]} >= {"temporary", "personal"}
    assert reader.get("/admin/usage/explore?split=person&period=7d").json()["lines"][0]["value"] == "intern"


def test_keys_are_blocked_unblocked_and_deleted_by_those_who_may_manage_their_owner(
    people: dict[str, Program], intern: User, sandbox: Sandbox
) -> None:
    key = issue(intern).key
    path = f"/admin/keys/{key.pk}"
    run_tasks()
    mail.outbox.clear()  # about the new access tokens
    for method, more in (("post", "/block"), ("post", "/unblock"), ("delete", "")):
        refused = {name: people[name].ask(method, path + more).status_code for name in ("intern", "staff", "reader")}
        assert refused == {"intern": 404, "staff": 404, "reader": 403}, more
    assert not Key.objects.get().blocked

    secretary = people["secretary"]
    assert secretary.post(f"{path}/block").json()["is_blocked"] is True
    assert secretary.post(f"{path}/unblock").json()["is_blocked"] is False
    assert secretary.ask("delete", path).status_code == 204
    assert secretary.ask("delete", path).status_code == 409
    assert secretary.ask("delete", f"/admin/keys/{uuid.uuid4()}").status_code == 404
    run_tasks()
    assert [message.to for message in mail.outbox] == [[intern.email]] * 3
    assert secretary.token.last_four in AuditEntry.objects.filter(action="block").get().remark


def test_the_key_of_somebody_with_more_rights_is_not_touched(
    people: dict[str, Program], admin: User, sandbox: Sandbox
) -> None:
    key = issue(admin).key

    assert people["secretary"].post(f"/admin/keys/{key.pk}/block").status_code == 403
    assert not Key.objects.get().blocked


def test_a_supervisor_reads_their_interns_and_nobody_elses(
    people: dict[str, Program], staff: User, sandbox: Sandbox
) -> None:
    key = issue(staff, "for Ada", intern_name="Ada L", intern_email="ada@example.edu").key
    used(key, "2")
    other = issue(make_staff("other"), "for Bo", intern_name="Bo K").key
    program, ada = people["staff"], Intern.objects.get(name="Ada L")

    (row,) = program.get("/interns").json()["items"]
    assert (row["id"], row["name"]) == (str(ada.pk), "Ada L")
    assert program.get(f"/interns/{ada.pk}").json() == row
    assert [each["id"] for each in program.get(f"/interns/{ada.pk}/keys").json()["items"]] == [str(key.pk)]
    assert program.get("/interns/usage/explore?period=7d").json()["total"] == "2"
    for more in ("", "/keys"):
        assert program.get(f"/interns/{other.intern_id}{more}").status_code == 404
        assert people["admin"].get(f"/interns/{ada.pk}{more}").status_code == 404
    assert people["intern"].get("/interns/usage/explore").status_code == 403


def test_a_teacher_reads_and_freezes_their_course_and_nobody_elses(
    people: dict[str, Program], staff: User, sandbox: Sandbox
) -> None:
    course = open_course(staff)
    student = enrol(course, name="Ada L")
    get_key(student)
    path, program = f"/courses/{course.pk}", people["staff"]

    (row,) = program.get("/courses").json()["items"]
    assert (row["id"], row["state"], row["students"], row["budget_usd"]) == (str(course.pk), "open", 1, "40")
    assert [each["name"] for each in program.get(f"{path}/students").json()["items"]] == ["Ada L"]
    assert program.post(f"{path}/freeze").json()["state"] == "frozen"
    follow(course)
    assert Key.objects.get().blocked
    assert program.post(f"{path}/freeze").status_code == 409
    assert program.post(f"{path}/thaw").json()["state"] == "open"
    for name in ("intern", "admin", "secretary"):
        asked = [("get", ""), ("get", "/students"), ("post", "/freeze"), ("post", "/thaw")]
        assert {people[name].ask(method, path + more).status_code for method, more in asked} == {404}, name
        assert people[name].get("/courses").json()["items"] == []
    assert Course.objects.get().state == "open"


def test_a_deletion_that_the_gateway_has_not_confirmed_is_said_and_mailed(
    people: dict[str, Program], intern: User, sandbox: Sandbox
) -> None:
    for name, path in (("secretary", "/admin/keys"), ("intern", "/me/keys")):
        key = issue(intern, f"of {name}").key
        run_tasks()
        mail.outbox.clear()
        sandbox.faults("/key/delete", "error")

        answer = people[name].ask("delete", f"{path}/{key.pk}")

        assert (answer.status_code, answer.json()["code"]) == (503, "gateway_unavailable")
        assert "not confirmed" in answer.json()["detail"]
        key.refresh_from_db()
        assert key.state == Key.State.DELETING
        run_tasks()
        assert len(mail.outbox) == (1 if name == "secretary" else 0)


def test_a_list_costs_as_many_queries_for_many_courses_as_for_one(staff: User, sandbox: Sandbox) -> None:
    program, numbers = Program(staff), []
    for name in ("one", "two", "three"):
        enrol(open_course(staff, name=name), name="Ada L")
        program.get("/courses")  # notes the use of the token, and the minute
        with CaptureQueriesContext(connection) as queries:
            assert program.get("/courses").json()["items"][0]["students"] == 1
        numbers.append(sum("SELECT COUNT" in each["sql"] or "courses_" in each["sql"] for each in queries))

    assert len(set(numbers)) == 1, numbers
