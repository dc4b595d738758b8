"""Sending a message: its stream, what is saved of it, and form errors."""

import re
from typing import Any
from uuid import uuid4

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from pytest_django.asserts import assertContains, assertRedirects

from accounts.models import User
from gateway.secret import Secret
from playground.models import ActiveCall, Answer, Attachment, Conversation, Message
from tests.conftest import HTMX, signed_in
from tests.factories import make_user
from tests.keys.playground_actions import allow, use
from tests.keys.views.pages import assert_only, words_of
from tests.playground import rows
from tests.playground.event_loop import event_loop
from tests.playground.sse import STREAM, answer_to, content_of, opened, post, received, send
from tests.playground.streams import know_the_models
from tests.sandbox_process import Sandbox

SEND = "/playground/send/"
CODE_ID = re.compile(r"code-[0-9a-f]+-")  # of a block of code, new each time it is drawn
BLOCK = re.compile(r"<(?:h\d|p|ul|ol|pre|table)\b")
State = Answer.State


@pytest.fixture(autouse=True)
def models(sandbox: Sandbox, db: None) -> None:
    """Let the portal know the gateway's models."""
    know_the_models()


def page_of(conversation: Conversation) -> str:
    return reverse("playground:conversation", args=[conversation.pk])


def article_of(answer: Answer) -> str:
    return reverse("playground:answer", args=[answer.pk])


def stream_url(answer: Answer) -> str:
    return reverse("playground:stream", args=[answer.pk])


def everything() -> list[Any]:
    """Return all rows that asking writes."""
    return [
        list(model.objects.order_by("pk").values()) for model in (Conversation, Message, Answer, Attachment, ActiveCall)
    ]


# --- A message and its stream -----------------------------------------------------------------------
def test_the_stream_opens_sends_deltas_and_ends(as_intern: Client) -> None:
    conversation = received(send(as_intern, "Hello [words 12] [pace 5] [reason 2]"))

    opening, *pieces, last, end = conversation.events
    key = conversation.answer.pk
    assert [(part.target, part.swap) for part in opening] == [
        ("playground-turns", "beforeend"),
        ("playground-head", "outerHTML"),
        ("playground-box", "outerHTML"),
    ]
    assert {part.target for parts in pieces for part in parts} == {f"text-{key}", f"reasoning-{key}", f"live-{key}"}
    assert [(part.target, part.swap) for part in last] == [(f"open-{key}", "beforebegin"), (f"open-{key}", "delete")]
    assert [(part.target, part.swap) for part in end] == [(f"answer-{key}", "outerHTML"), ("say", "innerHTML")]
    assert conversation.said == "The answer is finished."


def test_a_stream_speaks_the_page_s_language(as_intern: Client) -> None:
    form = {"message": "Hello [words 12] [pace 5]", "model": "gpt-4o-mini"}

    conversation = received(as_intern.post(SEND, form, headers={**HTMX, "Accept-Language": "fr"}))

    live = [part.markup for parts in conversation.events for part in parts if part.target.startswith("live-")]
    assert live
    assert all("jeton" in content for content in live)
    assert conversation.said == "La réponse est terminée."


def test_the_saved_text_equals_the_streamed_text(as_intern: Client) -> None:
    conversation = received(send(as_intern, "Count [count 200] [pace 1] [reason 20]"))

    answer = conversation.answer
    assert answer.state == State.COMPLETE
    assert answer.text.split() == [str(number) for number in range(1, 201)]
    assert conversation.text == answer.text
    assert conversation.reasoning == answer.reasoning
    assert len(answer.reasoning.split()) == 20


@pytest.mark.parametrize("text", ["a\r\nb\rc\n\n\nd  e\tf ", "<b>&amp;</b> \u2028 é 漢 👩‍🔬 data: x"])
def test_every_character_arrives(as_intern: Client, text: str) -> None:
    conversation = received(send(as_intern, f"{text} [echo] [bytes]"))

    assert conversation.text == conversation.answer.text
    assert conversation.answer.text.strip() == text.replace("\r\n", "\n").replace("\r", "\n").strip()


def test_the_response_has_the_turn_and_an_empty_box(as_intern: Client) -> None:
    conversation = received(send(as_intern, "What is <b>love</b>? [words 2]"))

    turn, head, box = conversation.events[0]
    answer = conversation.answer
    assert "What is &lt;b&gt;love&lt;/b&gt;?" in turn.markup
    assert f'id="text-{answer.pk}"' in turn.markup
    assert 'aria-busy="true"' in turn.markup
    assert f'hx-get="{stream_url(answer)}" hx-trigger="load"' in turn.markup
    assert "What is &lt;b&gt;love&lt;/b&gt;?" in head.markup
    assert f'data-address="{page_of(answer.message.conversation)}"' in box.markup
    assert f'name="conversation" value="{answer.message.conversation_id}"' in box.markup
    assert "love" not in box.markup.partition("<textarea")[2]


def test_the_blocks_and_the_final_event_equal_what_a_reload_shows(as_intern: Client) -> None:
    conversation = received(send(as_intern, "Well [markdown] [pace 5]"))

    assert "aria-busy" not in conversation.article
    key = conversation.answer.pk
    blocks = [part.markup for part in conversation.parts if (part.target, part.swap) == (f"open-{key}", "beforebegin")]
    assert len(BLOCK.findall("".join(blocks))) > 3  # of one event or more: several may be finished at once
    assert "<table" in "".join(blocks)
    kept = f'<div class="ps-prose" id="prose-{key}" hx-preserve></div>'
    whole = conversation.article.replace(kept, f'<div class="ps-prose">{"".join(blocks)}</div>')
    again = as_intern.get(article_of(conversation.answer)).content.decode()
    assert CODE_ID.sub("", again).split() == CODE_ID.sub("", whole).split()
    assertContains(as_intern.get(page_of(conversation.answer.message.conversation)), "Start small.")


def test_creates_a_conversation(intern: User, as_intern: Client) -> None:
    answer = answer_to(as_intern, "What is a p-value? [words 3]", temperature="0.4", system="Be brief.", seed="7")

    conversation = Conversation.objects.get()
    assert (conversation.owner, conversation.kept, conversation.head_id, conversation.kind) == (
        intern,
        True,
        answer.pk,
        "chat",
    )
    assert conversation.title.startswith("What is a p-value?")
    assert conversation.params == {"model": "gpt-4o-mini", "system": "Be brief.", "temperature": 0.4, "seed": 7}
    assert answer.params == conversation.params
    assert answer.prompt_tokens == 8  # the system prompt went along
    assert answer.message.parent_id is None


def test_a_temporary_conversation_is_not_listed(intern: User, as_intern: Client) -> None:
    answer_to(as_intern, "Between us [words 2]", unkept="1")

    assert not Conversation.objects.get().kept
    assert not Conversation.objects.owned_by(intern).listed().exists()


def test_continues_the_conversation(as_intern: Client) -> None:
    first = answer_to(as_intern, "One [words 3]")
    conversation = first.message.conversation

    further = received(send(as_intern, "Two [words 3]", conversation=str(conversation.pk), parent=str(first.pk)))

    second = further.answer
    assert second.message.parent_id == first.pk
    assert second.message.conversation_id == conversation.pk
    assert Conversation.objects.get().head_id == second.pk
    assert [part.target for part in further.events[0]] == ["playground-turns", "playground-box"]
    assert "One" not in further.events[0][0].markup
    words = words_of(as_intern.get(page_of(conversation)))
    assert words.index("One [words 3]") < words.index("Two [words 3]")


def test_sends_an_image(as_intern: Client) -> None:
    picture = SimpleUploadedFile("cat.png", rows.PIXEL, "image/png")

    conversation = received(send(as_intern, "What is this? [words 3]", attachments=picture))

    image = Attachment.objects.get()
    assert (image.name, bytes(image.data), image.message_id) == ("cat.png", rows.PIXEL, conversation.answer.message_id)
    assert reverse("playground:image", args=[image.pk]) in conversation.events[0][0].markup
    assert conversation.answer.state == State.COMPLETE


def test_two_at_once_in_one_conversation_are_alternatives(as_intern: Client) -> None:
    first = answer_to(as_intern, "One [words 2]")
    where: dict[str, Any] = {"conversation": str(first.message.conversation_id), "parent": str(first.pk)}
    red, blue = send(as_intern, "Red [words 4]", **where), send(as_intern, "Blue [words 5]", **where)

    blue_conversation, red_conversation = received(blue), received(red)

    assert (len(red_conversation.text.split()), len(blue_conversation.text.split())) == (4, 5)
    assert {red_conversation.answer.message.parent_id, blue_conversation.answer.message.parent_id} == {first.pk}
    assert {part.target for part in blue_conversation.events[0]} >= {"playground-turns"}
    assert blue_conversation.events[0][0].swap == "innerHTML"  # two ways now: drawn anew, with its pager
    page = words_of(as_intern.get(page_of(first.message.conversation)))
    assert "Blue [words 5]" in page
    assert "Red [words 4]" not in page
    assert "2 of 2" in page


# --- Without scripts --------------------------------------------------------------------------------
def test_without_htmx_it_redirects_to_a_page_with_the_whole_answer(as_intern: Client) -> None:
    response = send(as_intern, "Count [count 7]", htmx=False)

    answer = Answer.objects.get()
    assert answer.state == State.COMPLETE
    assertRedirects(response, page_of(answer.message.conversation), fetch_redirect_response=False)
    assertContains(as_intern.get(response["Location"]), "1 2 3 4 5 6 7")


# --- Forms that are wrong ---------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"temperature": "9"}, "temperature: "),
        ({"logit_bias": "{1: 2"}, "logit_bias: "),
        ({"model": "no-such-model"}, "no-such-model"),
        ({"attachments": SimpleUploadedFile("a.png", b"MZ\0", "image/png")}, "a.png"),
    ],
)
@pytest.mark.parametrize("htmx", [True, False])
def test_an_invalid_field_is_reported_and_the_prompt_kept(
    as_intern: Client, wrong: dict[str, Any], words: str, htmx: bool
) -> None:
    if "attachments" in wrong:
        wrong["attachments"].seek(0)

    response = send(as_intern, "My long prompt", htmx=htmx, **wrong)

    assert response.status_code == 422
    assert words in words_of(response)
    assert 'aria-invalid="true"' in response.content.decode() or "model" in wrong or "attachments" in wrong
    assert b"<!doctype html>" in response.content or htmx
    assert b"My long prompt" in response.content or htmx  # htmx leaves the box as it is
    assert not Conversation.objects.exists()


def test_an_empty_message_is_not_sent(as_intern: Client) -> None:
    response = send(as_intern, "")

    assert response.status_code == 422
    assert "Write a message first." in words_of(response)


def test_a_model_that_the_policy_does_not_name_cannot_be_chosen(intern: User, as_intern: Client) -> None:
    allow(playground__all_models=False, playground__model_names=["llama-70b"])

    assert send(as_intern, "Hello").status_code == 422
    assert answer_to(as_intern, "Hello [words 2]", model="llama-70b").state == State.COMPLETE


# --- Who may ----------------------------------------------------------------------------------------
def test_a_strangers_conversation_is_not_found(intern: User, as_intern: Client) -> None:
    theirs = rows.conversation(make_user(), ("A secret", "kept well"))
    own = rows.conversation(intern, ("Mine", "too"))
    before = everything()

    asked: list[dict[str, Any]] = [
        {"conversation": str(theirs.pk)},
        {"conversation": str(theirs.pk), "parent": str(theirs.head_id)},
        {"conversation": str(own.pk), "parent": str(theirs.head_id)},
        {"conversation": str(uuid4())},
        {"conversation": "1"},
        {"conversation": str(own.pk), "parent": "x"},
    ]
    for fields in asked:
        assert send(as_intern, "Hello", **fields).status_code == 404, fields
    assert as_intern.get(page_of(theirs)).status_code == 404
    assert as_intern.get(article_of(rows.last_answer(theirs))).status_code == 404
    assert everything() == before


def test_an_answer_of_another_conversation_is_no_parent(intern: User, as_intern: Client) -> None:
    one, other = rows.conversation(intern, ("One", "1")), rows.conversation(intern, ("Other", "2"))

    assert send(as_intern, "Hello", conversation=str(one.pk), parent=str(other.head_id)).status_code == 404


def test_a_parent_that_was_deleted_meanwhile_is_reported(intern: User, as_intern: Client) -> None:
    conversation = rows.conversation(intern, ("One", "1"), ("Two", "2"))
    gone = rows.last_answer(conversation)
    gone.delete()

    assert send(as_intern, "Hello", conversation=str(conversation.pk), parent=str(gone.pk)).status_code == 404


def test_accepts_post_only(as_intern: Client) -> None:
    assert_only(as_intern, SEND, "post")
    assert_only(as_intern, reverse("playground:index"), "get")


def test_a_get_writes_nothing(intern: User, as_intern: Client) -> None:
    conversation = rows.conversation(intern, ("One", "1"))
    rows.answer(rows.message(conversation, parent=conversation.head), state=State.STREAMING, ended_at=None)
    before = everything()

    for url in (reverse("playground:index"), page_of(conversation), article_of(rows.last_answer(conversation))):
        assert as_intern.get(url).status_code == 200
        assert as_intern.get(url, headers=HTMX).status_code == 200
    assert everything() == before


def test_a_reload_shows_the_text_so_far_and_rejoins(intern: User, as_intern: Client) -> None:
    conversation = rows.conversation(intern, ("One", "1"))
    busy = rows.answer(
        rows.message(conversation, parent=conversation.head), "so far so", state=State.STREAMING, ended_at=None
    )

    page = as_intern.get(page_of(conversation)).content.decode()

    assert "so far so" in page
    assert 'aria-busy="true"' in page
    assert f'hx-get="{stream_url(busy)}" hx-trigger="load"' in page


def test_a_get_sends_nothing(as_intern: Client) -> None:
    response = as_intern.get(reverse("playground:index"), {"model": "llama-70b", "system": "Be kind."})

    assert "Be kind." in response.content.decode()
    assert not Answer.objects.exists()


# --- What it costs ----------------------------------------------------------------------------------
def queries_before_the_gateway(client: Client, **fields: Any) -> tuple[int, int]:
    """Return how many queries are made before the gateway is asked: by the form, and by the stream that is opened.

    Two requests: each must find out whose it is, which are two of them.
    """
    with CaptureQueriesContext(connection) as captured:
        form = send(client, "Hello [words 2]", **fields)
        of_the_form = len(captured)
        stream = opened(form, STREAM.findall(form.content.decode())[-1])
    list(event_loop().each(content_of(stream)))
    return of_the_form, len(captured) - of_the_form


def test_a_first_message_costs_few_queries(intern: User, sandbox: Sandbox) -> None:
    assert isinstance(use(intern), Secret)

    form, stream = queries_before_the_gateway(signed_in(intern))

    assert form <= 17
    assert stream <= 3


def test_a_further_message_costs_few_queries_in_a_long_conversation(intern: User, as_intern: Client) -> None:
    use(intern)
    conversation = rows.conversation(intern, *[("More", "and more")] * 20, model="gpt-4o-mini")

    form, stream = queries_before_the_gateway(
        as_intern, conversation=str(conversation.pk), parent=str(conversation.head_id)
    )

    assert form <= 18  # one more where a second has gone since all answers under way were counted
    assert stream <= 6


def test_a_form_without_a_model_is_refused(as_intern: Client) -> None:
    response = post(as_intern, SEND, message="Hello")

    assert response.status_code == 422
    assert "Choose a model." in words_of(response)
