"""Text that databases or gateways refuse, in each field of each form and each query: an error message, never a 500."""

import json
from urllib.parse import quote

import pytest
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from accounts.models import User
from keys.models import Key
from playground.models import Conversation
from tests.conftest import HTMX
from tests.keys.actions import issue
from tests.playground import rows
from tests.playground.sse import received
from tests.playground.streams import MODEL, know_the_models
from tests.sandbox_process import Sandbox

DEEP = json.dumps({"a": 1})
for _ in range(500):
    DEEP = f"[{DEEP}]" if len(DEEP) % 2 else f'{{"a":{DEEP}}}'
GARBAGE = ["a\0b", "\0", "9" * 5000, DEEP, '["\\ud800"]', '{"1": 1e400}', "NaN", "\u202e\ufeff", "\U0010ffff"]
FIELDS = ["message", "system", "stop", "tools", "logit_bias", "metadata", "temperature", "seed", "without", "model"]
FORMS = ["code", "compare", "compare_code", "completion", "completion_code"]


@pytest.fixture(autouse=True)
def ready(sandbox: Sandbox, db: None, settings: Settings) -> None:
    know_the_models()
    settings.PLAYGROUND_REQUESTS_PER_MINUTE = settings.PLAYGROUND_STREAMS_PER_USER = 10_000
    settings.PLAYGROUND_CONVERSATIONS_PER_HOUR = settings.KEY_ACTIONS_PER_HOUR = 10_000


def post(client: Client, name: str, **fields: str) -> None:
    sound = {"message": "Hello [words 1]", "model": MODEL, "models": [MODEL, "llama-70b"]}

    response = client.post(reverse(f"playground:{name}"), {**sound, **fields}, headers=HTMX)

    assert response.status_code in (200, 422), (name, fields)
    if response.streaming:
        assert received(response)


def test_a_form_with_garbage_in_a_field_is_answered(as_intern: Client) -> None:
    for garbage in GARBAGE:
        for field in FIELDS:
            post(as_intern, "send", **{field: garbage})
        for name in FORMS:
            post(as_intern, name, **dict.fromkeys(FIELDS[1:-1], garbage))


def test_queries_and_small_forms_with_garbage_are_answered(as_intern: Client, intern: User) -> None:
    conversation = rows.conversation(intern, ("Hello", "Hi"))
    key = issue(intern).key
    for garbage in GARBAGE:
        text = garbage[:3000]
        for page in ("index", "conversations", "compare", "completion"):
            query = "&".join(f"{name}={quote(text)}" for name in ("q", "system", "tools", "seed"))
            assert as_intern.get(f"{reverse(f'playground:{page}')}?{query[:7000]}").status_code == 200
        for name, fields in {
            reverse("playground:rename", args=[conversation.pk]): {"title": text},
            reverse("playground:embeddings"): {"texts": text, "model": "embedding"},
            reverse("playground:moderation"): {"text": text, "model": "moderation"},
            reverse("keys:create"): {"label": text, "kind": text},
            reverse("keys:label", args=[key.pk]): {"label": text},
            reverse("keys:check"): {"secret": text},
        }.items():
            assert as_intern.post(name, fields).status_code in (200, 201, 302, 404, 422, 429), name


def test_a_form_in_another_encoding_has_no_half_characters(as_intern: Client, intern: User) -> None:
    conversation = rows.conversation(intern, ("Hello", "Hi"))
    key = issue(intern).key
    for address, field in (
        (reverse("playground:send"), "message"),
        (reverse("playground:send"), "model"),
        (reverse("playground:rename", args=[conversation.pk]), "title"),
        (reverse("keys:label", args=[key.pk]), "label"),
    ):
        part = f'--B\r\nContent-Disposition: form-data; name="{field}"\r\n\r\nhalf +2D0- of it\r\n--B--\r\n'
        kind = "multipart/form-data; boundary=B; charset=utf-7"
        response = as_intern.generic("POST", address, part, content_type=kind)

        assert response.status_code in (200, 302, 422)
    assert "+2D0-" in Conversation.objects.get(pk=conversation.pk).title + Key.objects.get(pk=key.pk).label
