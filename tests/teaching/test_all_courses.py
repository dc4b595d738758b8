"""The list of all courses, for admins."""

import re
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from accounts.models import User
from courses.models import Course
from teaching.course_listing import COURSES_PER_PAGE
from tests.keys.views.pages import words_of
from tests.teaching.courses import add_student, make_course
from tests.usage.views.facts import table_of, used


@pytest.fixture
def courses(staff: User, intern: User) -> list[Course]:
    """Return three courses: one with use, one frozen, one that has ended."""
    now = timezone.now()
    first = make_course(staff, intern, name="Algebra", code="MAT-1")
    ada = add_student(first, "Ada").key
    for ago in (1, 2, 3):
        used(ada, "4", days_ago=ago)
    second = make_course(staff, name="Élan", state=Course.State.FROZEN, starts_at=now - timedelta(days=20))
    third = make_course(staff, name="Zoology", state=Course.State.ENDED, starts_at=now - timedelta(days=30))
    used(add_student(third, "Bob").key, "5", days_ago=3)
    return [first, second, third]


def names_in(client: Client, **params: Any) -> list[str]:
    page = client.get(reverse("teaching:courses"), params).context["page"]
    return [each.course.name for each in page.courses]


def test_shows_budget_spend_forecast_and_teachers(
    as_admin: Client, courses: list[Course], staff: User, intern: User
) -> None:
    text = words_of(as_admin.get(reverse("teaching:courses")))

    assert "3 courses" in text
    assert f"Algebra MAT-1 Open {staff.display_name}, {intern.display_name} 1" in text
    forecast = re.search(r"12\.00 of 40\.00 USD (\d+)", text)
    assert forecast
    assert int(forecast[1]) > 12
    assert "5.00 of 40.00 USD over" in text


def test_a_budget_that_was_used_up_at_once_has_its_day(as_admin: Client, staff: User) -> None:
    used(add_student(make_course(staff, name="Algebra"), "Ada").key, "40")

    text = words_of(as_admin.get(reverse("teaching:courses")))

    assert "40.00 of 40.00 USD Used up on" in text


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({}, ["Algebra", "Élan", "Zoology"]),
        ({"order": "-name"}, ["Zoology", "Élan", "Algebra"]),
        ({"order": "-spend"}, ["Algebra", "Zoology", "Élan"]),
        ({"order": "forecast"}, ["Élan", "Zoology", "Algebra"]),
        ({"order": "students", "state": "ended"}, ["Zoology"]),
        ({"q": "elan"}, ["Élan"]),
        ({"q": "mat-1 intern"}, ["Algebra"]),
        ({"state": "nonsense", "order": "x", "page": "7"}, ["Algebra", "Élan", "Zoology"]),
    ],
)
def test_sorts_and_filters(
    as_admin: Client, courses: list[Course], params: dict[str, str], expected: list[str]
) -> None:
    assert names_in(as_admin, **params) == expected


def test_costs_few_queries_and_is_paged(
    as_admin: Client, courses: list[Course], staff: User, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for number in range(COURSES_PER_PAGE):
        make_course(staff, name=f"C{number:02}")
    as_admin.get(reverse("teaching:courses"))

    with django_assert_max_num_queries(8):
        assert len(names_in(as_admin)) == COURSES_PER_PAGE
    assert len(names_in(as_admin, page=2)) == 3


def test_gives_the_list_as_a_file(as_admin: Client, courses: list[Course]) -> None:
    rows = table_of(as_admin.get(reverse("teaching:courses_csv"), {"order": "name"}))

    assert [row["course"] for row in rows] == ["Algebra", "Élan", "Zoology"]
    assert (Decimal(rows[0]["spend_usd"]), rows[0]["state"], rows[0]["students"]) == (Decimal(12), "open", "1")
