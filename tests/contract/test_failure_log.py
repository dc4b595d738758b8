"""The log of failed calls: of one team, the newest first, with the kind of limit, and no others."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

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
