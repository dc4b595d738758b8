"""A course of forty against a real LiteLLM: keys at once, budgets, freeze and thaw, the end, and the sums."""

import os
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from decimal import Decimal

import pytest
from django.conf import settings
from django.db import connection
from django.urls import reverse
from django.utils import timezone
from pytest_django import Settings

from accounts.models import User
from courses import services
from courses.models import Course, Student
from courses.services import CourseRefused, playground_secret_of
from keys import services as keys
from keys.models import Key, Team
from keys.use import use_counter
from teaching.listing import all_lines
from tests.browser.portal_process import Portal
from tests.conftest import signed_in
from tests.courses.actions import acting, enrol, follow, get_key, open_course
from tests.faults.site import Visitor
from tests.keys.real_gateway import RealGateway, real_gateway, secret_on
from tests.playground.streams import ended
from tests.usage.polling import poll
from tests.waiting import wait_until
from usage.models import HourFailure, PollRun, UsageState
from usage.queries.courses import course_hours
from usage.services import read_failures

pytestmark = [pytest.mark.real_gateway, pytest.mark.django_db(transaction=True), pytest.mark.timeout(600)]

STUDENTS, MANY = 40, 200
EACH_USD, IN_ALL_USD = Decimal("0.01"), Decimal("0.06")
DEAR = {"model": "llama-70b", "messages": [{"role": "user", "content": "[words 3000] go"}], "max_tokens": 3000}
CHEAP = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "hi [words 3]"}], "max_tokens": 3}


@pytest.fixture
def real(staff: User, settings: Settings) -> Iterator[RealGateway]:
    """Point the portal at the real gateway; the teams of courses go with their keys."""
    with real_gateway(settings, staff) as gateway:
        yield gateway
        for team in Team.objects.all():
            gateway.call("POST", "/team/delete", body={"team_ids": [team.gateway_id]})


class Class:
    """A course and the secrets of its students, who ask."""

    def __init__(self, real: RealGateway, course: Course) -> None:
        self._real, self.course = real, course
        self.secrets: list[str] = []

    def get_keys(self, number: int) -> None:
        """Give so many new students their keys, eight at the same time."""
        students = [enrol(self.course) for _ in range(number)]
        with ThreadPoolExecutor(8) as threads:
            self.secrets += threads.map(_secret_of, students)

    def get_keys_in_browsers(self, number: int) -> None:
        """Let so many new students press *Get my key* at the same time, each in a session of their own."""
        path = reverse("courses:attended", args=[self.course.pk])
        button = reverse("courses:get_key", args=[self.course.pk])
        sessions = [_session_of(enrol(self.course)) for _ in range(number)]
        with Portal(self._real) as portal, ThreadPoolExecutor(number) as threads:
            visitors = [Visitor(session) for session in sessions]
            pages = [visitor.get(portal.url + path).text for visitor in visitors]
            answers = threads.map(
                lambda each: each[0].post(portal.url + button, each[1]), zip(visitors, pages, strict=True)
            )
            self.secrets += [secret_on(answer.text) for answer in answers]

    def ask(self, secret: str, body: object = CHEAP) -> int:
        """Ask once; return the status."""
        return int(self._real.call("POST", "/v1/chat/completions", key=secret, body=body).status_code)

    def ask_all(self) -> list[int]:
        """Ask once with each key."""
        with ThreadPoolExecutor(8) as threads:
            return list(threads.map(self.ask, self.secrets))

    def use_up(self, secret: str) -> None:
        """Ask dear questions until the gateway refuses."""
        wait_until(lambda: self.ask(secret, DEAR) == 422, timeout_s=60)

    def spent_usd(self) -> Decimal:
        """Return what the gateway has counted for the team."""
        params = {"team_id": self.course.team.gateway_id}
        row = self._real.call("GET", "/team/info", params=params).json()["team_info"]
        return Decimal(str(row["spend"]))


def _secret_of(student: Student) -> str:
    try:
        return get_key(student).secret
    finally:
        connection.close()


def _session_of(student: Student) -> str:
    assert student.account is not None
    return signed_in(student.account).cookies[settings.SESSION_COOKIE_NAME].value


def test_a_course_of_forty_from_its_keys_to_its_end(staff: User, real: RealGateway) -> None:
    course = open_course(staff, key_budget_usd=EACH_USD, budget_usd=IN_ALL_USD)
    them, actor = Class(real, course), acting(staff)
    them.get_keys_in_browsers(STUDENTS)
    assert len(set(them.secrets)) == Key.objects.filter(state=Key.State.ACTIVE).count() == STUDENTS
    assert set(them.ask_all()) == {200}

    for secret in them.secrets[:2]:  # two have used up their own
        them.use_up(secret)
    assert them.ask_all() == [422, 422, *[200] * (STUDENTS - 2)]

    for secret in them.secrets[2:]:  # then the course
        if them.ask(them.secrets[-1]) == 422:
            break
        them.use_up(secret)
    assert set(them.ask_all()) == {422}
    services.change_course(
        course=course, actor=actor, values={"budget_usd": Decimal(1), "key_budget_usd": Decimal("0.5")}
    )
    follow(course)
    assert set(them.ask_all()) == {200}

    services.freeze_course(course=course, actor=actor)
    follow(course)
    assert set(them.ask_all()) == {401}
    services.thaw_course(course=course, actor=actor)
    follow(course)
    assert set(them.ask_all()) == {200}

    wait_until(lambda: _is_same(them), timeout_s=180)
    soon = timezone.now() + timedelta(seconds=3)
    services.change_course(course=course, actor=actor, values={"ends_at": soon})
    follow(course)
    wait_until(lambda: set(them.ask_all()) == {401}, timeout_s=60)
    assert services.end_due_courses() == 1
    follow(course)
    assert set(them.ask_all()) == {401}
    assert not Key.objects.filter(state__in=Key.LIVE_STATES).exists()
    assert Team.objects.get(pk=course.team_id).state == Team.State.DELETED


def test_the_course_pays_for_a_student_in_the_playground(staff: User, real: RealGateway) -> None:
    course = open_course(staff, playground_budget_usd=Decimal("0.5"), model_names=["gpt-4o-mini"])
    them, student, actor = Class(real, course), enrol(course), acting(staff)
    person = student.account
    assert person is not None

    answer = ended(person, "hi [words 30]", paid_by=course)

    assert (answer.state, answer.message.conversation.paid_by) == ("complete", course)
    wait_until(lambda: _is_same(them), timeout_s=180)
    [line] = all_lines(course, UsageState.objects.get())
    assert line.id == student.pk
    assert abs(line.sums.spend_usd - them.spent_usd()) < Decimal("0.0001")
    assert answer.cost_usd is not None
    assert abs(line.sums.spend_usd - answer.cost_usd) < Decimal("0.0001")
    secret = playground_secret_of(person=person, course_id=course.pk, actor=acting(person))
    assert them.ask(secret) == 200

    services.freeze_course(course=course, actor=actor)
    with pytest.raises(CourseRefused, match="paused"):
        ended(person, "hi", paid_by=course)
    follow(course)
    assert them.ask(secret) == 401
    services.thaw_course(course=course, actor=actor)
    follow(course)
    assert ended(person, "hi", paid_by=course).state == "complete"

    services.end_course(course=course, actor=actor)
    with pytest.raises(CourseRefused, match="has ended"):
        ended(person, "hi", paid_by=course)
    follow(course)
    assert them.ask(secret) == 401
    assert not Key.objects.filter(state__in=Key.LIVE_STATES).exists()


def test_two_hundred_keys_freeze_within_twenty_seconds(staff: User, real: RealGateway) -> None:
    course = open_course(staff, max_students=60)
    them = Class(real, course)
    Course.objects.filter(pk=course.pk).update(max_students=MANY)
    them.get_keys(MANY)

    services.freeze_course(course=course, actor=acting(staff))
    started = time.monotonic()
    follow(course)
    took_s = time.monotonic() - started

    assert set(them.ask_all()) == {401}
    assert keys.count_differing(Team.objects.get(pk=course.team_id)) == 0
    assert took_s < 20 * max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))  # others use the machine, too


@pytest.mark.early
def test_calls_that_succeed_and_fail_are_in_their_hour(staff: User, real: RealGateway) -> None:
    course = open_course(staff, rpm_limit=1)
    them = Class(real, course)
    them.get_keys(2)
    wait_until(_read_today, timeout_s=60)  # what comes after it has an hour; a gateway that counts breaks a poll off

    first, second = them.secrets
    statuses = [them.ask(second)]

    def is_refused() -> bool:  # the second call, unless the gateway has forgotten the first under load
        statuses.append(them.ask(first))
        return statuses[-1] == 429

    wait_until(is_refused)
    assert set(statuses[:-1]) == {200}

    wait_until(lambda: _read_today() and _requests_of(course) == len(statuses), timeout_s=60)
    hours = course_hours(course.team_id)
    assert not any(hour.is_late for hour in hours)
    assert [sum(numbers) for numbers in zip(*((hour.failing, hour.failed) for hour in hours), strict=True)] == [1, 1]
    assert max(hour.active for hour in hours) in (1, 2)  # two, unless an hour ended in between
    assert read_failures() == 1
    kinds = HourFailure.objects.filter(key__team=course.team_id).values_list("kind", "requests", "is_partial")
    assert list(kinds) == [("requests", 1, False)]


def _requests_of(course: Course) -> int:
    return sum(hour.requests for hour in course_hours(course.team_id))


def _read_today() -> bool:
    return poll().outcome == PollRun.Outcome.DONE


def _is_same(them: Class) -> bool:
    """Read the facts, and compare the course's sum with that of the gateway."""
    poll()
    ours = use_counter().of_teams([them.course.team_id]).get(them.course.team_id, Decimal(0))
    return ours > 0 and abs(ours - them.spent_usd()) < Decimal("0.0001")
