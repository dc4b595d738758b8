"""Time, money and limits, with a controlled clock."""

import pytest

from tests.sandbox.conftest import chat, make_key, spend
from tests.sandbox_process import Sandbox

HOUR = 3600
DAY = 24 * HOUR


def kind_of(answer: object) -> tuple[int, str]:
    body = answer.json()  # type: ignore[attr-defined]  # a `requests` response
    return answer.status_code, body.get("error", {}).get("type", "")  # type: ignore[attr-defined]


def test_refuses_a_key_when_its_time_is_over(lone_sandbox: Sandbox) -> None:
    secret = make_key(lone_sandbox, duration="30d")
    assert chat(lone_sandbox, secret).ok

    lone_sandbox.move_clock(30 * DAY)

    assert kind_of(chat(lone_sandbox, secret)) == (401, "expired_key")
    assert lone_sandbox.live_keys()[0]["status"] == "expired"


def test_moves_the_clock_on_from_where_it_is_and_back_at_a_reset(lone_sandbox: Sandbox) -> None:
    lone_sandbox.move_clock(DAY)
    lone_sandbox.move_clock(DAY)
    assert make_key(lone_sandbox, duration="1d")
    created = lone_sandbox.live_keys()[0]["created_at"]

    lone_sandbox.reset()
    make_key(lone_sandbox)

    assert lone_sandbox.live_keys()[0]["created_at"] < created


def test_refuses_a_key_that_has_spent_its_budget_until_the_next_period(lone_sandbox: Sandbox) -> None:
    secret = make_key(lone_sandbox, max_budget=0.00001, budget_duration="1d")
    assert chat(lone_sandbox, secret, "[words 100]").ok

    assert kind_of(chat(lone_sandbox, secret)) == (422, "budget_exceeded")
    lone_sandbox.move_clock(DAY)

    assert chat(lone_sandbox, secret, "[words 1]").ok
    assert spend(lone_sandbox) < 0.00001


def test_counts_requests_and_tokens_of_a_minute(lone_sandbox: Sandbox) -> None:
    secret = make_key(lone_sandbox, rpm_limit=2, tpm_limit=1000)
    first = chat(lone_sandbox, secret, "one two", max_tokens=10)
    chat(lone_sandbox, secret)

    assert first.headers["x-ratelimit-api_key-remaining-requests"] == "1"
    assert first.headers["x-ratelimit-api_key-remaining-tokens"] == "988"
    assert kind_of(chat(lone_sandbox, secret)) == (429, "throttling_error")
    lone_sandbox.move_clock(60)
    assert chat(lone_sandbox, secret).ok


def test_settles_reserved_tokens_to_the_used_ones(lone_sandbox: Sandbox) -> None:
    secret = make_key(lone_sandbox, tpm_limit=100)
    assert chat(lone_sandbox, secret, "[words 5]", max_tokens=90).ok

    assert chat(lone_sandbox, secret, "[words 5]", max_tokens=80).ok
    assert kind_of(chat(lone_sandbox, secret, "[words 5]", max_tokens=101)) == (429, "throttling_error")


def test_counts_parallel_calls(lone_sandbox: Sandbox) -> None:
    secret = make_key(lone_sandbox, max_parallel_requests=1)
    running = chat(lone_sandbox, secret, "[words 20] [pace 20]", stream=True, options={"stream": True})

    assert kind_of(chat(lone_sandbox, secret)) == (429, "throttling_error")
    assert running.text.endswith("data: [DONE]\n\n")
    assert chat(lone_sandbox, secret).ok


def test_refuses_a_person_who_has_spent_a_budget(lone_sandbox: Sandbox) -> None:
    body = {"user_id": "poor", "max_budget": 0.000001, "auto_create_key": False}
    lone_sandbox.call("POST", "/user/new", body=body)
    secret = make_key(lone_sandbox, user_id="poor")
    assert chat(lone_sandbox, secret).ok

    refused = chat(lone_sandbox, secret)

    assert kind_of(refused) == (422, "budget_exceeded")
    assert "User=poor over budget" in refused.json()["error"]["message"]


def test_reports_spend_only_after_the_delay_but_enforces_at_once() -> None:
    with Sandbox(spend_delay_s=5) as sandbox:
        secret = make_key(sandbox, max_budget=0.000001)
        chat(sandbox, secret, "one [words 10]")

        assert spend(sandbox) == 0
        assert kind_of(chat(sandbox, secret)) == (422, "budget_exceeded")
        sandbox.move_clock(5)
        assert spend(sandbox) == 3 * 0.15e-6 + 10 * 0.6e-6


def test_adds_money_up_exactly(lone_sandbox: Sandbox) -> None:
    secret = make_key(lone_sandbox)
    for _ in range(10):
        chat(lone_sandbox, secret, "[words 1]", model="general_nothink")  # 2 × 0.5 + 1 × 1.5 millionths of a dollar

    assert spend(lone_sandbox) == 0.000025


def test_notes_calls_with_wrong_keys_under_their_hash(lone_sandbox: Sandbox) -> None:
    chat(lone_sandbox, "sk-" + "0" * 22)
    query = {"start_date": "2000-01-01", "end_date": "2100-01-01"}

    activity = lone_sandbox.call("GET", "/user/daily/activity", params=query).json()

    (entry,) = activity["results"][0]["breakdown"]["api_keys"].values()
    assert entry["metrics"]["failed_requests"] == 1
    assert entry["metadata"]["key_exists"] is False


@pytest.mark.parametrize("header", ["x-api-key", "api-key", "x-litellm-api-key"])
def test_takes_a_key_in_any_of_the_usual_headers(lone_sandbox: Sandbox, header: str) -> None:
    secret = make_key(lone_sandbox)
    session = lone_sandbox._session

    assert session.get(f"{lone_sandbox.url}/v1/models", headers={header: secret}, timeout=10).ok
