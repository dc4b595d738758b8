"""URLs, retries, time-outs, the connection pool, headers and bodies."""

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from gateway.client import Gateway
from gateway.errors import GatewayKeyRefused, GatewayNotFound, GatewayRateLimited, GatewayRejected, GatewayUnavailable
from gateway.inference_types import ChatRequest
from tests.gateway.conftest import ADMIN_KEY, SECRET
from tests.gateway.stub import Handler, Reply, StubGateway, recorded, says, silence
from tests.gateway.test_keys import LAPTOP, TOKEN

NAMES = says({"data": [{"id": "m"}]})


@pytest.mark.parametrize("prefix", ["", "/", "/olla/litellm", "/olla/litellm/", "/a%20b"])
def test_any_prefix_with_or_without_a_slash(stub: StubGateway, prefix: str) -> None:
    gateway = Gateway(stub.url + prefix, ADMIN_KEY)
    stub.will(NAMES)

    assert gateway.models.names() == ("m",)
    assert stub.last.path == prefix.rstrip("/") + "/v1/models"


@pytest.mark.parametrize(
    "address", ["", "gateway:4000", "ftp://gateway", "http://", "http://me:secret@gateway", "http://gateway/?x=1"]
)
def test_an_invalid_url_is_refused_at_once(address: str) -> None:
    with pytest.raises(ValueError, match="address of the gateway"):
        Gateway(address, ADMIN_KEY)


def test_reading_is_tried_again_when_the_gateway_is_away_for_a_moment(
    stub: StubGateway, gateway_without_pauses: Gateway
) -> None:
    stub.will(says({}, status=503), says({}, status=502), NAMES)

    assert gateway_without_pauses.models.names() == ("m",)
    assert len(stub.asked) == 3


def test_reads_are_retried_twice(stub: StubGateway, gateway_without_pauses: Gateway) -> None:
    stub.will(says({}, status=503))

    with pytest.raises(GatewayUnavailable):
        gateway_without_pauses.models.names()
    assert len(stub.asked) == 3


def test_reading_is_not_repeated_when_refused(stub: StubGateway, gateway: Gateway) -> None:
    for title, kind in (("requests per minute exceeded", GatewayRateLimited), ("wrong key", GatewayKeyRefused)):
        stub.will(recorded("errors", title))
        with pytest.raises(kind):
            gateway.models.names()
    stub.will(recorded("keys", "info unknown"))
    with pytest.raises(GatewayNotFound):
        gateway.keys.info(TOKEN)
    assert len(stub.asked) == 3


def test_reading_is_not_repeated_when_the_gateway_is_slow(stub: StubGateway) -> None:
    gateway = Gateway(stub.url, ADMIN_KEY, connect_timeout_s=1, read_timeout_s=0.3)
    stub.will(silence(head=False))

    with pytest.raises(GatewayUnavailable) as failure:
        gateway.models.names()

    assert failure.value.timed_out
    assert failure.value.may_have_happened
    assert len(stub.asked) == 1


def test_health_is_asked_once(stub: StubGateway, gateway: Gateway) -> None:
    stub.will(says({}, status=503))

    with pytest.raises(GatewayUnavailable):
        gateway.health.readiness()
    assert len(stub.asked) == 1


@pytest.mark.parametrize("verb", ["renew", "block", "unblock", "delete", "chat", "cost"])
def test_writes_are_never_repeated(stub: StubGateway, gateway: Gateway, verb: str) -> None:
    stub.will(says({}, status=500))
    actions: dict[str, Callable[[], object]] = {
        "renew": lambda: gateway.keys.renew(TOKEN, duration="30d"),
        "block": lambda: gateway.keys.block(TOKEN),
        "unblock": lambda: gateway.keys.unblock(TOKEN),
        "delete": lambda: gateway.keys.delete([TOKEN]),
        "chat": lambda: gateway.inference.chat(secret=SECRET, body=ChatRequest(model="m", messages=[])),
        "cost": lambda: gateway.usage.calculate_cost(model="m"),
    }

    with pytest.raises(GatewayUnavailable):
        actions[verb]()
    assert len(stub.asked) == 1


def test_a_refused_connection_surely_did_nothing() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))  # bound, and nobody listens
        gateway = Gateway(f"http://127.0.0.1:{unused.getsockname()[1]}", ADMIN_KEY)

        with pytest.raises(GatewayUnavailable, match="refused") as failure:
            gateway.keys.generate(**LAPTOP)

    assert not failure.value.may_have_happened
    assert failure.value.__context__ is None


@pytest.fixture
def full_backlog() -> Iterator[int]:
    """Listen without ever accepting, until further connections are not even answered."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen(0)
        waiting = [socket.socket() for _ in range(3)]
        for client in waiting:
            client.setblocking(False)
            client.connect_ex(server.getsockname())
        yield server.getsockname()[1]
        for client in waiting:
            client.close()


def test_a_connection_that_times_out_surely_did_nothing(full_backlog: int) -> None:
    gateway = Gateway(f"http://127.0.0.1:{full_backlog}", ADMIN_KEY, connect_timeout_s=0.1, read_timeout_s=0.1)

    with pytest.raises(GatewayUnavailable) as failure:
        gateway.keys.generate(**LAPTOP)

    assert not failure.value.may_have_happened


def test_speaking_tls_to_a_gateway_without_it_surely_did_nothing(stub: StubGateway) -> None:
    gateway = Gateway(stub.url.replace("http:", "https:"), ADMIN_KEY, connect_timeout_s=1, read_timeout_s=1)

    with pytest.raises(GatewayUnavailable) as failure:
        gateway.keys.generate(**LAPTOP)

    assert not failure.value.may_have_happened
    assert not stub.asked


@pytest.mark.parametrize("slow_part", ["head", "body", "error"])
def test_a_gateway_that_sends_too_slowly_times_out(stub: StubGateway, slow_part: str) -> None:
    gateway = Gateway(stub.url, ADMIN_KEY, connect_timeout_s=1, read_timeout_s=0.3)

    def trickle(handler: Handler) -> None:
        status = b"400 Bad Request" if slow_part == "error" else b"200 OK"
        end = b"X-Long: " if slow_part == "head" else b"\r\n"
        handler.wfile.write(b"HTTP/1.1 " + status + b"\r\nContent-Length: 1000\r\n" + end)
        try:
            while not handler.stub.released.wait(0.02):
                handler.wfile.write(b" ")
        except OSError:
            handler.close_connection = True
            handler.stub.released.set()

    stub.will(trickle)
    began = time.monotonic()

    with pytest.raises(GatewayRejected if slow_part == "error" else GatewayUnavailable):
        gateway.usage.calculate_cost(model="m")

    assert time.monotonic() - began < 10  # read byte by byte it would take 20 s
    assert stub.released.wait(5)


def trickles(handler: Handler, head: bytes, *, for_s: float = 60) -> None:
    """Say the head, then a byte every 20 ms, each well within the time that is allowed between two."""
    handler.close_connection = True
    until = time.monotonic() + for_s
    with suppress(OSError):
        handler.wfile.write(head)
        while time.monotonic() < until and not handler.stub.released.wait(0.02):
            handler.wfile.write(b" ")


TRICKLES: dict[str, Reply] = {
    "head": lambda handler: trickles(handler, b"HTTP/1.1 200 OK\r\nX-Long: "),
    "body": lambda handler: trickles(handler, b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n{"),
    "body without a length": lambda handler: trickles(handler, b"HTTP/1.1 200 OK\r\n\r\n["),
    "before the head": lambda handler: trickles(handler, b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 "),
    "then breaks, again and again": lambda handler: trickles(handler, b"HTTP/1.1 200 OK\r\nX-Long: ", for_s=0.25),
}


@pytest.mark.parametrize("part", TRICKLES)
def test_a_call_has_a_deadline_as_a_whole_with_all_its_attempts(stub: StubGateway, part: str) -> None:
    gateway = Gateway(
        stub.url, ADMIN_KEY, connect_timeout_s=5, read_timeout_s=5, call_timeout_s=0.4, retry_pauses_s=(0.01,) * 100
    )
    stub.will(TRICKLES[part])
    began = time.monotonic()

    with pytest.raises(GatewayUnavailable):
        gateway.models.names()

    assert time.monotonic() - began < 4  # of 60 s, or of a hundred attempts
    stub.released.set()


def test_a_deadline_does_not_shorten_an_answer_that_has_its_own(stub: StubGateway) -> None:
    gateway = Gateway(stub.url, ADMIN_KEY, call_timeout_s=0.1)

    def slow(handler: Handler) -> None:
        handler.stub.released.wait(0.3)
        handler.send(200, b'{"choices": [{"message": {"content": "late"}}]}')

    stub.will(slow)

    assert gateway.inference.chat(secret=SECRET, body=ChatRequest(model="m", messages=[])).text == "late"


def test_connections_are_kept_and_used_again(stub: StubGateway, gateway: Gateway) -> None:
    stub.will(NAMES, recorded("errors", "no messages"), NAMES)

    for _ in range(2):
        gateway.models.names()
        with pytest.raises(GatewayRejected):
            gateway.usage.calculate_cost(model="m")
        stub.will(NAMES, recorded("errors", "no messages"), NAMES)

    assert len(stub.asked) == 4
    assert len(stub.connections) == 1


def test_many_threads_share_one_client(stub: StubGateway) -> None:
    gateway = Gateway(stub.url, ADMIN_KEY)
    everybody = threading.Barrier(20, timeout=10)
    seen: list[str] = []

    def echo(handler: Handler) -> None:
        everybody.wait()  # all are in flight at once
        secret = handler.headers["Authorization"].removeprefix("Bearer ")
        handler.send(200, json.dumps({"data": [{"id": f"for {secret}"}]}).encode())

    def ask(number: int) -> None:
        (name,) = gateway.models.names(f"sk-number-{number:04}")
        seen.append(name)

    stub.will(echo)
    for _ in range(2):
        seen.clear()
        threads = [threading.Thread(target=ask, args=(number,)) for number in range(20)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(10)
        assert sorted(seen) == [f"for sk-number-{number:04}" for number in range(20)]

    assert len(stub.connections) == 20  # the second round found all those of the first


def test_cookies_of_one_answer_are_not_sent_with_the_next(stub: StubGateway, gateway: Gateway) -> None:
    stub.will(says({"data": []}, set_cookie="who=admin; Path=/"), NAMES)

    gateway.models.names()
    gateway.models.names(SECRET)

    assert "cookie" not in stub.last.headers


def test_proxy_and_netrc_of_the_environment_are_ignored(
    stub: StubGateway, gateway: Gateway, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login me password other\n", encoding="utf-8")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    stub.will(NAMES)

    gateway.models.names(SECRET)

    assert stub.last.headers["authorization"] == f"Bearer {SECRET}"


@pytest.mark.parametrize("secret", ["sk-é", "sk-a b", "sk-a\r\nX-Evil: 1", "sk-\x00", "sk-\ud83d", "clé secrète"])
def test_an_invalid_key_is_refused_without_a_call(stub: StubGateway, gateway: Gateway, secret: str) -> None:
    with pytest.raises(GatewayKeyRefused) as refusal:
        gateway.models.names(secret)

    assert refusal.value.reason == "unknown"
    assert secret not in str(refusal.value)
    assert not stub.asked


def test_requests_are_json_with_plain_numbers(stub: StubGateway, gateway: Gateway) -> None:
    stub.will(recorded("keys", "generate"))

    gateway.keys.generate(**LAPTOP)

    assert stub.last.headers["content-type"] == "application/json"
    assert stub.last.headers["user-agent"] == "passerelle"
    assert isinstance(stub.last.body["max_budget"], float)


def test_what_cannot_be_written_as_json_is_refused_here(stub: StubGateway, gateway: Gateway) -> None:
    with pytest.raises(GatewayRejected, match="unsendable"):
        gateway.keys.generate(**{**LAPTOP, "metadata": {"when": object()}})
    assert not stub.asked
