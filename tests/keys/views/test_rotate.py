"""Replacing the secret: the new one is in one response, the old one works for the grace period."""

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from accounts.models import User
from keys import services
from keys.models import Key, Token
from tests.factories import make_policy
from tests.keys.actions import again, assert_at_rest, delete_at_gateway, ending_in, issue, set_at_gateway, works
from tests.keys.views.pages import assert_form, assert_not_found, assert_only, everything, url_of, words_of
from tests.ports import free_port
from tests.sandbox_process import Sandbox


def test_explains_first_and_changes_nothing(as_intern: Client, key: Key, sandbox: Sandbox, way: dict[str, str]) -> None:
    before = everything(sandbox)

    response = as_intern.get(url_of("rotate", key), headers=way)

    assert response.status_code == 200
    assert_form(response, way)
    assert "Replace the secret of “thesis”?" in words_of(response)
    assert f"…{again(key).last_four} keeps working for 24 hours" in words_of(response)
    assert everything(sandbox) == before


def test_shows_the_new_secret_once_and_when_the_old_one_ends(
    as_intern: Client, intern: User, sandbox: Sandbox, way: dict[str, str]
) -> None:
    old = issue(intern)

    response = as_intern.post(url_of("rotate", old.key), headers=way)

    secret = sandbox.issued_secrets()[-1]
    assert response.status_code == 201
    assert_form(response, way)
    assert "no-store" in response["Cache-Control"]
    assert secret in words_of(response)
    assert f"It ends in …{old.secret[-4:]}" in words_of(response)
    assert works(sandbox, secret)
    assert works(sandbox, old.secret)
    listed = words_of(as_intern.get("/"))
    assert "Old secret still works" in listed
    assert secret not in listed


def test_after_the_grace_only_the_new_one_works(as_intern: Client, intern: User, sandbox: Sandbox) -> None:
    old = issue(intern)
    as_intern.post(url_of("rotate", old.key))
    Token.objects.filter(state=Token.State.RETIRING).update(retires_at=timezone.now())

    services.sweep_keys()

    assert not works(sandbox, old.secret)
    assert works(sandbox, sandbox.issued_secrets()[-1])
    assert "Old secret still works" not in words_of(as_intern.get("/"))


def test_a_policy_without_grace_says_that_the_old_one_stops_at_once(as_intern: Client, key: Key) -> None:
    make_policy("Interns", grace_hours=0)

    assert "stops working at once" in words_of(as_intern.get(url_of("rotate", key)))


def test_refuses_a_second_rotation_during_the_grace(
    as_intern: Client, key: Key, sandbox: Sandbox, way: dict[str, str]
) -> None:
    as_intern.post(url_of("rotate", key))

    response = as_intern.post(url_of("rotate", key), headers=way)

    assert response.status_code == 409
    assert_form(response, way)
    assert "End the old secret first" in words_of(response)
    assert len(sandbox.live_keys()) == 2


def test_refuses_an_expired_key_and_says_what_to_do(as_intern: Client, key: Key, sandbox: Sandbox) -> None:
    ending_in(key, sandbox, days=-1)

    response = as_intern.post(url_of("rotate", key))

    assert response.status_code == 409
    assert "This key has expired. Renew it first." in words_of(response)


def test_refuses_a_blocked_key(as_intern: Client, key: Key, sandbox: Sandbox) -> None:
    sandbox.call("POST", "/key/block", body={"key": sandbox.issued_secrets()[0]})
    services.sync_keys()

    response = as_intern.post(url_of("rotate", key))

    assert response.status_code == 409
    assert "blocked at the gateway" in words_of(response)


def test_a_key_that_the_gateway_no_longer_has_is_said_to_be_deleted(
    as_intern: Client, key: Key, sandbox: Sandbox
) -> None:
    delete_at_gateway(sandbox, key)

    response = as_intern.post(url_of("rotate", key))

    assert response.status_code == 409
    assert "This key was deleted at the gateway" in words_of(response)
    assert_at_rest(sandbox)


@pytest.mark.parametrize("fault", ["away", "before the question is answered"])
def test_an_unavailable_gateway_replaces_nothing(
    as_intern: Client, key: Key, sandbox: Sandbox, settings: Settings, way: dict[str, str], fault: str
) -> None:
    before = everything(sandbox)
    if fault == "away":
        settings.GATEWAY_URL = f"http://127.0.0.1:{free_port()}"
    else:
        sandbox.faults("/key/info", "drop_before", times=10)

    response = as_intern.post(url_of("rotate", key), headers=way)

    assert response.status_code == 503
    assert_form(response, way)
    assert "The gateway does not answer. Your current secret still works" in words_of(response)
    assert everything(sandbox) == before


@pytest.mark.parametrize("kind", ["drop_before", "drop_after"])
def test_a_lost_answer_is_reported_as_unknown(as_intern: Client, intern: User, sandbox: Sandbox, kind: str) -> None:
    old = issue(intern)
    sandbox.faults("/key/generate", kind)

    response = as_intern.post(url_of("rotate", old.key))

    assert response.status_code == 503
    assert "Your current secret still works. If a new one was created, nobody has seen it" in words_of(response)
    services.sweep_keys()
    assert works(sandbox, old.secret)
    assert len(sandbox.live_keys()) == 1
    assert_at_rest(sandbox)


def test_the_new_secret_has_what_was_left_of_life_and_budget(as_intern: Client, key: Key, sandbox: Sandbox) -> None:
    set_at_gateway(sandbox, again(key).live_token.token, spend=4.5, duration="2d")  # type: ignore[union-attr]

    as_intern.post(url_of("rotate", key))

    old, new = sandbox.live_keys()
    assert new["spend"] == 4.5
    assert new["max_budget"] == old["max_budget"]
    assert abs(len(new["expires"]) - len(old["expires"])) <= 8
    assert new["expires"][:10] == old["expires"][:10]


def test_a_strangers_key_is_not_found(as_intern: Client, foreign_key: Key, sandbox: Sandbox) -> None:
    assert_not_found(as_intern, foreign_key, "rotate", sandbox)
    assert_not_found(as_intern, foreign_key, "rotate", sandbox, method="get")


def test_accepts_get_and_post_only(as_intern: Client, key: Key) -> None:
    assert_only(as_intern, url_of("rotate", key), "get", "post")
