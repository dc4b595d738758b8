"""Running courses in a browser: pages fit with long names, and a teacher tops up everybody in few clicks."""

from decimal import Decimal

import pytest
from django.urls import reverse
from playwright.sync_api import expect

from accounts.models import User
from courses.models import Course
from keys.models import LimitOverride
from tests.browser.fitting import LONG, assert_fits_narrow_windows
from tests.browser.visit import Visit
from tests.teaching.courses import add_student, make_course
from tests.usage.views.facts import used

pytestmark = pytest.mark.browser


@pytest.fixture
def course(staff: User) -> Course:
    """Return a course with a long name and a student with a long name, and with failures."""
    course = make_course(staff, name=LONG, code="INF-201", team={"rpm_limit": 10, "key_budget_usd": Decimal(1)})
    used(add_student(course, LONG, number="n" * 40).key, "3", failed_requests=20, days_ago=1)
    used(add_student(course, "Eve", account=False).key, "0.5", model="m" * 60)
    add_student(course, "Bob", key=False)
    return course


@pytest.mark.slow
def test_pages_fit_into_narrow_windows(
    visit: Visit, staff: User, admin: User, course: Course, axe_everywhere: bool
) -> None:
    names = ("course", "report", "message")
    paths = [reverse(f"teaching:{name}", args=[course.pk]) for name in names]
    paths.append(f"{reverse('teaching:action', args=[course.pk])}?action=top_up&all=1")

    assert_fits_narrow_windows(visit, staff, paths, everywhere=axe_everywhere)
    assert_fits_narrow_windows(visit, admin, [reverse("teaching:courses")], everywhere=axe_everywhere)


def test_tops_up_everybody_in_three_clicks(visit: Visit, staff: User, course: Course) -> None:
    page = visit(reverse("teaching:course", args=[course.pk]), user=staff)

    page.get_by_label("All 3 students of this list").check()
    page.get_by_role("button", name="Top up the budget").click()
    page.get_by_label("How much more, USD").fill("1")
    page.get_by_role("button", name="Top up").click()

    expect(page.get_by_text("The budgets of 2 students are topped up")).to_be_visible()
    assert list(LimitOverride.objects.values_list("extra_usd", flat=True)) == [1, 1]
