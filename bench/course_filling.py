"""The class of the course bench, and changes of its course as tasks make them. Needs Django set up."""

import resource
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import connection
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import User
from courses import services
from courses.models import Course, Student
from keys.identity import identify_gateway
from keys.models import GatewayIdentity
from keys.services import change_team, count_differing
from tests.courses.actions import acting, enrol, follow, get_key, open_course
from tests.factories import make_intern, make_staff

AT_ONCE = 8
Json = dict[str, Any]


def make_class(students: int) -> Json:
    """Create an open course with so many students, and one reader more; return their sessions and addresses."""
    identify_gateway()
    course = open_course(make_staff("teacher"), max_students=10)
    Course.objects.update(max_students=1000)
    people = [make_intern(f"person-{number}") for number in range(students)]
    for person in people:
        enrol(course, person)
    return {
        "cookies": [_cookies_of(person) for person in (*people, make_intern("reader"))],
        "page": reverse("courses:attended", args=[course.pk]),
        "get_key": reverse("courses:get_key", args=[course.pk]),
        "team": course.team.gateway_id,
        "marker": GatewayIdentity.load().marker,
    }


def _cookies_of(person: User) -> dict[str, str]:
    client = Client(SERVER_NAME="127.0.0.1")
    client.force_login(person)
    return {settings.SESSION_COOKIE_NAME: client.cookies[settings.SESSION_COOKIE_NAME].value}


def change_course(keys: int) -> Json:
    """Freeze, thaw, change and end the course with so many keys; return the seconds of each, and of the processor."""
    course = Course.objects.select_related("team").get()
    teacher = acting(User.objects.get(username="teacher"))
    new = [enrol(course) for _ in range(keys - course.team.keys.count())]
    with ThreadPoolExecutor(AT_ONCE) as threads:
        list(threads.map(_get_key, new))
    later = timezone.now() + timedelta(days=5)
    actions: dict[str, Callable[[], object]] = {
        "freeze": lambda: services.freeze_course(course=course, actor=teacher),
        "thaw": lambda: services.thaw_course(course=course, actor=teacher),
        "a later end": lambda: change_team(course.team_id, ends_at=later),
        "end": lambda: services.end_course(course=course, actor=teacher),
    }
    return {name: _timed(course, action) for name, action in actions.items()}


def _get_key(student: Student) -> None:
    try:
        get_key(student)
    finally:
        connection.close()


def _timed(course: Course, action: Callable[[], object]) -> Json:
    """Do as a teacher and then the task does; return the seconds of the task."""
    action()
    began, began_cpu = time.monotonic(), _cpu_s()
    follow(course)
    took = {"s": time.monotonic() - began, "cpu_s": _cpu_s() - began_cpu}
    course.team.refresh_from_db()
    if differing := count_differing(course.team):
        raise RuntimeError(f"{differing} keys are not as the course wants: the figures mean nothing.")
    return took


def _cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime
