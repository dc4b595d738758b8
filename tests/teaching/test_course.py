"""A course's students and their use: the page, its order, its filters, its file."""

from decimal import Decimal
from typing import Any

import pytest
from django.db.models import Sum
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries, Settings

from accounts.models import User
from courses.models import Course, Student
from keys.models import Key
from teaching.listing import STUDENTS_PER_PAGE, all_lines
from tests.conftest import HTMX
from tests.keys.views.pages import words_of
from tests.teaching.courses import add_student, course_key, make_course
from tests.usage.views.facts import table_of, used
from usage.models import Fact, UsageState


@pytest.fixture
def course(staff: User) -> Course:
    """Return a course of the staff's with students in several states."""
    course = make_course(staff)
    ada, bob = add_student(course, "Ada", number="4711"), add_student(course, "Bob")
    add_student(course, "Cyd", key=False)
    add_student(course, "Dan")
    eve = add_student(course, "Eve", account=False)
    Key.objects.filter(student__name="Dan").update(blocked=True)
    used(ada.key, "0.50", ok_requests=3, failed_requests=2, days_ago=2)
    used(ada.key, "0.25", model="claude-3-haiku")
    used(bob.key, "2.00")
    used(eve.key, "0.125")
    return course


def page_of(course: Course) -> str:
    return reverse("teaching:course", args=[course.pk])


def names_in(client: Client, course: Course, **params: Any) -> list[str]:
    return [line.name for line in client.get(page_of(course), params).context["page"].lines]


def test_shows_each_student_with_state_spend_and_last_use(as_staff: Client, course: Course) -> None:
    text = words_of(as_staff.get(page_of(course)))

    assert "5 students" in text
    assert "Ada ada@example.edu · 4711 Used it 0.75 of 2.00 USD 6 2 today" in text
    assert "Bob bob@example.edu Used up 2.00 of 2.00 USD 1 0 today" in text
    assert "Cyd cyd@example.edu Invited 0.00 USD 0 0 none" in text
    assert "Dan dan@example.edu Blocked 0.00 of 2.00 USD 0 0 none" in text
    assert "Eve Used it 0.13 of 2.00 USD 1 0 today" in text
    assert "1 of 5 students has used up their budget" in text
    assert "read every minute" in text


def test_sums_are_those_of_the_facts(as_staff: Client, course: Course, staff: User) -> None:
    used(course_key(make_course(staff, name="Another"), staff, label="other"), "9")

    context = as_staff.get(page_of(course)).context

    facts = Fact.objects.filter(token_ref__key__team=course.team)
    right = facts.aggregate(usd=Sum("spend_usd"), ok=Sum("ok_requests"), failed=Sum("failed_requests"))
    totals = context["numbers"].totals
    assert (totals.spend_usd, totals.ok_requests, totals.failed_requests) == tuple(right.values())
    assert sum(line.sums.spend_usd for line in context["page"].lines) == right["usd"] == Decimal("2.875")
    assert [(day.active, day.failing, day.requests) for day in context["days"]] == [(1, 1, 5), (3, 0, 3)]


def test_counts_former_and_playground_keys_of_a_student(course: Course, staff: User) -> None:
    ada = Student.objects.get(course=course, name="Ada")
    assert ada.account
    Key.objects.filter(student=ada).update(state=Key.State.DELETED, ended_at=timezone.now())
    ada.key = course_key(course, ada.account, label="again")
    ada.save()
    used(ada.key, "0.50")
    used(course_key(course, ada.account, label="chat", kind=Key.Kind.PLAYGROUND), "3")

    line = next(line for line in all_lines(course, UsageState.load()) if line.name == "Ada")

    assert line.sums.spend_usd == Decimal("4.25")
    assert line.spent_usd == Decimal("1.25")  # of the key's budget, which a new key continues
    assert line.state == "used"


def test_names_a_student_who_uses_only_the_playground(as_staff: Client, course: Course) -> None:
    cyd = Student.objects.get(course=course, name="Cyd")
    assert cyd.account
    used(course_key(course, cyd.account, label="chat", kind=Key.Kind.PLAYGROUND), "0.25")

    assert "Cyd cyd@example.edu Playground only 0.25 USD 1 0 today" in words_of(as_staff.get(page_of(course)))
    assert names_in(as_staff, course, state="playground") == ["Cyd"]
    assert names_in(as_staff, course, state="no_key") == []


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({}, ["Ada", "Bob", "Cyd", "Dan", "Eve"]),
        ({"order": "-name"}, ["Eve", "Dan", "Cyd", "Bob", "Ada"]),
        ({"order": "-spend"}, ["Bob", "Ada", "Eve", "Cyd", "Dan"]),
        ({"order": "-failed", "q": "a"}, ["Ada", "Bob", "Cyd", "Dan"]),
        ({"order": "nonsense", "q": "4711"}, ["Ada"]),
        ({"state": "used_up"}, ["Bob"]),
        ({"state": "left"}, []),
        ({"state": "nonsense", "order": "state"}, ["Cyd", "Ada", "Eve", "Bob", "Dan"]),
        ({"page": "9" * 5}, ["Ada", "Bob", "Cyd", "Dan", "Eve"]),
    ],
)
def test_sorts_and_filters(as_staff: Client, course: Course, params: dict[str, str], expected: list[str]) -> None:
    assert names_in(as_staff, course, **params) == expected


def test_is_paged_and_costs_few_queries(
    as_staff: Client, course: Course, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    many = [Student(course=course, name=f"S{number:03}", source=Student.Source.FILE) for number in range(200)]
    Student.objects.bulk_create(many)
    as_staff.get(page_of(course))

    with django_assert_max_num_queries(9):
        assert len(names_in(as_staff, course)) == STUDENTS_PER_PAGE
    assert len(names_in(as_staff, course, page=5)) == 5


def test_gives_the_list_as_a_file(as_staff: Client, course: Course, settings: Settings) -> None:
    settings.CURRENCY, settings.CURRENCY_RATE = "EUR", Decimal("0.8")
    rows = table_of(as_staff.get(reverse("teaching:students_csv", args=[course.pk]), {"order": "-spend", "q": "a"}))

    assert [row["name"] for row in rows] == ["Bob", "Ada", "Cyd", "Dan"]
    ada = rows[1]
    assert [ada[name] for name in ("number", "state", "spend_usd", "requests")] == ["4711", "used", "0.75", "6"]
    assert ada["spend_eur"] == "0.6"


def test_answers_htmx_with_the_region(as_staff: Client, course: Course) -> None:
    response = as_staff.get(page_of(course), {"q": "", "order": "-spend"}, headers=HTMX)

    assert response.content.decode().lstrip().startswith("<section")
    assert response["HX-Push-Url"] == f"{page_of(course)}?order=-spend"


def test_shows_a_course_without_any_use(as_staff: Client, staff: User) -> None:
    text = words_of(as_staff.get(page_of(make_course(staff, state=Course.State.DRAFT, opened_at=None))))

    assert "No student yet" in text
    assert "No numbers yet" in text
