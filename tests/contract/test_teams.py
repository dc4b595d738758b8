"""A team's budget over all of its keys, with keys that join, leave and are used at once."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import requests

from tests.contract.conftest import ContractGateway
from tests.contract.recorded import assert_like
from tests.waiting import wait_until

WORDS = "[words 1000] hello"
CALLERS = 8


def new_team(gateway: ContractGateway, **settings: Any) -> str:
    """Make the test's team, which goes with its keys at the end."""
    team_id = f"team-{gateway.tag}"
    body = {"team_id": team_id, "budget_duration": "30d", **settings}
    gateway.call("POST", "/team/new", body=body).raise_for_status()
    return team_id


def cost_of(*answers: requests.Response) -> float:
    return sum(float(answer.headers["x-litellm-response-cost"]) for answer in answers if answer.ok)


def row_of(gateway: ContractGateway, team_id: str) -> Any:
    return gateway.call("GET", "/team/info", params={"team_id": team_id}).json()["team_info"]


def test_counts_what_the_keys_of_a_team_spend_together_deleted_ones_too(contract_gateway: ContractGateway) -> None:
    team_id = new_team(contract_gateway, max_budget=0.0011)  # the price of the second call ends it
    first, second = (contract_gateway.key(team_id=team_id, max_budget=1) for _ in range(2))

    spent = contract_gateway.chat(first.secret, WORDS)
    contract_gateway.call("POST", "/key/delete", body={"keys": [first.token]})
    last = contract_gateway.chat(second.secret, WORDS)

    new = contract_gateway.key(team_id=team_id, max_budget=1)
    wait_until(lambda: contract_gateway.chat(second.secret).status_code == 422)
    for secret in (second.secret, new.secret):
        assert_like(contract_gateway.chat(secret), "refusals.team_over_budget")
    assert contract_gateway.call("GET", "/v1/models", key=new.secret).ok
    wait_until(lambda: abs(row_of(contract_gateway, team_id)["spend"] - cost_of(spent, last)) < 1e-9)
    assert row_of(contract_gateway, team_id)["budget_reset_at"].endswith("-01T00:00:00Z")

    contract_gateway.call("POST", "/team/update", body={"team_id": team_id, "max_budget": None})
    assert contract_gateway.chat(new.secret).ok


def test_callers_who_ask_once_at_once_spend_no_more_than_a_teams_budget_and_one_call(
    contract_gateway: ContractGateway,
) -> None:
    team_id = new_team(contract_gateway, max_budget=0.0011)
    secrets = [contract_gateway.key(team_id=team_id).secret for _ in range(CALLERS)]

    def ask(secret: str) -> requests.Response:
        return contract_gateway.chat(secret, f"[slow 500] {WORDS}", max_tokens=1000)

    with ThreadPoolExecutor(CALLERS) as callers:
        answers = list(callers.map(ask, secrets))

    assert {answer.status_code for answer in answers} == {200, 422}
    dearest = max(cost_of(answer) for answer in answers)
    assert 0.0011 - dearest < cost_of(*answers) < 0.0011 + dearest


def test_a_key_of_a_person_joins_a_team_in_three_steps(contract_gateway: ContractGateway) -> None:
    team_id = new_team(contract_gateway, max_budget=1e-6)
    key = contract_gateway.key(spend=0.5, max_budget=1)

    def change(**settings: Any) -> requests.Response:
        return contract_gateway.call("POST", "/key/update", body={"key": key.token, **settings})

    assert_like(change(team_id=team_id), "refusals.not_a_member")
    assert_like(change(team_id=team_id, user_id=None), "refusals.not_a_member")
    assert_like(change(team_id="no-team"), "refusals.move_to_unknown_team")
    assert contract_gateway.chat(key.secret).ok

    for step in ({"user_id": None}, {"team_id": team_id}, {"user_id": contract_gateway.user_id}, {"team_id": team_id}):
        assert change(**step).ok

    row = contract_gateway.call("GET", "/key/info", params={"key": key.token}).json()["info"]
    assert (row["team_id"], row["user_id"], row["max_budget"]) == (team_id, contract_gateway.user_id, 1)
    assert row["spend"] >= 0.5
    assert contract_gateway.chat(key.secret).ok
    assert_like(contract_gateway.chat(key.secret), "refusals.team_over_budget")


def test_a_teams_spend_outlives_another_budget_and_period(contract_gateway: ContractGateway) -> None:
    team_id = new_team(contract_gateway, max_budget=1)
    spent = cost_of(contract_gateway.chat(contract_gateway.key(team_id=team_id).secret, WORDS))
    wait_until(lambda: abs(row_of(contract_gateway, team_id)["spend"] - spent) < 1e-9)

    for change in (
        {"max_budget": 2, "budget_duration": "7d"},
        {"max_budget": None, "budget_duration": None},
        {"max_budget": 0.0005, "budget_duration": "1d", "spend": 0},
    ):
        contract_gateway.call("POST", "/team/update", body={"team_id": team_id, **change}).raise_for_status()
        row = row_of(contract_gateway, team_id)
        assert abs(row["spend"] - spent) < 1e-9
        assert (row["max_budget"], row["budget_duration"]) == (change["max_budget"], change["budget_duration"])
        assert (row["budget_reset_at"] is None) == (change["budget_duration"] is None)
    assert_like(contract_gateway.chat(contract_gateway.key(team_id=team_id).secret), "refusals.team_over_budget")


def test_a_key_that_is_taken_out_of_its_team_works_without_its_budget(contract_gateway: ContractGateway) -> None:
    team_id = new_team(contract_gateway, max_budget=1e-6)
    key = contract_gateway.key(team_id=team_id)
    assert contract_gateway.chat(key.secret).ok
    assert_like(contract_gateway.chat(key.secret), "refusals.team_over_budget")

    contract_gateway.call("POST", "/key/update", body={"key": key.token, "team_id": None}).raise_for_status()

    assert contract_gateway.chat(key.secret).ok
    row = contract_gateway.call("GET", "/key/info", params={"key": key.token}).json()["info"]
    assert (row["team_id"], row["user_id"]) == (None, contract_gateway.user_id)


def test_all_teams_are_listed_by_pages(contract_gateway: ContractGateway) -> None:
    team_id = new_team(contract_gateway)
    found: list[str] = []
    page = total_pages = 1
    while page <= total_pages:
        body = contract_gateway.call("GET", "/v2/team/list", params={"page": page, "page_size": 100}).json()
        found += [row["team_id"] for row in body["teams"]]
        page, total_pages = page + 1, body["total_pages"]
    assert found.count(team_id) == 1
    assert len(found) == body["total"]


def test_the_keys_of_a_team_go_with_it(contract_gateway: ContractGateway) -> None:
    team_id = new_team(contract_gateway)
    key = contract_gateway.key(team_id=team_id)

    assert contract_gateway.call("POST", "/team/delete", body={"team_ids": [team_id]}).ok

    assert contract_gateway.chat(key.secret).status_code == 401
    assert contract_gateway.call("GET", "/key/info", params={"key": key.token}).json()["info"]["status"] == "deleted"
