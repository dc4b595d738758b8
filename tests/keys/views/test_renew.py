"""Renewing: the same secret, a new end, as the gateway reports it."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from accounts.models import User
from keys import services
from keys.models import Key
from tests.keys.actions import again, assert_at_rest, delete_at_gateway, ending_in, issue, works
from tests.keys.views.pages import assert_form, assert_not_found, assert_only, everything, url_of, words_of
from tests.ports import free_port
from tests.sandbox_process import Sandbox


@pytest.fixture
def due(key: Key, sandbox: Sandbox) -> Key:
    """Return a key that ends soon."""
    return ending_in(key, sandbox, days=3)


def test_renews_and_says_until_when(as_intern: Client, due: Key, way: dict[str, str]) -> None:
    response = as_intern.post(url_of("renew", due), headers=way, follow=True)

    assert response.status_code == 200
    assert_form(response, way)
    assert "Renewed: “thesis” works until" in words_of(response)
    assert "in 30 days" in words_of(response)
    end = again(due).expires_at
    assert end is not None
    assert end > timezone.now() + timedelta(days=29)


def test_without_scripts_it_redirects_so_that_a_reload_repeats_nothing(as_intern: Client, due: Key) -> None:
    response = as_intern.post(url_of("renew", due))

    assert response.status_code == 302
    assert response["Location"] == "/"


def test_an_expired_key_works_again(as_intern: Client, intern: User, sandbox: Sandbox) -> None:
    fresh = issue(intern)
    ending_in(fresh.key, sandbox, days=-2)

    as_intern.post(url_of("renew", fresh.key))

    assert services.check_secret(owner=intern, secret=fresh.secret).ok


@pytest.mark.parametrize(
    ("days", "words"),
    [(20, "This key can be renewed from"), (-31, "too late to renew this key. Create a new one")],
)
def test_refuses_outside_the_window_and_says_what_to_do(
    as_intern: Client, key: Key, sandbox: Sandbox, way: dict[str, str], days: int, words: str
) -> None:
    ending_in(key, sandbox, days=days)
    before = everything(sandbox)

    response = as_intern.post(url_of("renew", key), headers=way)

    assert response.status_code == 409
    assert_form(response, way)
    assert words in words_of(response)
    assert everything(sandbox) == before


def test_a_key_that_the_gateway_no_longer_has_is_said_to_be_deleted(
    as_intern: Client, due: Key, sandbox: Sandbox
) -> None:
    delete_at_gateway(sandbox, due)

    response = as_intern.post(url_of("renew", due))

    assert response.status_code == 409
    assert "This key was deleted at the gateway. Create a new one." in words_of(response)
    assert again(due).state == Key.State.DELETED


def test_an_unavailable_gateway_keeps_the_expiry(
    as_intern: Client, due: Key, sandbox: Sandbox, settings: Settings, way: dict[str, str]
) -> None:
    before = everything(sandbox)
    settings.GATEWAY_URL = f"http://127.0.0.1:{free_port()}"

    response = as_intern.post(url_of("renew", due), headers=way)

    assert response.status_code == 503
    assert_form(response, way)
    assert "The key’s expiry has not changed" in words_of(response)
    assert everything(sandbox) == before


@pytest.mark.parametrize("kind", ["drop_before", "drop_after"])
def test_a_lost_answer_is_reported_as_unknown(as_intern: Client, due: Key, sandbox: Sandbox, kind: str) -> None:
    sandbox.faults("/key/update", kind)

    response = as_intern.post(url_of("renew", due))

    assert response.status_code == 503
    assert "We do not know yet whether the key was renewed" in words_of(response)
    services.sweep_keys()
    assert_at_rest(sandbox)
    renewed = "Expires soon" not in words_of(as_intern.get("/"))
    assert renewed == (kind == "drop_after")


def test_keys_made_outside_cannot_be_renewed(as_intern: Client, intern: User, sandbox: Sandbox) -> None:
    made = sandbox.call("POST", "/key/generate", body={"user_id": intern.gateway_user_id, "duration": "1d"}).json()
    services.sync_keys()

    response = as_intern.post(url_of("renew", Key.objects.get()))

    assert response.status_code == 409
    assert works(sandbox, made["key"])


def test_a_strangers_key_is_not_found(as_intern: Client, foreign_key: Key, sandbox: Sandbox) -> None:
    assert_not_found(as_intern, foreign_key, "renew", sandbox)


def test_accepts_post_only(as_intern: Client, key: Key) -> None:
    assert_only(as_intern, url_of("renew", key), "post")
