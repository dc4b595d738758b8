"""The life of a key at the gateway."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.contract.conftest import ContractGateway
from tests.contract.recorded import assert_like

USUAL: dict[str, Any] = {
    "duration": "30d",
    "models": ["gpt-4o-mini", "general_nothink"],
    "max_budget": 2.5,
    "budget_duration": "30d",
    "rpm_limit": 600,
    "tpm_limit": 60000,
    "max_parallel_requests": 20,
    "metadata": {"purpose": "notebook", "tags": ["t1"]},
}
NOWHERE = "0" * 64


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


def info(gateway: ContractGateway, named: str) -> Any:
    return gateway.call("GET", "/key/info", params={"key": named}).json()["info"]


def test_makes_a_key_as_asked(contract_gateway: ContractGateway) -> None:
    reply = assert_like(contract_gateway.generate(key_alias=f"laptop-{contract_gateway.tag}", **USUAL), "keys.generate")

    assert reply["key_name"] == "sk-..." + reply["key"][-4:]
    assert reply["models"] == USUAL["models"]
    assert reply["max_budget"] == 2.5
    assert abs(moment(reply["expires"]) - datetime.now(UTC) - timedelta(days=30)) < timedelta(seconds=30)


def test_makes_a_key_for_nobody(contract_gateway: ContractGateway) -> None:
    assert_like(contract_gateway.generate(user_id=None), "keys.generate_bare")


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("custom_without_sk", {"key": "plain-text-key"}),
        ("wrong_type", {"max_budget": "lots"}),
        ("bad_duration", {"duration": "30 days"}),
        ("negative_duration", {"duration": "-5d"}),
        ("number_as_duration", {"duration": 30}),
    ],
)
def test_refuses_invalid_settings(contract_gateway: ContractGateway, name: str, settings: Any) -> None:
    assert_like(contract_gateway.generate(**settings), f"keys.{name}")


@pytest.mark.parametrize(
    ("duration", "seconds"),
    [("45s", 45), ("90m", 5400), ("12h", 43200), ("2w", 1209600), ("0d", 0)],
)
def test_understands_durations(contract_gateway: ContractGateway, duration: str, seconds: int) -> None:
    expires = moment(contract_gateway.key(duration=duration).answer["expires"])

    assert abs(expires - datetime.now(UTC) - timedelta(seconds=seconds)) < timedelta(seconds=30)


@pytest.mark.parametrize(("period", "field"), [("30d", "day"), ("1mo", "day"), ("7d", "weekday"), ("1d", "hour")])
def test_budgets_reset_with_the_calendar(contract_gateway: ContractGateway, period: str, field: str) -> None:
    key = contract_gateway.key(max_budget=1, budget_duration=period)

    reset = moment(info(contract_gateway, key.token)["budget_reset_at"])

    assert (reset.hour, reset.minute, reset.second) == (0, 0, 0)
    assert {"day": reset.day == 1, "weekday": reset.weekday() == 0, "hour": reset.hour == 0}[field]
    assert timedelta() < reset - datetime.now(UTC) <= timedelta(days={"day": 31, "weekday": 7, "hour": 1}[field])


def test_aliases_are_unique(contract_gateway: ContractGateway) -> None:
    alias = f"taken-{contract_gateway.tag}"
    holder = contract_gateway.key(key_alias=alias)
    other = contract_gateway.key()

    assert_like(contract_gateway.generate(key_alias=alias), "keys.alias_taken")
    assert_like(contract_gateway.generate(key_alias=alias, user_id="somebody-else"), "keys.alias_taken")
    refused = contract_gateway.call("POST", "/key/update", body={"key": other.token, "key_alias": alias})
    assert_like(refused, "keys.update_alias_taken")

    contract_gateway.call("POST", "/key/delete", body={"keys": [holder.token]})
    assert contract_gateway.generate(key_alias=alias).status_code == 200


def test_takes_a_custom_key(contract_gateway: ContractGateway) -> None:
    secret = f"sk-custom-{contract_gateway.tag}-0123456789abcdef"

    reply = assert_like(
        contract_gateway.generate(key=secret, key_alias=f"custom-{contract_gateway.tag}"), "keys.generate_custom"
    )

    assert reply["key"] == secret
    assert contract_gateway.chat(secret).status_code == 200


def test_leaves_a_custom_key_that_exists_as_it_was_and_does_not_say_so(contract_gateway: ContractGateway) -> None:
    secret = f"sk-custom-{contract_gateway.tag}-0123456789abcdef"
    alias = f"first-{contract_gateway.tag}"
    first = contract_gateway.key(key=secret, key_alias=alias, duration="30d")

    again = contract_gateway.generate(key=secret, key_alias=f"second-{contract_gateway.tag}", duration="60d")

    assert again.status_code == 200
    assert again.json()["key_alias"] == f"second-{contract_gateway.tag}"  # what was asked, not what is
    assert again.json()["created_at"] == first.answer["created_at"]
    kept = info(contract_gateway, first.token)
    assert kept["key_alias"] == alias
    assert kept["expires"][:19] == first.answer["expires"][:19]
    assert_like(contract_gateway.generate(key=secret, key_alias=alias), "keys.alias_taken")


def test_describes_a_key(contract_gateway: ContractGateway) -> None:
    key = contract_gateway.key(key_alias=f"laptop-{contract_gateway.tag}", **USUAL)

    by_token = contract_gateway.call("GET", "/key/info", params={"key": key.token})
    by_secret = contract_gateway.call("GET", "/key/info", params={"key": key.secret})

    assert assert_like(by_token, "keys.info")["info"] == assert_like(by_secret, "keys.info")["info"]
    assert by_token.json()["info"]["metadata"] == USUAL["metadata"]


def test_describes_expired_blocked_and_deleted_keys(contract_gateway: ContractGateway) -> None:
    key = contract_gateway.key(key_alias=f"short-{contract_gateway.tag}", duration="0d")
    asked = {"key": key.token}
    assert_like(contract_gateway.call("GET", "/key/info", params=asked), "keys.info_expired")

    contract_gateway.call("POST", "/key/block", body={"key": key.token})
    assert_like(contract_gateway.call("GET", "/key/info", params=asked), "keys.info_blocked")

    lasting = contract_gateway.key(key_alias=f"gone-{contract_gateway.tag}")
    contract_gateway.call("POST", "/key/delete", body={"keys": [lasting.token]})
    gone = contract_gateway.call("GET", "/key/info", params={"key": lasting.token})
    assert_like(gone, "keys.info_deleted")


def test_knows_no_other_keys(contract_gateway: ContractGateway) -> None:
    call = contract_gateway.call
    assert_like(call("GET", "/key/info", params={"key": NOWHERE}), "keys.info_unknown")
    assert_like(call("POST", "/key/update", body={"key": NOWHERE, "duration": "30d"}), "keys.update_unknown")
    assert_like(call("POST", "/key/block", body={"key": NOWHERE}), "keys.block_unknown")
    assert_like(call("POST", "/key/delete", body={"keys": [NOWHERE]}), "keys.delete_again")


def test_renewal_counts_from_now_and_revives_an_expired_key(contract_gateway: ContractGateway) -> None:
    alias = f"laptop-{contract_gateway.tag}"
    key = contract_gateway.key(**{**USUAL, "duration": "0d", "key_alias": alias, "spend": 0.25})
    assert contract_gateway.chat(key.secret).status_code == 401

    renewed = contract_gateway.call("POST", "/key/update", body={"key": key.token, "duration": "30d"})

    reply = assert_like(renewed, "keys.renew")
    assert abs(moment(reply["expires"]) - datetime.now(UTC) - timedelta(days=30)) < timedelta(seconds=30)
    assert (reply["spend"], reply["key_alias"], reply["metadata"]) == (0.25, alias, USUAL["metadata"])
    assert contract_gateway.chat(key.secret).status_code == 200


@pytest.mark.parametrize("duration", ["-1", None])
def test_forgets_the_expiry(contract_gateway: ContractGateway, duration: str | None) -> None:
    key = contract_gateway.key(duration="30d")

    reply = contract_gateway.call("POST", "/key/update", body={"key": key.token, "duration": duration}).json()

    assert reply["expires"] is None


def test_changes_only_what_is_sent_and_clears_with_null(contract_gateway: ContractGateway) -> None:
    key = contract_gateway.key(**USUAL)
    change = {"key": key.token, "max_budget": None, "rpm_limit": 500, "metadata": {"new": 1}, "no_such_field": 1}

    reply = contract_gateway.call("POST", "/key/update", body=change).json()

    assert (reply["max_budget"], reply["rpm_limit"], reply["metadata"]) == (None, 500, {"new": 1})
    assert (reply["tpm_limit"], reply["models"]) == (USUAL["tpm_limit"], USUAL["models"])
    assert reply["expires"][:19] == key.answer["expires"][:19]


def test_blocks_and_unblocks(contract_gateway: ContractGateway) -> None:
    alias = f"laptop-{contract_gateway.tag}"
    settings = {**USUAL, "models": ["gpt-4o-mini"], "max_budget": None, "metadata": {"purpose": "changed"}}
    key = contract_gateway.key(key_alias=alias, **settings)
    contract_gateway.call("POST", "/key/update", body={"key": key.token, "rpm_limit": 500})

    assert_like(contract_gateway.call("POST", "/key/block", body={"key": key.token}), "keys.block")
    assert info(contract_gateway, key.token)["status"] == "revoked"
    assert_like(contract_gateway.call("POST", "/key/unblock", body={"key": key.token}), "keys.unblock")


def test_deletes_and_repeats_what_was_named(contract_gateway: ContractGateway) -> None:
    first, second = contract_gateway.key(), contract_gateway.key()
    delete = "/key/delete"

    named = contract_gateway.call("POST", delete, body={"keys": [first.token]})
    assert assert_like(named, "keys.delete")["deleted_keys"] == [first.token]
    mixed = contract_gateway.call("POST", delete, body={"keys": [second.token, NOWHERE]})
    assert assert_like(mixed, "keys.delete_one_known")["deleted_keys"] == [second.token, NOWHERE]
    assert_like(contract_gateway.call("POST", delete, body={"keys": [first.token]}), "keys.delete_again")
    assert_like(contract_gateway.call("POST", delete, body={}), "keys.delete_nothing")


def test_deletes_by_alias(contract_gateway: ContractGateway) -> None:
    key = contract_gateway.key(key_alias=f"named-{contract_gateway.tag}")

    reply = contract_gateway.call("POST", "/key/delete", body={"key_aliases": [f"named-{contract_gateway.tag}"]})

    assert reply.json() == {"deleted_keys": [f"named-{contract_gateway.tag}"]}
    assert info(contract_gateway, key.token)["status"] == "deleted"


def test_lists_a_persons_keys_page_by_page(contract_gateway: ContractGateway) -> None:
    tokens = sorted(contract_gateway.key(models=["no-such-model"]).token for _ in range(3))
    query: dict[str, Any] = {"user_id": contract_gateway.user_id, "size": 2, "sort_by": "token", "sort_order": "asc"}
    full = {**query, "return_full_object": "true"}

    first = assert_like(contract_gateway.call("GET", "/key/list", params=full), "keys.list_full")
    second = assert_like(contract_gateway.call("GET", "/key/list", params={**full, "page": 2}), "keys.list_full")
    hashes = assert_like(contract_gateway.call("GET", "/key/list", params=query), "keys.list_hashes")
    beyond = contract_gateway.call("GET", "/key/list", params={**query, "page": 9})

    assert [row["token"] for row in first["keys"] + second["keys"]] == tokens
    assert (first["total_count"], first["total_pages"], second["current_page"]) == (3, 2, 2)
    assert hashes["keys"] == tokens[:2]
    assert_like(beyond, "keys.list_past_the_end")


def test_lists_by_alias_hash_and_status(contract_gateway: ContractGateway) -> None:
    alias = f"wanted-{contract_gateway.tag}"
    wanted, expired = contract_gateway.key(key_alias=alias), contract_gateway.key(duration="0d")
    blocked, gone = contract_gateway.key(), contract_gateway.key()
    both = contract_gateway.key(duration="0d")
    for key in (blocked, both):
        contract_gateway.call("POST", "/key/block", body={"key": key.token})
    contract_gateway.call("POST", "/key/delete", body={"keys": [gone.token]})

    def listed(**query: str) -> list[str]:
        query = {"user_id": contract_gateway.user_id, "sort_by": "token", "sort_order": "asc", **query}
        keys: list[str] = contract_gateway.call("GET", "/key/list", params=query).json()["keys"]
        return keys

    assert listed(key_alias=alias) == listed(key_hash=wanted.token) == [wanted.token]
    assert listed(key_alias=alias[:-1]) == []
    assert listed(key_alias=alias[:-1], substring_matching="true") == [wanted.token]
    assert listed(status="expired") == [expired.token]
    assert listed(status="revoked") == sorted([blocked.token, both.token])
    assert listed(status="active") == [wanted.token]
    assert listed(status="deleted") == [gone.token]
    assert listed() == sorted([wanted.token, expired.token, blocked.token, both.token])


@pytest.mark.parametrize(
    ("name", "query"),
    [
        ("list_too_big", {"size": 101}),
        ("list_bad_status", {"status": "nonsense"}),
        ("list_bad_expires", {"expires": "nonsense"}),
    ],
)
def test_refuses_invalid_list_parameters(contract_gateway: ContractGateway, name: str, query: Any) -> None:
    assert_like(contract_gateway.call("GET", "/key/list", params=query), f"keys.{name}")


def test_has_no_licence_to_regenerate(contract_gateway: ContractGateway) -> None:
    key = contract_gateway.key()

    assert_like(contract_gateway.call("POST", "/key/regenerate", body={"key": key.token}), "keys.regenerate")
