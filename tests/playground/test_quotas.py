"""Storage quotas of a person: nobody fills the disk, and refused data is not stored."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.db.models import Sum
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from accounts.models import HourlyCount, User
from playground.models import Answer, Attachment, Conversation, Message, ParameterSet
from playground.services import turns
from playground.services.quotas import COMPARISONS_WAITING, room_of
from tests.conftest import HTMX, signed_in
from tests.keys.playground_actions import spend_at, use
from tests.keys.views.pages import words_of
from tests.playground import rows
from tests.playground.sse import answer_to, received, send
from tests.playground.streams import MODEL, know_the_models
from tests.sandbox_process import Sandbox

COMPARE = "/playground/compare/"
FOUR = ["general_nothink", "gpt-4o-mini", "claude-3-haiku", "llama-70b"]


@pytest.fixture(autouse=True)
def models(sandbox: Sandbox, db: None, settings: Settings) -> None:
    know_the_models()
    settings.PLAYGROUND_REQUESTS_PER_MINUTE = 1000


def picture(size: int) -> SimpleUploadedFile:
    return SimpleUploadedFile("cat.png", rows.PIXEL + bytes(size), "image/png")


def stored() -> list[int]:
    return [model.objects.count() for model in (Conversation, Message, Attachment, Answer)]


def compare(client: Client, models: list[str], **fields: Any) -> Any:
    return client.post(COMPARE, {"message": "Hello [words 3]", "models": models, **fields}, headers=HTMX)


@pytest.mark.parametrize("htmx", [True, False])
def test_images_beyond_the_hour_s_megabytes_are_not_stored(as_intern: Client, settings: Settings, htmx: bool) -> None:
    settings.PLAYGROUND_IMAGE_MB_PER_HOUR = 2
    received(send(as_intern, "Look [words 3]", attachments=picture(1_500_000)))
    before = stored()

    response = send(as_intern, "And this one", attachments=picture(600_000), htmx=htmx)

    assert response.status_code == 429
    assert "You may send 2 MB of images and files an hour. Nothing was sent or stored." in words_of(response)
    assert stored() == before
    received(send(as_intern, "Words alone [words 3]"))


def test_a_person_s_conversations_together_have_a_limit_and_deleting_one_makes_room(
    as_intern: Client, intern: User, settings: Settings
) -> None:
    settings.PLAYGROUND_STORED_MB_PER_USER = 1
    first = rows.conversation(intern, ("Hello", "Hi"), stored_bytes=400_000)
    rows.conversation(intern, ("Hello", "Hi"), stored_bytes=550_000)
    before = stored()

    for response in (
        send(as_intern, "y" * 85_000),
        compare(as_intern, FOUR, system="z" * 60_000),
        as_intern.post(
            reverse("playground:retry", args=[rows.last_answer(first).pk]), {"model": MODEL, "system": "y" * 60_000}
        ),
    ):
        assert response.status_code == 422
        assert "Your conversations may take 1 MB in all" in words_of(response)
    assert stored() == before
    turns.delete_conversation(first)
    received(send(as_intern, "y" * 85_000))


def test_answers_count_and_deleted_ones_do_not(as_intern: Client, intern: User) -> None:
    answer = answer_to(as_intern, "Hello [words 400]" + "s" * 20_000)
    again = as_intern.post(reverse("playground:retry", args=[answer.pk]), headers=HTMX)
    received(again)
    conversation = Conversation.objects.get()

    assert conversation.stored_bytes == (
        Message.objects.aggregate(total=Sum("stored_bytes"))["total"]
        + Answer.objects.aggregate(total=Sum("stored_bytes"))["total"]
    )
    assert conversation.stored_bytes > 20_000 + 2 * len(answer.text)
    turns.delete_answer(Answer.objects.owned_by(intern).get(pk=answer.pk))
    conversation.refresh_from_db()
    assert 20_000 < conversation.stored_bytes < 20_000 + 2 * len(answer.text)


def test_settings_count_once_for_all_answers_that_were_asked_with_them(as_intern: Client, intern: User) -> None:
    received(send(as_intern, "Hello [words 3]", system="s" * 90_000))
    before = room_of(intern)

    for number in range(2):
        received(send(as_intern, f"Hello {number} [words 3]", system="s" * 90_000))

    assert before - room_of(intern) < 20_000
    assert compare(as_intern, FOUR, system="s" * 90_000).status_code == 200
    assert ParameterSet.objects.count() == 1


def test_new_conversations_have_a_limit_an_hour_and_old_ones_go_on(as_intern: Client, settings: Settings) -> None:
    settings.PLAYGROUND_CONVERSATIONS_PER_HOUR = 2
    assert compare(as_intern, FOUR[:2]).status_code == 200
    answer = answer_to(as_intern, "Hello [words 3]")

    refusals = [
        send(as_intern, "Another"),
        compare(as_intern, FOUR[:2]),
        as_intern.post("/playground/completion/", {"message": "Once", "model": MODEL}, headers=HTMX),
    ]

    for response in refusals:
        assert response.status_code == 429
        assert "You may begin 2 conversations an hour. Nothing was sent." in words_of(response)
    assert Conversation.objects.count() == 2
    conversation = answer.message.conversation
    assert answer_to(as_intern, "Go on [words 3]", conversation=str(conversation.pk)).state == Answer.State.COMPLETE


def test_comparisons_that_wait_have_a_limit(as_intern: Client) -> None:
    answers = [compare(as_intern, FOUR) for _ in range(5)]

    assert [answer.status_code for answer in answers] == [200, 200, 200, 429, 429]
    assert Answer.objects.count() == COMPARISONS_WAITING * len(FOUR)
    assert "12 answers are already waiting for their turn." in words_of(answers[-1])


def test_a_retry_in_a_column_respects_the_limit_too(as_intern: Client, settings: Settings) -> None:
    compare(as_intern, FOUR)
    first, second, *_ = Answer.objects.order_by("started_at")
    Answer.objects.filter(pk__in=(first.pk, second.pk)).update(state=Answer.State.COMPLETE)

    allowed = as_intern.post(reverse("playground:again", args=[first.pk]), headers=HTMX)
    settings.PLAYGROUND_COMPARE_MODELS = 1  # and three answers wait
    refused = as_intern.post(reverse("playground:again", args=[second.pk]), headers=HTMX)

    assert (allowed.status_code, refused.status_code) == (200, 429)
    assert Answer.objects.count() == len(FOUR) + 1
    assert f'id="column-{second.pk}"' in refused.content.decode()


def test_images_are_not_stored_while_the_budget_is_used_up(as_intern: Client, intern: User, sandbox: Sandbox) -> None:
    spend_at(sandbox, use(intern), 2)
    failed = answer_to(as_intern, "Is there any budget?")
    assert (failed.problem or {})["code"] == "over_budget"
    before = stored()

    response = send(as_intern, "Look", attachments=picture(1000))

    assert response.status_code == 422
    assert "Your Playground budget is used up. Nothing was sent, and the files were not stored." in words_of(response)
    assert stored() == before


@pytest.mark.django_db(transaction=True)
def test_two_tabs_at_once_do_not_pass_a_limit(intern: User, settings: Settings) -> None:
    settings.PLAYGROUND_CONVERSATIONS_PER_HOUR = 3
    compare(signed_in(intern), FOUR[:2])

    def one(_: int) -> int:
        try:
            status: int = compare(signed_in(intern), FOUR[:2]).status_code
            return status
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as tabs:
        assert sorted(tabs.map(one, range(6))) == [200, 200, 429, 429, 429, 429]
    assert Conversation.objects.count() == 3
    assert HourlyCount.objects.get(action="playground:conversation").amount == 3
