"""The key of a course on My keys: a group of its own, what can be done with it, and no notices."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.core import mail
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django.asserts import assertContains, assertNotContains

from accounts.models import User
from courses.models import Course, Student
from keys.models import Key, Team
from keys.services import KeyRefused, block_key, delete_key, remind_owners, unblock_key
from notices.bell import items_for
from notices.header import header_state
from tests.conftest import signed_in
from tests.courses.courses import enrol, make_course
from tests.keys.actions import BY_TEST, again, issue
from tests.keys.views.pages import words_of
from tests.sandbox_process import Sandbox
from tests.teaching.courses import course_key
from tests.usage.views.facts import used
from usage.services import warn_of_budgets


@pytest.fixture
def key(course: Course, intern: User, sandbox: Sandbox) -> Key:
    """Return the intern's key of the course."""
    student = enrol(course, intern)
    signed_in(intern).post(reverse("courses:get_key", args=[course.pk]))
    return Student.objects.select_related("key").get(pk=student.pk).key or Key()


def test_has_a_group_of_its_own_with_the_course(
    as_intern: Client, intern: User, key: Key, course: Course, sandbox: Sandbox
) -> None:
    issue(intern, "thesis")
    used(key, "0.9")

    page = as_intern.get("/")

    words = words_of(page)
    assert words.index("thesis") < words.index("They do not count among your keys") < words.index("Course C")
    assert "1 key of 3 is in use." in words
    assert "0.90 of 1.00 USD nearly used" in words
    assert "Little is left of" not in words
    assertContains(page, f'href="{reverse("courses:attended", args=[course.pk])}"')
    assertContains(page, f'href="{reverse("courses:replace_secret", args=[course.pk])}"')
    for name in ("renew", "rotate", "leaked"):
        assertNotContains(page, reverse(f"keys:{name}", args=[key.pk]))
    shown = as_intern.get(reverse("keys:detail", args=[key.pk]))
    assertContains(shown, f'href="{reverse("courses:attended", args=[course.pk])}"')
    for name in ("renew", "rotate", "leaked"):
        assertNotContains(shown, reverse(f"keys:{name}", args=[key.pk]))


def test_says_that_its_budget_is_used_up_and_then_that_the_course_ended(
    as_intern: Client, key: Key, course: Course
) -> None:
    used(key, "1")
    assert "Its budget is used up." in words_of(as_intern.get("/"))

    Key.objects.update(state=Key.State.DELETED, problem=Key.Problem.COURSE_ENDED, ended_at=timezone.now())

    assert "Its course has ended." in words_of(as_intern.get("/"))
    Key.objects.update(problem=Key.Problem.COURSE_LEFT)
    assertNotContains(as_intern.get("/"), reverse("courses:attended", args=[course.pk]))


def test_is_paused_and_resumed_but_not_renewed(as_intern: Client, key: Key, sandbox: Sandbox) -> None:
    assert as_intern.post(reverse("keys:pause", args=[key.pk])).status_code == 302
    assert [bool(row["blocked"]) for row in sandbox.live_keys()] == [True]
    assertContains(as_intern.get("/"), reverse("keys:resume", args=[key.pk]))
    Team.objects.update(frozen_at=timezone.now())
    assertNotContains(as_intern.get("/"), reverse("keys:resume", args=[key.pk]))
    Team.objects.update(frozen_at=None)
    assert as_intern.post(reverse("keys:resume", args=[key.pk])).status_code == 302

    assertContains(as_intern.get(reverse("keys:delete", args=[key.pk])), "gives you another key")
    refused = as_intern.post(reverse("keys:renew", args=[key.pk]))
    assertContains(refused, "expires with the course", status_code=409)
    assertContains(as_intern.get(reverse("keys:rotate", args=[key.pk])), "stops working at once")
    assert [bool(row["blocked"]) for row in sandbox.live_keys()] == [False]


def test_is_not_deleted_while_a_teacher_blocks_it(
    as_intern: Client, as_admin: Client, intern: User, key: Key, sandbox: Sandbox
) -> None:
    address = reverse("keys:delete", args=[key.pk])
    stale = Key.objects.get()
    block_key(key=key, actor=BY_TEST, as_teacher=True)

    for page in (as_intern.get("/"), as_intern.get(reverse("keys:detail", args=[key.pk]))):
        assertContains(page, "You cannot delete it while somebody else blocks it.")
        assertContains(page, "Contact your teacher or the administrators.")
        assertNotContains(page, address)
    for ask in (as_intern.get, as_intern.post):
        assertContains(ask(address), "so you cannot delete it", status_code=409)
    with pytest.raises(KeyRefused):  # read before the block
        delete_key(key=stale, actor=BY_TEST, by_owner=True)
    assert [bool(row["blocked"]) for row in sandbox.live_keys()] == [True]
    assertContains(as_admin.get(f"/people/{intern.pk}/"), reverse("people:delete_key", args=[intern.pk, key.pk]))
    unblock_key(key=again(key), actor=BY_TEST, as_teacher=True)
    assert as_intern.post(address).status_code == 302


def test_nobody_is_reminded_of_its_end_or_its_budget(intern: User, key: Key) -> None:
    Key.objects.update(created_at=timezone.now() - timedelta(days=20), expires_at=timezone.now() + timedelta(hours=9))
    used(key, "1")
    mail.outbox.clear()

    assert (remind_owners(), warn_of_budgets()) == (0, 0)
    assert items_for(intern) == []
    state = header_state(intern)
    assert not any(vars(state)[name] for name in ("has_keys", "has_budgets"))
    assert not mail.outbox


def test_keys_that_are_handed_out_are_not_among_the_teachers_own(as_staff: Client, staff: User, course: Course) -> None:
    key = course_key(course, staff, label="Ada", handed_out=True)

    assertNotContains(as_staff.get("/"), "Ada")
    for name in ("detail", "rotate", "leaked", "label", "delete"):
        assert as_staff.get(reverse(f"keys:{name}", args=[key.pk])).status_code == 404, name
    for name in ("pause", "resume", "rotate", "delete", "end_old", "renew"):
        assert as_staff.post(reverse(f"keys:{name}", args=[key.pk])).status_code == 404, name


def test_a_playground_key_of_a_course_is_in_no_persons_budget(as_intern: Client, intern: User) -> None:
    course = make_course(team__playground_budget_usd=Decimal(2))
    key = course_key(course, intern, label="Playground", kind=Key.Kind.PLAYGROUND)
    used(key, "2")

    assert "Its budget is used up." in words_of(as_intern.get("/"))
