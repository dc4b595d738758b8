"""No secret shows in any repr, message, traceback or log of the client."""

import logging
import traceback
from collections.abc import Callable

import pytest

from gateway.client import Gateway
from gateway.errors import GatewayAdminKeyRefused, GatewayError, GatewayUnavailable
from gateway.failures import mapped
from gateway.inference_types import ChatRequest
from gateway.secret import Secret, redact, token_of, without_addresses
from tests.gateway.conftest import ADMIN_KEY, SECRET
from tests.gateway.stub import StubGateway, raw, recorded, recording, says
from tests.gateway.test_keys import LAPTOP, TOKEN
from tests.gateway.test_streams import deltas_of

ISSUED = recording("keys", "generate")["response"]["body"]["key"]
CHAT = ChatRequest(model="m", messages=[])

CALLS: dict[str, Callable[[Gateway], object]] = {
    "generate": lambda gateway: gateway.keys.generate(**{**LAPTOP, "secret": SECRET}),
    "info": lambda gateway: gateway.keys.info(TOKEN),
    "list": lambda gateway: list(gateway.keys.list(user_id="u")),
    "delete": lambda gateway: gateway.keys.delete([TOKEN]),
    "names": lambda gateway: gateway.models.names(SECRET),
    "chat": lambda gateway: gateway.inference.chat(secret=SECRET, body=CHAT),
    "stream": lambda gateway: deltas_of(gateway.inference.stream_chat(secret=SECRET, body=CHAT)),
    "malformed": lambda gateway: gateway.models.names(f"{SECRET} é"),
}


def test_a_secret_is_text_that_does_not_show_itself() -> None:
    secret = Secret(SECRET)

    assert f"{secret}" == str(secret) == SECRET == secret
    assert SECRET not in repr(secret)
    assert SECRET not in repr({"key": secret})
    assert repr(secret) == "<Secret …0001>"
    assert repr(Secret("sk-1234")) == "<Secret>"


def test_token_of_is_sha256_and_takes_any_text() -> None:
    assert token_of(ISSUED) == TOKEN
    assert len(token_of("clé \ud83d")) == 64


def test_redact_leaves_hints_and_hashes() -> None:
    assert redact(f"Received sk-...0000, not {SECRET} of {TOKEN}") == f"Received sk-...0000, not sk-… of {TOKEN}"
    assert redact("it echoes my-own-password", "my-own-password") == "it echoes …"


def test_the_client_and_what_it_issues_keep_secrets_out_of_their_repr(stub: StubGateway, gateway: Gateway) -> None:
    stub.will(recorded("keys", "generate"))
    issued = gateway.keys.generate(**LAPTOP)
    stream = gateway.inference.stream_chat(secret=SECRET, body=CHAT)

    for thing in (gateway, issued, stream, gateway.keys, vars(stream), vars(gateway)):
        assert not {ISSUED, SECRET, ADMIN_KEY} & set(repr(thing).replace("'", " ").split())
        assert all(secret not in repr(thing) for secret in (ISSUED, SECRET, ADMIN_KEY))
    assert ISSUED in issued.secret


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize(
    "reply",
    [
        says({"error": {"message": f"You sent {SECRET} and {ADMIN_KEY}", "type": SECRET, "param": SECRET}}, status=400),
        says({"detail": f"You sent {SECRET} and {ADMIN_KEY}"}, status=401),
        says({"error": {"message": f"{SECRET} {ADMIN_KEY}"}}, status=500),
        raw(f'{{"key": "{SECRET}", "other": "{ADMIN_KEY}"'),
        raw(f"<html>{SECRET}</html>", kind=f"text/{SECRET}"),
    ],
    ids=["error", "detail", "500", "half an object", "HTML"],
)
def test_no_secret_in_errors_their_frames_or_the_log(
    stub: StubGateway,
    gateway_without_pauses: Gateway,
    caplog: pytest.LogCaptureFixture,
    call: str,
    reply: Callable[[object], None],
) -> None:
    caplog.set_level(logging.DEBUG)
    stub.will(reply)

    try:
        CALLS[call](gateway_without_pauses)
    except GatewayError as error:
        shown = shown_by(error)
    else:
        shown = ""

    assert shown or call == "delete"
    for secret in (SECRET, ADMIN_KEY, ISSUED):
        assert secret not in shown
        assert secret not in caplog.text
    assert not any(SECRET in f"{asked.path}{asked.query}" for asked in stub.asked)


@pytest.mark.parametrize("answer", [{"key": ISSUED}, {"key": ISSUED, "expires": "soon"}])
def test_a_secret_in_an_answer_that_is_not_understood_shows_nowhere(
    stub: StubGateway, gateway: Gateway, answer: dict[str, object]
) -> None:
    stub.will(says(answer))

    with pytest.raises(GatewayError, match="expires") as failure:
        gateway.keys.generate(**LAPTOP)

    assert ISSUED not in shown_by(failure.value)


@pytest.mark.parametrize("kind", [ValueError, TypeError, KeyError, AttributeError, RecursionError, UnicodeError])
def test_no_exception_of_any_library_carries_a_secret_out(
    kind: type[Exception], caplog: pytest.LogCaptureFixture
) -> None:
    def break_as_http_client_does() -> None:
        raise kind(f"Invalid header value b'Bearer {ADMIN_KEY}\\n'")

    with pytest.raises(GatewayUnavailable, match=kind.__name__) as failure:
        mapped(break_as_http_client_does)

    assert ADMIN_KEY not in shown_by(failure.value) + caplog.text
    assert failure.value.__context__ is None
    assert f"unexpected {kind.__name__} in {__file__}" in caplog.text  # where to look for the fault


@pytest.mark.parametrize("key", [f"{ADMIN_KEY}\n", f"{ADMIN_KEY} ", "sk-\u00e9t\u00e9", "sk-a\0b"])
def test_an_admin_key_that_cannot_be_sent_is_refused_at_once_and_not_shown(key: str) -> None:
    with pytest.raises(ValueError, match="portal's own key") as failure:
        Gateway("http://127.0.0.1:1", key)

    assert key.strip() not in str(failure.value)


@pytest.mark.parametrize("verb", ["generate", "info", "list", "delete"])
def test_a_refused_admin_key_shows_neither_its_hash_nor_its_last_characters(
    stub: StubGateway, gateway_without_pauses: Gateway, caplog: pytest.LogCaptureFixture, verb: str
) -> None:
    sentence = (
        f"Authentication Error, Invalid proxy server token passed. Received API Key = sk-...y-12, Key Hash = {TOKEN}"
    )
    stub.will(says({"error": {"message": sentence, "type": "token_not_found_in_db", "code": "401"}}, status=401))

    with pytest.raises(GatewayAdminKeyRefused) as failure:
        CALLS[verb](gateway_without_pauses)

    assert str(failure.value) == "The gateway does not accept the portal's own key."
    assert "Invalid proxy server token" in caplog.text  # administrators read what is harmless of it
    assert "y-12" not in shown_by(failure.value) + caplog.text
    assert TOKEN not in f"{failure.value} {failure.value.reported} {caplog.text}"


def shown_by(error: GatewayError) -> str:
    """Return all that an error page may show: messages, attributes, and every local of the client's own frames."""
    trace = traceback.TracebackException.from_exception(error, capture_locals=True)
    frames = [frame for frame in trace.stack if "/gateway/" in frame.filename and "/tests/" not in frame.filename]
    locals_of_frames = [str(frame.locals) for frame in frames]
    return "\n".join([str(error), repr(error), str(vars(error)), *locals_of_frames])


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("Can't reach database server at `db.lab.internal:5432`", "Can't reach database server at `…`"),
        ("connect to 10.20.0.7:5432 failed, retry in 5 s", "connect to … failed, retry in 5 s"),
        ("Cannot connect to host api.openai.com:443 ssl:default", "Cannot connect to host … ssl:default"),
        ("litellm.APIConnectionError: http://vllm-3:8000/v1 refused", "litellm.APIConnectionError: … refused"),
        ("redis at [fd00::7]:6379", "redis at …"),
        ("could not translate host name postgres-0.pg.svc.cluster.local", "could not translate host name …"),
        ("model=us.anthropic.claude-3-5-v2:0, gpt-4.1 at 12:30, 1.2.3, 0.25 USD", None),
        ("litellm.proxy.proxy_server.ProxyException: Error code: 404", None),
    ],
)
def test_addresses_of_other_machines_are_blanked_and_the_rest_stays(given: str, shown: str | None) -> None:
    assert without_addresses(given) == (shown or given)
