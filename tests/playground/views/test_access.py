"""Permissions on a conversation: its owner everything, anybody else nothing, admins included."""

from collections.abc import Iterator
from typing import Any, NamedTuple
from uuid import uuid4

import pytest
from django.apps import apps
from django.contrib import admin
from django.test import Client
from django.urls import URLPattern, reverse

from accounts.models import User
from playground.batch_models import Batch
from playground.models import Answer, Conversation, Share
from playground.urls import urlpatterns
from tests.conftest import HTMX
from tests.playground import rows

ACTIONS = {  # POST only
    *("end_share", "keep", "show", "retry", "again", "stop", "stop_answer"),
    *("start_batch", "stop_batch", "retry_batch", "go_on"),
}
FORMS = {"edit", "rename", "delete", "delete_answer", "delete_batch", "share"}  # GET asks, POST does
READ = {  # GET only
    *("conversation", "comparison", "completed", "answer", "column", "column_code", "written", "stream"),
    *("branches", "details", "image", "generated_image", "file", "file_data", "export"),
    *("batch", "batch_results", "batch_json"),
}
OTHERWISE = {
    *("course_id", "preset_id"),  # of a course: tests/playground/test_course_presets.py
    "token",  # for everybody with the link: test_sharing.py
}
ONLY_OF = {
    Conversation.Kind.CHAT: {"delete_answer", "edit", "share"},
    Conversation.Kind.COMPARE: {"comparison", "again", "go_on", "stop", "column", "column_code"},
    Conversation.Kind.COMPLETION: {"completed", "written"},
}


class Route(NamedTuple):
    """An address with something of somebody in it."""

    name: str
    url: str


@pytest.fixture(params=Conversation.Kind.values)
def of_each_kind(request: pytest.FixtureRequest, intern: User) -> Conversation:
    """Make a conversation of each kind, as `conversation` is."""
    return conversation_of(intern, request.param)


@pytest.fixture
def conversation(intern: User) -> Conversation:
    """Make a chat of the intern's with an image, one of a model by the same id, and an alternative."""
    return conversation_of(intern, Conversation.Kind.CHAT)


def conversation_of(owner: User, kind: str) -> Conversation:
    asked = ("a secret question", "a secret answer")
    made = rows.conversation(owner, asked, title="a secret title", kind=kind)
    first = rows.last_answer(made)
    image = rows.image(first.message)
    rows.generated_image(first, pk=image.pk)
    rows.text_file(first.message, text="a secret file")
    rows.answer(first.message, "another secret answer")
    Share.objects.create(conversation=made)
    made.refresh_from_db()
    batch = Batch.objects.create(owner=owner, title="a secret batch", model_names=["llama-3.3-70b"])
    batch.prompts.create(number=1, text="a secret prompt")
    return made


def names() -> Iterator[tuple[str, set[str]]]:
    """Yield each name of a route with the names of what stands in its address."""
    for route in urlpatterns:
        assert isinstance(route, URLPattern)
        needs = set(route.pattern.converters)
        if not needs & OTHERWISE:
            yield str(route.name), needs


def address(name: str, needs: set[str], conversation: Conversation | None) -> str:
    """Return the address with ids of the conversation, or with ids of nothing."""
    known: dict[str, Any] = {"form": "json"}
    if conversation:
        known["batch_id"] = Batch.objects.get().pk
        answer = rows.last_answer(conversation)
        image, file = answer.message.attachments.all()
        known |= {"conversation_id": conversation.pk, "answer_id": answer.pk}
        known |= {
            "share_id": conversation.shares.get().pk,
            "message_id": answer.message_id,
            "image_id": image.pk,
            "file_id": file.pk,
        }
    return reverse(f"playground:{name}", kwargs={need: known.get(need) or uuid4() for need in needs})


def routes(conversation: Conversation | None) -> list[Route]:
    """Return every address that names something of somebody."""
    return [Route(name, address(name, needs, conversation)) for name, needs in names() if needs]


def everything() -> list[Any]:
    """Return all rows of the playground, to see that nothing was written."""
    models = apps.get_app_config("playground").get_models()
    return [list(model._default_manager.order_by("pk").values()) for model in models]


def test_every_address_that_names_something_is_in_the_matrix() -> None:
    assert {name for name, needs in names() if needs} == ACTIONS | FORMS | READ


@pytest.mark.parametrize(("who", "headers"), [("as_staff", {}), ("as_admin", HTMX)], ids=["page", "htmx"])
def test_is_not_found_for_anybody_else(
    request: pytest.FixtureRequest, of_each_kind: Conversation, who: str, headers: dict[str, str]
) -> None:
    client: Client = request.getfixturevalue(who)
    before = everything()

    for route in routes(of_each_kind):
        gets = 405 if route.name in ACTIONS else 404
        posts = 405 if route.name in READ else 404
        got, posted = client.get(route.url, headers=headers), client.post(route.url, {"kept": "no"}, headers=headers)
        assert (route.name, got.status_code, posted.status_code) == (route.name, gets, posts)
        assert b"secret" not in got.content + posted.content

    assert everything() == before


def test_unknown_ids_are_not_found(conversation: Conversation, as_intern: Client) -> None:
    for route in routes(None):
        response = as_intern.post(route.url) if route.name in ACTIONS else as_intern.get(route.url)
        assert (route.name, response.status_code) == (route.name, 404)


def test_anonymous_users_are_sent_to_the_sign_in_page(conversation: Conversation) -> None:
    for name, needs in names():
        response = Client().get(address(name, needs, conversation))
        assert (name, response.status_code) == (name, 302)
        assert response.headers["Location"].startswith(reverse("account_login"))


def test_its_owner_sees_each_page(of_each_kind: Conversation, as_intern: Client) -> None:
    seen = [route for route in routes(of_each_kind) if route.name in FORMS | READ]

    answers = {route.name: as_intern.get(route.url, follow=True).status_code for route in seen}

    others = {name for kind, names in ONLY_OF.items() if kind != of_each_kind.kind for name in names}
    assert answers == {route.name: 404 if route.name in others else 200 for route in seen}


def test_a_get_writes_nothing(of_each_kind: Conversation, as_intern: Client) -> None:
    rows.answer(rows.last_answer(of_each_kind).message, state=Answer.State.STREAMING)
    before = everything()

    for name, needs in names():
        for headers in ({}, HTMX):
            response = as_intern.get(address(name, needs, of_each_kind), headers=headers)
            assert not needs or (response.status_code == 405) == (name in ACTIONS)
        as_intern.head(address(name, needs, of_each_kind))

    assert everything() == before


def test_refuses_other_methods(conversation: Conversation, as_intern: Client) -> None:
    for name, needs in names():
        for send in (as_intern.put, as_intern.patch, as_intern.delete):
            assert (name, send(address(name, needs, conversation)).status_code) == (name, 405)


def test_nobody_reads_conversations_in_the_admin() -> None:
    registered = {model._meta.app_label for model in admin.site._registry}

    assert "playground" not in registered
    assert "accounts" in registered


def test_an_admin_cannot_reach_them(conversation: Conversation, as_admin: Client, intern: User) -> None:
    pages = [reverse("admin:index"), reverse("admin:accounts_user_change", args=[intern.pk])]

    assert [b"secret" in as_admin.get(page).content for page in pages] == [False, False]
    assert as_admin.get("/admin/playground/conversation/").status_code == 404


def test_another_persons_conversation_cannot_be_written_into(conversation: Conversation, as_staff: Client) -> None:
    data = {"conversation": str(conversation.pk), "message": "hello", "model": "llama-3.3-70b"}

    assert as_staff.post(reverse("playground:send"), data).status_code == 404
    assert conversation.messages.count() == 1


def test_an_answer_of_another_conversation_cannot_be_gone_on_from(
    conversation: Conversation, staff: User, as_staff: Client
) -> None:
    own = rows.conversation(staff, ("mine", "1"))
    data = {
        "conversation": str(own.pk),
        "parent": str(conversation.head_id),
        "message": "hello",
        "model": "llama-3.3-70b",
    }

    response = as_staff.post(reverse("playground:send"), data)

    assert response.status_code in (404, 422)
    assert own.messages.count() == 1
