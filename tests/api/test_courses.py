"""What teachers do with their courses by the API: as on the pages, with the same rules and the same trail."""

from datetime import timedelta
from typing import Any

from django.utils import timezone

from accounts.models import User
from courses.models import Course, Student
from keys.models import GatewayModel, Key
from tests.api.conftest import Program
from tests.courses.actions import enrol, follow, get_key, make_course, open_course
from tests.sandbox_process import Sandbox


def new_course(**values: Any) -> dict[str, Any]:
    GatewayModel.objects.get_or_create(name="gpt-4o-mini")
    now = timezone.now()
    return {
        "name": "Databases",
        "time_zone": "Europe/Paris",
        "starts_at": now.isoformat(),
        "ends_at": (now + timedelta(days=7)).isoformat(),
        "max_students": 3,
        "budget_usd": "3",
        "key_budget_usd": "1",
        "requests_per_minute": 10,
        "model_names": ["gpt-4o-mini"],
        **values,
    }


def test_creates_a_course_once_changes_opens_copies_and_ends_it(by_staff: Program, sandbox: Sandbox) -> None:
    data = new_course()
    made = by_staff.post("/courses", data, Idempotency_Key="one")
    again = by_staff.post("/courses", data, Idempotency_Key="one")

    assert (made.status_code, made.json()) == (201, again.json())
    course = Course.objects.select_related("team").get()
    assert abs(course.starts_at - timezone.now()) < timedelta(minutes=1)
    path = f"/courses/{course.pk}"
    assert by_staff.post(f"{path}/open").json()["state"] == "open"
    ends_at = made.json()["ends_at"]
    changed = by_staff.ask("patch", path, {"time_zone": "UTC", "key_budget_usd": "0.5", "requests_per_minute": None})
    found = [changed.json()[name] for name in ("time_zone", "key_budget_usd", "requests_per_minute", "ends_at")]
    assert found == ["UTC", "0.5", None, ends_at]
    copied = by_staff.post(f"{path}/copy", Idempotency_Key="two")
    assert (copied.status_code, copied.json()["state"]) == (201, "draft")
    assert by_staff.post(f"{path}/end").json()["state"] == "ended"
    assert by_staff.post(f"{path}/end").status_code == 409
    assert Course.objects.count() == 2


def test_bad_values_are_named_as_the_api_names_them(by_staff: Program, sandbox: Sandbox) -> None:
    for values, field in (
        ({"requests_per_minute": 0}, "requests_per_minute"),
        ({"time_zone": "Mars/Base"}, "time_zone"),
        ({"ends_at": "9999-12-31T23:59:59-12:00"}, "ends_at"),
        ({"starts_at": "0001-01-01T00:00:00+12:00"}, "starts_at"),
        ({"starts_at": "2026-01-01T00:00:00"}, "starts_at"),
        ({"model_names": ["nothing"]}, "model_names"),
    ):
        answer = by_staff.post("/courses", new_course(**values))
        assert answer.status_code == 422, values
        assert [each["field"] for each in answer.json()["errors"]] == [field], values
    assert not Course.objects.exists()


def test_a_course_beyond_the_policy_is_not_opened(by_staff: Program, by_intern: Program, sandbox: Sandbox) -> None:
    path = f"/courses/{by_staff.post('/courses', new_course(budget_usd='999999')).json()['id']}"

    answer = by_staff.post(f"{path}/open")

    assert (answer.status_code, answer.json()["code"]) == (409, "course")
    assert by_intern.post("/courses", new_course()).status_code == 403


def test_students_come_in_and_out(by_staff: Program, staff: User, intern: User, sandbox: Sandbox) -> None:
    course = open_course(staff, max_students=2)
    path = f"/courses/{course.pk}/students"
    students = [{"email": "new@example.edu", "name": "New, One"}, {"email": "x"}, {"email": intern.email.upper()}]

    added = by_staff.post(path, {"students": students}, Idempotency_Key="one").json()

    assert [each["outcome"] for each in added["items"]] == ["new", "refused", "known"]
    assert added == by_staff.post(path, {"students": students}, Idempotency_Key="one").json() | {"added": 2}
    assert by_staff.post(path, {"students": [{"email": "late@example.edu"}]}).json()["added"] == 0
    student = Student.objects.get(account=intern)
    get_key(student)
    assert by_staff.ask("delete", f"{path}/{student.pk}").status_code == 204
    assert by_staff.ask("delete", f"{path}/{student.pk}").status_code == 404
    assert Key.objects.get().state == Key.State.DELETED


def test_keys_are_handed_out_to_students_without_an_account(
    by_staff: Program, staff: User, intern: User, sandbox: Sandbox
) -> None:
    course = open_course(staff)
    path = f"/courses/{course.pk}/students"
    assert by_staff.post(f"{path}/without-account", {"names": ["Ada", "Ada", "Bo"]}).json() == {"added": 2}
    assert by_staff.post(f"{path}/without-account", {"names": ["\u200b"]}).status_code == 422
    ada, known = Student.objects.get(name="Ada"), enrol(course, intern)

    made = by_staff.post(f"{path}/{ada.pk}/key", Idempotency_Key="one")

    assert made.status_code == 201, made.content
    assert made.json()["secret"] in sandbox.issued_secrets()
    assert by_staff.post(f"{path}/{ada.pk}/key", Idempotency_Key="one").json()["secret"] is None
    assert by_staff.post(f"{path}/{ada.pk}/key").status_code == 409
    assert by_staff.post(f"{path}/{known.pk}/key").status_code == 409
    replaced = by_staff.post(f"{path}/{ada.pk}/key/replace", Idempotency_Key="two").json()
    assert replaced["secret"] == sandbox.issued_secrets()[-1] != made.json()["secret"]
    assert by_staff.post(f"{path}/{known.pk}/key/replace").status_code == 409
    by_staff.post(f"/courses/{course.pk}/freeze")
    follow(course)
    bo = Student.objects.get(name="Bo")
    assert by_staff.post(f"{path}/{bo.pk}/key").status_code == 409
    assert Key.objects.count() == 1


def test_a_key_that_the_gateway_does_not_create_is_said(by_staff: Program, staff: User, sandbox: Sandbox) -> None:
    path = f"/courses/{open_course(staff).pk}/students"
    by_staff.post(f"{path}/without-account", {"names": ["Ada"]})
    sandbox.faults("/key/generate", "error")

    answer = by_staff.post(f"{path}/{Student.objects.get().pk}/key")

    assert (answer.status_code, answer.json()["code"]) == (503, "gateway_unavailable")


def test_the_course_of_another_teacher_is_not_found(by_admin: Program, staff: User, sandbox: Sandbox) -> None:
    course = make_course(staff)
    student = enrol(course)
    path = f"/courses/{course.pk}"
    for method, more, data in (
        ("patch", "", {"name": "x"}),
        ("post", "/open", None),
        ("post", "/end", None),
        ("post", "/copy", None),
        ("post", "/students", {"students": [{"email": "a@example.edu"}]}),
        ("post", "/students/without-account", {"names": ["Ada"]}),
        ("delete", f"/students/{student.pk}", None),
        ("post", f"/students/{student.pk}/key", None),
        ("post", f"/students/{student.pk}/key/replace", None),
    ):
        assert by_admin.ask(method, path + more, data).status_code == 404, more
    assert Course.objects.get().state == "draft"
