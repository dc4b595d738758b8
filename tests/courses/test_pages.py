"""The pages of teachers: their list, the form, the page of a course and its buttons."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django.asserts import assertContains, assertNotContains, assertRedirects

from accounts.models import User
from courses.models import Course
from keys.models import GatewayModel, Key
from tests.conftest import signed_in
from tests.courses.actions import enrol, follow, get_key, make_course, open_course
from tests.factories import make_staff
from tests.sandbox_process import Sandbox

pytestmark = pytest.mark.django_db
HTMX = {"HX-Request": "true"}


def filled_in(**fields: Any) -> dict[str, Any]:
    """Return the form of a course for the coming week, as a browser sends it."""
    start = timezone.now() + timedelta(days=1)
    GatewayModel.objects.get_or_create(name="gpt-4o-mini")
    about = {
        "name": "Databases",
        "code": "INF-201",
        "starts_at": f"{start:%Y-%m-%dT08:00}",
        "ends_at": f"{start + timedelta(days=4):%Y-%m-%dT20:00}",
        "time_zone": "Europe/Paris",
        "max_students": 40,
        "key_budget_usd": "1",
        "budget_usd": "40",
        "rpm_limit": 20,
        "model_names": ["gpt-4o-mini"],
    }
    return {**about, **fields}


def address(name: str, course: Course) -> str:
    return reverse(f"courses:{name}", args=[course.pk])


def test_a_teacher_without_courses_is_offered_one_and_an_intern_is_not(as_staff: Client, as_intern: Client) -> None:
    assertContains(as_staff.get(reverse("courses:index")), reverse("courses:create"))
    assertNotContains(as_intern.get(reverse("courses:index")), reverse("courses:create"))
    assert as_intern.get(reverse("courses:create")).status_code == 403
    assertContains(as_staff.get("/"), reverse("courses:index"))
    assertNotContains(as_intern.get("/"), reverse("courses:index"))


def test_a_course_is_made_from_the_form_in_its_own_zone(as_staff: Client, staff: User) -> None:
    page = as_staff.get(reverse("courses:create"))
    assertContains(page, "gateway’s models are not known yet")

    response = as_staff.post(reverse("courses:create"), filled_in())

    course = Course.objects.get()
    assertRedirects(response, address("course", course))
    assert f"{course.starts_at:%H:%M} {course.team.ends_at:%H:%M}" in ("07:00 19:00", "06:00 18:00")
    assert (course.team.model_names, course.team.rpm_limit) == (["gpt-4o-mini"], 20)
    assertContains(as_staff.get(reverse("courses:index")), "INF-201")


def test_refuses_what_makes_no_course(as_staff: Client) -> None:
    yesterday = timezone.now() - timedelta(days=1)
    over = f"{yesterday:%Y-%m-%dT%H:%M}"
    wrong: dict[str, dict[str, Any]] = {
        "after the start": {"ends_at": over},
        "is over": {"starts_at": f"{yesterday - timedelta(days=1):%Y-%m-%dT%H:%M}", "ends_at": over},
        "at least one model": {"model_names": []},
        "greater than or equal to 0.01": {"budget_usd": "0"},
        "less than or equal to 2000": {"max_students": 2001},
        "no time zone": {"time_zone": "Mars/Base"},
    }
    for words, fields in wrong.items():
        assertContains(as_staff.post(reverse("courses:create"), filled_in(**fields)), words, status_code=422)


def test_refuses_dates_at_the_edges_of_the_calendar(as_staff: Client) -> None:
    first, last = "0001-01-01T00:00", "9999-12-31T23:59"
    for fields in (
        {"starts_at": first, "time_zone": "Asia/Tokyo"},
        {"ends_at": last, "time_zone": "America/New_York"},
        {"ends_at": last, "time_zone": "UTC"},  # a copy of it would end a year later
    ):
        page = as_staff.post(reverse("courses:create"), filled_in(**fields))
        assertContains(page, "within ten years", status_code=422)
    assert not Course.objects.exists()
    assert not Course.objects.exists()


def test_a_change_reaches_the_team_and_one_beyond_the_policy_does_not(
    as_staff: Client, staff: User, sandbox: Sandbox
) -> None:
    course = open_course(staff, model_names=["gpt-4o-mini"])

    changed = as_staff.post(address("edit", course), filled_in(name="SQL", budget_usd="50", cost_centre="C-1"))
    assertRedirects(changed, address("course", course))
    assertContains(as_staff.get(address("course", course)), "C-1")
    too_much = as_staff.post(address("edit", course), filled_in(budget_usd="5000"))

    assertContains(too_much, "more than your policy allows: budget in all", status_code=409)
    course = Course.objects.get()
    assert (course.name, course.team.budget_usd, course.cost_centre) == ("SQL", Decimal(50), "C-1")


def test_a_course_is_opened_frozen_thawed_and_ended_by_its_buttons(
    as_staff: Client, staff: User, sandbox: Sandbox
) -> None:
    course = make_course(staff)
    states = {"open": "open", "freeze": "frozen", "thaw": "open", "end": "ended"}
    for action, state in states.items():
        assertContains(as_staff.get(address("course", course)), address(action, course))
        assertContains(as_staff.get(address(action, course)), "<form")
        assert Course.objects.get().state != state
        assertRedirects(as_staff.post(address(action, course)), address("course", course))
        assert Course.objects.get().state == state
        assert as_staff.post(address(action, course)).status_code == 409
    assertNotContains(as_staff.get(address("course", course)), address("end", course))


def test_a_copy_is_shown(as_staff: Client, staff: User) -> None:
    course = make_course(staff)

    response = as_staff.post(address("copy", course), follow=True)

    assertContains(response, "This is the copy")
    assert Course.objects.count() == 2


def test_the_page_says_how_many_keys_still_have_to_follow(as_staff: Client, staff: User, sandbox: Sandbox) -> None:
    course = open_course(staff)
    get_key(enrol(course))
    as_staff.post(address("freeze", course))

    page = as_staff.get(address("progress", course), headers=HTMX)
    assertContains(page, "1 key is still to be blocked")
    assertNotContains(page, "<html")
    follow(course)
    assertNotContains(as_staff.get(address("progress", course), headers=HTMX), "still to be")
    assert Key.objects.get().blocked_for_team


def test_a_draft_beyond_the_policy_says_so_and_cannot_be_opened(as_staff: Client, staff: User) -> None:
    course = make_course(staff, max_students=500)

    assertContains(as_staff.get(address("course", course)), "more than your policy allows: students at most")
    assert as_staff.post(address("open", course)).status_code == 409


def test_says_that_the_gateway_does_not_answer(as_staff: Client, staff: User, sandbox: Sandbox) -> None:
    course = make_course(staff)
    sandbox.faults("/team/update", "drop_before", times=9)

    assertContains(as_staff.post(address("open", course)), "does not answer", status_code=503)
    assert Course.objects.get().state == Course.State.DRAFT


def test_teachers_come_and_go_but_never_the_last(as_staff: Client, staff: User) -> None:
    course, colleague = make_course(staff), make_staff("colleague")
    leaving = reverse("courses:remove_teacher", args=[course.pk, staff.pk])
    assert as_staff.post(leaving).status_code == 409
    assertContains(
        as_staff.post(address("add_teacher", course), {"who": "nobody"}), "No active account", status_code=409
    )

    assertRedirects(as_staff.post(address("add_teacher", course), {"who": colleague.email}), address("course", course))
    assertContains(as_staff.get(leaving), "no longer sees the course")
    assertRedirects(as_staff.post(leaving), reverse("courses:index"))

    assert as_staff.get(address("course", course)).status_code == 404
    assert signed_in(colleague).get(address("course", course)).status_code == 200


def test_a_course_is_nobody_elses(
    as_staff: Client, as_intern: Client, as_admin: Client, intern: User, sandbox: Sandbox
) -> None:
    """Nor an administrator's or a student's: each teacher's page is 404, whatever the method."""
    course = open_course(make_staff("teacher"))
    enrol(course, intern)
    names = ("course", "progress", "edit", "open", "freeze", "thaw", "end", "copy", "add_teacher")
    addresses = [address(name, course) for name in names]
    addresses.append(reverse("courses:remove_teacher", args=[course.pk, course.created_by_id]))
    seen = {
        (there, browser.get(there).status_code, browser.post(there).status_code)
        for there in addresses
        for browser in (as_staff, as_intern, as_admin)
    }

    assert [each for each in seen if not {404, 405} >= {each[1], each[2]}] == []
    assert Course.objects.get().state == Course.State.OPEN


def test_people_who_manage_people_act_for_teachers_without_an_account(
    as_staff: Client, as_admin: Client, staff: User, sandbox: Sandbox
) -> None:
    course, colleague = open_course(make_staff("teacher")), make_staff("colleague")
    add_teacher = address("add_teacher", course)
    assert as_admin.post(add_teacher, {"who": colleague.email}).status_code == 404
    User.objects.filter(teaches__course=course).update(is_active=False)

    assert as_staff.get(address("course", course)).status_code == 404
    assertContains(as_admin.get(reverse("teaching:course", args=[course.pk])), address("course", course))
    assertContains(as_admin.get(address("course", course)), add_teacher)
    assertRedirects(as_admin.post(address("freeze", course)), address("course", course))
    assertRedirects(as_admin.post(add_teacher, {"who": colleague.email}), reverse("courses:index"))

    assert Course.objects.get().state == Course.State.FROZEN
    assert as_admin.get(address("course", course)).status_code == 404
    assert signed_in(colleague).get(address("course", course)).status_code == 200


def test_actions_are_posted(as_staff: Client, staff: User) -> None:
    course = make_course(staff)

    assert as_staff.get(address("add_teacher", course)).status_code == 405
    assert as_staff.post(address("course", course)).status_code == 405
    assert as_staff.delete(address("end", course)).status_code == 405
