"""A student's course: what it is, the key, what is left; nothing of others."""

import re
from datetime import timedelta
from decimal import Decimal

import pytest
from django.core import mail
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django.asserts import assertContains, assertNotContains, assertRedirects

from accounts.audit import Actor
from accounts.models import User
from courses.models import Course, Preset, Student
from courses.services import end_course, repair_students
from keys.models import Key, Team
from keys.services import sweep_keys
from tests.conftest import HTMX, signed_in
from tests.courses.courses import enrol, make_course
from tests.factories import make_user
from tests.keys.leaks import assert_nowhere, in_tables
from tests.notices.conftest import publish_terms
from tests.sandbox_process import Sandbox
from tests.tasks import run_tasks
from tests.usage.views.facts import key_of, used
from usage.models import DayToken, TokenRef, UsageState, utc_today

ACTIONS = ("get_key", "replace_secret", "leave")


@pytest.fixture
def student(course: Course, intern: User) -> Student:
    """Return the intern as a student of the course."""
    return enrol(course, intern)


def address(name: str, course: Course) -> str:
    """Return the address of a page of a student."""
    return reverse(f"courses:{name}", args=[course.pk])


def test_the_code_with_the_secret_carries_the_first_preset_that_the_key_can_use(
    as_intern: Client, student: Student, sandbox: Sandbox
) -> None:
    course = student.course
    Team.objects.update(model_names=["gpt-4o-mini"])
    for name, model in (("Old", "claude-3-haiku"), ("Pirate", "gpt-4o-mini")):
        values = {"system_prompt": f"{name} it is.", "parameters": {"temperature": 0.5}}
        Preset.objects.create(course=course, name=name, model=model, position=len(name), **values)

    page = as_intern.post(address("get_key", course)).content.decode()

    assert "With “Pirate”, prepared by your teacher." in page
    (curl,) = re.findall(r'<code id="use-curl">(.*?)</code>', page, re.DOTALL)
    for words in ("Pirate it is.", "gpt-4o-mini", "temperature", "0.5", sandbox.issued_secrets()[-1]):
        assert words in curl
    assert 'id="use-env"' in page
    assert "Old it is." not in page


def test_gets_the_key_with_one_click_and_sees_its_secret_once(
    as_intern: Client, student: Student, sandbox: Sandbox
) -> None:
    page, post = address("attended", student.course), address("get_key", student.course)
    assertContains(as_intern.get(page), "Get my key")

    answer = as_intern.post(post, headers=HTMX)
    again = as_intern.post(post)

    (secret,) = sandbox.issued_secrets()
    assertContains(answer, secret, status_code=201)
    assert "no-store" in answer["Cache-Control"]
    assertContains(answer, "Check this key", status_code=201)
    assertContains(again, "You have a key for this course already", status_code=409)
    (row,) = sandbox.live_keys()
    student.refresh_from_db()
    assert student.key
    assert (row["team_id"], row["max_budget"]) == (student.course.team.gateway_id, 1)
    shown = as_intern.get(page)
    assertContains(shown, f"…{secret[-4:]}")
    assertNotContains(shown, secret)
    assertNotContains(shown, "Get my key")
    assert_nowhere([secret], in_tables())


def test_replaces_the_secret_at_once(as_intern: Client, student: Student, sandbox: Sandbox) -> None:
    as_intern.post(address("get_key", student.course))
    assertContains(as_intern.get(address("replace_secret", student.course)), "shown once")

    answer = as_intern.post(address("replace_secret", student.course))

    _old, new = sandbox.issued_secrets()
    assertContains(answer, new, status_code=201)
    assert len(sandbox.live_keys()) == 1


def test_an_ended_key_is_followed_by_another(as_intern: Client, student: Student, sandbox: Sandbox) -> None:
    page, post = address("attended", student.course), address("get_key", student.course)
    as_intern.post(post)
    as_intern.post(reverse("keys:delete", args=[Key.objects.get().pk]))

    assertContains(as_intern.get(page), "You can get another, with the rest of your budget.")
    assertContains(as_intern.get(page), "Get my key")
    assert as_intern.post(post).status_code == 201
    assertContains(as_intern.get(page), "Your key works.")


def test_whoever_leaves_has_no_key_and_no_page(as_intern: Client, student: Student, sandbox: Sandbox) -> None:
    as_intern.post(address("get_key", student.course))
    assertContains(as_intern.get(address("leave", student.course)), "Only a teacher can add you again")
    assert len(sandbox.live_keys()) == 1

    assertRedirects(as_intern.post(address("leave", student.course)), reverse("keys:index"))

    assert sandbox.live_keys() == []
    assert as_intern.get(address("attended", student.course)).status_code == 404
    for name in ACTIONS:
        assert as_intern.post(address(name, student.course)).status_code == 404


def test_others_find_nothing(student: Student, staff: User, sandbox: Sandbox) -> None:
    for person in (make_user("stranger"), staff):  # its teacher has a page of their own
        browser = signed_in(person)
        assert browser.get(address("attended", student.course)).status_code == 404
        for name in ACTIONS:
            assert browser.post(address(name, student.course)).status_code == 404
    assert not Key.objects.exists()


def test_sees_nothing_of_other_students(as_intern: Client, student: Student) -> None:
    other = enrol(student.course, make_user("other", first_name="Somebody else"), name="Listed name", number="99887")

    page = as_intern.get(address("attended", student.course)).content.decode()

    assert not any(text in page for text in ("Somebody else", "Listed name", "99887", str(other.pk)))


def test_says_what_can_be_done_now(as_intern: Client, intern: User, sandbox: Sandbox) -> None:
    later = timezone.now() + timedelta(days=1)
    cases = (
        (make_course(state="frozen"), "paused this course"),
        (make_course(state="ended"), "has ended"),
        (make_course(starts_at=later), "You can get your key from"),
    )
    for course, words in cases:
        enrol(course, intern)

        assertContains(as_intern.get(address("attended", course)), words)
        assert as_intern.post(address("get_key", course)).status_code == 409
    assert sandbox.live_keys() == []


def test_a_draft_is_not_there(as_intern: Client, intern: User) -> None:
    course = make_course(state="draft")
    enrol(course, intern)

    assert as_intern.get(address("attended", course)).status_code == 404
    assertNotContains(as_intern.get(reverse("courses:index")), course.name)


def test_courses_are_in_the_navigation_of_students(as_intern: Client, student: Student) -> None:
    assertContains(as_intern.get("/"), f'href="{reverse("courses:index")}"')
    assertContains(as_intern.get(reverse("courses:index")), "Course C")


def test_terms_are_accepted_with_the_key(as_intern: Client, student: Student, sandbox: Sandbox) -> None:
    terms = publish_terms()
    page, post = address("attended", student.course), address("get_key", student.course)
    assertContains(as_intern.get(page), 'name="accept_terms"')

    assert as_intern.post(post).status_code == 409
    assert as_intern.post(post, {"accept_terms": str(terms.version)}).status_code == 201


def test_says_when_the_gateway_is_away(as_intern: Client, student: Student, sandbox: Sandbox) -> None:
    sandbox.faults("/key/generate", "drop_after")

    answer = as_intern.post(address("get_key", student.course))

    assert answer.status_code == 503
    sweep_keys()
    repair_students()
    assert sandbox.live_keys() == []
    assert as_intern.post(address("get_key", student.course)).status_code == 201


def test_shows_what_is_left(as_intern: Client, student: Student, sandbox: Sandbox) -> None:
    as_intern.post(address("get_key", student.course))
    Team.objects.update(budget_usd=Decimal("12.5"))

    page = as_intern.get(address("attended", student.course))

    assertContains(page, "1.00 of")
    assertContains(page, "12.50")


def test_nothing_is_spent_without_a_key(as_intern: Client, student: Student) -> None:
    unknown = TokenRef.objects.create(token="a" * 64)
    DayToken.objects.create(token_ref=unknown, day=utc_today(), spend_usd=Decimal(5))
    UsageState.objects.get_or_create(pk=1)

    assertContains(as_intern.get(address("attended", student.course)), "1.00 of 1.00")


def test_a_new_key_goes_on_with_the_budget_of_the_former_one(
    as_intern: Client, intern: User, staff: User, course: Course
) -> None:
    values = {"kind": Key.Kind.COURSE, "team": course.team, "budget_usd": 1}
    former = key_of(intern, "Former", **values, state=Key.State.DELETED)
    enrol(course, intern, key=key_of(intern, "New", **values))
    used(former, "0.75")
    used(key_of(intern, "Playground", **{**values, "kind": Key.Kind.PLAYGROUND}), "0.125")
    used(key_of(staff, "Another student", **values), "0.0625")

    assertContains(as_intern.get(address("attended", course)), "0.25 of 1.00")


def test_the_list_says_what_each_key_can_do(as_intern: Client, student: Student, sandbox: Sandbox) -> None:
    lists, course = reverse("courses:index"), student.course
    assertContains(as_intern.get(lists), "You have no key yet.")
    as_intern.post(address("get_key", course))
    assertContains(as_intern.get(lists), "Your key works.")
    student.refresh_from_db()
    used(student.key, "1")
    assertContains(as_intern.get(lists), "The budget of your key is used up.")
    Course.objects.update(state="ended", ended_at=timezone.now())
    assertNotContains(as_intern.get(lists), "The budget of your key")


def test_a_mail_says_what_stays_after_the_end(student: Student, staff: User, intern: User, sandbox: Sandbox) -> None:
    course = student.course
    left = enrol(course, make_user("left", email="left@example.edu"), left_at=timezone.now())
    draft = make_course(staff, state="draft", name="Never opened")
    enrol(draft, intern)
    for each in (course, draft):
        end_course(course=each, actor=Actor(user=staff))

    run_tasks()

    mails = [each for each in mail.outbox if "has ended" in each.subject]
    assert [each.to for each in mails] == [[intern.email]]
    assert left.account
    for words in (course.name, "no longer works", "your conversations in the Playground stay", f"/{course.pk}/"):
        assert words in mails[0].body
