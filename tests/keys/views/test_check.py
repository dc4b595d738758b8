"""Checking a key: it works, or the page says why not and what to do."""

import pytest
from django.test import Client
from pytest_django import Settings

from accounts.models import User
from keys import services
from keys.models import Key
from tests.keys.actions import BY_TEST, again, delete_at_gateway, ending_in, issue, live_token, set_at_gateway
from tests.keys.views.pages import assert_form, assert_in_layout, assert_only, words_of
from tests.ports import free_port
from tests.sandbox_process import Sandbox

CHECK = "/keys/check/"


@pytest.fixture
def fresh(intern: User, sandbox: Sandbox) -> services.FreshKey:
    """Make a key of the intern."""
    return issue(intern)


def check(client: Client, secret: str, way: dict[str, str] | None = None) -> str:
    """Press the button; return the words of the answer."""
    response = client.post(CHECK, {"secret": secret}, headers=way or {})
    assert response.status_code == 200
    assert_form(response, way or {}, region="keys-result")
    assert secret not in response.content.decode()
    return words_of(response)


def test_a_key_that_works_is_said_to_work_with_model_time_and_price(
    as_intern: Client, fresh: services.FreshKey, sandbox: Sandbox, way: dict[str, str]
) -> None:
    said = check(as_intern, fresh.secret, way)

    assert "It works. The gateway lists" in said
    assert "answered in" in said
    assert "That cost" in said


def test_is_a_real_call_that_costs_one_token(as_intern: Client, fresh: services.FreshKey, sandbox: Sandbox) -> None:
    check(as_intern, fresh.secret)

    (row,) = sandbox.live_keys()
    assert row["spend"] > 0


def test_the_response_is_not_cached(as_intern: Client, fresh: services.FreshKey) -> None:
    assert "no-store" in as_intern.post(CHECK, {"secret": fresh.secret})["Cache-Control"]


def test_an_expired_key_can_be_renewed(as_intern: Client, fresh: services.FreshKey, sandbox: Sandbox) -> None:
    ending_in(fresh.key, sandbox, days=-1)

    assert "This key has expired. Renew it in My keys; the secret stays the same." in check(as_intern, fresh.secret)


def test_a_blocked_key_is_a_matter_for_an_admin(as_intern: Client, fresh: services.FreshKey, sandbox: Sandbox) -> None:
    sandbox.call("POST", "/key/block", body={"key": live_token(fresh.key)})

    assert "This key is blocked at the gateway. Contact the administrators" in check(as_intern, fresh.secret)


def test_a_deleted_key_is_unknown(as_intern: Client, fresh: services.FreshKey, sandbox: Sandbox) -> None:
    delete_at_gateway(sandbox, fresh.key)

    assert "it was deleted. Create another in My keys" in check(as_intern, fresh.secret)


def test_an_old_secret_after_its_grace_is_unknown(as_intern: Client, intern: User, sandbox: Sandbox) -> None:
    old = issue(intern)
    services.rotate_key(key=again(old.key), actor=BY_TEST)
    services.end_old_secret(key=again(old.key), actor=BY_TEST)

    assert "The gateway does not know this key" in check(as_intern, old.secret)


def test_a_spent_budget_says_when_it_resets(as_intern: Client, fresh: services.FreshKey, sandbox: Sandbox) -> None:
    set_at_gateway(sandbox, live_token(fresh.key), spend=6)

    said = check(as_intern, fresh.secret)

    assert "The budget of this key is used up." in said
    assert "It works again when the budget resets" in said


def test_a_rate_limit_costs_nothing(as_intern: Client, fresh: services.FreshKey, sandbox: Sandbox) -> None:
    set_at_gateway(sandbox, live_token(fresh.key), rpm_limit=1)
    check(as_intern, fresh.secret)

    assert "Too many requests this minute. Check again in a minute." in check(as_intern, fresh.secret)


@pytest.mark.parametrize("path", ["/models", "/chat/completions"])
@pytest.mark.parametrize(
    ("kind", "status"), [("error", 500), ("error", 503), ("drop_before", None), ("html", None), ("cut_body", None)]
)
def test_a_gateway_that_fails_is_not_the_keys_fault(
    as_intern: Client, fresh: services.FreshKey, sandbox: Sandbox, path: str, kind: str, status: int | None
) -> None:
    sandbox.faults(path, kind, status=status, times=5)

    said = check(as_intern, fresh.secret)

    assert "does not answer. The key itself may be fine" in said
    assert "It works" not in said


def test_a_gateway_that_is_away_is_not_the_keys_fault(
    as_intern: Client, fresh: services.FreshKey, settings: Settings, way: dict[str, str]
) -> None:
    settings.GATEWAY_URL = f"http://127.0.0.1:{free_port()}"

    assert "does not answer. The key itself may be fine" in check(as_intern, fresh.secret, way)


def test_the_secret_of_another_person_is_not_found_and_not_used(
    as_intern: Client, sandbox: Sandbox, foreign_key: Key, way: dict[str, str]
) -> None:
    response = as_intern.post(CHECK, {"secret": sandbox.issued_secrets()[0]}, headers=way)

    assert response.status_code == 404
    assert_form(response, way, region="keys-result")
    assert sandbox.live_keys()[0]["spend"] == 0


@pytest.mark.parametrize("secret", ["", "sk-nobodys", "\0", "é" * 5000, "sk-1\r\nx-admin: 1", "\U0001f511"])
def test_an_unknown_secret_is_not_found(as_intern: Client, sandbox: Sandbox, secret: str) -> None:
    response = as_intern.post(CHECK, {"secret": secret})

    assert response.status_code == (404 if secret.startswith("sk-") else 422)
    assert_in_layout(response)


def test_accepts_post_only(as_intern: Client) -> None:
    assert_only(as_intern, CHECK, "post")


def test_a_key_pasted_later_is_checked_and_what_is_none_is_said(
    as_intern: Client, fresh: services.FreshKey, foreign_key: Key, way: dict[str, str]
) -> None:
    assert 'name="secret"' in as_intern.get("/").content.decode()
    assert "It works." in check(as_intern, f"  {fresh.secret}\n", way)

    for text, status, words in (
        ("", 422, "This is not a key."),
        ("thesis", 422, "This is not a key."),
        ("sk-0123456789abcdefghijkl", 404, "This is none of your keys."),
    ):
        response = as_intern.post(CHECK, {"secret": text}, headers=way)
        assert response.status_code == status
        assert_form(response, way, region="keys-result")
        assert words in words_of(response)
        assert not text or text not in response.content.decode()
