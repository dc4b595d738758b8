"""The complete life of a key against a real LiteLLM: pages of the portal, completions of the gateway."""

import uuid
from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from accounts.models import User
from gateway.secret import token_of
from keys import services
from keys.models import Key, Token
from tests.factories import make_policy
from tests.keys.actions import again
from tests.keys.real_gateway import RealGateway, post, real_gateway, secret_on
from tests.keys.views.pages import key_request, url_of, words_of
from tests.waiting import wait_until

pytestmark = pytest.mark.real_gateway


@pytest.fixture
def real(intern: User, settings: Settings) -> Iterator[RealGateway]:
    """Point the portal at the real gateway."""
    with real_gateway(settings, intern) as gateway:
        yield gateway


@pytest.fixture
def secret(as_intern: Client, real: RealGateway) -> str:
    """Create a key on the page, and read its secret off it."""
    return secret_on(post(as_intern, "/keys/create/", 201, **key_request()))


def the_key() -> Key:
    return again(Key.objects.get())


def end_of(real: RealGateway, secret: str) -> datetime:
    return datetime.fromisoformat(real.info(token_of(secret))["expires"])


def test_a_key_made_on_the_page_gets_real_answers_until_it_is_deleted(
    as_intern: Client, intern: User, real: RealGateway, secret: str
) -> None:
    answer = real.chat(secret)
    assert answer.status_code == 200
    assert answer.json()["choices"][0]["message"]["content"]
    assert "It works." in post(as_intern, "/keys/check/", 200, secret=secret)

    post(as_intern, url_of("delete", the_key()), 302)

    assert "the gateway refuses “thesis” from now on" in words_of(as_intern.get("/"))
    assert real.chat(secret).status_code == 401
    assert "it was deleted" in post(as_intern, "/keys/check/", 200, secret=secret)
    assert real.keys_of(intern) == []


def test_the_gateway_holds_what_the_policy_says(intern: User, real: RealGateway, secret: str) -> None:
    there = real.info(token_of(secret))

    assert (there["max_budget"], there["budget_duration"], there["rpm_limit"]) == (5.0, "30d", 60)
    assert there["allowed_routes"] == ["llm_api_routes"]
    assert there["user_id"] == intern.gateway_user_id
    assert abs(end_of(real, secret) - timezone.now() - timedelta(days=30)) < timedelta(minutes=1)
    assert abs(end_of(real, secret) - (the_key().expires_at or timezone.now())) < timedelta(seconds=1)


def test_a_policy_of_one_model_is_enforced(as_intern: Client, real: RealGateway) -> None:
    make_policy("Interns", all_models=False, model_names=["llama-70b"])

    secret = secret_on(post(as_intern, "/keys/create/", 201, **key_request()))

    assert real.chat(secret).status_code == 403
    assert "The gateway lists 1 model for this key." in post(as_intern, "/keys/check/", 200, secret=secret)


def test_a_form_sent_twice_makes_one_key(as_intern: Client, intern: User, real: RealGateway) -> None:
    form = key_request(request_id=str(uuid.uuid4()))
    post(as_intern, "/keys/create/", 201, **form)

    post(as_intern, "/keys/create/", 422, **form)

    assert len(real.keys_of(intern)) == 1


def test_an_expired_key_is_renewed_with_the_same_secret(as_intern: Client, real: RealGateway, secret: str) -> None:
    real.call("POST", "/key/update", body={"key": token_of(secret), "duration": "0d"}).raise_for_status()
    services.sync_keys()
    assert "Expired" in words_of(as_intern.get("/"))
    assert real.chat(secret).status_code == 401
    assert "This key has expired." in post(as_intern, "/keys/check/", 200, secret=secret)

    post(as_intern, url_of("renew", the_key()), 302)

    assert real.chat(secret).status_code == 200
    assert abs(end_of(real, secret) - timezone.now() - timedelta(days=30)) < timedelta(minutes=1)
    assert abs(end_of(real, secret) - (the_key().expires_at or timezone.now())) < timedelta(seconds=1)
    assert services.sync_keys() == 0


def test_both_secrets_of_a_rotation_work_for_the_grace_and_then_the_new_one(
    as_intern: Client, intern: User, real: RealGateway, secret: str
) -> None:
    new = secret_on(post(as_intern, url_of("rotate", the_key()), 201))

    assert (real.chat(secret).status_code, real.chat(new).status_code) == (200, 200)
    assert abs(end_of(real, new) - end_of(real, secret)) < timedelta(seconds=5)
    Token.objects.filter(state=Token.State.RETIRING).update(retires_at=timezone.now())
    services.sweep_keys()

    assert (real.chat(secret).status_code, real.chat(new).status_code) == (401, 200)
    assert [row["token"] for row in real.keys_of(intern)] == [token_of(new)]


def test_the_old_secret_ends_at_once_when_asked(as_intern: Client, real: RealGateway, secret: str) -> None:
    new = secret_on(post(as_intern, url_of("rotate", the_key()), 201))

    post(as_intern, url_of("end_old", the_key()), 302)

    assert (real.chat(secret).status_code, real.chat(new).status_code) == (401, 200)


def test_what_was_spent_of_the_budget_is_spent_after_a_rotation(
    as_intern: Client, real: RealGateway, secret: str
) -> None:
    assert real.chat(secret).status_code == 200
    wait_until(lambda: real.info(token_of(secret))["spend"] > 0, timeout_s=30)  # the gateway writes spend in rounds
    spent = real.info(token_of(secret))["spend"]

    new = secret_on(post(as_intern, url_of("rotate", the_key()), 201))

    there = real.info(token_of(new))
    assert there["spend"] == pytest.approx(spent)
    assert there["max_budget"] == 5.0


def test_a_block_and_its_end_are_synced(as_intern: Client, real: RealGateway, secret: str) -> None:
    real.call("POST", "/key/block", body={"key": token_of(secret)}).raise_for_status()
    services.sync_keys()
    assert "The gateway refuses it. Contact the administrators." in words_of(as_intern.get("/"))
    assert "This key is blocked" in post(as_intern, "/keys/check/", 200, secret=secret)

    real.call("POST", "/key/unblock", body={"key": token_of(secret)}).raise_for_status()
    services.sync_keys()

    assert "The gateway refuses it" not in words_of(as_intern.get("/"))
    assert real.chat(secret).status_code == 200


def test_a_key_deleted_at_the_gateway_is_deleted_here(as_intern: Client, real: RealGateway, secret: str) -> None:
    real.call("POST", "/key/delete", body={"keys": [token_of(secret)]}).raise_for_status()

    services.sync_keys()

    assert "It was deleted at the gateway, not in the portal." in words_of(as_intern.get("/"))
    post(as_intern, url_of("delete", the_key()), 409)


def test_a_key_made_at_the_gateway_is_listed_and_can_be_deleted(
    as_intern: Client, intern: User, real: RealGateway
) -> None:
    alias = f"made-elsewhere-{uuid.uuid4().hex[:8]}"
    made = real.call("POST", "/key/generate", body={"user_id": intern.gateway_user_id, "key_alias": alias}).json()
    services.sync_keys()
    assert alias in words_of(as_intern.get("/"))

    post(as_intern, url_of("delete", the_key()), 302)

    assert real.chat(made["key"]).status_code == 401
    assert real.keys_of(intern) == []


def test_a_key_whose_answer_was_lost_is_found_by_its_alias_and_deleted(
    as_intern: Client, intern: User, real: RealGateway, secret: str
) -> None:
    Token.objects.update(state=Token.State.ISSUING, token=None, answer_lost=True)
    Key.objects.update(state=Key.State.ISSUING)

    services.sweep_keys()

    assert real.keys_of(intern) == []
    assert real.chat(secret).status_code == 401
    assert "Nobody has seen the secret, and no such key is left." in words_of(as_intern.get("/"))


def test_a_leaked_secret_is_refused_on_its_next_call(as_intern: Client, real: RealGateway, secret: str) -> None:
    assert real.chat(secret).status_code == 200  # so that the gateway has it in its cache

    new = secret_on(post(as_intern, url_of("leaked", the_key()), 201))

    assert real.chat(secret).status_code == 401
    assert real.chat(new).status_code == 200
    assert end_of(real, new) <= (the_key().expires_at or timezone.now()) + timedelta(seconds=1)


def test_a_paused_key_is_refused_until_it_is_resumed_also_after_a_renewal(
    as_intern: Client, real: RealGateway, secret: str
) -> None:
    real.call("POST", "/key/update", body={"key": token_of(secret), "duration": "3d"}).raise_for_status()
    services.sync_keys()
    assert real.chat(secret).status_code == 200
    post(as_intern, url_of("pause", the_key()), 302)
    assert real.chat(secret).status_code == 401

    Key.objects.update(lifetime_started_at=timezone.now() - timedelta(days=30))
    post(as_intern, url_of("renew", the_key()), 302)
    assert end_of(real, secret) > timezone.now() + timedelta(days=29)
    assert real.chat(secret).status_code == 401
    assert services.sync_keys() == 0

    post(as_intern, url_of("resume", the_key()), 302)
    assert real.chat(secret).status_code == 200
