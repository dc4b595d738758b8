"""The last sign-ins: what is kept of each, for how long, and what a person sees of their own."""

from datetime import timedelta
from typing import Any

import pytest
from allauth.socialaccount.models import SocialAccount
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import Settings
from pytest_django.asserts import assertContains, assertNotContains

from accounts import sign_ins
from accounts.anonymise import anonymise_account
from accounts.models import SignIn
from accounts.tasks import prune_sign_ins
from tests.conftest import signed_in
from tests.factories import PASSWORD, make_intern

pytestmark = pytest.mark.django_db
OWN = "account_sign_ins"


def enter(client: Client, login: str, password: str = PASSWORD) -> Any:
    return client.post(reverse("account_login"), {"login": login, "password": password})


def test_keeps_local_sign_ins_and_refusals_but_nothing_that_was_typed(client: Client) -> None:
    ada = make_intern("ada")
    make_intern("left", is_active=False)
    for login, password in (("ada", "typed-secret"), ("ada", "typed-secret"), ("typed-name", "x"), ("left", PASSWORD)):
        enter(client, login, password)
    enter(client, "ada")

    found = list(SignIn.objects.order_by("pk"))
    assert [(row.outcome, row.times) for row in found] == [
        ("password", 2),
        ("password", 1),
        ("inactive", 1),
        ("entered", 1),
    ]
    assert [row.user == ada for row in found] == [True, False, False, True]
    assert (found[3].groups, found[3].provider, found[3].address) == (["Interns"], "", "127.0.0.1")
    assert "typed-" not in str(list(SignIn.objects.values_list()))


def test_an_hour_later_a_refusal_is_another_row(client: Client) -> None:
    make_intern("ada")
    enter(client, "ada", "wrong")
    SignIn.objects.update(at=timezone.now() - timedelta(minutes=61))

    enter(client, "ada", "wrong")

    assert SignIn.objects.count() == 2


def test_a_person_sees_their_own_and_nobody_elses(client: Client, settings: Settings) -> None:
    ada, other = make_intern("ada"), make_intern("other")
    SignIn.objects.create(user=other, outcome="password", provider="gone", claims={"name": "Somebody else"})
    assertContains(signed_in(ada).get(reverse(OWN)), "No sign-in is recorded.")
    enter(client, "ada", "wrong")
    enter(client, "ada")

    page = client.get(reverse(OWN))

    for words in ("Refused: wrong user name or password", "Signed in", "127.0.0.1", "Local account"):
        assertContains(page, words)
    assertNotContains(page, "Somebody else")
    assert client.post(reverse(OWN)).status_code == 405
    assertContains(signed_in(other).get(reverse(OWN)), "Somebody else")


def test_is_pruned_by_age_and_by_number(settings: Settings) -> None:
    long_ago = timezone.now() - timedelta(days=settings.SIGN_IN_RETENTION_DAYS, minutes=1)
    SignIn.objects.create(outcome="entered", at=long_ago, last_at=long_ago)
    SignIn.objects.create(outcome="entered")
    rows = [SignIn(outcome="password") for _ in range(sign_ins.MOST_REFUSALS + 2)]
    SignIn.objects.bulk_create(rows)

    prune_sign_ins()

    assert SignIn.objects.refused().count() == sign_ins.MOST_REFUSALS
    assert SignIn.objects.count() == sign_ins.MOST_REFUSALS + 1


def test_goes_with_the_name_of_the_person_and_what_was_refused_before_the_account() -> None:
    ada = make_intern("ada")
    SocialAccount.objects.create(user=ada, provider="cas", uid="ada")
    SignIn.objects.create(user=ada, outcome="entered")
    SignIn.objects.create(provider="cas", subject="ada", outcome="domain", claims={"name": "Ada Byron"})
    SignIn.objects.create(provider="other", subject="ada", outcome="domain")

    anonymise_account(ada)

    assert [row.provider for row in SignIn.objects.all()] == ["other"]
