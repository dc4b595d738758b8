"""The link that opens the Playground with the present setup, without JavaScript too."""

from django.test import Client
from django.urls import reverse
from pytest_django.asserts import assertContains

from accounts.models import User
from tests.playground import rows
from tests.playground.streams import know_the_models
from tests.sandbox_process import Sandbox


def test_leads_to_the_playground_set_up_like_the_conversation(
    as_intern: Client, intern: User, sandbox: Sandbox
) -> None:
    know_the_models()
    params = {"model": "gpt-4o-mini", "system": "Be kind & brief.", "temperature": 0.5, "user": "me"}
    conversation = rows.conversation(intern, ("Hello", "Hi"), params=params)
    setup = "?model=gpt-4o-mini&amp;system=Be+kind+%26+brief.&amp;temperature=0.5"

    assertContains(
        as_intern.get(reverse("playground:conversation", args=[conversation.pk])), f'href="/playground/{setup}"', 1
    )

    opened = as_intern.get("/playground/" + setup.replace("&amp;", "&"))
    assertContains(opened, "Be kind &amp; brief.</textarea>")
    assertContains(opened, f'href="/playground/{setup}"', 1)  # to be passed on


def test_links_to_an_empty_setup_where_nothing_was_set(as_intern: Client, sandbox: Sandbox) -> None:
    know_the_models()

    assertContains(as_intern.get("/playground/"), 'href="/playground/" data-preset="/playground/"', 1)
