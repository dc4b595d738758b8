"""Generated history of present keys."""

from tests.sandbox_process import Sandbox


def make_up(sandbox: Sandbox, user_id: str, **options: int) -> int:
    answer = sandbox.call("POST", "/sandbox/history", body={"user_id": user_id, **options})
    assert answer.ok, answer.text
    return int(answer.json()["keys"])


def make_key(sandbox: Sandbox, user_id: str, secret: str) -> None:
    body = {"user_id": user_id, "key": secret, "key_type": "llm_api"}
    sandbox.call("POST", "/key/generate", body=body).raise_for_status()


def spend(sandbox: Sandbox, user_id: str) -> list[tuple[str, float]]:
    query = {"start_date": "2000-01-01", "end_date": "2100-01-01", "page_size": 1000, "user_id": user_id}
    activity = sandbox.call("GET", "/user/daily/activity", params=query).json()
    return [(result["date"], result["metrics"]["spend"]) for result in activity["results"]]


def test_history_is_deterministic_for_a_seed(sandbox: Sandbox) -> None:
    make_key(sandbox, "user-a", "sk-" + "a" * 22)
    make_key(sandbox, "user-a", "sk-" + "b" * 22)
    make_key(sandbox, "user-b", "sk-" + "c" * 22)
    assert make_up(sandbox, "user-a", days=20, seed=3, chats=60) == 2
    first = spend(sandbox, "user-a")
    assert len(first) >= 10
    assert spend(sandbox, "user-b") == []

    sandbox.reset()
    make_key(sandbox, "user-a", "sk-" + "a" * 22)
    make_key(sandbox, "user-a", "sk-" + "b" * 22)
    make_up(sandbox, "user-a", days=20, seed=3, chats=60)
    assert spend(sandbox, "user-a") == first


def test_history_is_generated_once(sandbox: Sandbox) -> None:
    make_key(sandbox, "user-a", "sk-" + "a" * 22)
    assert make_up(sandbox, "user-a", days=20) == 1
    first = spend(sandbox, "user-a")

    assert make_up(sandbox, "user-a", days=20, seed=2) == 0
    assert spend(sandbox, "user-a") == first


def test_refuses_invalid_numbers(sandbox: Sandbox) -> None:
    assert sandbox.call("POST", "/sandbox/history", body={"user_id": "x", "days": "many"}).status_code == 400
    assert sandbox.call("POST", "/sandbox/history", key="sk-no", body={"user_id": "x"}).status_code == 401


def test_the_days_own_totals_list_as_few_keys_as_asked(sandbox: Sandbox) -> None:
    make_key(sandbox, "user-a", "sk-" + "a" * 22)
    make_key(sandbox, "user-a", "sk-" + "b" * 22)
    make_up(sandbox, "user-a", days=20)
    query = {"start_date": "2000-01-01", "end_date": "2100-01-01"}

    few = sandbox.call("GET", "/user/daily/activity/aggregated", params={**query, "api_key_limit": 1}).json()
    aggregated = sandbox.call("GET", "/user/daily/activity/aggregated", params=query).json()

    keys = {key for result in few["results"] for key in result["breakdown"]["api_keys"]}
    assert len(keys) == 1
    assert few["metadata"]["total_api_keys"] == 2
    assert few["metadata"]["total_spend"] == aggregated["metadata"]["total_spend"] > 0
