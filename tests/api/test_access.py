"""Permissions: every operation of the API, for every kind of person, as on the pages."""

import re
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.db import transaction
from django.utils import timezone

from accounts.models import AccessRequest, Grant, User
from api.v1 import api
from keys.models import Intern
from tests.api.conftest import Program
from tests.api.test_courses import new_course
from tests.courses.actions import enrol, open_course
from tests.factories import make_policy, make_staff, make_user
from tests.keys.actions import issue
from tests.people.conftest import with_permissions
from tests.portal.test_routes import what_is_stored
from tests.sandbox_process import Sandbox

READERS, ACTORS = ("reader", "policy maker"), ("secretary", "manager", "superuser")
SEEING = (*READERS, *ACTORS)
STRANGERS = ("intern", "staff", "other")
EVERYBODY = (*STRANGERS, *SEEING)
POLICY_MAKERS = ("policy maker", "manager", "superuser")
SUPERVISORS = ("staff", "other", "manager", "superuser")
SEE_ALL_USAGE, REFRESH = ("reader", "manager", "superuser"), ("manager", "superuser")


@dataclass(frozen=True)
class Access:
    """People allowed to call an operation; statuses for `strangers`, who do not see people, and for `others`."""

    allowed: tuple[str, ...]
    strangers: int = 404
    others: int = 404


ALL = Access(EVERYBODY)
OF_STAFF = Access(("staff",))  # of the supervisor, or the teacher
SEEN = Access(SEEING, strangers=403)
SEEN_ONE = Access(SEEING)
ACTED_ON = Access(ACTORS, others=403)
MAY_DECIDE = ("manager", "superuser")
OPERATIONS = {
    **dict.fromkeys(
        ("me", "my_usage", "explore_my_usage", "explore_my_usage_csv", "list_models", "revoke_access_token"), ALL
    ),
    **dict.fromkeys(("list_keys", "create_key", "check_key", "list_interns", "list_courses", "list_requests"), ALL),
    **dict.fromkeys(("get_key", "relabel_key", "renew_key", "replace_secret", "pause_key", "resume_key"), OF_STAFF),
    **dict.fromkeys(("delete_key", "get_intern", "list_intern_keys", "change_intern", "hand_over_intern"), OF_STAFF),
    **dict.fromkeys(("create_intern_key", "renew_intern_key", "replace_intern_secret"), OF_STAFF),
    "delete_intern_key": OF_STAFF,
    "create_intern": ALL,  # whose policy has no interns is refused with 409
    **dict.fromkeys(("explore_interns", "explore_interns_csv"), Access(SUPERVISORS, strangers=403, others=403)),
    "create_course": Access(SUPERVISORS, strangers=403, others=403),
    **dict.fromkeys(("get_course", "change_course", "open_course", "freeze_course", "thaw_course"), OF_STAFF),
    **dict.fromkeys(("end_course", "copy_course", "list_students", "add_students"), OF_STAFF),
    **dict.fromkeys(("add_students_by_name", "remove_student", "create_student_key"), OF_STAFF),
    "replace_student_secret": OF_STAFF,
    **dict.fromkeys(("list_people", "list_all_keys", "list_groups", "list_policies", "list_grants"), SEEN),
    **dict.fromkeys(("get_person", "list_members", "get_policy", "get_default_policy"), SEEN_ONE),
    "invite_people": Access(ACTORS, strangers=403, others=403),
    **dict.fromkeys(("deactivate_person", "activate_person", "sign_out_person", "give_grant", "end_grant"), ACTED_ON),
    **dict.fromkeys(("block_key", "unblock_key", "delete_any_key", "add_member", "remove_member"), ACTED_ON),
    "create_group": Access(POLICY_MAKERS, strangers=403, others=403),
    "rename_group": Access(("superuser",), others=403),  # as it has a policy
    **dict.fromkeys(("delete_group", "change_policy"), Access(POLICY_MAKERS, others=403)),
    "change_default_policy": Access(("manager", "superuser"), others=403),  # of the others it is their own
    **dict.fromkeys(("get_request", "approve_request", "refuse_request"), Access(MAY_DECIDE)),
    **dict.fromkeys(("explore_everyone", "explore_everyone_csv"), Access(SEE_ALL_USAGE, strangers=403, others=403)),
    **dict.fromkeys(("list_runs", "get_reconciliation"), Access(SEE_ALL_USAGE, strangers=403, others=403)),
    **dict.fromkeys(("start_run", "start_reconciliation"), Access(REFRESH, strangers=403, others=403)),
}


def bodies() -> dict[str, Any]:
    """Return a body for each operation whose schema asks for one."""
    until = (timezone.now() + timedelta(days=3)).date().isoformat()
    return {
        "create_key": {"label": "mine", "kind": "temporary"},
        "check_key": {"secret": "x"},
        "relabel_key": {"label": "other"},
        "create_intern": {"name": "Cy"},
        "hand_over_intern": {"supervisor": "other"},
        "create_intern_key": {"label": "theirs"},
        "create_course": new_course(),
        "add_students": {"students": [{"email": "a@example.edu"}]},
        "add_students_by_name": {"names": ["Ada"]},
        "invite_people": {"people": [{"email": "b@example.edu"}]},
        "give_grant": {"amount_usd": "2", "ends_on": until, "reason": "thesis"},
        **dict.fromkeys(("create_group", "rename_group"), {"name": "Office"}),
        "refuse_request": {"reason": "no"},
    }


@pytest.fixture
def programs(intern: User, staff: User, admin: User) -> dict[str, Program]:
    """Return a program of each kind of person."""
    people = {
        "intern": intern,
        "staff": staff,
        "other": make_staff("other"),
        "reader": with_permissions("reader", "view_people", "view_everyone"),
        "policy maker": with_permissions("policy-maker", "manage_policies"),
        "secretary": with_permissions("secretary", "manage_people"),
        "manager": make_user("manager", groups=("Admins",)),
        "superuser": admin,
    }
    return {name: Program(person) for name, person in people.items()}


@pytest.fixture
def ids(programs: dict[str, Program], staff: User, sandbox: Sandbox) -> dict[str, Any]:
    """Return the ids in the addresses: what the staff member has, and a person whom admins may change."""
    make_policy("Visitors")
    person = make_user("somebody", groups=("Visitors",))
    course = open_course(staff)
    key = issue(staff, "for Bo", intern_name="Bo K").key
    about = {"thing": "budget", "amount_usd": 2}
    until = timezone.now() + timedelta(days=1)
    return {
        "key_id": key.pk,
        "intern_id": Intern.objects.get().pk,
        "course_id": course.pk,
        "student_id": enrol(course).pk,
        "person_id": person.pk,
        "group_id": Group.objects.get(name="Visitors").pk,
        "grant_id": Grant.objects.create(person=person, given_by=person, ends_at=until, **about).pk,
        "request_id": AccessRequest.objects.create(person=person, ends_on=until.date(), **about).pk,
    }


def requests(ids: dict[str, Any]) -> Iterator[tuple[str, str, str]]:
    """Yield each operation with its method and its address."""
    for path, methods in api.get_openapi_schema()["paths"].items():
        for method, details in methods.items():
            address = re.sub("{(\\w+)}", lambda name: str(ids[name[1]]), path).removeprefix("/api/v1")
            yield details["operationId"], method, address


def test_every_operation_is_in_the_matrix(ids: dict[str, Any]) -> None:
    assert {name for name, _method, _address in requests(ids)} == OPERATIONS.keys()


def test_whoever_may_not_is_refused_and_changes_nothing(programs: dict[str, Program], ids: dict[str, Any]) -> None:
    data, wrong = bodies(), {}
    for program in programs.values():
        program.get("/me")
    before = what_is_stored()  # after the first use of each token, which is noted

    for name, method, address in requests(ids):
        access = OPERATIONS[name]
        for who in set(EVERYBODY) - set(access.allowed):
            expected = access.strangers if who in STRANGERS else access.others
            status = programs[who].ask(method, address, data.get(name, {})).status_code
            if status != expected:
                wrong[name, who] = status

    assert not wrong
    assert not what_is_stored() - before


def test_whoever_may_is_let_in(programs: dict[str, Program], ids: dict[str, Any]) -> None:
    data, wrong = bodies(), {}
    for name, method, address in requests(ids):
        allowed = OPERATIONS[name].allowed
        for who in allowed if method == "get" else allowed[-1:]:
            with transaction.atomic():
                status = programs[who].ask(method, address, data.get(name, {})).status_code
                transaction.set_rollback(True)
            if status in (401, 403, 404):
                wrong[name, who] = status

    assert not wrong


def test_nobody_acts_on_themselves_or_on_whoever_has_more_rights(
    programs: dict[str, Program], ids: dict[str, Any]
) -> None:
    people = {who: program.token.owner_id for who, program in programs.items()}
    pairs = [("secretary", "secretary"), ("manager", "manager"), ("secretary", "manager"), ("manager", "superuser")]

    for who, whom in pairs:
        for name, method, address in requests(ids | {"person_id": people[whom]}):
            if "/admin/people/" in address and method == "post" and name != "invite_people":
                assert programs[who].ask(method, address, bodies().get(name, {})).status_code == 403, (who, whom, name)
    assert not User.objects.filter(is_active=False).exists()


def test_unknown_ids_are_not_found(programs: dict[str, Program], ids: dict[str, Any]) -> None:
    unknown = {name: uuid.uuid4() if isinstance(value, uuid.UUID) else 10**9 for name, value in ids.items()}
    for name, method, address in requests(unknown):
        if str(unknown["person_id"]) in address or any(str(value) in address for value in unknown.values()):
            assert programs["superuser"].ask(method, address, bodies().get(name, {})).status_code == 404, name
