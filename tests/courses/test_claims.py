"""Members of a group of the institution come in at their sign-in."""

from allauth.socialaccount.models import SocialAccount
from django.utils import timezone

from accounts.models import User
from courses.models import Course
from courses.services.joining import join_by_claim
from tests.courses.courses import enrol, make_course


def with_groups(person: User, *groups: str) -> User:
    """Have the institution name these groups."""
    claims = {"userinfo": {"sub": person.username, "groups": list(groups)}}
    SocialAccount.objects.create(user=person, provider="institution", uid=person.username, extra_data=claims)
    return person


def test_members_come_in_once(intern: User, course: Course) -> None:
    Course.objects.update(claim_group="inf-201")
    make_course(claim_group="another")
    make_course()  # without a group

    with_groups(intern, "inf-201")
    for _ in range(2):
        join_by_claim(intern)

    assert list(intern.attends.values_list("course", "source")) == [(course.pk, "claim")]


def test_nobody_comes_back_or_into_what_is_not_open_or_full(intern: User, staff: User, course: Course) -> None:
    with_groups(intern, "inf-201", "")
    Course.objects.update(claim_group="inf-201")
    enrol(course, intern, left_at=timezone.now())
    make_course(claim_group="inf-201", state="draft")
    enrol(make_course(claim_group="inf-201", max_students=1), staff)
    make_course(claim_group="inf-201", team__ends_at=timezone.now())

    join_by_claim(intern)

    assert intern.attends.count() == 1


def test_accounts_without_the_institution_are_left_alone(intern: User, course: Course) -> None:
    join_by_claim(intern)

    assert not course.students.exists()
