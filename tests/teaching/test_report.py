"""Reports: of a course, of a group, of a supervisor, with an estimate of energy and emissions."""

from decimal import Decimal

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import User
from courses.models import Course
from tests.factories import make_user
from tests.keys.views.pages import words_of
from tests.teaching.courses import add_student, course_key, make_course
from tests.usage.views.facts import day, key_of, table_of, used
from usage.energy import impact_of
from usage.queries.sums import Sums
from usage.templatetags.usage_report import emissions_range, energy_range

MODEL = "gpt-4o-mini"


@pytest.fixture
def course(staff: User) -> Course:
    """Return a course of the staff's with two students who used something, and one who did not."""
    course = make_course(staff)
    ada, eve = add_student(course, "Ada", number="4711"), add_student(course, "Eve", account=False)
    add_student(course, "Bob")
    used(ada.key, "0.50", ok_requests=100, completion_tokens=20_000, response_ms=200_000, days_ago=2)
    used(ada.key, "0.25", model="local-model")
    used(eve.key, "0.125")
    return course


def test_reports_a_course(as_staff: Client, course: Course, staff: User) -> None:
    used(key_of(staff), "9")

    text = words_of(as_staff.get(reverse("teaching:report", args=[course.pk])))

    assert "Report: Prompting" in text
    assert "2 of 3 used something" in text
    assert "0.88 USD" in text
    assert "Ada 4711 gpt-4o-mini 0.50" in text
    assert "Eve gpt-4o-mini 0.13 1 0 100 10" in text
    assert "Wh" in text
    assert "Not in the sums, since nothing is known about them: local-model." in text


def test_students_without_a_key_give_nobody_their_name(as_staff: Client, course: Course) -> None:
    for number in range(9):  # rows come in any order
        add_student(course, f"Without {number}", account=False, key=False)

    rows = table_of(as_staff.get(reverse("teaching:report_csv", args=[course.pk])))

    assert {row["name"] for row in rows if row["part"] == "person"} == {"Ada", "Eve"}


def test_the_file_has_the_sums_of_each_student_and_model(as_staff: Client, course: Course) -> None:
    rows = table_of(as_staff.get(reverse("teaching:report_csv", args=[course.pk])))

    spend = {(row["part"], row["name"], row["model"]): Decimal(row["spend_usd"]) for row in rows}
    assert spend == {
        ("total", "", ""): Decimal("0.875"),
        ("model", "", MODEL): Decimal("0.625"),
        ("model", "", "local-model"): Decimal("0.25"),
        ("person", "Ada", ""): Decimal("0.75"),
        ("person and model", "Ada", MODEL): Decimal("0.5"),
        ("person and model", "Ada", "local-model"): Decimal("0.25"),
        ("person", "Eve", ""): Decimal("0.125"),
        ("person and model", "Eve", MODEL): Decimal("0.125"),
    }
    models = {row["model"]: row["low_kwh"] for row in rows if row["part"] == "model"}
    assert float(models[MODEL]) > 0
    assert models["local-model"] == ""


def test_reports_the_days_that_the_address_names(as_staff: Client, course: Course) -> None:
    params = {"from": day(2).isoformat(), "to": day(1).isoformat()}

    rows = table_of(as_staff.get(reverse("teaching:report_csv", args=[course.pk]), params))

    assert rows[0]["spend_usd"] == "0.5"


def test_reports_a_group_and_a_supervisor(as_admin: Client, as_staff: Client, staff: User) -> None:
    used(key_of(make_user("member", groups=("Chemistry",), first_name="Member")), "3")
    used(key_of(staff, "interns", intern_name="Intern A"), "2")

    of_group = words_of(as_admin.get(reverse("usage:everyone_report"), {"group": "Chemistry"}))
    of_supervisor = words_of(as_staff.get(reverse("usage:interns_report")))

    assert "1 of 1 used something" in of_group
    assert "3.00 USD" in of_group
    assert "2.00 USD" in of_supervisor
    assert as_staff.get(reverse("usage:everyone_report")).status_code == 403


def test_everyone_has_a_filter_by_course(as_admin: Client, course: Course, staff: User) -> None:
    used(key_of(staff), "9")

    page = as_admin.get(reverse("usage:everyone"), {"course": str(course.pk)})
    report = as_admin.get(reverse("usage:everyone_report"), {"course": str(course.pk)})

    assert page.context["numbers"].totals.spend_usd == Decimal("0.875")
    assert "Course: Prompting" in words_of(page)
    assert "Course: Prompting" in words_of(report)
    everything = as_admin.get(reverse("usage:everyone"), {"course": "nonsense"})
    assert everything.context["numbers"].totals.spend_usd == Decimal("9.875")


def test_a_student_counts_once_with_a_key_of_the_playground(as_staff: Client, course: Course) -> None:
    ada = course.students.get(name="Ada")
    assert ada.account
    used(course_key(course, ada.account, label="chat", kind="playground"), "1")

    report = as_staff.get(reverse("teaching:report", args=[course.pk])).context["report"]

    assert (report.active, report.cohort) == (2, 3)
    assert [person.sums.spend_usd for person in report.people] == [Decimal("1.75"), Decimal("0.125")]


def test_estimates_only_what_is_known() -> None:
    sums = Sums(completion_tokens=20_000, ok_requests=100, response_ms=200_000)

    known = impact_of("openai", MODEL, sums)

    assert known
    assert 0 < known.low_kwh <= known.high_kwh < 1
    assert 0 < known.low_kg <= known.high_kg
    assert impact_of("openai", f"openai/{MODEL}", sums) == known
    assert impact_of("", MODEL, sums) is None
    assert impact_of("openai", "no-such-model", sums) is None
    assert energy_range(None) == emissions_range(None) == "unknown"
    nothing = impact_of("openai", MODEL, Sums())
    assert nothing
    assert energy_range(nothing) == "0\u00a0Wh"
