"""Calls that a gateway must refuse, with the message that says why."""

from typing import Any

import pytest

from tests.contract.conftest import ContractGateway
from tests.contract.recorded import assert_like

CHAT = "/v1/chat/completions"
HELLO = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "hello gateway"}]}
UNKNOWN = "sk-" + "0" * 22


@pytest.mark.parametrize(
    ("name", "headers"),
    [
        ("no_key", {}),
        ("unknown_key", {"authorization": f"Bearer {UNKNOWN}"}),
        ("unknown_key", {"x-api-key": UNKNOWN}),
        ("not_sk", {"authorization": "Bearer nonsense"}),
        ("empty_key", {"authorization": "Bearer "}),
        ("without_bearer", {"authorization": UNKNOWN}),
    ],
)
def test_refuses_a_call_without_a_key(contract_gateway: ContractGateway, name: str, headers: dict[str, str]) -> None:
    assert_like(contract_gateway.call("POST", CHAT, body=HELLO, headers=headers), f"refusals.{name}")


@pytest.mark.parametrize(
    ("name", "settings", "path", "body"),
    [
        ("expired", {"duration": "0d"}, CHAT, HELLO),
        ("over_budget", {"max_budget": 0.000005, "spend": 0.00001}, CHAT, HELLO),
        ("over_budget_stream", {"max_budget": 0.000005, "spend": 0.00001}, CHAT, {**HELLO, "stream": True}),
        ("over_budget", {"max_budget": 0}, CHAT, HELLO),
        ("model_denied", {"models": ["gpt-4o-mini"]}, CHAT, {**HELLO, "model": "llama-70b"}),
        ("model_denied", {"models": ["gpt-4o-mini"], "max_budget": 0}, CHAT, {**HELLO, "model": "llama-70b"}),
        ("unknown_model_restricted", {"models": ["gpt-4o-mini"]}, CHAT, {**HELLO, "model": "no-such-model"}),
        ("unknown_model", {}, CHAT, {**HELLO, "model": "no-such-model"}),
        ("no_model", {}, CHAT, {"messages": HELLO["messages"]}),
        ("no_messages", {}, CHAT, {"model": "gpt-4o-mini"}),
        ("rate_requests", {"rpm_limit": 0}, CHAT, HELLO),
        ("rate_tokens", {"tpm_limit": 5}, CHAT, {**HELLO, "max_tokens": 50}),
        ("unknown_team", {"team_id": "no-team"}, CHAT, HELLO),
        ("admin_route", {}, "/user/new", {"user_id": "somebody"}),
    ],
)
def test_refuses_a_key_without_permission(
    contract_gateway: ContractGateway, name: str, settings: dict[str, Any], path: str, body: Any
) -> None:
    key = contract_gateway.key(**settings)

    assert_like(contract_gateway.call("POST", path, key=key.secret, body=body), f"refusals.{name}")


@pytest.mark.parametrize("status", [400, 401, 429, 500, 503])
def test_relays_the_refusal_of_a_provider(contract_gateway: ContractGateway, status: int) -> None:
    key = contract_gateway.key()

    assert_like(contract_gateway.chat(key.secret, f"[fail {status}]"), f"refusals.provider_{status}")


@pytest.mark.early
def test_refuses_the_second_call_of_a_minute(contract_gateway: ContractGateway) -> None:
    key = contract_gateway.key(rpm_limit=1)
    assert contract_gateway.chat(key.secret).status_code == 200

    refused = contract_gateway.chat(key.secret)

    assert_like(refused, "refusals.rate_requests")
    assert refused.headers["retry-after"] == "60"


def test_refuses_a_blocked_key_and_takes_it_again(contract_gateway: ContractGateway) -> None:
    key = contract_gateway.key()
    contract_gateway.call("POST", "/key/block", body={"key": key.token})
    assert_like(contract_gateway.chat(key.secret), "refusals.blocked")

    contract_gateway.call("POST", "/key/unblock", body={"key": key.token})

    assert contract_gateway.chat(key.secret).status_code == 200


def test_names_blocking_before_expiry(contract_gateway: ContractGateway) -> None:
    key = contract_gateway.key(duration="0d")
    contract_gateway.call("POST", "/key/block", body={"key": key.token})

    assert_like(contract_gateway.chat(key.secret), "refusals.blocked")


def test_refuses_a_deleted_key(contract_gateway: ContractGateway) -> None:
    key = contract_gateway.key()
    contract_gateway.call("POST", "/key/delete", body={"keys": [key.token]})

    assert_like(contract_gateway.chat(key.secret), "refusals.deleted")


def test_refuses_a_key_over_budget_at_its_list_of_models(contract_gateway: ContractGateway) -> None:
    key = contract_gateway.key(max_budget=0.000005, spend=0.00001)

    assert_like(contract_gateway.call("GET", "/v1/models", key=key.secret), "refusals.over_budget_models")


def test_refuses_an_expired_key_at_its_list_of_models(contract_gateway: ContractGateway) -> None:
    key = contract_gateway.key(duration="0d")

    assert_like(contract_gateway.call("GET", "/v1/models", key=key.secret), "refusals.expired_models")


def test_refuses_invalid_json(contract_gateway: ContractGateway) -> None:
    key = contract_gateway.key()
    headers = {"authorization": f"Bearer {key.secret}", "content-type": "application/json"}

    assert_like(contract_gateway.call("POST", CHAT, headers=headers, data=b'{"model": '), "refusals.malformed")


def test_has_no_other_routes(contract_gateway: ContractGateway) -> None:
    assert_like(contract_gateway.call("GET", "/v1/no-such-route"), "refusals.unknown_route")
    assert_like(contract_gateway.call("GET", CHAT), "refusals.wrong_method")
