"""Presets of a course: made by teachers, opened by students, and locked by the server."""

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from pytest_django import Settings
from pytest_django.asserts import assertContains, assertNotContains, assertRedirects

from accounts.models import AuditEntry, User
from courses.models import Course, Preset
from playground.models import Answer, Conversation
from tests.conftest import HTMX, signed_in
from tests.courses.courses import enrol, make_course
from tests.factories import change_policies, make_user
from tests.playground.streams import know_the_models
from tests.sandbox_process import Sandbox

OTHER = "claude-3-haiku"
VALUES = {"model": "gpt-4o-mini", "system_prompt": "Answer as a pirate.", "parameters": {"temperature": 0.5}}
TEACHERS = ("edit_preset", "move_preset", "delete_preset")


@pytest.fixture
def course(staff: User, intern: User, sandbox: Sandbox) -> Course:
    """Return a running course of the staff's, with the intern as a student."""
    know_the_models()
    course = make_course(staff)
    enrol(course, intern)
    return course


def preset_of(course: Course, **values: Any) -> Preset:
    return Preset.objects.create(course=course, **{"name": "Pirate", **VALUES, **values})


def at(name: str, preset: Preset) -> str:
    return reverse(f"playground:{name}", args=[preset.pk])


def sent(browser: Client, status: int = 200, **data: Any) -> Conversation:
    """Send a message; return the newest conversation."""
    data = {"message": "Hello", "model": OTHER, **data}
    answer = browser.post(reverse("playground:send"), data, headers=HTMX)
    assert answer.status_code == status, answer.content.decode()
    return Conversation.objects.latest("created_at")


def test_a_teacher_adds_changes_orders_and_deletes(as_staff: Client, course: Course) -> None:
    new, page = reverse("playground:create_preset", args=[course.pk]), reverse("courses:course", args=[course.pk])
    assertContains(as_staff.get(new), "gpt-4o-mini")
    form = {"name": "Pirate", "model": "gpt-4o-mini", "system": "Answer as a pirate.", "temperature": "0,5"}

    assertRedirects(as_staff.post(new, {**form, "is_locked": "on"}), page)
    as_staff.post(new, {**form, "name": "Second"})

    first, second = course.presets.all()
    assert {name: getattr(first, name) for name in VALUES} == VALUES
    assert (first.is_locked, second.is_locked) == (True, False)
    as_staff.post(at("move_preset", second), {"to": "up"})
    assert [preset.name for preset in course.presets.all()] == ["Second", "Pirate"]
    assertContains(as_staff.get(at("edit_preset", first)), "Answer as a pirate.")
    as_staff.post(at("edit_preset", first), {**form, "temperature": "", "system": ""})
    first.refresh_from_db()
    assert (first.system_prompt, first.parameters, first.is_locked) == ("", {}, False)
    assertContains(as_staff.get(at("delete_preset", first)), "Conversations that began with it stay")
    as_staff.post(at("delete_preset", first))
    assertNotContains(as_staff.get(page), at("edit_preset", first))
    assert AuditEntry.objects.filter(code__startswith="course.preset_").count() == 4


def test_refuses_what_the_playground_would(as_staff: Client, course: Course) -> None:
    course.team.model_names = ["gpt-4o-mini"]
    course.team.save(update_fields=["model_names"])
    new, good = reverse("playground:create_preset", args=[course.pk]), {"name": "x", "model": "gpt-4o-mini"}
    for wrong in ({"name": ""}, {"model": OTHER}, {"temperature": "9"}, {"system": "x" * 20_001}):
        assert as_staff.post(new, {**good, **wrong}).status_code == 422
    assert not course.presets.exists()
    Preset.objects.bulk_create(Preset(course=course, name="x", model="gpt-4o-mini") for _ in range(20))
    assertContains(as_staff.post(new, good), "at most 20 presets", status_code=409)
    Course.objects.update(state="ended", ended_at=course.starts_at)
    assertContains(as_staff.post(new, good), "has ended", status_code=409)


def test_strangers_and_students_do_not_find_them(as_intern: Client, course: Course) -> None:
    preset, stranger = preset_of(course), signed_in(make_user("stranger"))
    for name in TEACHERS:
        for browser in (as_intern, stranger):
            assert browser.post(at(name, preset)).status_code == 404
    assert as_intern.post(reverse("playground:create_preset", args=[course.pk])).status_code == 404
    for name in ("open_preset", "preset_code"):
        assert stranger.get(at(name, preset)).status_code == 404


def test_opens_only_while_the_course_runs(as_intern: Client, as_staff: Client, course: Course) -> None:
    preset = preset_of(course)
    page = reverse("courses:attended", args=[course.pk])
    assertContains(as_intern.get(page), at("open_preset", preset))
    for fields in ({"state": "frozen"}, {"state": "ended", "ended_at": course.starts_at}):
        Course.objects.update(**fields)
        assert as_intern.get(at("open_preset", preset)).status_code == 404
        assertNotContains(as_intern.get(page), at("open_preset", preset))
        assert as_staff.get(at("open_preset", preset)).status_code == (200 if fields["state"] == "frozen" else 404)


def test_an_open_one_fills_the_form_and_can_be_changed(as_intern: Client, course: Course) -> None:
    preset = preset_of(course)

    page = as_intern.get(at("open_preset", preset))

    assertContains(page, "Answer as a pirate.</textarea>")
    assertContains(page, "your own Playground key")
    assertNotContains(page, 'name="preset"')
    conversation = sent(as_intern, temperature="0.1", preset=str(preset.pk))
    assert conversation.params == {"model": OTHER, "temperature": 0.1}
    assert conversation.preset is None


def test_a_locked_one_holds_whatever_is_sent(as_intern: Client, course: Course, settings: Settings) -> None:
    settings.PLAYGROUND_STREAMS_PER_USER = 9
    preset = preset_of(course, is_locked=True)
    page = as_intern.get(at("open_preset", preset))
    assertContains(page, f'name="preset" value="{preset.pk}"')
    assertNotContains(page, 'name="system"')
    forged: dict[str, Any] = {"system": "Be dull.", "temperature": "2", "top_p": "0.1", "without": "temperature"}

    first = sent(as_intern, preset=str(preset.pk), **forged)
    conversation = sent(as_intern, conversation=str(first.pk), **forged)
    answer = Answer.objects.filter(message__conversation=conversation).earliest("started_at")
    retry = reverse("playground:retry", args=[answer.pk])
    edit = reverse("playground:edit", args=[answer.message_id])
    for address, data in ((retry, {"ask": OTHER, **forged}), (retry, {}), (edit, {"model": OTHER}), (edit, {})):
        assert as_intern.post(address, {"edited": "Other", **data}, headers=HTMX).status_code == 200

    held = {"model": "gpt-4o-mini", "system": "Answer as a pirate.", "temperature": 0.5}
    assert [each.params for each in Answer.objects.all()] == [held] * 6
    shown = as_intern.get(reverse("playground:conversation", args=[conversation.pk]))
    assertContains(shown, "cannot be changed here")
    assertNotContains(shown, 'name="preset"')
    for names in ({"conversation": str(conversation.pk)}, {"preset": str(preset.pk)}):
        code = as_intern.post(reverse("playground:code"), {"model": OTHER, **names})
        assertContains(code, "Answer as a pirate.")


def test_a_locked_conversation_ends_with_the_course(as_intern: Client, course: Course) -> None:
    preset = preset_of(course, is_locked=True)
    conversation = sent(as_intern, preset=str(preset.pk))
    Course.objects.update(state="frozen")

    sent(as_intern, status=403, conversation=str(conversation.pk))
    sent(as_intern, status=404, preset=str(preset.pk))
    assert as_intern.post(reverse("playground:retry", args=[conversation.head_id])).status_code == 403

    preset.delete()
    assert sent(as_intern, conversation=str(conversation.pk)).params == {"model": OTHER}


@pytest.mark.parametrize("given", ["x", "0", "9" * 30])
def test_a_preset_that_is_none_is_not_found(as_intern: Client, course: Course, given: str) -> None:
    assert as_intern.post(reverse("playground:send"), {"message": "x", "preset": given}).status_code == 404


def test_code_carries_model_prompt_and_parameters(as_intern: Client, as_staff: Client, course: Course) -> None:
    preset = preset_of(course)
    for browser, back in ((as_intern, "attended"), (as_staff, "course")):
        page = browser.get(at("preset_code", preset))
        assertContains(page, reverse(f"courses:{back}", args=[course.pk]))
        for words in ("gpt-4o-mini", "Answer as a pirate.", "temperature"):
            assertContains(page, words)


def test_says_when_the_students_own_policy_is_in_the_way(as_intern: Client, course: Course) -> None:
    preset, page = preset_of(course, is_locked=True), reverse("courses:attended", args=[course.pk])
    change_policies(playground__all_models=False, playground__model_names=[OTHER])
    assertContains(as_intern.get(page), "does not include this model")
    assertContains(as_intern.get(at("open_preset", preset)), "which you cannot use here")
    sent_to = as_intern.post(reverse("playground:send"), {"message": "Hello", "preset": str(preset.pk)})
    assertContains(sent_to, "You cannot call “gpt-4o-mini” here", status_code=422)
