"""The log of calls: of one team those that failed, or all of one key; the newest first, with the kind of limit."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from gateway.client import Gateway
from gateway.failure_log import FailureKind
from gateway.request_log import LoggedCall
from tests.contract.conftest import ContractGateway
from tests.contract.recorded import assert_like
from tests.contract.test_teams import new_team
from tests.waiting import wait_until


@pytest.mark.early
def test_says_which_limit_refused_a_call(contract_gateway: ContractGateway) -> None:
    team_id = new_team(contract_gateway)
    key = contract_gateway.key(team_id=team_id, rpm_limit=1, models=["gpt-4o-mini"])
    wait_until(lambda: contract_gateway.chat(key.secret).status_code == 429)  # limits are forgotten under load
    contract_gateway.chat(key.secret, model="llama-70b")
    now = datetime.now(UTC)
    query = {"team_id": team_id, "status_filter": "failure", "page": 1, "page_size": 1}

    def log(since: timedelta, until: timedelta) -> Any:
        days = {"start_date": f"{now + since:%Y-%m-%d %H:%M:%S}", "end_date": f"{now + until:%Y-%m-%d %H:%M:%S}"}
        return contract_gateway.call("GET", "/spend/logs/v2", params={**query, **days})

    minute = timedelta(minutes=1)
    wait_until(lambda: log(-minute, minute).json()["total_pages"] == 2)
    newest = assert_like(log(-minute, minute), "usage.failures")["data"][0]
    assert newest["api_key"] == key.token
    assert "MODEL_ACCESS_DENIED" in newest["metadata"]["error_information"]["normalized_error"]
    query["page"] = 2
    about = log(-minute, minute).json()["data"][0]["metadata"]["error_information"]
    assert (about["error_code"], about["error_rate_limit_type"]) == ("429", "requests")
    query["page"] = 1
    assert log(minute, 2 * minute).json()["data"] == []


def test_lists_the_calls_of_a_key(contract_gateway: ContractGateway) -> None:
    key, other = (contract_gateway.key(models=["gpt-4o-mini"]) for _ in range(2))
    assert contract_gateway.chat(key.secret).ok
    assert contract_gateway.chat(other.secret).ok
    assert contract_gateway.chat(key.secret, model="llama-70b").status_code in (401, 403)
    gateway = Gateway(contract_gateway.url, contract_gateway.admin_key)

    def calls() -> list[LoggedCall]:
        now = datetime.now(UTC)
        return gateway.request_log.of_token(key.token, now - timedelta(hours=1), now + timedelta(minutes=1))

    wait_until(lambda: len(calls()) == 2)  # a real log is a few seconds late
    denied, answered = calls()
    assert (denied.model, denied.failed_of) == ("llama-70b", FailureKind.MODEL)
    assert (answered.model, answered.failed_of) == ("gpt-4o-mini", None)
    assert answered.spend_usd > 0
    assert answered.output_tokens > 0
