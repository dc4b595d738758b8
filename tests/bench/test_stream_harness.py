"""The bench of streams sees what it is to see: text in whatever pieces it comes, and each token lost on the way."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from django.utils.safestring import SafeString

from bench.stream_client import on_fast_loop, run_all, vanish_midway
from bench.stream_crowd import measure_many, measure_one
from bench.stream_direct import direct_ask, make_secrets
from bench.stream_portal import StreamPortal
from bench.stream_reading import PORTAL, Harm, harm_of, response_of
from bench.stream_trouble import measure_vanishing
from tests.sandbox_process import Sandbox
from tests.waiting import wait_until
from web.event_stream import Appender, message, partial


@pytest.fixture(scope="module")
def gateway() -> Iterator[Sandbox]:
    with Sandbox() as sandbox:
        yield sandbox


def chunked(*parts: bytes, end: bytes = b"0\r\n\r\n") -> bytes:
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nSet-Cookie: a=b; Path=/\r\n\r\n"
    return head + b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts) + end


@pytest.mark.parametrize(
    ("text", "harm"),
    [
        ("1 2 3 4", Harm(lost=0, moved=0)),
        ("1 2 4", Harm(lost=1, moved=0)),
        ("", Harm(lost=4, moved=0)),
        ("1 3 2 4", Harm(lost=0, moved=2)),
        ("1 2 2 3 4", Harm(lost=0, moved=3)),
        ("1 2 3 4 4", Harm(lost=0, moved=1)),
        ("12 3 4", Harm(lost=2, moved=3)),
    ],
)
def test_notices_a_token_that_is_lost_moved_or_there_twice(text: str, harm: Harm) -> None:
    assert harm_of(text, 4) == harm


def test_puts_the_text_together_as_a_page_would() -> None:
    spelt = Appender("text-1")
    events = [
        message(partial("playground-talk", SafeString("<p>9</p>"), swap="beforeend")),
        message(spelt("1 <"), partial("live-1", SafeString("7"))),
        message(spelt(" 2\n3")),
        message(partial("answer-1", SafeString('<p id="text-1">1 2 3</p>'))),
    ]

    answer = response_of(chunked(*events))

    assert (answer.status, answer.whole, answer.cookies) == (200, True, {"a": "b"})
    assert PORTAL.text(answer.body) == "1 < 2\n3"
    assert [PORTAL.first.search(event) is not None for event in events] == [False, True, True, False]


@pytest.mark.parametrize("raw", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabc", chunked(b"abc", end=b"")])
def test_notices_an_answer_that_was_cut(raw: bytes) -> None:
    assert not response_of(raw).whole


def test_reads_three_streams_at_once_from_the_gateway(gateway: Sandbox) -> None:
    asks = [direct_ask(gateway, secret, 20) for secret in make_secrets(gateway, 3)]

    told = on_fast_loop(run_all(asks, within_s=0.1))

    assert [(one.ok, one.harm) for one in told] == [(True, Harm(0, 0))] * 3
    assert all(one.first_s and one.first_s < 0.3 < one.total_s for one in told)


def test_leaves_without_a_word(gateway: Sandbox) -> None:
    secret = gateway.call("POST", "/key/generate", body={}).json()["key"]
    before = gateway.connections()["closed_by_client"]

    on_fast_loop(vanish_midway([direct_ask(gateway, secret, 1_000)] * 2, after_s=0))

    wait_until(lambda: gateway.connections()["closed_by_client"] == before + 2)


def test_measures_three_people_through_the_portal(gateway: Sandbox, tmp_path: Path) -> None:
    gateway.reset()
    with StreamPortal(sandbox=gateway, streams=3, static_root=tmp_path) as portal:
        portal.let_in()
        figures = [*measure_one("SQLite", portal, times=1), *measure_many("SQLite", portal, 3, tokens=20)]
        figures += measure_vanishing("SQLite", portal)

    measured = {figure.name: figure for figure in figures}
    assert measured["3 streams, SQLite: tokens lost or reordered"].ok
    assert measured["3 streams, SQLite: answers refused or cut"].ok
    assert 0.3 < measured["3 streams, SQLite: whole answer, slowest"].value < 20
    assert measured["3 streams, SQLite: memory of all processes"].value > 50
    assert measured["3 clients that vanish midway, SQLite: threads and connections to the gateway free"].ok
