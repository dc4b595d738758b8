"""What a virtual key may do with keys: nothing, if it was created for calling models only."""

from typing import Any

import pytest

from tests.contract.conftest import ContractGateway
from tests.contract.recorded import assert_like

MANAGEMENT: list[tuple[str, str, Any]] = [
    ("POST", "/key/generate", {}),
    ("POST", "/key/update", {"duration": "365d"}),
    ("POST", "/key/delete", {}),
    ("POST", "/key/block", {}),
    ("POST", "/key/unblock", {}),
    ("GET", "/key/info", None),
    ("GET", "/key/list", None),
    ("GET", "/user/info", None),
    ("POST", "/user/new", {}),
    ("POST", "/spend/calculate", {}),
    ("GET", "/user/daily/activity?start_date=2026-01-01&end_date=2026-01-02", None),
]


@pytest.mark.parametrize(("method", "path", "body"), MANAGEMENT)
def test_refuses_management_to_a_key_for_models(
    contract_gateway: ContractGateway, method: str, path: str, body: Any
) -> None:
    contract_gateway.call("POST", "/user/new", body={"user_id": contract_gateway.user_id, "auto_create_key": False})
    key = contract_gateway.key(key_type="llm_api")
    if body is not None:
        body = {**body, "key": key.token, "keys": [key.token]}

    assert_like(contract_gateway.call(method, path, key=key.secret, body=body), "rights.llm_key")


@pytest.mark.parametrize("path", ["/v1/models", "/models", "/model/info", "/v1/model/info"])
def test_lets_a_key_for_models_read_them(contract_gateway: ContractGateway, path: str) -> None:
    key = contract_gateway.key(key_type="llm_api")

    assert contract_gateway.call("GET", path, key=key.secret).status_code == 200
    assert key.answer["allowed_routes"] == ["llm_api_routes"]


@pytest.mark.parametrize("path", ["/key/generate", "/key/update", "/key/delete", "/key/block"])
def test_refuses_management_to_an_ordinary_key_of_an_unknown_person(
    contract_gateway: ContractGateway, path: str
) -> None:
    key = contract_gateway.key()
    body = {"key": key.token, "keys": [key.token]}

    assert_like(contract_gateway.call("POST", path, key=key.secret, body=body), "rights.no_user_row")


def test_lets_an_ordinary_key_of_a_known_person_make_and_delete_keys(contract_gateway: ContractGateway) -> None:
    """The hole that `key_type` closes; were it gone from the real gateway, we would like to know."""
    contract_gateway.call("POST", "/user/new", body={"user_id": contract_gateway.user_id, "auto_create_key": False})
    key, other = contract_gateway.key(), contract_gateway.key(user_id="somebody-else")

    made = contract_gateway.call("POST", "/key/generate", key=key.secret, body={})
    assert made.status_code == 200
    assert made.json()["user_id"] == contract_gateway.user_id
    foreign = contract_gateway.call("POST", "/key/generate", key=key.secret, body={"user_id": "somebody-else"})
    assert_like(foreign, "rights.generate_for_other")
    prolonged = contract_gateway.call(
        "POST", "/key/update", key=key.secret, body={"key": key.token, "duration": "365d"}
    )
    assert_like(prolonged, "rights.update_own")
    assert_like(
        contract_gateway.call("POST", "/key/block", key=key.secret, body={"key": key.token}), "rights.block_own"
    )
    stolen = contract_gateway.call("POST", "/key/delete", key=key.secret, body={"keys": [other.token]})
    assert_like(stolen, "rights.delete_foreign")
    deleted = contract_gateway.call("POST", "/key/delete", key=key.secret, body={"keys": [made.json()["token"]]})
    assert deleted.status_code == 200


def test_shows_a_key_itself_and_no_other(contract_gateway: ContractGateway) -> None:
    own, foreign = contract_gateway.key(), contract_gateway.key(user_id="somebody-else")

    seen = contract_gateway.call("GET", "/key/info", key=own.secret)
    assert seen.json()["info"]["user_id"] == contract_gateway.user_id
    peeked = contract_gateway.call("GET", "/key/info", key=own.secret, params={"key": foreign.token})
    assert_like(peeked, "rights.foreign_info")
