"""A course pays for its students' answers: chosen by conversation, for its models only, while it runs."""

from decimal import Decimal
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from pytest_django import Settings
from pytest_django.asserts import assertContains, assertNotContains

from accounts.models import User
from courses.models import Course, Preset, Student
from gateway.secret import token_of
from keys.models import Key, Team, Token
from playground.models import Answer, Conversation
from playground.services import chat, handover
from tests.conftest import HTMX, signed_in
from tests.courses.courses import enrol, make_course
from tests.factories import change_policies, make_user
from tests.keys.actions import set_at_gateway
from tests.playground.streams import context, ended, know_the_models
from tests.sandbox_process import Sandbox

MODEL, OTHER = "gpt-4o-mini", "claude-3-haiku"
SEND, INDEX = reverse("playground:send"), reverse("playground:index")


@pytest.fixture
def course(staff: User, intern: User, sandbox: Sandbox) -> Course:
    """Return a running course with a budget for the Playground and one model, with the intern as a student."""
    know_the_models()
    course = make_course(staff, team__playground_budget_usd=Decimal("0.5"), team__model_names=[MODEL])
    enrol(course, intern)
    return course


def sent(browser: Client, status: int = 200, **data: Any) -> Conversation:
    """Send a message; return the newest conversation."""
    answer = browser.post(SEND, {"message": "Hello", "model": MODEL, **data}, headers=HTMX)
    assert answer.status_code == status, answer.content.decode()
    return Conversation.objects.latest("created_at")


def kinds() -> list[tuple[str, bool]]:
    """Return the kinds of the keys that are there, and whether each is of a course."""
    return sorted((key.kind, key.team_id is not None) for key in Key.objects.all())


def shown(browser: Client, conversation: Conversation) -> str:
    return browser.get(reverse("playground:conversation", args=[conversation.pk])).content.decode()


def test_a_student_chooses_and_the_conversation_remembers(
    as_intern: Client, course: Course, sandbox: Sandbox, settings: Settings
) -> None:
    settings.PLAYGROUND_STREAMS_PER_USER = 9
    assertContains(as_intern.get(INDEX), f'<option value="{course.pk}">{course.name}</option>', html=True)
    link = f"{INDEX}?payer={course.pk}"
    assertContains(as_intern.get(reverse("courses:attended", args=[course.pk])), link)
    assertContains(as_intern.get(link), f'<option value="{course.pk}" selected>{course.name}</option>', html=True)

    assertContains(as_intern.get(link), f"Paid by: <bdi data-payer-name>{course.name}</bdi>")  # also on a phone

    conversation = sent(as_intern, payer=str(course.pk))

    assert conversation.paid_by == course
    assert kinds() == [("playground", True)]
    assert [row["team_id"] for row in sandbox.live_keys()] == [course.team.gateway_id]
    assert f'<option value="{course.pk}" selected>' in shown(as_intern, conversation)
    retry = reverse("playground:retry", args=[conversation.head_id])
    assert as_intern.post(retry, headers=HTMX).status_code == 200
    assert sent(as_intern, conversation=str(conversation.pk)).paid_by == course  # a page that sends no choice
    assert kinds() == [("playground", True)]

    assert sent(as_intern, conversation=str(conversation.pk), payer="own", model=OTHER).paid_by is None
    assert kinds() == [("playground", False), ("playground", True)]


def test_nobody_else_has_the_choice(as_staff: Client, as_intern: Client, course: Course) -> None:
    stranger, gone = signed_in(make_user("stranger")), make_user("gone")
    enrol(course, gone, left_at=course.starts_at)
    for browser in (as_staff, stranger, signed_in(gone)):
        assertNotContains(browser.get(f"{INDEX}?payer={course.pk}"), f'<option value="{course.pk}"')
        refused = browser.post(SEND, {"message": "Hello", "model": MODEL, "payer": str(course.pk)}, headers=HTMX)
        assert refused.status_code == 422
        assert refused.content.decode().count("does not pay for") >= 1
    assertNotContains(stranger.get(f"{INDEX}?payer={course.pk}"), course.name)
    assert not Conversation.objects.exists()
    assert as_intern.post(SEND, {"message": "Hello", "model": MODEL, "payer": "x"}).status_code == 422


def test_only_the_models_of_who_pays(as_intern: Client, course: Course) -> None:
    refused = as_intern.post(SEND, {"message": "x", "model": OTHER, "payer": str(course.pk)}, headers=HTMX)
    assertContains(refused, f"“{course.name}” does not pay for “{OTHER}”", status_code=422)
    change_policies(playground__all_models=False, playground__model_names=[OTHER])
    refused = as_intern.post(SEND, {"message": "x", "model": MODEL, "payer": "own"}, headers=HTMX)
    assertContains(refused, f"Your own budget does not include “{MODEL}”", status_code=422)
    assert not Conversation.objects.exists()


def test_the_course_pays_for_people_without_a_playground_of_their_own(as_intern: Client, course: Course) -> None:
    change_policies(playground__allowed=False)

    assertNotContains(as_intern.get(INDEX), 'value="own"')
    found = as_intern.get(reverse("playground:find"), {"q": MODEL})
    assertContains(found, f"?model={MODEL}&amp;payer={course.pk}")
    assert sent(as_intern).paid_by == course

    Course.objects.update(state="frozen")
    page = as_intern.get(INDEX)
    assertNotContains(page, 'name="payer"')


def frozen(course: Course) -> None:
    Course.objects.update(state="frozen")


def ended_course(course: Course) -> None:
    Course.objects.update(state="ended", ended_at=course.starts_at)


def left(course: Course) -> None:
    Student.objects.update(left_at=course.starts_at)


def without_budget(course: Course) -> None:
    Team.objects.update(playground_budget_usd=None)


CLOSED = {
    frozen: "A teacher has paused",
    ended_course: "no longer pays for the Playground",
    left: "You are no longer a student of",
    without_budget: "This course does not pay for your Playground",
}


@pytest.mark.parametrize("close", CLOSED)
def test_says_why_a_course_no_longer_pays_and_takes_nothing_else(as_intern: Client, course: Course, close: Any) -> None:
    conversation = sent(as_intern, payer=str(course.pk))
    close(course)

    for choice in ({"payer": str(course.pk)}, {"payer": ""}, {}):
        refused = as_intern.post(
            SEND, {"message": "x", "model": MODEL, "conversation": str(conversation.pk), **choice}, headers=HTMX
        )
        assert refused.status_code == 422, choice
        assertNotContains(refused, f'<option value="{course.pk}"', status_code=422)
    new = as_intern.post(SEND, {"message": "x", "model": MODEL, "payer": str(course.pk)})
    assertContains(new, CLOSED[close], status_code=422)
    retry = as_intern.post(reverse("playground:retry", args=[conversation.head_id]), headers=HTMX)
    assertContains(retry, CLOSED[close], status_code=403)
    page = shown(as_intern, conversation)
    assert CLOSED[close] in page
    assert "Choose who pays" in page
    assert f'<option value="{course.pk}"' not in page
    assert kinds() == [("playground", True)]

    assert sent(as_intern, conversation=str(conversation.pk), payer="own").paid_by is None
    assert "Choose who pays" not in shown(as_intern, conversation)


def test_a_waiting_answer_is_not_started_after_a_freeze(as_intern: Client, course: Course) -> None:
    conversation = sent(as_intern, payer=str(course.pk))
    handover._kept.clear()  # another process gets the stream
    Course.objects.update(state="frozen")

    stream = as_intern.get(reverse("playground:stream", args=[conversation.head_id]), headers=HTMX)

    assertContains(stream, "A teacher has paused")
    assert Answer.objects.get().state == Answer.State.WAITING


def test_the_payer_of_a_waiting_answer_is_that_of_its_form(intern: User, as_intern: Client, course: Course) -> None:
    first = sent(as_intern, payer=str(course.pk)).head_id
    conversation = sent(as_intern, conversation=str(Conversation.objects.get().pk), payer="own")  # in another window
    assert conversation.paid_by is None

    prepared = chat.prepare(context(intern), Answer.objects.owned_by(intern).get(pk=str(first)))

    assert Token.objects.get(token=token_of(prepared.secret)).key.team == course.team
    assert chat.begin(prepared).paid_by == course


def test_a_new_conversation_asks_who_pays_where_the_course_of_its_link_does_not(
    as_intern: Client, course: Course
) -> None:
    own = as_intern.get(INDEX, {"payer": "own"})
    assertNotContains(own, "This course does not pay")
    frozen(course)

    page = as_intern.get(INDEX, {"payer": str(course.pk)})

    assertContains(page, '<option value="" selected>Choose who pays</option>', html=True)
    assertContains(page, "<bdi data-payer-name>Choose who pays</bdi>")
    refused = as_intern.post(SEND, {"message": "x", "model": MODEL, "payer": str(course.pk)})
    assertContains(refused, "Choose who pays", status_code=422)
    refused = as_intern.post(SEND, {"message": "x", "model": MODEL, "payer": ""})  # what that page sends
    assertContains(refused, "Choose who pays", status_code=422)
    assert not Conversation.objects.exists()
    assert sent(as_intern, payer="own").paid_by is None


@pytest.mark.parametrize("whose", ["student", "course"])
def test_the_message_says_that_the_courses_budget_is_used_up(
    intern: User, as_intern: Client, course: Course, sandbox: Sandbox, whose: str
) -> None:
    ended(intern, "Hello", paid_by=course)
    if whose == "student":
        set_at_gateway(sandbox, sandbox.live_keys()[0]["token"], spend=1)
    else:
        body = {"team_id": course.team.gateway_id, "max_budget": 0.0000001}
        sandbox.call("POST", "/team/update", body=body).raise_for_status()

    answer = ended(intern, "Hello", paid_by=course)

    page = shown(as_intern, answer.message.conversation)
    assert "The course’s budget is used up" in page
    words = "for all its students is used up" if whose == "course" else "Your budget in the Playground of"
    assert words in page
    assert "Ask for more" not in page


def test_shows_what_is_left_for_the_student(as_intern: Client, course: Course, sandbox: Sandbox) -> None:
    budget = reverse("playground:budget")
    assertContains(as_intern.get(budget, {"payer": str(course.pk)}), "0.50\u00a0USD for you in this course")
    sent(as_intern, payer=str(course.pk))
    set_at_gateway(sandbox, sandbox.live_keys()[0]["token"], spend=0.2)

    assertContains(as_intern.get(budget, {"payer": str(course.pk)}), "0.30 of 0.50\u00a0USD for you in this course")
    both = {"payer": [str(course.pk), "own"]}  # the link's, and the choice since
    assertContains(as_intern.get(budget, both), "created with your first message")
    stranger = signed_in(make_user("stranger"))
    assertContains(stranger.get(budget, {"payer": str(course.pk)}), "does not pay for your Playground")


def test_a_preset_opens_with_its_course_as_payer(as_intern: Client, course: Course) -> None:
    change_policies(playground__all_models=False, playground__model_names=[OTHER])
    for is_locked in (False, True):
        preset = Preset.objects.create(course=course, name="Pirate", model=MODEL, is_locked=is_locked)
        page = as_intern.get(reverse("playground:open_preset", args=[preset.pk]))
        assertContains(page, f'<option value="{course.pk}" selected>{course.name}</option>', html=True)
        assertNotContains(page, "which you cannot use here")
        assert sent(as_intern, payer=str(course.pk), preset=str(preset.pk)).paid_by == course
    assertContains(as_intern.get(reverse("courses:attended", args=[course.pk])), "The course can pay for answers")


def test_its_code_needs_no_payer(as_intern: Client, course: Course) -> None:
    change_policies(playground__all_models=False, playground__model_names=[OTHER])
    data = {"model": MODEL, "message": "Hello", "payer": str(course.pk)}
    assertContains(as_intern.post(reverse("playground:code"), data), MODEL)
