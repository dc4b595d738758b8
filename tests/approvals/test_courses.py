"""A course beyond a policy: requested with its values, granted, refused, and what the grant allows."""

from datetime import datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django.asserts import assertContains, assertRedirects

from accounts.models import AccessRequest, Grant, User
from accounts.policies import policy_of
from courses import services
from courses.models import Course
from keys.models import Team
from tests.courses.actions import acting, enrol, follow, get_key, make_course, open_course
from tests.factories import make_staff
from tests.sandbox_process import Sandbox

pytestmark = pytest.mark.django_db


def request_it(browser: Client, course: Course) -> AccessRequest:
    address = reverse("approvals:ask_course", args=[course.pk])
    assertContains(browser.get(address), "more than your policy allows")
    assertRedirects(browser.post(address, {"why": "A lecture"}), reverse("courses:course", args=[course.pk]))
    return AccessRequest.objects.get()


def test_a_granted_course_opens_with_these_values_and_no_larger(
    as_staff: Client, as_admin: Client, staff: User, sandbox: Sandbox
) -> None:
    course = make_course(staff, max_students=300, budget_usd=Decimal(300))
    before = policy_of(staff)
    asked = request_it(as_staff, course)
    assertContains(as_admin.get(reverse("approvals:detail", args=[asked.pk])), "300")

    as_admin.post(reverse("approvals:approve", args=[asked.pk]), {"ends_on": f"{asked.ends_on:%Y-%m-%d}"})

    assert Grant.objects.get().amount_usd == 300
    assert policy_of(staff).person_budget_usd == before.person_budget_usd
    services.change_course(course=course, actor=acting(staff), values={"max_students": 301})
    with pytest.raises(services.CourseRefused, match="students at most"):
        services.open_course(course=course, actor=acting(staff))
    services.change_course(course=course, actor=acting(staff), values={"max_students": 300})
    services.open_course(course=course, actor=acting(staff))
    assertContains(as_staff.get(reverse("approvals:index")), "Databases")


def test_a_refused_or_ended_grant_opens_nothing(
    as_staff: Client, as_admin: Client, staff: User, sandbox: Sandbox
) -> None:
    course = make_course(staff, max_students=300)
    asked = request_it(as_staff, course)
    as_admin.post(reverse("approvals:refuse", args=[asked.pk]), {"reason": "Too many"})
    with pytest.raises(services.CourseRefused):
        services.open_course(course=course, actor=acting(staff))

    AccessRequest.objects.all().delete()
    asked = request_it(as_staff, course)
    as_admin.post(reverse("approvals:approve", args=[asked.pk]), {"ends_on": f"{asked.ends_on:%Y-%m-%d}"})
    Grant.objects.update(ends_at=timezone.now() + timedelta(microseconds=1))
    with pytest.raises(services.CourseRefused):
        services.open_course(course=course, actor=acting(staff))


def test_only_a_draft_beyond_the_policy_of_its_teacher_is_requested(as_staff: Client, staff: User) -> None:
    small, foreign = make_course(staff), make_course(make_staff("other"), max_students=300)
    too_dear = make_course(staff, budget_usd=Decimal(20_000))
    addresses = {each: reverse("approvals:ask_course", args=[each.pk]) for each in (small, foreign, too_dear)}

    assertContains(as_staff.post(addresses[small], {"why": "x"}), "Your policy allows", status_code=422)
    assert as_staff.post(addresses[foreign], {"why": "x"}).status_code == 404
    assertContains(as_staff.post(addresses[too_dear], {"why": "x"}), "10,000 USD", status_code=422)
    assert as_staff.post(addresses[too_dear]).status_code == 422
    assert not AccessRequest.objects.exists()


def test_a_running_course_grows_when_more_is_granted_and_its_keys_follow(
    as_staff: Client, as_admin: Client, staff: User, sandbox: Sandbox
) -> None:
    course = open_course(staff)
    get_key(enrol(course))
    follow(course)
    address, end = reverse("approvals:ask_course", args=[course.pk]), timezone.now() + timedelta(days=20)
    assertContains(as_staff.get(reverse("courses:edit", args=[course.pk])), address)
    assertContains(as_staff.get(address), 'value="40"')
    more = {"max_students": "300", "budget_usd": "600", "key_budget_usd": "2", "why": "Two groups"}
    more["ends_at"] = f"{end.astimezone(ZoneInfo('Europe/Paris')):%Y-%m-%dT%H:%M}"

    assertRedirects(as_staff.post(address, more), reverse("courses:course", args=[course.pk]))
    asked = AccessRequest.objects.get()
    assertContains(as_admin.get(reverse("approvals:detail", args=[asked.pk])), "300, now 40")
    course.refresh_from_db()
    assert course.max_students == 40
    as_admin.post(reverse("approvals:approve", args=[asked.pk]), {"ends_on": f"{asked.ends_on:%Y-%m-%d}"})

    course = Course.objects.select_related("team").get()
    team = course.team
    assert (course.max_students, team.budget_usd, team.key_budget_usd) == (300, Decimal(600), Decimal(2))
    assert abs(team.ends_at - end) <= timedelta(minutes=1)
    follow(course)
    (key,) = sandbox.live_keys()
    assert key["max_budget"] == 2
    assert abs(datetime.fromisoformat(key["expires"]) - team.ends_at) <= timedelta(minutes=2)
    services.change_course(course=course, actor=acting(staff), values={"name": "Databases, both groups"})
    with pytest.raises(services.CourseRefused, match="request more"):
        services.change_course(course=course, actor=acting(staff), values={"max_students": 301})


def test_a_running_course_is_requested_only_beyond_the_policy_and_never_smaller(
    as_staff: Client, as_admin: Client, staff: User, sandbox: Sandbox
) -> None:
    course = open_course(staff)
    address = reverse("approvals:ask_course", args=[course.pk])
    end = f"{course.team.ends_at.astimezone(ZoneInfo('Europe/Paris')):%Y-%m-%dT%H:%M}"
    now = {"max_students": "40", "budget_usd": "40", "key_budget_usd": "1", "ends_at": end, "why": "x"}

    assertContains(as_staff.post(address, now), "Your policy allows this: change the course", status_code=422)
    assertContains(as_staff.post(address, now | {"budget_usd": "39"}), "has more already", status_code=422)
    assertContains(as_staff.post(address, now | {"budget_usd": "20000"}), "10,000 USD", status_code=422)
    assert as_staff.post(address, now | {"ends_at": "soon"}).status_code == 422
    as_staff.post(address, now | {"max_students": "300"})
    asked = AccessRequest.objects.get()
    Team.objects.update(ends_at=timezone.now() - timedelta(minutes=1))  # no task has ended the course yet
    decision = as_admin.post(reverse("approvals:approve", args=[asked.pk]), {"ends_on": f"{asked.ends_on:%Y-%m-%d}"})
    assertContains(decision, "has ended", status_code=409)
    assert not Grant.objects.exists()
    services.end_course(course=course, actor=acting(staff))
    assert as_staff.get(address).status_code == 404
