"""Faults affect one call as documented, and not the next."""

import threading
import time
from typing import Any

import pytest
import requests

from sandbox.faults import KINDS
from tests.sandbox.conftest import chat, make_key
from tests.sandbox_process import Sandbox, wait_until


def generate(sandbox: Sandbox, **more: Any) -> Any:
    return sandbox.call("POST", "/key/generate", body={}, **more)


@pytest.mark.parametrize(
    ("kind", "work_is_done"),
    [("drop_before", False), ("drop_after", True), ("hang_before", False), ("hang_after", True), ("cut_body", True)],
)
def test_loses_the_answer(lone_sandbox: Sandbox, kind: str, work_is_done: bool) -> None:
    lone_sandbox.faults("/key/generate", kind, seconds=0.1)

    with pytest.raises((requests.ConnectionError, requests.exceptions.ChunkedEncodingError)):
        generate(lone_sandbox)

    assert len(lone_sandbox.live_keys()) == work_is_done
    assert generate(lone_sandbox).ok


@pytest.mark.parametrize("status", [500, 503, 429])
def test_answers_with_a_status_and_does_nothing(lone_sandbox: Sandbox, status: int) -> None:
    lone_sandbox.faults("/key/generate", "error", status=status, retry_after=7)

    answer = generate(lone_sandbox)

    assert answer.status_code == status
    assert answer.json()["error"]["code"] == str(status)
    assert answer.headers["retry-after"] == "7"
    assert lone_sandbox.live_keys() == []


def test_answers_with_the_error_page_of_a_proxy(lone_sandbox: Sandbox) -> None:
    lone_sandbox.faults("/key/generate", "html")

    answer = generate(lone_sandbox)

    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/html")
    assert lone_sandbox.live_keys() == []


def test_truncates_the_answer_to_work_that_is_done(lone_sandbox: Sandbox) -> None:
    lone_sandbox.faults("/key/generate", "truncated_json")

    answer = generate(lone_sandbox)

    assert answer.status_code == 200
    with pytest.raises(ValueError, match="Unterminated|Expecting"):
        answer.json()
    assert len(lone_sandbox.live_keys()) == 1


def test_delays_an_answer(lone_sandbox: Sandbox) -> None:
    lone_sandbox.faults("/key/generate", "delay", seconds=0.3)
    started = time.monotonic()

    assert generate(lone_sandbox).ok

    assert time.monotonic() - started >= 0.3


def test_hangs_until_its_client_disconnects(lone_sandbox: Sandbox) -> None:
    lone_sandbox.faults("/key/generate", "hang_before", seconds=60)

    with pytest.raises(requests.ReadTimeout):
        generate(lone_sandbox, timeout=0.2)

    wait_until(lambda: lone_sandbox.armed_faults()[0]["waiting"] == 0)
    assert lone_sandbox.live_keys() == []


def test_shows_a_call_that_hangs(lone_sandbox: Sandbox) -> None:
    lone_sandbox.faults("/key/generate", "hang_after", seconds=1)
    caller = threading.Thread(target=_ask_and_lose, args=(lone_sandbox.url, lone_sandbox.admin_key))
    caller.start()

    lone_sandbox.wait_until_fault_holds("/key/generate")

    assert len(lone_sandbox.live_keys()) == 1
    caller.join()


def _ask_and_lose(url: str, key: str) -> None:
    with pytest.raises(requests.ConnectionError):
        requests.post(f"{url}/key/generate", json={}, headers={"authorization": f"Bearer {key}"}, timeout=10)


def test_faults_apply_to_the_given_number_of_calls_after_a_skip(lone_sandbox: Sandbox) -> None:
    lone_sandbox.faults("/key/generate", "error", times=2, skip=1, status=503)

    assert [generate(lone_sandbox).status_code for _ in range(4)] == [200, 503, 503, 200]
    assert lone_sandbox.armed_faults()[0]["hits"] == 2


def test_a_fault_applies_to_its_path_with_or_without_v1(lone_sandbox: Sandbox) -> None:
    lone_sandbox.faults("/v1/models", "error", times=2)

    assert generate(lone_sandbox).ok
    statuses = [lone_sandbox.call("GET", path).status_code for path in ("/models", "/v1/models", "/v1/models")]
    assert statuses == [500, 500, 200]


def test_a_fault_for_all_paths_excludes_the_control_endpoint(lone_sandbox: Sandbox) -> None:
    lone_sandbox.faults("*", "error", times=100)

    assert generate(lone_sandbox).status_code == 500
    assert lone_sandbox.call("GET", "/health/liveness").status_code == 500
    lone_sandbox.clear_faults()
    assert generate(lone_sandbox).ok


def test_cuts_a_stream(lone_sandbox: Sandbox) -> None:
    secret = make_key(lone_sandbox)
    lone_sandbox.faults("/chat/completions", "stream_cut", after_chunks=4)
    answer = chat(lone_sandbox, secret, "[words 50]", stream=True, options={"stream": True})

    seen: list[bytes] = []
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        seen.extend(line for line in answer.iter_lines() if line)

    assert len(seen) == 4
    assert lone_sandbox.connections()["cut"] == 1


def test_stalls_a_stream(lone_sandbox: Sandbox) -> None:
    secret = make_key(lone_sandbox)
    lone_sandbox.faults("/chat/completions", "stream_silent", after_chunks=2, seconds=60)
    options = {"stream": True, "timeout": 0.3}
    answer = chat(lone_sandbox, secret, "[words 50]", stream=True, options=options)

    seen: list[bytes] = []
    with pytest.raises(requests.ConnectionError, match="Read timed out"):
        seen.extend(line for line in answer.iter_lines() if line)

    assert len(seen) == 2
    answer.close()
    wait_until(lambda: lone_sandbox.armed_faults()[0]["waiting"] == 0)


def streamed(sandbox: Sandbox) -> list[bytes]:
    """Ask for a stream; return its events, the blank lines between them left out."""
    answer = chat(sandbox, make_key(sandbox), "[words 50]", stream=True, options={"stream": True})
    return [line for line in answer.iter_lines() if line]


def test_resets_a_stream(lone_sandbox: Sandbox) -> None:
    lone_sandbox.faults("/chat/completions", "stream_reset", after_chunks=4)

    with pytest.raises((requests.ConnectionError, requests.exceptions.ChunkedEncodingError), match="reset by peer"):
        streamed(lone_sandbox)

    assert lone_sandbox.connections()["cut"] == 1


def test_pauses_in_a_stream(lone_sandbox: Sandbox) -> None:
    lone_sandbox.faults("/chat/completions", "stream_pause", after_chunks=4, seconds=0.3)
    started = time.monotonic()

    assert streamed(lone_sandbox)[-1] == b"data: [DONE]"

    assert time.monotonic() - started >= 0.3
    assert lone_sandbox.connections()["finished"] == 1


@pytest.mark.parametrize("after_chunks", [0, 4])
@pytest.mark.parametrize(
    ("kind", "last"),
    [
        ("stream_end", None),
        ("stream_garbage", b'"del'),
        ("stream_html", b"</html>"),
        ("stream_error", b'"code":"418"}}'),
    ],
)
def test_ends_a_stream_as_if_it_were_whole(
    lone_sandbox: Sandbox, kind: str, last: bytes | None, after_chunks: int
) -> None:
    lone_sandbox.faults("/chat/completions", kind, after_chunks=after_chunks, status=418)

    events = streamed(lone_sandbox)

    assert len(events) == after_chunks + (last is not None)
    assert last is None or events[-1].endswith(last)
    assert lone_sandbox.connections()["cut"] == 1


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind.startswith("stream_")])
def test_leaves_a_shorter_stream_alone(lone_sandbox: Sandbox, kind: str) -> None:
    lone_sandbox.faults("/chat/completions", kind, after_chunks=1000)

    assert streamed(lone_sandbox)[-1] == b"data: [DONE]"


@pytest.mark.parametrize(
    "order", [{"path": "/models", "kind": "nonsense"}, {"path": "models", "kind": "html"}, {"kind": "html", "x": 1}]
)
def test_refuses_invalid_faults(lone_sandbox: Sandbox, order: dict[str, Any]) -> None:
    answer = lone_sandbox.call("POST", "/sandbox/faults", body=order)

    assert answer.status_code == 400
    assert lone_sandbox.armed_faults() == []


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "faults"),
        ("GET", "faults"),
        ("DELETE", "faults"),
        ("GET", "issued_secrets"),
        ("GET", "keys"),
        ("GET", "connections"),
        ("POST", "reset"),
        ("POST", "clock"),
    ],
)
def test_only_the_admin_key_controls_it(lone_sandbox: Sandbox, method: str, path: str) -> None:
    secret = make_key(lone_sandbox)

    assert lone_sandbox.call(method, f"/sandbox/{path}", key=secret, body={}).status_code == 401
    assert requests.request(method, f"{lone_sandbox.origin}/sandbox/{path}", timeout=10).status_code == 401
