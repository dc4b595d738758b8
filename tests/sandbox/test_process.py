"""The process: what it stores, what it hides, how it ends."""

import subprocess
import sys
from pathlib import Path

import psutil
import pytest
import requests

from tests.sandbox.conftest import chat, make_key, spend
from tests.sandbox_process import Sandbox, SandboxDiedError, wait_until

ROOT = Path(__file__).resolve().parent.parent.parent


def test_keeps_keys_and_spend_over_a_crash(tmp_path: Path) -> None:
    data = tmp_path / "sandbox.db"
    with Sandbox(data=data) as sandbox:
        secret = make_key(sandbox, key_alias="kept", max_budget=1)
        gone = make_key(sandbox, key_alias="gone")
        sandbox.call("POST", "/key/delete", body={"keys": [gone]})
        chat(sandbox, secret)
        spent = spend(sandbox)
        sandbox.kill()

    with Sandbox(data=data) as sandbox:
        assert spend(sandbox) == spent > 0
        assert chat(sandbox, secret).ok
        assert chat(sandbox, gone).status_code == 401
        assert sandbox.call("POST", "/key/generate", body={"key_alias": "kept"}).status_code == 400


def test_writes_no_secret_to_disk_or_log(tmp_path: Path) -> None:
    with Sandbox(data=tmp_path / "sandbox.db") as sandbox:
        secret = make_key(sandbox, key="sk-custom-0123456789abcdef")
        chat(sandbox, secret)
        assert sandbox.call("GET", "/key/info", params={"key": secret}).ok
        files = [path.read_bytes() for path in tmp_path.iterdir()]

        assert sandbox.issued_secrets() == [secret]

    assert "sandbox ready" in sandbox.output()
    assert secret not in sandbox.output()
    assert files
    assert not any(secret.encode() in content for content in files)


def test_stores_no_secret_unless_configured(tmp_path: Path) -> None:
    sandbox = Sandbox(data=tmp_path / "sandbox.db")
    sandbox._options.remove("--remember-secrets")
    with sandbox:
        make_key(sandbox)

        assert sandbox.issued_secrets() == []


def test_says_on_every_answer_that_it_is_no_gateway(lone_sandbox: Sandbox) -> None:
    for path in ("/health/liveness", "/v1/models", "/no-such-route", "/sandbox/keys"):
        assert lone_sandbox.call("GET", path).headers["x-passerelle-sandbox"] == "1"


def test_explains_itself_to_a_browser(lone_sandbox: Sandbox) -> None:
    page = requests.get(lone_sandbox.url + "/", timeout=10)

    assert page.headers["content-type"].startswith("text/html")
    assert "Sandbox gateway" in page.text


def test_answers_under_a_prefix_as_an_olla_does() -> None:
    with Sandbox(prefix="/olla/litellm") as sandbox:
        secret = make_key(sandbox)
        answer = chat(sandbox, secret)
        sandbox.faults("/models", "error")

        assert answer.ok
        assert answer.headers["x-olla-backend-type"] == "litellm"
        assert requests.get(f"{sandbox.origin}/v1/models", timeout=10).status_code == 404
        assert [sandbox.call("GET", "/v1/models").status_code for _ in range(2)] == [500, 200]


def test_listens_on_this_machine_only(lone_sandbox: Sandbox) -> None:
    (listening,) = [c for c in psutil.Process(lone_sandbox.pid).net_connections() if c.status == psutil.CONN_LISTEN]

    assert listening.laddr.ip == "127.0.0.1"


def test_terminates_cleanly_with_an_open_stream() -> None:
    sandbox = Sandbox().start()
    secret = make_key(sandbox)
    answer = chat(sandbox, secret, "[words 5000] [pace 20]", stream=True, options={"stream": True})
    process = sandbox._running

    sandbox.stop()

    assert process.returncode == 0
    answer.close()


def test_ends_with_the_process_that_started_it() -> None:
    script = "from tests.sandbox_process import Sandbox; print(Sandbox().start().pid)"
    answer = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=60)

    pid = int(answer.stdout)

    wait_until(lambda: not psutil.pid_exists(pid))


def test_reports_why_it_does_not_start(lone_sandbox: Sandbox) -> None:
    port = int(lone_sandbox.origin.rpartition(":")[2])

    with pytest.raises(SandboxDiedError, match="address already in use"):
        Sandbox().start(port=port)


def activity(sandbox: Sandbox) -> object:
    query = {"start_date": "2000-01-01", "end_date": "2100-01-01", "page_size": 1000}
    return sandbox.call("GET", "/user/daily/activity", params=query).json()


def test_generates_the_same_history_and_only_once(tmp_path: Path) -> None:
    with Sandbox(history_days=10, data=tmp_path / "sandbox.db") as sandbox:
        first = activity(sandbox)
    with Sandbox(history_days=10, data=tmp_path / "sandbox.db") as again, Sandbox(history_days=10) as other:
        assert activity(again) == first == activity(other)

    days = {result["date"] for result in first["results"]}  # type: ignore[index]  # JSON
    assert 5 <= len(days) <= 10
    assert first["metadata"]["total_spend"] > 0  # type: ignore[index]  # JSON
