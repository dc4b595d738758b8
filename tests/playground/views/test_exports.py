"""Conversations as files, and the request of an answer."""

import json
from html.parser import HTMLParser

import pytest
from django.test import Client
from django.urls import reverse
from pytest_django.asserts import assertContains

from accounts.models import User
from playground.models import Answer, Conversation
from tests.conftest import HTMX
from tests.playground import rows
from tests.playground.xss import STORABLE


def url(conversation: Conversation, form: str) -> str:
    return reverse("playground:export", args=[conversation.pk, form])


@pytest.mark.parametrize(
    ("form", "content_type"), [("md", "text/markdown; charset=utf-8"), ("json", "application/json")]
)
def test_the_file_is_not_cached(intern: User, as_intern: Client, form: str, content_type: str) -> None:
    response = as_intern.get(url(rows.conversation(intern, ("a", "1"), title="p-values"), form))

    assert response["Content-Type"] == content_type
    assert response["Content-Disposition"] == f'attachment; filename="p-values.{form}"'
    assert (response["X-Content-Type-Options"], response["Cache-Control"]) == ("nosniff", "no-store")
    assert b"p-values" in response.content


@pytest.mark.parametrize(
    ("title", "name"),
    [
        ("Étude n° 3", "filename*=utf-8''%C3%A9tude-n-3.md"),
        ('"; filename=evil.exe', 'filename="filenameevilexe.md"'),
        ("../../etc/passwd", 'filename="etcpasswd.md"'),
        ("…", 'filename="conversation.md"'),
        ("a\r\nSet-Cookie: x=y", 'filename="a-set-cookie-xy.md"'),
    ],
)
def test_its_name_is_safe_whatever_the_title(intern: User, as_intern: Client, title: str, name: str) -> None:
    response = as_intern.get(url(rows.conversation(intern, ("a", "1"), title=title), "md"))

    assert response["Content-Disposition"] == f"attachment; {name}"


@pytest.mark.parametrize("form", ["html", "txt", "MD"])
def test_offers_two_formats(intern: User, as_intern: Client, form: str) -> None:
    assert as_intern.get(url(rows.conversation(intern), form)).status_code == 404


def test_an_empty_conversation_is_a_file_too(intern: User, as_intern: Client) -> None:
    conversation = rows.conversation(intern, title="nothing yet")

    assert as_intern.get(url(conversation, "json")).json()["messages"] == []
    assertContains(as_intern.get(url(conversation, "md")), "# nothing yet")


# --- Details ----------------------------------------------------------------------------------------
def details(answer: Answer) -> str:
    return reverse("playground:details", args=[answer.pk])


def test_shows_request_response_and_headers(intern: User, as_intern: Client) -> None:
    conversation = rows.conversation(intern)
    answer = rows.answer(rows.message(conversation, "How many?"), "Forty-two", headers={"x-litellm-call-id": "abc-1"})

    response = as_intern.get(details(answer))

    sent, came = json.loads(response.context["sent"]), json.loads(response.context["came"])
    assert sent["messages"] == [{"role": "user", "content": "How many?"}]
    assert came["choices"][0]["message"]["content"] == "Forty-two"
    assertContains(response, "x-litellm-call-id")
    assertContains(response, "put together")


def test_has_the_region_of_the_dialog(intern: User, as_intern: Client) -> None:
    answer = rows.last_answer(rows.conversation(intern, ("a", "1")))

    assertContains(as_intern.get(details(answer), headers=HTMX), 'id="playground-confirm"')


class _Tags(HTMLParser):
    """Collects which tags a page has, with the names of their attributes."""

    def __init__(self, page: bytes) -> None:
        super().__init__()
        self.found: set[tuple[str, tuple[str, ...]]] = set()
        self.feed(page.decode())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note a tag."""
        self.found.add((tag, tuple(name for name, _ in attrs)))


def pages_of(owner: User, text: str) -> list[str]:
    """Return the addresses of all that shows something of a conversation in which all is called `text`."""
    conversation = rows.conversation(owner, title=text[:100])
    answer = rows.answer(rows.message(conversation, text), text, model=text[:200], headers={text: text})
    of_conversation = [reverse(f"playground:{name}", args=[conversation.pk]) for name in ("rename", "delete")]
    return [*of_conversation, reverse("playground:details", args=[answer.pk]), reverse("playground:conversations")]


def tags_of(client: Client, owner: User, text: str) -> set[tuple[str, tuple[str, ...]]]:
    pages = b"".join(client.get(page).content for page in pages_of(owner, text))
    Conversation.objects.all().delete()
    return _Tags(pages).found


@pytest.mark.only_on("sqlite")  # how texts become markup
def test_hostile_text_adds_no_tag_and_no_attribute(intern: User, as_intern: Client) -> None:
    harmless = tags_of(as_intern, intern, "harmless")

    for attempt in STORABLE:
        assert tags_of(as_intern, intern, attempt) == harmless, attempt
