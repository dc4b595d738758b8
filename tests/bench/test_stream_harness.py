"""The bench of streams is correct: it assembles text from any chunks, and notices each lost token."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from django.utils.safestring import SafeString

from bench.stream import report
from bench.stream_client import on_fast_loop, run_all, vanish_midway
from bench.stream_direct import direct_ask, make_secrets
from bench.stream_parts import LOST, measure_five_hundred, measure_messages, measure_vanishing
from bench.stream_portal import StreamPortal
from bench.stream_reading import PORTAL, Corruption, corruption_of, response_of
from tests.sandbox_process import Sandbox
from tests.static_files import collected_in
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
    ("text", "corruption"),
    [
        ("1 2 3 4", Corruption(lost=0, moved=0)),
        ("1 2 4", Corruption(lost=1, moved=0)),
        ("", Corruption(lost=4, moved=0)),
        ("1 3 2 4", Corruption(lost=0, moved=2)),
        ("1 2 2 3 4", Corruption(lost=0, moved=3)),
        ("1 2 3 4 4", Corruption(lost=0, moved=1)),
        ("12 3 4", Corruption(lost=2, moved=3)),
    ],
)
def test_notices_a_token_that_is_lost_moved_or_there_twice(text: str, corruption: Corruption) -> None:
    assert corruption_of(text, 4) == corruption


def test_assembles_the_text_as_a_page_does() -> None:
    spelt = Appender("text-1")
    events = [
        message(partial("playground-conversation", SafeString("<p>9</p>"), swap="beforeend")),
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

    results = on_fast_loop(run_all(asks, within_s=0.1))

    assert [(one.ok, one.corruption) for one in results] == [(True, Corruption(0, 0))] * 3
    assert all(one.first_s and one.first_s < 0.3 < one.total_s for one in results)


def test_disconnects_abruptly(gateway: Sandbox) -> None:
    secret = gateway.call("POST", "/key/generate", body={}).json()["key"]
    before = gateway.connections()["closed_by_client"]

    on_fast_loop(vanish_midway([direct_ask(gateway, secret, 1_000)] * 2, after_s=0))

    wait_until(lambda: gateway.connections()["closed_by_client"] == before + 2)


def test_compares_portals_part_by_part(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bar = "100 streams begun within 1 s: first token, p95"
    values = {"A": {bar: 100.0, "x: threads, most": 3.0}, "B": {bar: 71.0, "x: threads, most": 2.0}}

    assert not report(values, kept_in=tmp_path / "results.json")

    said = capsys.readouterr().out
    assert f"| {bar} | 100 ms | 71.00 ms | ≤ 0.7 × A | **missed** |" in said
    assert "| x: threads, most | 3.00 | 2.00 |  |  |" in said


def test_skips_bars_without_a_baseline(tmp_path: Path) -> None:
    assert report({"B": {"an ordinary page: processor": 1e9}}, kept_in=tmp_path / "results.json")
    assert not report({"B": {LOST: 1}}, kept_in=tmp_path / "results.json")


def test_measures_three_people_through_the_portal(gateway: Sandbox) -> None:
    gateway.reset()
    static_root = collected_in() / "static"
    with StreamPortal(sandbox=gateway, people=3, static_root=static_root, processes=1) as portal:
        portal.let_in()
        many = measure_five_hundred(portal, streams=3, tokens=180)
        messages = measure_messages(portal, times=2)
        vanished = measure_vanishing(portal, streams=3)

    assert many[LOST] == messages[LOST] == 0
    assert many["3 streams begun over 3 s: tokens a second while all run"] > 0
    assert many["3 streams begun over 3 s: memory of all processes"] > 50
    assert messages["a message: processor"] > 0
    assert vanished["3 clients vanish: all free after"] < 30_000
