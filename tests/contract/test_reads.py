"""Models, health, people, usage: read-only calls."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.contract.conftest import ContractGateway
from tests.contract.recorded import assert_like
from tests.sandbox_process import wait_until


def test_lists_models_to_admin_and_to_a_restricted_key(contract_gateway: ContractGateway) -> None:
    key = contract_gateway.key(models=["gpt-4o-mini", "embedding"])

    every = contract_gateway.call("GET", "/v1/models").json()["data"]
    own = assert_like(contract_gateway.call("GET", "/v1/models", key=key.secret), "models.list")["data"]

    assert {"general_nothink", "gpt-4o-mini", "llama-70b", "moderation"} <= {model["id"] for model in every}
    assert {model["id"] for model in own} == {"gpt-4o-mini", "embedding"}


@pytest.mark.parametrize("path", ["/model/info", "/v1/model/info"])
def test_prices_models(contract_gateway: ContractGateway, path: str) -> None:
    key = contract_gateway.key(models=["gpt-4o-mini"])

    reply = assert_like(contract_gateway.call("GET", path, key=key.secret), "models.info")["data"]

    assert [model["model_name"] for model in reply] == ["gpt-4o-mini"]
    assert reply[0]["model_info"]["input_cost_per_token"] == 1.5e-07


@pytest.mark.parametrize("name", ["liveliness", "liveness", "readiness"])
def test_shows_its_health_without_a_key(contract_gateway: ContractGateway, name: str) -> None:
    assert_like(contract_gateway.call("GET", f"/health/{name}", headers={}), f"models.{name}")


def test_shows_its_version_to_known_keys_only(contract_gateway: ContractGateway) -> None:
    details = "/health/readiness/details"

    assert_like(contract_gateway.call("GET", details), "models.readiness_details")
    assert_like(contract_gateway.call("GET", details, headers={}), "models.details_without_key")


def test_describes_a_person(contract_gateway: ContractGateway) -> None:
    tag = contract_gateway.tag
    row: dict[str, Any] = {
        "user_id": contract_gateway.user_id,
        "user_email": f"{tag}@example.org",
        "user_alias": "Intern A",
    }
    row |= {"user_role": "internal_user", "max_budget": 10, "models": ["gpt-4o-mini"], "metadata": {"department": "x"}}
    body = {**row, "auto_create_key": False}
    assert contract_gateway.call("POST", "/user/new", body=body).status_code == 200
    key = contract_gateway.key()

    reply = contract_gateway.call("GET", "/user/info", params={"user_id": contract_gateway.user_id})

    assert [row["token"] for row in assert_like(reply, "people.user_info")["keys"]] == [key.token]
    assert_like(contract_gateway.call("POST", "/user/new", body=body), "people.user_taken")
    assert_like(contract_gateway.call("GET", "/user/info", params={"user_id": "nobody"}), "people.user_unknown")


def test_describes_a_team(contract_gateway: ContractGateway) -> None:
    team_id = f"team-{contract_gateway.tag}"
    row = {"team_alias": "Group", "models": ["gpt-4o-mini"], "max_budget": 100, "budget_duration": "30d"}
    contract_gateway.call("POST", "/team/new", body={"team_id": team_id, "metadata": {"x": 1}, **row})
    key = contract_gateway.key(team_id=team_id)

    reply = contract_gateway.call("GET", "/team/info", params={"team_id": team_id})

    assert_like(reply, "people.team_info")
    assert_like(contract_gateway.call("GET", "/team/info", params={"team_id": "none"}), "people.team_unknown")
    shown = contract_gateway.call("GET", "/v1/models", key=key.secret).json()["data"]
    assert [model["id"] for model in shown] == ["gpt-4o-mini"]
    refused = contract_gateway.chat(key.secret, model="llama-70b")
    assert refused.json()["error"]["type"] == "team_model_access_denied"


def test_a_team_keeps_what_is_written_on_it(contract_gateway: ContractGateway) -> None:
    team, limits = {"team_id": f"team-{contract_gateway.tag}"}, {"max_budget": 100, "models": ["gpt-4o-mini"]}
    contract_gateway.call("POST", "/team/new", body={**team, "team_alias": "Group", "metadata": {"x": 1}, **limits})

    again = contract_gateway.call("POST", "/team/new", body={**team, "team_alias": "Other"})
    reply = contract_gateway.call("POST", "/team/update", body={**team, "metadata": {"y": "2"}})

    assert_like(again, "people.team_taken")
    assert_like(reply, "people.team_updated")
    row = contract_gateway.call("GET", "/team/info", params=team).json()["team_info"]
    assert (row["team_alias"], row["metadata"]) == ("Group", {"y": "2"})
    unknown = contract_gateway.call("POST", "/team/update", body={"team_id": "none", "metadata": {}})
    assert_like(unknown, "people.team_update_unknown")


def test_reports_spend_soon_after_the_call(contract_gateway: ContractGateway) -> None:
    key = contract_gateway.key(key_alias=f"spender-{contract_gateway.tag}", max_budget=1)
    cost = float(contract_gateway.chat(key.secret, "one two [words 5]").headers["x-litellm-response-cost"])
    query = {"user_id": contract_gateway.user_id, "return_full_object": "true"}

    def reply() -> Any:
        return contract_gateway.call("GET", "/key/info", params={"key": key.token}).json()["info"]

    wait_until(lambda: reply()["spend"] > 0, seconds=20)
    assert reply()["spend"] == reply()["total_spend"] == pytest.approx(cost)
    assert reply()["last_active"] is not None
    assert contract_gateway.call("GET", "/key/list", params=query).json()["keys"][0]["spend"] == pytest.approx(cost)


def test_reports_use_by_day_model_and_key(contract_gateway: ContractGateway) -> None:
    key = contract_gateway.key(key_alias=f"user-{contract_gateway.tag}")
    for name in ("gpt-4o-mini", "llama-70b", "gpt-4o-mini"):
        assert contract_gateway.chat(key.secret, "one two [words 5]", model=name).ok
    contract_gateway.chat(key.secret, "[fail 500]")
    today = datetime.now(UTC).date()
    days = {"start_date": str(today - timedelta(days=1)), "end_date": str(today + timedelta(days=1))}

    def page(number: int = 1, size: int = 1000) -> Any:
        query = {**days, "user_id": contract_gateway.user_id, "page": number, "page_size": size}
        return contract_gateway.call("GET", "/user/daily/activity", params=query)

    wait_until(lambda: page().json()["metadata"]["total_api_requests"] == 4, seconds=20)
    group = page().json()["results"][0]["breakdown"]["model_groups"]["gpt-4o-mini"]
    about = group["api_key_breakdown"][key.token]
    assert (about["metrics"]["successful_requests"], about["metrics"]["failed_requests"]) == (2, 1)
    assert about["metadata"]["key_alias"] == f"user-{contract_gateway.tag}"
    assert about["metadata"]["key_exists"] is True
    first, second = page(1, 1).json(), page(2, 1).json()
    assert first["metadata"]["total_pages"] == 2
    assert [reply["metadata"]["has_more"] for reply in (first, second)] == [True, False]
    assert first["metadata"]["total_api_requests"] + second["metadata"]["total_api_requests"] == 4


def test_usage_has_the_recorded_shape(contract_gateway: ContractGateway) -> None:
    contract_gateway.call(
        "POST", "/user/new", body={"user_id": contract_gateway.user_id, "user_email": f"{contract_gateway.tag}@x.org"}
    )
    key = contract_gateway.key(key_alias=f"user-{contract_gateway.tag}")
    contract_gateway.chat(key.secret)
    today = str(datetime.now(UTC).date())
    query = {"start_date": today, "end_date": today, "api_key": key.token}

    def reply() -> Any:
        return contract_gateway.call("GET", "/user/daily/activity", params=query)

    wait_until(lambda: bool(reply().json()["results"]), seconds=20)
    assert_like(reply(), "usage.one_key")


@pytest.mark.parametrize(
    ("name", "query"),
    [
        ("no_dates", {}),
        ("bad_date", {"start_date": "yesterday", "end_date": "2026-01-01"}),
        ("page_too_big", {"start_date": "2026-01-01", "end_date": "2026-01-01", "page_size": 1001}),
    ],
)
def test_refuses_invalid_date_ranges(contract_gateway: ContractGateway, name: str, query: Any) -> None:
    assert_like(contract_gateway.call("GET", "/user/daily/activity", params=query), f"usage.{name}")


def test_shows_a_key_the_use_of_its_own_person_only(contract_gateway: ContractGateway) -> None:
    key = contract_gateway.key()
    query = {"start_date": "2026-01-01", "end_date": "2026-01-01", "user_id": "somebody-else"}

    assert_like(contract_gateway.call("GET", "/user/daily/activity", key=key.secret, params=query), "usage.stranger")


def test_prices_prompts_and_answers(contract_gateway: ContractGateway) -> None:
    messages = [{"role": "user", "content": "hello"}]
    usage = {"prompt_tokens": 1000, "completion_tokens": 1000, "total_tokens": 2000}
    choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "hi"}}
    answer = {"id": "x", "object": "chat.completion", "created": 1, "model": "gpt-4o-mini"}
    answered = {"completion_response": {**answer, "choices": [choice], "usage": usage}}

    asked = {"model": "gpt-4o-mini", "messages": messages}
    assert_like(contract_gateway.call("POST", "/spend/calculate", body=asked), "usage.calculate")
    reply = contract_gateway.call("POST", "/spend/calculate", body=answered).json()
    assert reply["cost"] == pytest.approx(0.00075)
