"""Texts that try to be markup, in every place of the Playground: the markup stays that of a harmless text."""

import re
from collections.abc import Callable
from difflib import unified_diff
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from accounts.models import User
from keys.models import GatewayModel
from playground.models import Answer, Conversation
from tests.conftest import HTMX
from tests.playground import rows, xss
from tests.playground.skeleton import skeleton
from tests.playground.sse import Received, received, send
from tests.playground.streams import MODEL, know_the_models
from tests.playground.test_rendering import Reader
from tests.sandbox_process import Sandbox

HARMLESS = "bees"
GROUPS = ["SCRIPTS", "HANDLERS", "ADDRESSES", "NAMESPACES", "ELEMENTS", "ACTING", "FORMULAS", "ODD"]
Drawn = Callable[[list[str]], list[list[str]]]
_OPEN = re.compile(r'<div class="ps-(?:open|live msg-live)" id="(?:open|text)-[\w-]+">|</div>(?=(?:</div>)?$)')


@pytest.fixture(autouse=True)
def models(sandbox: Sandbox, db: None, settings: Settings) -> None:
    """Let the portal know the gateway's models, and ask them often."""
    settings.PLAYGROUND_REQUESTS_PER_MINUTE = settings.PLAYGROUND_IMAGES = 1000
    know_the_models()


def attempts(group: str) -> list[str]:
    """Return the texts of a group, as far as a form takes them; no database keeps NUL."""
    return [text.replace("\0", "") for text in getattr(xss, group)]


TEXTS = [text for group in GROUPS for text in attempts(group)]


def assert_alike(drawn: Drawn, texts: list[str] = TEXTS) -> None:
    """Render it with these texts, by default all, and compare the markup with that of as many harmless ones."""
    usual = drawn([HARMLESS] * len(texts))
    assert all(usual)
    Conversation.objects.all().delete()
    for found, wanted in zip(drawn(texts), usual, strict=True):
        assert list(unified_diff(wanted, found, lineterm="", n=1)) == []


def of_stream(stream: Received, *pages: Any) -> list[list[str]]:
    """Return the markup of a stream's parts, pieces of text together, and of the pages that show it later."""
    assert stream.text  # none of its pieces has markup
    blocks = [_OPEN.sub("", part.markup) for part in stream.parts if part.target.startswith(("open-", "prose-"))]
    assert [wrong for html in blocks for wrong in Reader(html).wrong] == []
    pieces = ("text-", "reasoning-", "live-", "open-", "prose-")
    places = [part for part in stream.parts if not part.target.startswith(pieces)]
    assert {part.target.split("-")[0] for part in places} <= {"playground", "answer", "say", "marks"}
    drawn = [*(part.markup for part in places if part.target != "say"), *(page.content.decode() for page in pages)]
    return [skeleton(html, but_for="ps-prose ps-read") for html in drawn]  # of figures not all are there each time


def of_pages(*pages: Any) -> list[list[str]]:
    """Return the markup of pages."""
    return [skeleton(page.content.decode()) for page in pages]


def show(client: Client, name: str, *args: Any) -> Any:
    page = client.get(reverse(f"playground:{name}", args=args))
    assert page.status_code == 200
    return page


# --- Streams, a character a piece -------------------------------------------------------------------
def test_in_a_chat_as_prompt_system_prompt_answer_and_title(as_intern: Client) -> None:
    def drawn(texts: list[str]) -> list[list[str]]:
        text = " ".join(texts)
        stream = received(send(as_intern, f"[bytes][echo] {text}", system=text))
        answer = stream.answer
        assert text.split()[-1] in answer.text
        assert stream.text == answer.text
        conversation = answer.message.conversation_id
        return of_stream(stream, show(as_intern, "conversation", conversation), show(as_intern, "details", answer.pk))

    assert_alike(drawn)


def test_in_a_completion(as_intern: Client) -> None:
    def drawn(texts: list[str]) -> list[list[str]]:
        asked = {"message": f"[bytes][echo] {' '.join(texts)}", "model": MODEL}
        stream = received(as_intern.post(reverse("playground:completion"), asked, headers=HTMX))
        conversation = Conversation.objects.get()
        return of_stream(stream, show(as_intern, "completed", conversation.pk))

    assert_alike(drawn)


def test_in_a_comparison(as_intern: Client) -> None:
    def drawn(texts: list[str]) -> list[list[str]]:
        text = " ".join(texts)
        asked = {"message": f"[bytes][echo] {text}", "models": [MODEL, "llama-70b"], "system": text}
        begun = as_intern.post(reverse("playground:compare"), asked, headers=HTMX)
        Answer.objects.exclude(model=MODEL).update(state=Answer.State.STOPPED)
        answer = Answer.objects.get(model=MODEL)
        stream = received(as_intern.get(reverse("playground:stream", args=[answer.pk]), headers=HTMX))
        assert text.split()[-1] in Answer.objects.get(pk=answer.pk).text
        return of_stream(stream, begun, show(as_intern, "comparison", answer.message.conversation_id))

    assert_alike(drawn)


# --- Names and errors -------------------------------------------------------------------------------
def test_as_the_name_of_a_model(as_intern: Client, intern: User) -> None:
    def drawn(texts: list[str]) -> list[list[str]]:
        GatewayModel.objects.all().delete()
        names = [f"{number:02} {text}" for number, text in enumerate(texts)]
        GatewayModel.objects.bulk_create(GatewayModel(name=name, mode="chat") for name in names)
        conversation = rows.conversation(intern, model=names[0])
        for name in names:
            rows.answer(rows.message(conversation, parent=conversation.head), model=name)
        pages = [show(as_intern, page) for page in ("index", "compare", "completion")]
        return of_pages(*pages, show(as_intern, "conversation", conversation.pk))

    assert_alike(drawn)


@pytest.mark.parametrize("group", GROUPS)  # a page renders only so much
def test_in_the_metadata_of_an_answer(as_intern: Client, intern: User, group: str) -> None:
    def drawn(texts: list[str]) -> list[list[str]]:
        conversation = rows.conversation(intern, title=texts[-1][:100])
        for text in texts:
            message = rows.message(conversation, text, parent=conversation.head)
            rows.image(message, name=text)
            rows.answer(message, text, state=Answer.State.FAILED, problem={"code": "refused", **_thrice(text)})
            whole = rows.answer(message, text, **_told_of(text))
        pages = [show(as_intern, name, conversation.pk) for name in ("conversation", "delete", "rename")]
        more = [show(as_intern, "conversations"), show(as_intern, "edit", message.pk)]
        return of_pages(*pages, *more, show(as_intern, "details", whole.pk), show(as_intern, "answer", whole.pk))

    assert_alike(drawn, attempts(group))


def _thrice(text: str) -> dict[str, str]:
    return {"type": text, "message": text, "parameter": text}


def _told_of(text: str) -> dict[str, Any]:
    """Return all that is kept of an answer as texts."""
    return {
        "reasoning": text,
        "answered_by": text,
        "call_id": text,
        "finish_reason": text[:40],
        "headers": {f"x-litellm-{text}": text},
        "tool_calls": [{"id": text, "name": text, "arguments": text}],
        "others": [{"text": text, "reasoning": text, "tool_calls": [], "finish_reason": text}],
    }


def test_as_the_name_of_an_image_that_is_sent(as_intern: Client) -> None:
    def drawn(texts: list[str]) -> list[list[str]]:
        names = [f"{text.replace('/', '')} {number}.png" for number, text in enumerate(texts)]
        images = [SimpleUploadedFile(name, rows.PIXEL, "image/png") for name in names]
        stream = received(send(as_intern, "[words 3] what?", attachments=images))
        return of_stream(stream, show(as_intern, "conversation", stream.answer.message.conversation_id))

    assert_alike(drawn)


# --- Answers that come whole ------------------------------------------------------------------------
@pytest.mark.parametrize("page", ["embeddings", "moderation"])
def test_in_a_text_that_is_shown_back(as_intern: Client, page: str) -> None:
    def drawn(texts: list[str]) -> list[list[str]]:
        line = " ".join(" ".join(texts).split())
        field = {"texts": f"{line}\nwasps"} if page == "embeddings" else {"text": " ".join(texts)}
        model = {"embeddings": "embedding", "moderation": "moderation"}[page]
        response = as_intern.post(reverse(f"playground:{page}"), {**field, "model": model}, headers=HTMX)
        assert response.status_code == 200
        return of_pages(response)

    for group in GROUPS:  # of a long text only the beginning is shown
        assert_alike(drawn, attempts(group))


def test_in_a_refused_form(as_intern: Client) -> None:
    def drawn(texts: list[str]) -> list[list[str]]:
        line = " ".join(" ".join(texts).split())
        asked = {"model": line, "temperature": line, "tools": line, "logit_bias": line}
        refused = [
            as_intern.post(reverse("playground:send"), {**asked, "message": line}, headers=headers)
            for headers in (HTMX, {})
        ]
        assert {response.status_code for response in refused} == {422}
        return of_pages(*refused)

    assert_alike(drawn)


def test_markup_that_comes_through_is_noticed() -> None:
    assert skeleton("<p>bees</p>") == skeleton("<p>wasps &lt;b&gt;</p>")
    for text in ("<b>bees</b>", "bees<!-- -->", "bees<br>", "bees</p><p>"):
        assert skeleton(f"<p>{text}</p>") != skeleton("<p>bees</p>")
    assert skeleton('<p title="bees">') != skeleton('<p title="" onclick="bees">')
