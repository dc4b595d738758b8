"""The search over everything: a person's conversations, models and keys, and pages."""

from typing import Any

from django.test import Client
from django.urls import reverse
from pytest_django.asserts import assertContains, assertNotContains

from accounts.models import User
from keys.models import GatewayModel
from tests.conftest import HTMX
from tests.factories import change_policies, make_user
from tests.keys.actions import issue
from tests.playground import rows
from tests.sandbox_process import Sandbox

FIND = reverse("playground:find")


def test_finds_conversations_models_keys_and_pages(as_intern: Client, intern: User, sandbox: Sandbox) -> None:
    conversation = rows.conversation(intern, ("Usage of bees", "Yes."))
    key = issue(intern, "My usage script").key
    GatewayModel.objects.create(name="usage-7b", mode="chat")
    GatewayModel.objects.create(name="usage-embedding", mode="embedding")

    found = as_intern.get(FIND, {"q": "uSAGE"}, headers=HTMX)

    assertContains(found, reverse("playground:conversation", args=[conversation.pk]))
    assertContains(found, reverse("keys:detail", args=[key.pk]))
    assertContains(found, "?model=usage-7b")
    assertContains(found, f'href="{reverse("usage:index")}"')
    assertNotContains(found, "usage-embedding")
    assertNotContains(found, "Gateway status")


def test_finds_nothing_of_other_people(as_staff: Client, intern: User, sandbox: Sandbox) -> None:
    rows.conversation(intern, ("bees", "Yes."))
    rows.conversation(make_user("other"), ("Hello", "bees"))
    issue(intern, "bees")

    assertContains(as_staff.get(FIND, {"q": "bees"}), "Nothing has “bees” in its name.")


def test_a_model_that_the_policy_does_not_allow_is_not_found(as_intern: Client) -> None:
    for name in ("bee-1", "bee-2"):
        GatewayModel.objects.create(name=name, mode="chat")
    change_policies(playground__all_models=False, playground__model_names=["bee-2"])

    found = as_intern.get(FIND, {"q": "bee"})

    assertContains(found, "?model=bee-2")
    assertNotContains(found, "?model=bee-1")


def test_accents_and_case_do_not_matter_for_titles_and_models(as_intern: Client) -> None:
    GatewayModel.objects.create(name="modèle-local", mode="chat")

    assertContains(as_intern.get(FIND, {"q": "MODELE"}), "mod%C3%A8le-local")
    assertContains(as_intern.get(FIND, {"q": "kéyboard"}), reverse("playground:shortcuts"))


def test_without_a_text_it_shows_the_newest_conversations_and_all_pages(as_intern: Client, intern: User) -> None:
    for number in range(9):
        rows.conversation(intern, title=f"Chat {number}")

    page, dialog = as_intern.get(FIND), as_intern.get(FIND, headers=HTMX)

    for response in (page, dialog):
        assertContains(response, "<bdi>Chat", count=6)
        assertContains(response, "Keyboard shortcuts")
    assertNotContains(dialog, "<html")
    assertNotContains(page, reverse("people:index"))


def test_pages_of_administration_are_for_those_who_have_any(as_admin: Client) -> None:
    assertContains(as_admin.get(FIND, {"q": "adm"}, headers=HTMX), f'href="{reverse("people:index")}"')
    assertNotContains(as_admin.get(FIND, {"q": "bees"}, headers=HTMX), reverse("people:index"))


def test_says_so_where_only_pages_of_others_match(as_intern: Client) -> None:
    for q in ("adm", "courses"):
        assertContains(as_intern.get(FIND, {"q": q}, headers=HTMX), f"Nothing has “{q}” in its name.")


def test_takes_eight_queries_at_most(as_intern: Client, django_assert_max_num_queries: Any) -> None:
    with django_assert_max_num_queries(8):
        as_intern.get(FIND, {"q": "e"}, headers=HTMX)


def test_lists_the_shortcuts(as_intern: Client) -> None:
    address = reverse("playground:shortcuts")

    assertContains(as_intern.get(address), "Ctrl")
    assertNotContains(as_intern.get(address, headers=HTMX), "<html")
    assert as_intern.post(address).status_code == 405
