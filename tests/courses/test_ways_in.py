"""A teacher decides how students come in."""

import re
from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import Settings
from pytest_django.asserts import assertContains, assertNotContains

from accounts.models import AuditEntry, User
from courses.models import Course
from courses.services.join_codes import code_of
from tests.conftest import signed_in
from tests.courses.courses import make_course
from tests.factories import make_user


def address(name: str, course: Course) -> str:
    """Return the address of a page about a course."""
    return reverse(f"courses:{name}", args=[course.pk])


def test_makes_shows_and_closes_the_link(as_teacher: Client, course: Course, settings: Settings) -> None:
    page = address("ways_in", course)
    assertContains(as_teacher.get(page), "There is no link now")

    shown = as_teacher.post(address("new_link", course), follow=True)
    course.refresh_from_db()
    code = code_of(course)
    dashed = "-".join((code[:4], code[4:8], code[8:]))
    assertContains(shown, f"{settings.PORTAL_URL}/courses/join/{dashed}/")
    assertContains(shown, "<svg")

    as_teacher.post(address("close_link", course))
    assertNotContains(as_teacher.get(page), dashed)
    codes = AuditEntry.objects.filter(object_id=str(course.pk)).order_by("pk").values_list("code", flat=True)
    assert list(codes) == ["course.link_renewed", "course.link_closed"]


def test_a_code_of_another_secret_is_not_shown(staff: User, course: Course, settings: Settings) -> None:
    signed_in(staff).post(address("new_link", course))
    settings.SECRET_KEY = "another secret key that is long enough for it"

    assertContains(signed_in(staff).get(address("ways_in", course)), "There is no link now")


def test_saves_for_whom_the_link_is(as_teacher: Client, course: Course) -> None:
    day = timezone.localdate() + timedelta(days=2)
    form = {"until": day.isoformat(), "domains": "@Example.edu, stud.example.edu example.edu"}

    as_teacher.post(address("save_entry", course), form)

    course.refresh_from_db()
    assert course.join_domains == ["example.edu", "stud.example.edu"]
    assert course.join_until
    assert course.join_until.astimezone(ZoneInfo("Europe/Paris")).date() == day
    page = as_teacher.get(address("ways_in", course))
    assertContains(page, f'value="{day.isoformat()}"')
    assertContains(page, 'value="example.edu, stud.example.edu"')


@pytest.mark.parametrize("form", [{"domains": "no domain!"}, {"until": "2020-01-01"}])
def test_refuses_what_is_no_domain_or_over(as_teacher: Client, course: Course, form: dict[str, str]) -> None:
    assert as_teacher.post(address("save_entry", course), form).status_code == 422
    course.refresh_from_db()
    assert (course.join_until, course.join_domains) == (None, [])


def test_refuses_a_day_that_has_no_end_in_the_zone_of_the_course(as_teacher: Client, course: Course) -> None:
    Course.objects.update(time_zone="America/New_York")
    form = {"until": "9999-12-31", "domains": ""}

    assert as_teacher.post(address("save_entry", course), form).status_code == 422


def test_the_qr_code_has_no_inline_style(as_teacher: Client, course: Course) -> None:
    page = as_teacher.post(address("new_link", course), follow=True).content.decode()

    (svg,) = re.findall(r"ps-qr\"><svg.*?</svg>", page, re.DOTALL)
    assert "style" not in svg
    assert "<title>QR code of the link</title>" in svg


def test_another_teacher_finds_nothing(as_teacher: Client) -> None:
    course = make_course(make_user("other-teacher"))

    for name in ("ways_in", "add_students"):
        assert as_teacher.get(address(name, course)).status_code == 404
    for name in ("new_link", "close_link", "save_entry", "add_students"):
        assert as_teacher.post(address(name, course)).status_code == 404
    for name in ("new_link", "close_link", "save_entry"):
        assert as_teacher.get(address(name, course)).status_code == 405
