"""A running answer is followed by any number of pages, also of another process, and stopped from any."""

import pytest
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from accounts.models import User
from playground.models import Answer
from tests.conftest import HTMX
from tests.playground import rows
from tests.playground.event_loop import event_loop
from tests.playground.sse import content_of, events_of, parts_of, received, send, stream_of
from tests.playground.streams import MODEL, know_the_models
from tests.sandbox_process import Sandbox
from tests.waiting import wait_until

pytestmark = pytest.mark.django_db
State = Answer.State


@pytest.fixture(autouse=True)
def models(sandbox: Sandbox, db: None) -> None:
    """Let the portal know the gateway's models."""
    know_the_models()


def stream_url(answer: Answer) -> str:
    return reverse("playground:stream", args=[answer.pk])


def test_a_second_page_gets_the_text_so_far_and_then_the_stream(as_intern: Client) -> None:
    first_page = events_of(stream_of(send(as_intern, "Count [count 60] [pace 10]")))
    while not any(part.target.startswith("text-") for part in parts_of(next(first_page))):
        pass
    answer = Answer.objects.get()

    second = as_intern.get(stream_url(answer), headers=HTMX)
    parts = [part for data in events_of(event_loop().each(content_of(second))) for part in parts_of(data)]

    texts = [part for part in parts if part.target == f"text-{answer.pk}"]
    assert texts[0].swap == "innerHTML"
    assert {part.swap for part in texts[1:]} == {"beforeend"}
    assert "".join(part.text for part in texts).split() == [str(number) for number in range(1, 61)]
    assert parts[-1].text == "The answer is finished."
    assert Answer.objects.get().state == State.COMPLETE


def test_stop_ends_it_for_every_page(as_intern: Client, sandbox: Sandbox) -> None:
    stream = stream_of(send(as_intern, "Write [words 2000] [pace 20]"))
    while b"#text-" not in next(stream):
        pass
    answer = Answer.objects.get()

    stopped = as_intern.post(reverse("playground:stop_answer", args=[answer.pk]), headers=HTMX)
    rest = b"".join(stream)

    assert stopped.status_code == 204
    assert b"Stopped." in rest
    assert Answer.objects.get().state == State.STOPPED
    wait_until(lambda: not sandbox.connections()["open"])


def test_a_flag_in_the_row_stops_the_answer_too(as_intern: Client) -> None:
    stream = stream_of(send(as_intern, "Write [words 2000] [pace 20]"))
    while b"#text-" not in next(stream):
        pass

    Answer.objects.update(stop_requested=True)  # as another process does
    rest = b"".join(stream)

    assert b"Stopped." in rest
    assert Answer.objects.get().state == State.STOPPED


def test_a_page_without_scripts_waits_stops_and_leads_on(as_intern: Client) -> None:
    form = {"message": "Write [words 4000] [pace 20]", "model": MODEL}
    address = as_intern.post(reverse("playground:send"), form)["Location"]
    waiting = as_intern.get(address, headers={"Accept-Language": "fr"})
    parts = event_loop().each(content_of(waiting))
    start = next(parts).decode()
    answer = Answer.objects.get()
    stop = reverse("playground:stop_answer", args=[answer.pk])

    assert '<html lang="fr">' in start
    assert f'action="{stop}"' in start
    assert "csrfmiddlewaretoken" in start
    assert "refresh" not in start
    page = as_intern.post(stop)["Location"]
    rest = b"".join(parts).decode()

    assert f'content="0; url={page}"' in rest
    assert rest.rstrip().endswith("</html>")
    assert Answer.objects.get().state == State.STOPPED


def test_stop_before_its_stream_is_opened_asks_no_model(as_intern: Client) -> None:
    response = send(as_intern, "Hello [words 3]")
    answer = Answer.objects.get()

    as_intern.post(reverse("playground:stop_answer", args=[answer.pk]), headers=HTMX)
    end = received(response)

    assert end.said == "Stopped."
    assert Answer.objects.get().call_id == ""


def test_a_page_of_another_process_follows_the_row(intern: User, as_intern: Client) -> None:
    conversation = rows.conversation(intern, ("One", "1"))
    busy = rows.answer(
        rows.message(conversation, parent=conversation.head), "so far", state=State.STREAMING, ended_at=None
    )
    stream = event_loop().each(content_of(as_intern.get(stream_url(busy), headers=HTMX)))
    while b"#text-" not in (said := next(stream)):
        pass
    assert b"so far" in said
    assert Answer.objects.get(pk=busy.pk).followed_at is not None

    Answer.objects.filter(pk=busy.pk).update(state=State.COMPLETE, text="so far so good")
    rest = b"".join(stream)

    assert b"so far so good" in rest
    assert b"The answer is finished." in rest


def test_an_answer_that_no_page_came_back_to_is_stopped(as_intern: Client, settings: Settings) -> None:
    settings.PLAYGROUND_UNWATCHED_S = 0.2
    response = send(as_intern, "Write [words 4000] [pace 20]")
    stream = stream_of(response)
    while b"#text-" not in next(stream):
        pass

    event_loop().disconnect(content_of(response.opened))  # type: ignore[attr-defined]  # by stream_of
    assert Answer.objects.get().state == State.STREAMING
    event_loop().end_of(Answer.objects.get().pk)

    assert Answer.objects.get().state == State.STOPPED


def test_an_answer_goes_on_for_a_while_without_a_page(as_intern: Client, settings: Settings) -> None:
    settings.PLAYGROUND_UNWATCHED_S = 600
    response = send(as_intern, "Count [count 40] [pace 10]")
    stream = stream_of(response)
    while b"#text-" not in next(stream):
        pass
    answer = Answer.objects.get()

    event_loop().disconnect(content_of(response.opened))  # type: ignore[attr-defined]  # by stream_of
    event_loop().end_of(answer.pk)

    answer.refresh_from_db()
    assert answer.state == State.COMPLETE
    assert answer.text.split()[-1] == "40"
