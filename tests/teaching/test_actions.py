"""Actions of a teacher on students: asked once, at the gateway, audited, with a mail where it matters."""

import uuid
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from pytest_django.asserts import assertContains

from accounts.models import AuditEntry, HourlyCount, User
from courses.models import Course, Student
from courses.services import change_course
from keys.models import Key
from keys.services import KeyRefused, block_key, unblock_key
from teaching import services as teaching_services
from teaching.services import StudentAction, choose_students
from tests.conftest import signed_in
from tests.courses.actions import acting, enrol, follow, get_key, open_course
from tests.keys.actions import BY_TEST
from tests.keys.views.pages import words_of
from tests.sandbox_process import Sandbox
from tests.teaching.courses import make_course


@pytest.fixture
def course(staff: User, sandbox: Sandbox) -> Course:
    """Return an open course of two students with keys at the gateway, and one without."""
    course = open_course(staff)
    for name in ("Ada", "Bob", "Cyd"):
        student = enrol(course, name=name)
        if name != "Cyd":
            get_key(student)
    return course


def student_of(course: Course, name: str) -> Student:
    return Student.objects.select_related("key").get(course=course, name=name)


def key_of(course: Course, name: str) -> Key:
    key = student_of(course, name).key
    assert key
    return key


def do(client: Client, course: Course, action: str, *names: str, **more: Any) -> Any:
    ids = ",".join(str(student_of(course, name).pk) for name in names)
    form = {"action": action, "students": ids, **more}
    return client.post(reverse("teaching:action", args=[course.pk]), form, follow=True)


def test_asks_once_and_says_who_is_left_out(as_staff: Client, course: Course) -> None:
    address = reverse("teaching:action", args=[course.pk])

    text = words_of(as_staff.get(address, {"action": "block", "all": "1"}))

    assert "Block the keys of 2 students?" in text
    assert "1 student is left out Cyd : has no key" in text
    assert not Key.objects.filter(blocked=True).exists()
    assert as_staff.get(address, {"action": "nonsense"}).status_code == 404
    assert as_staff.get(address, {"action": "block", "student": "nonsense"}).status_code == 422


def test_tops_up_all_and_the_gateway_has_it(as_staff: Client, course: Course, sandbox: Sandbox) -> None:
    page = do(as_staff, course, "top_up", "Ada", "Bob", amount_usd="0.50")
    assert "The budgets of 2 students are topped up" in words_of(page)
    do(as_staff, course, "top_up", "Ada", amount_usd="0.25")

    follow(course)

    budgets = {each["key_alias"]: Decimal(str(each["max_budget"])) for each in sandbox.live_keys()}
    assert sorted(budgets.values()) == [Decimal("1.5"), Decimal("1.75")]
    assert key_of(course, "Ada").budget_usd == Decimal("1.75")
    assert AuditEntry.objects.filter(code="limits.set").count() == 3


def test_a_top_up_beyond_the_policy_is_refused_for_all(as_staff: Client, course: Course, sandbox: Sandbox) -> None:
    do(as_staff, course, "top_up", "Ada", amount_usd="0.50")

    page = do(as_staff, course, "top_up", "Ada", "Bob", amount_usd="0.75")

    assert page.status_code == 409
    assert "more than your policy allows: budget of each student" in words_of(page)
    follow(course)
    assert sorted(each["max_budget"] for each in sandbox.live_keys()) == [1, 1.5]


def test_a_form_tops_up_once_and_a_raise_for_all_reaches_everybody(
    as_staff: Client, course: Course, staff: User, sandbox: Sandbox
) -> None:
    form = {"amount_usd": "0.5", "request_id": str(uuid.uuid4())}
    do(as_staff, course, "top_up", "Ada", **form)
    assert "This form was sent twice." in words_of(do(as_staff, course, "top_up", "Ada", **form))

    change_course(course=course, actor=acting(staff), values={"key_budget_usd": Decimal("1.25")})
    follow(course)

    assert sorted(each["max_budget"] for each in sandbox.live_keys()) == [1.25, 1.75]
    page = as_staff.get(reverse("teaching:action", args=[course.pk]), {"action": "top_up", "all": "1"})
    assertContains(page, 'name="request_id" value="')


def test_blocks_and_unblocks_at_the_gateway(as_staff: Client, course: Course, sandbox: Sandbox) -> None:
    assert "1 key is blocked." in words_of(do(as_staff, course, "block", "Ada"))
    assert [bool(each["blocked"]) for each in sandbox.live_keys()].count(True) == 1

    do(as_staff, course, "unblock", "Ada")

    assert not any(each["blocked"] for each in sandbox.live_keys())
    assert AuditEntry.objects.filter(action__in=("block", "unblock"), outcome="done").count() == 2


def test_an_ended_key_is_followed_by_another_with_what_was_added(
    as_staff: Client, course: Course, sandbox: Sandbox
) -> None:
    do(as_staff, course, "top_up", "Ada", amount_usd="1")
    do(as_staff, course, "new_key", "Ada")
    assert len(sandbox.live_keys()) == 1

    get_key(student_of(course, "Ada"))

    assert sorted(each["max_budget"] for each in sandbox.live_keys()) == [1, 2]
    assert follow(course) == 0
    assert key_of(course, "Ada").budget_usd == 2


def test_a_blocked_student_gets_no_other_key(as_staff: Client, course: Course, sandbox: Sandbox) -> None:
    do(as_staff, course, "block", "Ada")
    key = key_of(course, "Ada")
    browser = signed_in(key.owner)

    assert browser.post(reverse("keys:delete", args=[key.pk])).status_code == 409
    assert browser.post(reverse("courses:get_key", args=[course.pk])).status_code == 409
    assert [bool(each["blocked"]) for each in sandbox.live_keys()].count(True) == 1


def test_a_teacher_ends_no_block_of_an_admin(as_staff: Client, course: Course, sandbox: Sandbox) -> None:
    do(as_staff, course, "block", "Ada")
    block_key(key=key_of(course, "Ada"), actor=BY_TEST)  # takes over

    page = do(as_staff, course, "unblock", "Ada")

    assert page.status_code == 422
    assert "an administrator has blocked the key" in words_of(page)
    with pytest.raises(KeyRefused):
        unblock_key(key=key_of(course, "Ada"), actor=BY_TEST, as_teacher=True)
    unblock_key(key=key_of(course, "Ada"), actor=BY_TEST)
    assert not any(each["blocked"] for each in sandbox.live_keys())


def test_removes_a_student_and_their_key(as_staff: Client, course: Course, sandbox: Sandbox) -> None:
    assert "2 students are removed" in words_of(do(as_staff, course, "remove", "Ada", "Cyd"))

    assert len(sandbox.live_keys()) == 1
    assert student_of(course, "Ada").left_at
    assert do(as_staff, course, "remove", "Ada").status_code == 422


def test_says_so_when_the_gateway_is_away(as_staff: Client, course: Course, sandbox: Sandbox) -> None:
    sandbox.faults("/key/block", "drop_before", times=2)

    page = do(as_staff, course, "block", "Ada", "Bob")

    assert "The gateway did not answer: 2 students are not done." in words_of(page)
    assert not Key.objects.filter(blocked=True).exists()


def test_refuses_bad_amounts_too_many_actions_and_courses_that_ended(
    as_staff: Client, course: Course, staff: User
) -> None:
    assert do(as_staff, course, "top_up", "Ada", amount_usd="-1").status_code == 422
    assert do(as_staff, course, "top_up", "Ada").status_code == 422
    do(as_staff, course, "top_up", "Ada", amount_usd="1")
    HourlyCount.objects.update(amount=10_000)
    assert do(as_staff, course, "top_up", "Ada", amount_usd="1").status_code == 429
    over = make_course(staff, name="Over", state=Course.State.ENDED)
    assert as_staff.get(reverse("teaching:action", args=[over.pk]), {"action": "block"}).status_code == 409


def test_students_of_other_courses_are_never_chosen(course: Course, staff: User) -> None:
    other = Student.objects.get(pk=enrol(open_course(staff, name="Other"), name="Zoe").pk)

    chosen = choose_students(
        course, [other.pk, uuid.uuid4(), student_of(course, "Ada").pk], action=StudentAction.REMOVE
    )

    assert [each.name for each in chosen] == ["Ada"]


def test_a_top_up_reaches_only_keys_of_the_course(course: Course, staff: User) -> None:
    other = open_course(staff, name="Other")
    zoe = enrol(other, name="Zoe")
    get_key(zoe)
    zoe.refresh_from_db()

    number = teaching_services.top_up_students(course, [zoe], amount_usd=Decimal(1), actor=acting(staff))

    assert number == 0
