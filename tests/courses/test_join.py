"""Students come in by the link of a course."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from allauth.account.models import EmailAddress
from django.db import connection
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django.asserts import assertContains, assertRedirects

from accounts.audit import BY_THE_PORTAL
from accounts.models import AuditEntry, User
from courses.models import Course, Student
from courses.services import joining
from courses.services.join_codes import code_of, hash_of
from tests.conftest import signed_in
from tests.courses.courses import enrol, make_course
from tests.factories import make_user


def link_of(course: Course) -> str:
    """Open the course's link, and return it."""
    joining.renew_code(course=course, actor=BY_THE_PORTAL)
    course.refresh_from_db()
    return reverse("courses:join", args=[code_of(course)])


def test_the_link_shows_the_course_and_joins_with_one_button(as_intern: Client, intern: User, course: Course) -> None:
    link, page = link_of(course), reverse("courses:attended", args=[course.pk])

    assertContains(as_intern.get(link), "Course C")
    assert not course.students.exists()
    assertRedirects(as_intern.post(link), page)

    assert [student.account for student in course.students.current()] == [intern]
    entry = AuditEntry.objects.get(code="course.joined")
    assert (entry.actor, entry.subject, entry.object_id) == (intern, intern, str(course.pk))
    assertRedirects(as_intern.get(link), page)
    assertRedirects(as_intern.post(link), page)
    assert course.students.count() == 1


def test_a_visitor_signs_in_first_and_comes_back(client: Client, course: Course) -> None:
    link = link_of(course)

    for address in (link, reverse("courses:join", args=["wrong"])):
        assertRedirects(client.get(address), f"{reverse('account_login')}?next={address}")


def test_a_code_has_60_bits_and_is_read_as_people_type_it(course: Course, intern: User) -> None:
    link_of(course)
    code = code_of(course)

    assert len(code) == 12
    assert code not in str(Course.objects.values().get())
    for typed in (code.lower(), "-".join((code[:4], code[4:8], code[8:])), code.replace("0", "o").replace("1", "l")):
        assert hash_of(typed) == course.join_hash
    other = make_course(intern)
    link_of(other)
    assert code_of(other) != code


def test_refuses_what_does_not_lead_into_the_course(as_intern: Client, intern: User, course: Course) -> None:
    link, now = link_of(course), timezone.now()
    courses, teams = Course.objects.filter(pk=course.pk), type(course.team).objects.filter(pk=course.team_id)
    past = now - timedelta(minutes=1)
    cases = (
        (courses, {"join_until": past}, 409, "no longer works"),
        (courses, {"join_until": None, "join_domains": ["else.example"]}, 403, "else.example"),
        (courses, {"join_domains": [], "state": "draft"}, 409, "not open yet"),
        (courses, {"state": "ended", "ended_at": now}, 409, "has ended"),
        (courses, {"state": "open", "max_students": 1}, 409, "full"),
        (teams, {"ends_at": past}, 409, "has ended"),
    )
    enrol(course, make_user("first"))

    for rows, values, status, words in cases:
        rows.update(**values)
        for answer in (as_intern.get(link), as_intern.post(link)):
            assertContains(answer, words, status_code=status)
    assert not course.students.filter(account=intern).exists()


def test_an_old_code_and_a_closed_link_are_not_valid(as_intern: Client, course: Course) -> None:
    old, new = link_of(course), link_of(course)

    assert old != new
    assertContains(as_intern.post(old), "not valid", status_code=404)
    joining.close_link(course=course, actor=BY_THE_PORTAL)
    assertContains(as_intern.post(new), "not valid", status_code=404)
    assert not course.students.exists()


def test_whoever_left_does_not_come_back_by_the_link(as_intern: Client, intern: User, course: Course) -> None:
    link = link_of(course)
    enrol(course, intern, left_at=timezone.now())

    assertContains(as_intern.post(link), "Only a teacher", status_code=403)


def test_wrong_codes_are_slowed_down_and_right_ones_never(as_intern: Client, course: Course) -> None:
    old, new = link_of(course), link_of(course)

    answers = [as_intern.get(old) for _ in range(21)]

    assert [answer.status_code for answer in answers] == [404] * 20 + [429]
    assert answers[-1]["Retry-After"] == "3600"
    assert as_intern.get(new).status_code == 200
    assert signed_in(make_user("neighbour")).get(old).status_code == 404


def test_only_a_confirmed_address_is_of_a_domain(as_intern: Client, intern: User, course: Course) -> None:
    link = link_of(course)
    Course.objects.update(join_domains=["example.edu"])
    address = EmailAddress.objects.create(user=intern, email=intern.email, verified=False, primary=True)

    for answer in (as_intern.get(link), as_intern.post(link)):
        assertContains(answer, "Confirm your address", status_code=403)
    assert not course.students.exists()
    EmailAddress.objects.filter(pk=address.pk).update(verified=True)
    assert as_intern.post(link).status_code == 302


def test_a_teacher_is_no_student_of_their_own_course(as_teacher: Client, course: Course) -> None:
    assertContains(as_teacher.post(link_of(course)), "You teach this course", status_code=409)
    assert not course.students.exists()


@pytest.mark.django_db(transaction=True)
def test_no_more_come_in_at_once_than_there_are_places() -> None:
    course = make_course(make_user("teacher"), max_students=2)
    joining.renew_code(course=course, actor=BY_THE_PORTAL)
    course.refresh_from_db()
    people = [make_user(f"student-{number}") for number in range(4)]

    def come_in(person: User) -> bool:
        try:
            joining.join(course=course, person=person, actor=BY_THE_PORTAL)
        except joining.JoinRefused as refusal:
            return refusal.code != "full"
        finally:
            connection.close()
        return True

    with ThreadPoolExecutor(4) as pool:
        came = list(pool.map(come_in, people))

    assert sorted(came) == [False, False, True, True]
    assert Student.objects.filter(course=course).count() == 2
