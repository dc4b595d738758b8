"""View code: the request of Send, as a program; nothing is sent or stored."""

import ast
import html
import re
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from pytest_django import DjangoAssertNumQueries
from pytest_django.asserts import assertContains, assertNotContains, assertRedirects

from accounts.models import User
from keys.models import GatewayModel
from keys.snippets import NO_SECRET
from playground.models import Answer, Attachment, Conversation, Message
from playground.services.chat import body_of
from tests.conftest import HTMX, signed_in
from tests.factories import make_policy, make_user
from tests.playground.rows import PIXEL, answer, conversation, image, last_answer, message
from tests.playground.xss import STORABLE
from tests.sandbox_process import Sandbox

pytestmark = pytest.mark.django_db
URL = "/playground/code/"
CHAT = "general_nothink"


@pytest.fixture(autouse=True)
def offered() -> None:
    """Put a model on offer that sees, and one that only reads."""
    GatewayModel.objects.create(name=CHAT, mode="chat", position=0)
    GatewayModel.objects.create(name="eyes", mode="chat", position=1, features=["vision"])


def codes_on(page: str) -> dict[str, str]:
    """Return each code by the language, as a browser would copy it."""
    found = re.findall(r'<code id="as-code-(\w+)"[^>]*>(.*?)</code></pre>', page, re.DOTALL)
    return {name: html.unescape(re.sub("</?mark>", "", text)) for name, text in found}


def body_on(page: str) -> dict[str, Any]:
    """Return what the page's Python would send."""
    tree = ast.parse(codes_on(page)["requests"])
    [literal] = [node.value for node in ast.walk(tree) if isinstance(node, ast.keyword) and node.arg == "json"]
    body: dict[str, Any] = ast.literal_eval(literal)
    return body


def request_shown(client: Client, **typed: Any) -> dict[str, Any]:
    response = client.post(URL, {"model": CHAT, **typed}, headers=HTMX)
    assert response.status_code == 200, response.content.decode()
    return body_on(response.content.decode())


def said(body: dict[str, Any]) -> list[tuple[str, Any]]:
    return [(each["role"], each["content"]) for each in body["messages"]]


# --- What it shows ------------------------------------------------------------------------------------
def test_shows_the_form_as_it_stands_in_every_language(as_intern: Client) -> None:
    typed = {"message": "It's me.", "system": "Be kind.", "temperature": "0.2", "stop": "END"}

    page = as_intern.post(URL, {"model": CHAT, **typed}, headers=HTMX).content.decode()

    assert list(codes_on(page)) == ["curl", "powershell", "requests", "openai", "httr2", "javascript", "langchain"]
    assert all(NO_SECRET in code for code in codes_on(page).values())
    assert body_on(page) == {
        "model": CHAT,
        "messages": [{"role": "system", "content": "Be kind."}, {"role": "user", "content": "It's me."}],
        "temperature": 0.2,
        "stop": ["END"],
    }


def test_tools_know_how_much_the_model_reads(as_intern: Client) -> None:
    GatewayModel.objects.filter(name=CHAT).update(max_input_tokens=8191)

    page = as_intern.post(URL, {"model": CHAT, "message": "Hello"})

    assertContains(page, "&quot;max_tokens&quot;: 8191")


def test_shows_a_page_without_scripts_and_a_region_with_them(as_intern: Client) -> None:
    page = as_intern.post(URL, {"model": CHAT, "message": "Hello"})
    region = as_intern.post(URL, {"model": CHAT, "message": "Hello"}, headers=HTMX)

    assertContains(page, "<!doctype html>")
    assertNotContains(region, "<html")
    assert region.content.decode().strip().startswith('<section id="playground-snippets"')
    assert codes_on(page.content.decode()) == codes_on(region.content.decode())


def test_follows_the_conversation(as_intern: Client, intern: User) -> None:
    chat = conversation(intern, ("One?", "Un."), ("Two?", "Deux."))

    body = request_shown(as_intern, conversation=chat.pk, message="Three?")

    assert said(body) == [
        ("user", "One?"),
        ("assistant", "Un."),
        ("user", "Two?"),
        ("assistant", "Deux."),
        ("user", "Three?"),
    ]


def test_follows_the_answer_that_the_page_shows(as_intern: Client, intern: User) -> None:
    chat = conversation(intern, ("One?", "Un."), ("Two?", "Deux."))
    first = Answer.objects.get(text="Un.")

    body = request_shown(as_intern, conversation=chat.pk, parent=first.pk, message="And?")

    assert said(body) == [("user", "One?"), ("assistant", "Un."), ("user", "And?")]


def test_shows_what_was_asked_last_when_nothing_is_typed(as_intern: Client, intern: User) -> None:
    chat = conversation(intern, ("One?", "Un."), ("Two?", "Deux."))

    body = request_shown(as_intern, conversation=chat.pk, message=" ", temperature="1")

    assert said(body) == [("user", "One?"), ("assistant", "Un."), ("user", "Two?")]
    assert body["temperature"] == 1


def test_an_empty_form_gives_an_example_message(as_intern: Client, intern: User) -> None:
    assert said(request_shown(as_intern)) == [("user", "Say hello in one sentence.")]
    empty = Conversation.objects.create(owner=intern, title="Empty")
    assert as_intern.post(URL, {"model": CHAT, "conversation": empty.pk}).status_code == 404


def test_sends_images_from_the_form_and_from_the_conversation(as_intern: Client, intern: User) -> None:
    chat = conversation(intern)
    earlier = message(chat, "And this?")
    image(earlier)
    answer(earlier, "A cat.", model="eyes")

    body = request_shown(
        as_intern,
        conversation=chat.pk,
        model="eyes",
        message="Now?",
        attachments=SimpleUploadedFile("dog.png", PIXEL, "image/png"),
    )

    pictures = [part["image_url"]["url"] for _, parts in said(body)[::2] for part in parts if "image_url" in part]
    assert len(pictures) == 2
    assert pictures[0] == pictures[1]
    assert [part["text"] for _, parts in said(body)[::2] for part in parts if "text" in part] == ["And this?", "Now?"]


def test_says_under_which_names_the_code_reads_large_images(as_intern: Client) -> None:
    large = SimpleUploadedFile("cat.png", PIXEL + bytes(3000), "image/png")

    response = as_intern.post(URL, {"model": "eyes", "message": "What?", "attachments": large}, headers=HTMX)

    assertContains(response, '<span class="mono">image1.png</span>')
    assertContains(response, "Path(&quot;image1.png&quot;)")


def test_shows_the_request_that_send_makes(as_intern: Client, sandbox: Sandbox) -> None:
    typed = {
        "model": CHAT,
        "message": "Hello\nthere",
        "name": " Ann-2 ",
        "system": "Be kind.",
        "temperature": "0.3",
        "max_tokens": "30",
        "stop": "END",
        "seed": "7",
        "json": "on",
        "logit_bias": '{"50256": -100}',
        "metadata": "course = bio",
        "tools": '[{"type": "function", "function": {"name": "f", "parameters": {}}}]',
        "tool_choice": "auto",
    }
    shown = request_shown(as_intern, **typed)

    as_intern.post(reverse("playground:send"), typed)

    made = last_answer(Conversation.objects.get())
    sent = body_of(made.message.conversation, made).as_json()
    assert sent.pop("user") == made.message.conversation.owner.gateway_user_id  # a program's key says it
    assert sent == shown
    assert shown["messages"][-1] == {"role": "user", "name": "Ann-2", "content": "Hello\nthere"}
    assert set(shown) >= {"temperature", "max_tokens", "stop", "seed", "response_format", "logit_bias", "metadata"}


@pytest.mark.parametrize("field", ["message", "system", "metadata"])
def test_shows_no_text_as_markup(field: str, as_intern: Client) -> None:
    texts = "\n".join(STORABLE)
    typed = f"course = {texts.splitlines()[0]}" if field == "metadata" else texts

    page = as_intern.post(URL, {"model": CHAT, "message": "Hello", field: typed}, headers=HTMX).content.decode()

    shown = re.findall(r'<code id="as-code-\w+"[^>]*>(.*?)</code></pre>', page, re.DOTALL)
    assert len(shown) >= 5
    assert not [code for code in shown if "<" in re.sub("</?mark>", "", code)]


# --- What it does not do ------------------------------------------------------------------------------
def test_sends_and_stores_nothing(as_intern: Client, intern: User) -> None:  # no gateway runs here
    chat = conversation(intern, ("One?", "Un."))
    counted = (Conversation, Message, Answer, Attachment)
    before = [model.objects.count() for model in counted]

    request_shown(as_intern, conversation=chat.pk, message="Two?")

    assert [model.objects.count() for model in counted] == before
    chat.refresh_from_db()
    assert "temperature" not in chat.params


def test_shows_the_errors_of_the_form(as_intern: Client) -> None:
    response = as_intern.post(URL, {"model": CHAT, "message": "Hello", "temperature": "9", "tools": "{"}, headers=HTMX)

    assertContains(response, "As it stands, this cannot be sent", status_code=422)
    assertContains(response, "temperature: ", status_code=422)
    assertContains(response, "tools: ", status_code=422)
    assert codes_on(response.content.decode()) == {}


def test_names_no_model_that_the_person_may_not_call(offered: None) -> None:
    make_policy("Few", playground__all_models=False, playground__model_names=["eyes"])
    few = signed_in(make_user(groups=("Few",)))

    assert few.post(URL, {"model": CHAT, "message": "Hello"}, headers=HTMX).status_code == 422


def test_a_strangers_conversation_is_not_found(as_intern: Client, staff: User) -> None:
    chat = conversation(staff, ("Secret?", "Yes."))
    theirs = last_answer(chat)
    own = conversation(User.objects.get(username="intern"), ("One?", "Un."))

    assert as_intern.post(URL, {"model": CHAT, "conversation": chat.pk, "message": "Hi"}).status_code == 404
    assert as_intern.post(URL, {"model": CHAT, "conversation": "no-id", "message": "Hi"}).status_code == 404
    for parent in (theirs.pk, "no-id"):
        asked = {"model": CHAT, "conversation": own.pk, "parent": parent, "message": "Hi"}
        assert as_intern.post(URL, asked).status_code == 404


def test_accepts_post_of_signed_in_users_only(as_intern: Client, client: Client) -> None:
    assert as_intern.get(URL).status_code == 405
    assertRedirects(client.post(URL), f"{reverse('account_login')}?next=/", fetch_redirect_response=False)


def test_costs_few_queries(
    as_intern: Client, intern: User, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    chat = conversation(intern, *((f"Question {n}", f"Answer {n}") for n in range(10)))

    with django_assert_max_num_queries(12):
        request_shown(as_intern, conversation=chat.pk, message="More?")
