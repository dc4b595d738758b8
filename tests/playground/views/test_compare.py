"""One question to several models: each column has its own stream, and one that fails leaves the others."""

from typing import Any
from uuid import uuid4

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import Settings
from pytest_django.asserts import assertContains, assertNotContains, assertRedirects

from accounts.models import User
from playground.forms.compare import own_prefix
from playground.models import ABANDONED_AFTER, ActiveCall, Answer, Conversation
from playground.services.columns import Column, columns_of
from playground.services.handover import take_over
from tests.conftest import HTMX
from tests.keys.playground_actions import allow
from tests.keys.views.pages import words_of
from tests.playground import rows
from tests.playground.sse import Received, received, stream_of, waited
from tests.playground.streams import know_the_models
from tests.sandbox_process import Sandbox

MODELS = ["gpt-4o-mini", "llama-70b"]
FOUR = ["general_nothink", "gpt-4o-mini", "claude-3-haiku", "llama-70b"]
COMPARE = "/playground/compare/"
State = Answer.State


@pytest.fixture(autouse=True)
def models(sandbox: Sandbox, db: None) -> None:
    """Let the portal know the gateway's models."""
    know_the_models()


def send(client: Client, text: str = "Hello [words 3]", *, htmx: bool = True, **fields: Any) -> Any:
    data = {"message": text, "models": MODELS, **fields}
    return client.post(COMPARE, data, headers=HTMX if htmx else {})


def compared(client: Client, text: str = "Hello [words 3]", **fields: Any) -> list[Answer]:
    """Send the form, and return the answers that wait."""
    assert send(client, text, **fields).status_code == 200
    return [column.answer for column in columns_now()]


def columns_now() -> list[Column]:
    return columns_of(Conversation.objects.get())


def post(client: Client, name: str, answer: Answer, *, htmx: bool = True, **fields: Any) -> Any:
    url = reverse(f"playground:{name}", args=[answer.pk])
    response: Any = client.post(url, fields, headers=HTMX if htmx else {})
    return response if htmx else waited(response)


def opened(client: Client, answer: Answer, *, htmx: bool = True) -> Any:
    """Open the answer's stream, as its column does."""
    return client.get(reverse("playground:stream", args=[answer.pk]), headers=HTMX if htmx else {})


def streamed(client: Client, answer: Answer) -> Received:
    return received(opened(client, answer))


def kept(answer: Answer) -> Answer:
    return Answer.objects.get(pk=answer.pk)


def last_at(stream: Received, target: str) -> str:
    """Return the last markup that the stream puts there."""
    return [part for part in stream.parts if part.target == target][-1].markup


def page_of(answer: Answer) -> str:
    return reverse("playground:comparison", args=[answer.message.conversation_id])


# --- The way as it should be ------------------------------------------------------------------------
def test_the_page_offers_the_models_that_chat(as_intern: Client) -> None:
    response = as_intern.get(COMPARE)

    assertContains(response, 'value="gpt-4o-mini"')
    assertNotContains(response, 'value="embedding"')


def test_each_model_waits_for_its_own_stream(as_intern: Client) -> None:
    response = send(as_intern)

    answers = [column.answer for column in columns_now()]
    assert [(answer.model, answer.state) for answer in answers] == [(name, State.WAITING) for name in MODELS]
    assertContains(response, f'data-address="{page_of(answers[0])}"')
    for answer in answers:
        assertContains(response, f'hx-get="{reverse("playground:stream", args=[answer.pk])}"')
    assertContains(response, 'hx-trigger="load"', 2)
    assertNotContains(response, "<html")


def test_a_column_streams_into_its_own_region(as_intern: Client) -> None:
    first, second = compared(as_intern, "Count [count 30] [pace 2]")

    stream = streamed(as_intern, first)

    assert stream.text == kept(first).text == " ".join(str(number) for number in range(1, 31))
    assert stream.events[0][0].target == f"answer-{first.pk}"
    assert "Finished" in last_at(stream, f"answer-{first.pk}")
    assert {part.target for part in stream.parts if str(second.pk) in part.target} == {f"marks-{second.pk}"}
    assert kept(second).state == State.WAITING


def test_the_best_are_marked_when_all_have_ended(as_intern: Client) -> None:
    first, second = compared(as_intern, "Hello [words 20] [pace 2]")

    before = streamed(as_intern, first)
    after = streamed(as_intern, second)

    assert "Cost least" not in last_at(before, f"marks-{first.pk}")
    assert "Cost least" in last_at(after, f"marks-{first.pk}")  # 0.15 and 0.60 against 0.90 USD
    assert "Cost least" not in last_at(after, f"marks-{second.pk}")
    assertContains(as_intern.get(page_of(first)), "Cost least", 1)


def test_all_parameters_go_to_each(as_intern: Client) -> None:
    answers = compared(as_intern, system="Be brief", temperature="0.5", max_tokens="7")

    for answer in answers:
        assert kept(answer).params == {
            "model": answer.model,
            "system": "Be brief",
            "temperature": 0.5,
            "max_tokens": 7,
        }
        streamed(as_intern, answer)
        assert kept(answer).state == State.COMPLETE


def test_the_page_of_a_comparison_shows_what_came(as_intern: Client) -> None:
    first, second = compared(as_intern, "Count [count 9]")
    streamed(as_intern, first)
    Answer.objects.filter(pk=second.pk).update(state=State.STREAMING, text="so far", saved_at=timezone.now())

    page = as_intern.get(page_of(first))

    assertContains(page, "1 2 3 4 5 6 7 8 9")
    assertContains(page, "so far")
    assertContains(page, f'hx-get="{reverse("playground:stream", args=[second.pk])}"', 1)
    assertContains(page, "Count [count 9]")
    assertContains(page, f'name="conversation" value="{first.message.conversation_id}"')


# --- Without a script -------------------------------------------------------------------------------
def test_works_without_a_script(as_intern: Client) -> None:
    response = send(as_intern, "Count [count 5]", htmx=False)

    first, second = (column.answer for column in columns_now())
    assertRedirects(response, page_of(first))
    assertContains(as_intern.get(page_of(first)), "Ask llama-70b")
    assert page_of(first).encode() in b"".join(stream_of(opened(as_intern, second, htmx=False)))
    assert kept(second).text == "1 2 3 4 5"
    assertRedirects(post(as_intern, "again", second, htmx=False), page_of(first))
    assert Answer.objects.filter(model="llama-70b", state=State.COMPLETE).count() == 2


# --- Limits -----------------------------------------------------------------------------------------
def test_four_models_answer_with_three_at_a_time(as_intern: Client) -> None:
    *three, fourth = compared(as_intern, "Count [count 5] [pace 2]", models=FOUR)
    begun = [opened(as_intern, answer) for answer in three]

    waits = opened(as_intern, fourth)

    assert waits.status_code == 200
    assertContains(waits, "Waits for its turn")
    assertContains(waits, 'hx-trigger="load delay:1s"')
    assert kept(fourth).state == State.WAITING
    assert kept(fourth).saved_at > fourth.saved_at  # so that nobody takes it for lost
    list(stream_of(begun[0]))
    assert streamed(as_intern, fourth).text == "1 2 3 4 5"
    for response in begun[1:]:
        list(stream_of(response))
    assert not ActiveCall.objects.filter(ended_at=None).exists()


def test_a_column_waits_for_the_next_minute(as_intern: Client, settings: Settings) -> None:
    first, second = compared(as_intern)
    settings.PLAYGROUND_REQUESTS_PER_MINUTE = 1
    streamed(as_intern, first)

    waits = opened(as_intern, second)

    assertContains(waits, "You may ask 1 time a minute here.")
    assertContains(waits, 'hx-trigger="load delay:5s"')


def test_an_answer_starts_once(as_intern: Client) -> None:
    first, _second = compared(as_intern, "Count [count 5]")
    events = stream_of(opened(as_intern, first))
    next(events)

    again = streamed(as_intern, first)

    assert "1 2 3 4 5" in last_at(again, f"answer-{first.pk}")
    list(events)
    assert kept(first).text == "1 2 3 4 5"
    assert ActiveCall.objects.count() == 1


def test_a_column_that_waited_too_long_does_not_start_by_itself(as_intern: Client) -> None:
    first, _second = compared(as_intern)
    Answer.objects.update(saved_at=timezone.now() - ABANDONED_AFTER)

    page = as_intern.get(page_of(first))

    assertNotContains(page, 'hx-trigger="load')
    assertContains(page, "Ask llama-70b", 1)


def test_as_many_models_as_the_setting_allows(as_intern: Client, settings: Settings) -> None:
    settings.PLAYGROUND_COMPARE_MODELS = 5
    assert send(as_intern, models=[*FOUR, "vision"]).status_code == 200
    assert len(columns_now()) == 5


# --- Stop -------------------------------------------------------------------------------------------
def test_stop_all_cancels_queued_columns(as_intern: Client) -> None:
    first, second = compared(as_intern)
    streamed(as_intern, first)
    url = reverse("playground:stop", args=[first.message.conversation_id])

    response = as_intern.post(url, headers=HTMX)

    assertContains(response, "Stopped before the first word.", 1)
    assert (kept(first).state, kept(second).state) == (State.COMPLETE, State.STOPPED)
    assert kept(second).ended_at is not None
    assert "Stopped" in last_at(streamed(as_intern, second), f"answer-{second.pk}")
    assertRedirects(as_intern.post(url), page_of(first))


def test_marks_the_best_only_when_all_have_ended(intern: User) -> None:
    comparison_of(intern, (State.COMPLETE, 20), (State.COMPLETE, 30), (State.STREAMING, None))

    assert [(column.soonest, column.least) for column in columns_now()] == [(False, False)] * 3


@pytest.mark.parametrize("state", [State.STOPPED, State.FAILED])
def test_an_incomplete_answer_is_never_the_best(intern: User, state: str) -> None:
    comparison_of(intern, (state, 10), (State.COMPLETE, 20), (State.COMPLETE, 30))

    assert [(column.soonest, column.least) for column in columns_now()] == [
        (False, False),
        (True, True),
        (False, False),
    ]


def comparison_of(owner: User, *answers: tuple[str, int | None]) -> None:
    """Make a comparison whose answers are in these states and took, and cost, so much."""
    names = [f"model-{number}" for number in range(len(answers))]
    conversation = rows.conversation(owner, kind=Conversation.Kind.COMPARE, params={"models": names})
    asked = rows.message(conversation)
    for name, (state, much) in zip(names, answers, strict=True):
        rows.answer(asked, model=name, state=state, first_token_ms=much, cost_usd=much)


# --- What goes wrong --------------------------------------------------------------------------------
def test_one_that_fails_leaves_the_others(as_intern: Client, sandbox: Sandbox) -> None:
    first, second = compared(as_intern, "Count [count 5]")
    sandbox.faults("/chat/completions", "stream_cut", after_chunks=2)

    broken, whole = streamed(as_intern, first), streamed(as_intern, second)

    assert (kept(first).state, kept(second).state) == (State.FAILED, State.COMPLETE)
    article = last_at(broken, f"answer-{first.pk}")
    assert "Broke off" in article
    assert "Retry gpt-4o-mini" in article
    assert whole.text == "1 2 3 4 5"


def test_a_column_is_retried_in_place(as_intern: Client, sandbox: Sandbox) -> None:
    first, second = compared(as_intern, "Count [count 5]")
    sandbox.faults("/chat/completions", "error", status=500)
    streamed(as_intern, first)

    column = post(as_intern, "again", first)

    newest = columns_now()[0].answer
    assert (newest.model, newest.state) == (first.model, State.WAITING)
    assert newest.params == first.params
    assertContains(column, f'id="column-{newest.pk}"', 1)
    assert streamed(as_intern, newest).text == "1 2 3 4 5"
    assert [column.answer for column in columns_now()] == [newest, second]
    assert kept(first).state == State.FAILED  # stays, as an alternative


def test_sends_without_what_a_model_refuses(as_intern: Client) -> None:
    first, _second = compared(as_intern, "Hello [refuse seed] [words 2]", seed="7")
    next_one = {"message": "Why?", "conversation": str(first.message.conversation_id), "seed": "7"}
    of_both = as_intern.post(f"{COMPARE}code/", next_one).content.decode().count("seed=7")
    article = last_at(streamed(as_intern, first), f"answer-{first.pk}")
    assert "Send without seed" in article

    post(as_intern, "again", first, without="seed")

    newest = columns_now()[0].answer
    assert newest.params["without"] == ["seed"]
    streamed(as_intern, newest)
    assert kept(newest).state == State.COMPLETE
    of_other = as_intern.post(f"{COMPARE}code/", next_one).content.decode().count("seed=7")
    assert of_other * 2 == of_both  # a further question has it for the other model only


def test_names_no_refusal_that_no_model_made(as_intern: Client) -> None:
    prefix = own_prefix(MODELS[0])
    own: dict[str, Any] = {"own": [MODELS[0]], f"{prefix}-temperature": "1", f"{prefix}-without": "seed"}
    first, second = compared(as_intern, seed="7", without="seed", **own)
    streamed(as_intern, first)

    post(as_intern, "again", first, without="seed")

    newest = columns_now()[0].answer
    assert newest.pk != first.pk
    assert all("without" not in answer.params and answer.params["seed"] == 7 for answer in (first, second, newest))


def test_required_parameters_are_never_left_out(as_intern: Client) -> None:
    first, _second = compared(as_intern)

    post(as_intern, "again", first, without="messages")

    assert "without" not in columns_now()[0].answer.params


def test_an_unavailable_gateway_costs_nothing(as_intern: Client, sandbox: Sandbox) -> None:
    sandbox.faults("*", "drop_before", times=20)

    response = send(as_intern)

    assert response.status_code == 503
    assert response.headers["HX-Retarget"] == "#playground-refused"
    assertContains(response, 'role="alert"', status_code=503)
    assert not Conversation.objects.exists()


def test_a_key_that_is_no_longer_allowed_is_reported_in_the_column(intern: User, as_intern: Client) -> None:
    first, _second = compared(as_intern)
    assert take_over(intern, first.pk)  # it waited for its turn, or its stream is opened in another process
    allow(playground__allowed=False)

    column = opened(as_intern, first)

    assertContains(column, "Ask gpt-4o-mini")
    assertNotContains(column, 'hx-trigger="load')
    assert kept(first).state == State.WAITING


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"models": []}, "Choose 2 to 4 models."),
        ({"models": ["llama-70b"]}, "Choose 2 to 4 models. These are 1."),
        ({"models": [*FOUR, "vision"]}, "Choose 2 to 4 models. These are 5."),
        ({"models": ["llama-70b", "embedding"]}, "You cannot call “embedding” here."),
        ({"message": "  "}, "Write a message first."),
        ({"max_tokens": "9999"}, "“llama-70b” answers with at most 4096 tokens."),
        ({"temperature": "hot"}, "Enter a number."),
    ],
)
@pytest.mark.parametrize("htmx", [True, False])
def test_says_what_is_wrong_at_its_field(as_intern: Client, fields: dict[str, Any], said: str, htmx: bool) -> None:
    response = send(as_intern, htmx=htmx, **fields)

    assert response.status_code == 422
    assert said in words_of(response)
    assert not Conversation.objects.exists()


def test_a_policy_with_one_model_has_nothing_to_compare(as_intern: Client) -> None:
    allow(playground__all_models=False, playground__model_names=["llama-70b"])

    response = as_intern.get(COMPARE)

    assertContains(response, "It takes two models to compare")
    assertNotContains(response, 'name="models"')


def test_a_chat_is_no_comparison(as_intern: Client, intern: User) -> None:
    conversation = rows.conversation(intern, ("Hello", "Hi"))

    assert as_intern.get(reverse("playground:comparison", args=[conversation.pk])).status_code == 404
    assert post(as_intern, "again", rows.last_answer(conversation)).status_code == 404
    assert as_intern.get(reverse("playground:comparison", args=[uuid4()])).status_code == 404


def test_a_temporary_comparison_is_not_listed(as_intern: Client) -> None:
    compared(as_intern, unkept="1")

    assert not Conversation.objects.get().kept
