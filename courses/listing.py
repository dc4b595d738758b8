"""A teacher's courses as their list shows them."""

from dataclasses import dataclass
from decimal import Decimal

from django.db.models import Case, Count, When

from accounts.models import User
from courses.models import Course, Student
from courses.student_page import StudentPage
from keys.use import NOTHING_USD, TeamUse, use_counter

NO_USE = TeamUse(spent_usd=NOTHING_USD, key_spent_usd=NOTHING_USD, as_of=None)
FIRST = (Course.State.OPEN, Course.State.FROZEN, Course.State.DRAFT, Course.State.ENDED)


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedCourse:
    """A course, how many students it has now, and what they have spent."""

    course: Course
    students: int
    spent_usd: Decimal

    @property
    def bar_usd(self) -> Decimal:
        """The spend, limited to the length of the budget's bar."""
        return min(self.spent_usd, self.course.team.budget_usd)


def listed_courses(person: User) -> list[ListedCourse]:
    """Return the courses that a person teaches: running ones first, then by their start, the latest first.

    Three queries.
    """
    order = Case(*(When(state=state, then=place) for place, state in enumerate(FIRST)))
    courses = list(Course.objects.taught_by(person).select_related("team").order_by(order, "-starts_at", "name", "pk"))
    if not courses:
        return []
    spent = use_counter().of_teams([course.team_id for course in courses])
    current = Student.objects.current().filter(course__in=courses).order_by()
    students = dict(current.values_list("course").annotate(Count("pk")))
    return [
        ListedCourse(
            course=course, students=students.get(course.pk, 0), spent_usd=spent.get(course.team_id, Decimal(0))
        )
        for course in courses
    ]


def attended_courses(person: User) -> list[StudentPage]:
    """Return the courses that a person is a student of, with the state of their key; the latest end first.

    One query, and one for each that runs.
    """
    courses = Course.objects.attended_by(person)
    students = Student.objects.current().filter(account=person, course__in=courses)
    ordered = students.select_related("course__team", "key").order_by("-course__team__ends_at", "course__name")
    counter = use_counter()
    return [
        StudentPage(each, NO_USE if each.course.is_over else counter.of_team(each.course.team, each.key))
        for each in ordered
    ]
