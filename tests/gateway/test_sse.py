"""Events are parsed by the standard, however the bytes are split."""

import pytest

from gateway.errors import GatewayUnavailable
from gateway.sse import Event, SSEParser

EVENTS = {
    "LF": (b"data: a\n\ndata: b\n\n", [b"a", b"b"]),
    "CR LF": (b"data: a\r\n\r\ndata: b\r\n\r\n", [b"a", b"b"]),
    "CR": (b"data: a\r\rdata: b\r\r", [b"a", b"b"]),
    "mixed": (b"data: a\r\n\ndata: b\n\r\r\n", [b"a", b"b"]),
    "no space": (b"data:a\n\ndata:  b\n\n", [b"a", b" b"]),
    "several lines": (b"data: a\ndata:\ndata: b\n\n", [b"a\n\nb"]),
    "no colon": (b"data\n\n", [b""]),
    "comments": (b": PROCESSING\n\n:\n\ndata: a\n: within\n\n", [b"a"]),
    "other fields": (b"id: 7\nretry: 100\nfoo: bar\ndata: a\n\nid: 8\n\n", [b"a"]),
    "byte-order mark": (b"\xef\xbb\xbfdata: a\n\n", [b"a"]),
    "empty lines": (b"\n\n\r\n\ndata: a\n\n\n\n", [b"a"]),
    "cut": (b"data: a\n\ndata: b\n", [b"a"]),
    "letters": ("data: né 🎓\n\n".encode(), ["né 🎓".encode()]),
}


@pytest.mark.parametrize("size", [1, 2, 3, 1000])
@pytest.mark.parametrize("title", EVENTS)
def test_reads_what_the_standard_allows_in_pieces_of_any_size(title: str, size: int) -> None:
    raw, expected = EVENTS[title]
    parser = SSEParser()

    found = [event for start in range(0, len(raw), size) for event in parser.feed(raw[start : start + size])]

    assert [event.data for event in found] == expected


def test_reads_the_name_of_an_event_and_the_error_field_of_llama_cpp() -> None:
    found = SSEParser().feed(b'event: delta\ndata: a\n\nerror: {"code": 500}\n\ndata: b\n\n')

    assert found == [Event(b"a", b"delta"), Event(b'{"code": 500}', b"error"), Event(b"b")]


@pytest.mark.parametrize("size", [1, 7, 64, 1000])
def test_an_event_that_is_too_long_is_skipped_alone(size: int) -> None:
    raw = b"data: a\n\n" + b"data: " + b"x" * 90 + b"\ndata: " + b"y" * 90 + b"\n\n" + b"data: b\n\n"
    parser = SSEParser(max_event=100)

    found = [event for start in range(0, len(raw), size) for event in parser.feed(raw[start : start + size])]

    assert found == [Event(b"a"), Event(b"", is_too_long=True), Event(b"b")]


def test_an_event_without_an_end_is_not_read_for_ever() -> None:
    parser = SSEParser(max_event=100, max_skipped=1000)
    parser.feed(b"data: " + b"x" * 900 + b"\n")

    with pytest.raises(GatewayUnavailable, match="does not end"):
        parser.feed(b"data: " + b"x" * 90 + b"\n")


def test_an_event_cut_by_the_end_of_the_stream_is_available() -> None:
    parser = SSEParser()
    parser.feed(b"data: a\n\ndata: [DONE]")

    assert parser.rest() == b"[DONE]"
