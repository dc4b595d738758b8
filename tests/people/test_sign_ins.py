"""The page with the last sign-ins of all people."""

import json

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import Settings
from pytest_django.asserts import assertContains, assertNotContains, assertNumQueries

from accounts.identity_providers import Cas, Saml
from accounts.models import SamlMetadata, SignIn, User
from tests.factories import make_intern

pytestmark = pytest.mark.django_db
PAGE = "/people/sign-ins/"
TRY = f"{PAGE}test/"


def test_shows_whoever_manages_people_what_was_sent_and_what_came_of_it(
    as_secretary: Client, settings: Settings
) -> None:
    settings.IDENTITY_PROVIDERS = [Cas(id="cas", name="University", server="https://cas.example.edu")]
    ada = make_intern("ada", first_name="Ada")
    sent = {"received": ["mail", "<b>"], "claims": {"email": "x@example.edu", "groups": ["A", "B"]}}
    SignIn.objects.create(outcome="domain", provider="cas", subject="x", times=3, **sent)
    SignIn.objects.create(outcome="entered", user=ada, groups=["Interns"])

    page = as_secretary.get(PAGE)

    for words in ("University", "Refused by the rule about e-mail domains", "3 times until", "x@example.edu", "A, B"):
        assertContains(page, words)
    assertContains(page, "mail, &lt;b&gt;")
    assertContains(page, reverse("people:person", args=[ada.pk]))
    refused = as_secretary.get(PAGE, {"refused": "1"})
    assertNotContains(refused, "Local account</bdi>")
    assertContains(as_secretary.get(PAGE, {"provider": "local"}), "Local account</bdi>")
    assertNotContains(as_secretary.get(PAGE, {"provider": "cas"}), "Local account</bdi>")
    assert as_secretary.get(PAGE, {"provider": "\0"}).status_code == 200  # PostgreSQL takes no such text


def test_is_refused_to_the_others(as_intern: Client, as_reader: Client, as_policy_maker: Client) -> None:
    assert [client.get(PAGE).status_code for client in (as_intern, as_reader, as_policy_maker)] == [403, 403, 403]
    assert Client().get(PAGE).status_code == 302
    assertNotContains(as_reader.get(reverse("people:index")), PAGE)


def test_is_shown_by_pages_with_few_queries(as_secretary: Client) -> None:
    people = [make_intern(f"p{number}") for number in range(3)]
    SignIn.objects.bulk_create([SignIn(outcome="password", user=people[n % 3]) for n in range(60)])
    as_secretary.get(PAGE)

    with assertNumQueries(7):
        page = as_secretary.get(PAGE, {"refused": "1"})

    assertContains(page, "?refused=1&amp;page=2")
    assert as_secretary.post(PAGE).status_code == 405


def test_a_test_names_account_groups_and_refusal_and_changes_nothing(as_secretary: Client, settings: Settings) -> None:
    settings.IDENTITY_PROVIDERS = [Cas(id="cas", name="University", server="https://cas.example.edu")]
    make_intern("ada", email="ada@example.edu")
    users, kept = User.objects.count(), SignIn.objects.count()
    sent = {"user": "new", "displayName": "Ada <b>", "memberOf": ["Staff", "Admins"], "mail": "other@example.edu"}
    sent |= {"\ud800": "a name that no page can show", "\0": "nor PostgreSQL keep"}

    page = as_secretary.post(TRY, {"provider": "cas", "attributes": json.dumps(sent)})

    for words in ("Account: a new one", "name: Ada &lt;b&gt;", "Groups: Staff", "Not given: Admins"):
        assertContains(page, words)
    taken = as_secretary.post(TRY, {"provider": "cas", "attributes": json.dumps({**sent, "mail": "ada@example.edu"})})
    assertContains(taken, "Refused: another account has the address")
    assert (User.objects.count(), SignIn.objects.count()) == (users, kept)


def test_a_test_refuses_what_it_cannot_read(as_secretary: Client, as_reader: Client, settings: Settings) -> None:
    settings.IDENTITY_PROVIDERS = [Cas(id="cas", name="University", server="https://cas.example.edu")]
    for sent, words in (
        ({}, "Enter a user name or attributes."),
        ({"username": "ada"}, "This provider is no directory"),
        ({"attributes": "{"}, "This is not valid JSON."),
        ({"attributes": "[" * 19_000}, "This is not valid JSON."),
        ({"attributes": "[]"}, "The JSON holds no object."),
        ({"attributes": '{"sub": ""}'}, "there is no valid subject"),
        ({"attributes": "{}", "provider": "other"}, "other is not one of the available choices"),
    ):
        assertContains(as_secretary.post(TRY, {"provider": "cas", **sent}), words, status_code=422)
    assert as_reader.post(TRY, {"provider": "cas", "attributes": "{}"}).status_code == 403
    settings.KEY_ACTIONS_PER_HOUR = 7
    assert as_secretary.post(TRY, {"provider": "cas", "attributes": "{}"}).status_code == 429


def test_the_search_finds_people_subjects_and_addresses(as_secretary: Client) -> None:
    SignIn.objects.create(outcome="entered", user=make_intern("ada", first_name="Zoë"), address="10.1.2.3")
    SignIn.objects.create(outcome="group", provider="cas", subject="xyz-7", address="192.0.2.9")

    for text, finds in (("zoë", "Zoë"), ("ADA@example", "Zoë"), ("10.1.2", "Zoë"), ("xyz", "192.0.2.9")):
        page = as_secretary.get(PAGE, {"q": f" {text} "})
        assertContains(page, finds)
        assertNotContains(page, "192.0.2.9" if finds == "Zoë" else "Zoë")
    assert as_secretary.get(PAGE, {"q": "\0%_"}).status_code == 200


def test_the_test_without_a_provider_says_what_to_do(as_secretary: Client, settings: Settings) -> None:
    settings.IDENTITY_PROVIDERS = []

    assertContains(as_secretary.get(TRY), "No identity provider is set up")
    assertNotContains(as_secretary.get(TRY), "textarea")


def test_says_how_current_the_metadata_of_a_federation_is(as_secretary: Client, settings: Settings) -> None:
    settings.IDENTITY_PROVIDERS = [Saml(id="fed", name="Federation", metadata_file="x")]
    SamlMetadata.objects.create(provider="fed", error="it is not signed")
    page = as_secretary.get(PAGE)
    assertContains(page, "Federation: the metadata has not been read yet. The last try failed: it is not signed")
    SamlMetadata.objects.update(loaded_at=timezone.now(), error="", count=6000)

    assertContains(as_secretary.get(PAGE), "Federation: 6000 institutions, metadata read on")
