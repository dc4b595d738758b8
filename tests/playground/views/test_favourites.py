"""Favourite models, and the order of the picker."""

import re
from decimal import Decimal

import pytest
from django.test import Client
from django.urls import reverse
from pytest_django.asserts import assertContains, assertRedirects

from accounts.audit import Actor
from accounts.models import User
from keys.models import GatewayModel
from playground.models import FavouriteModel
from playground.services.anonymise import anonymise
from playground.services.favourites import MAX_FAVOURITES
from tests.playground import rows

pytestmark = pytest.mark.django_db
AS_SCRIPT = {"Accept": "text/plain"}


@pytest.fixture(autouse=True)
def models(db: None) -> None:
    for number in range(10):
        GatewayModel.objects.create(
            name=f"model-{number}",
            mode="chat",
            position=number,
            input_usd_per_million=Decimal("0.5"),
            output_usd_per_million=Decimal("1.5"),
        )


def toggle(client: Client, model: str) -> str:
    """Press the button as a script does; return the answer."""
    return client.post(reverse("playground:favourite"), {"model": model}, headers=AS_SCRIPT).content.decode()


def order(client: Client) -> list[str]:
    """Return titles and models of the picker as the page has them."""
    page = client.get(reverse("playground:index")).content.decode()
    found = re.findall(r'<p class="ps-pick-title">([^<]+)<|name="model" value="([^"]+)"', page)
    return [title or name for title, name in found]


def test_favourites_and_models_used_last_are_first(as_intern: Client, intern: User) -> None:
    assert order(as_intern) == [f"model-{number}" for number in range(10)]
    for name in ("model-2", "model-5", "model-7"):
        rows.conversation(intern, ("a", "b"), model=name)

    assert (toggle(as_intern, "model-7"), toggle(as_intern, "model-9")) == ("yes", "yes")

    first = ["Favourites", "model-7", "model-9", "Used last", "model-5", "model-2", "All others", "model-0"]
    assert order(as_intern)[:8] == first
    assert toggle(as_intern, "model-7") == "no"
    assert order(as_intern)[:2] == ["Favourites", "model-9"]


def test_a_row_has_price_and_name(as_intern: Client) -> None:
    assertContains(as_intern.get(reverse("playground:index")), "0.50 / 1.50")


def test_works_without_a_script(as_intern: Client, intern: User) -> None:
    conversation = rows.conversation(intern, ("a", "b"))

    response = as_intern.post(
        reverse("playground:favourite"), {"model": "model-1", "conversation": str(conversation.pk)}
    )

    assertRedirects(response, reverse("playground:conversation", args=[conversation.pk]))
    assert FavouriteModel.objects.get(person=intern).name == "model-1"


def test_refuses_unknown_models_and_too_many(as_intern: Client, as_staff: Client, intern: User) -> None:
    assert as_intern.post(reverse("playground:favourite"), {"model": "nothing\0"}).status_code == 404
    assert as_intern.get(reverse("playground:favourite")).status_code == 405
    FavouriteModel.objects.bulk_create(
        FavouriteModel(person=intern, name=str(number)) for number in range(MAX_FAVOURITES)
    )
    assert toggle(as_intern, "model-1") == "yes"  # those are not at the gateway any more
    GatewayModel.objects.bulk_create(
        GatewayModel(name=str(number), mode="chat", position=number) for number in range(MAX_FAVOURITES)
    )
    assert toggle(as_intern, "model-2") == "no"
    assert "Favourites" not in order(as_staff)


def test_are_deleted_with_the_person(as_intern: Client, intern: User) -> None:
    toggle(as_intern, "model-1")

    anonymise(person=intern, actor=Actor())

    assert not FavouriteModel.objects.exists()
