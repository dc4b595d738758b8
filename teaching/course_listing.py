"""The list of all courses with their budgets, spend and forecast: filtered, sorted, paged."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from math import ceil
from typing import Any, ClassVar, Final

from django.db.models import Count, Q

from accounts.models import User
from accounts.names import name_order
from courses.models import Course, CourseTeacher
from teaching.pictures import forecast_of
from usage.forecast import Forecast
from usage.models import UsageState
from usage.queries.cached import days_by_course_of
from web.listing import ListedPage

COURSES_PER_PAGE: Final = 25
DEFAULT_ORDER: Final = "-start"
FILTERS: Final = ("q", "state")


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedCourse:
    """A course in the list."""

    course: Any  # with the number of its students
    teachers: tuple[str, ...]
    pace: Forecast

    @property
    def students(self) -> int:
        """How many students are in it."""
        count: int = self.course.students_now
        return count


ORDERS: Final[dict[str, Callable[[ListedCourse], Any]]] = {
    "name": lambda each: name_order(each.course.name),
    "start": lambda each: each.course.starts_at,
    "end": lambda each: each.course.team.ends_at,
    "students": lambda each: each.students,
    "budget": lambda each: each.course.team.budget_usd,
    "spend": lambda each: each.pace.spent_usd,
    "forecast": lambda each: each.pace.projected_usd / each.course.team.budget_usd,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class CoursePage(ListedPage):
    """One page of the list."""

    PER_PAGE: ClassVar = COURSES_PER_PAGE

    courses: tuple[ListedCourse, ...]


def filters_of(params: Mapping[str, str]) -> dict[str, str]:
    """Return the filters that a URL names, without invalid and empty ones."""
    found = {name: params.get(name, "").replace("\0", "").strip()[:200] for name in FILTERS}
    if found["state"] not in Course.State.values:
        found["state"] = ""
    return {name: value for name, value in found.items() if value}


def course_page(filters: Mapping[str, str], order: str, number: int, state: UsageState, now: datetime) -> CoursePage:
    """Return a page of the courses; the last one if the number is too high. Three queries at most."""
    found = found_courses(filters, order, state, now)
    pages = max(1, ceil(len(found) / COURSES_PER_PAGE))
    number = min(max(1, number), pages)
    shown = found[(number - 1) * COURSES_PER_PAGE : number * COURSES_PER_PAGE]
    return CoursePage(courses=tuple(shown), number=number, count=len(found))


def found_courses(filters: Mapping[str, str], order: str, state: UsageState, now: datetime) -> list[ListedCourse]:
    """Return the courses within the filters, in this order; three queries at most."""
    courses = Course.objects.select_related("team")
    if wanted := filters.get("state"):
        courses = courses.filter(state=wanted)
    counted = courses.annotate(students_now=Count("students", filter=Q(students__left_at=None)))
    teachers = _teachers()
    spend = days_by_course_of(state)
    as_of = state.last_ok_at or now
    words = name_order(filters.get("q", "")).split()
    found = [
        ListedCourse(
            course=course,
            teachers=tuple(teachers.get(course.pk, ())),
            pace=forecast_of(course, spend.get(course.team_id, {}), as_of),
        )
        for course in counted
        if all(word in name_order(" ".join((course.name, course.code, *teachers.get(course.pk, ())))) for word in words)
    ]
    by_name = sorted(found, key=ORDERS["name"])
    return sorted(by_name, key=ORDERS[order.removeprefix("-")], reverse=order.startswith("-"))


def _teachers() -> dict[Any, list[str]]:
    """Return the names of the teachers of each course; one query."""
    found: dict[Any, list[str]] = {}
    rows: Iterable[CourseTeacher] = CourseTeacher.objects.select_related("person").order_by("added_at", "pk")
    for row in rows:
        person: User = row.person
        found.setdefault(row.course_id, []).append(person.display_name)
    return found
