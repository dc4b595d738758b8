"""Members of a group of the institution come in at their sign-in."""

from allauth.socialaccount.models import SocialAccount
from django.test import Client
from django.utils import timezone

from accounts.models import User
from courses.models import Course
from courses.services.joining import join_by_claim
from tests.accounts.institution import Institution
from tests.accounts.signing_in import SignIn
from tests.accounts.visits import come_back
from tests.courses.courses import enrol, make_course


def test_members_come_in_once(intern: User, course: Course) -> None:
    Course.objects.update(claim_group="inf-201")
    make_course(claim_group="another")
    make_course()  # without a group

    for _ in range(2):
        join_by_claim(intern, ["inf-201"])

    assert list(intern.attends.values_list("course", "source")) == [(course.pk, "claim")]


def test_nobody_comes_back_or_into_what_is_not_open_or_full(intern: User, staff: User, course: Course) -> None:
    Course.objects.update(claim_group="inf-201")
    enrol(course, intern, left_at=timezone.now())
    make_course(claim_group="inf-201", state="draft")
    enrol(make_course(claim_group="inf-201", max_students=1), staff)
    make_course(claim_group="inf-201", team__ends_at=timezone.now())
    make_course(intern, claim_group="inf-201")  # teaches it

    join_by_claim(intern, ["inf-201", ""])

    assert intern.attends.count() == 1


def test_the_institution_names_the_groups_at_each_sign_in(
    client: Client, institution: Institution, course: Course
) -> None:
    Course.objects.update(claim_group="inf-201")
    institution.knows("u1", preferred_username="ada", groups=["inf-201"])

    come_back(client)

    assert course.students.get().account == User.objects.get(username="ada")


def test_a_password_does_not_bring_in_whom_an_old_sign_in_named(sign_in: SignIn, intern: User, course: Course) -> None:
    Course.objects.update(claim_group="inf-201")
    claims = {"userinfo": {"sub": "u1", "groups": ["inf-201"]}}
    SocialAccount.objects.create(user=intern, provider="institution", uid="u1", extra_data=claims)

    assert sign_in(intern.username).status_code == 302

    assert not course.students.exists()
