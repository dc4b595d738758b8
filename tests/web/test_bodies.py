"""A request is answered only after its complete body has arrived, within its size and its time."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from django.core.exceptions import RequestAborted
from pytest_django import Settings

from web.bodies import IN_MEMORY_BYTES, BodyRefused, read_body


def read(*pieces: bytes, length: int | None = None, end: Sequence[dict[str, Any]] | None = None, **more: Any) -> bytes:
    """Return the body that comes in these pieces; `end` comes after them in place of nothing."""
    headers = [] if length is None else [(b"content-length", b"%d" % length)]
    coming: list[Mapping[str, Any]] = [{"type": "http.request", "body": piece, "more_body": True} for piece in pieces]
    coming += [{"type": "http.request", "body": b"", "more_body": False}] if end is None else end

    async def receive() -> Mapping[str, Any]:
        if not coming:
            await asyncio.sleep(60)
        return coming.pop(0)

    async def body() -> bytes:
        with await read_body({"headers": headers}, receive, **more) as file:
            return file.read()

    return asyncio.run(body())


@pytest.mark.parametrize("length", [0, 1, IN_MEMORY_BYTES + 1])
def test_passes_on_the_whole_body(length: int) -> None:
    assert read(b"x" * length, b"y" * length, length=2 * length) == b"x" * length + b"y" * length


@pytest.mark.parametrize("length", [1001, None])
def test_refuses_a_body_that_is_too_large_with_or_without_content_length(
    settings: Settings, length: int | None
) -> None:
    settings.MAX_BODY_BYTES = 1000

    with pytest.raises(BodyRefused) as refusal:
        read(b"x" * 600, b"x" * 600, length=length)

    assert refusal.value.status == 413


def test_refuses_a_body_that_does_not_arrive() -> None:
    with pytest.raises(BodyRefused) as refusal:
        read(b"x" * 10, length=500, end=[], grace_s=0.01)

    assert refusal.value.status == 408


def test_waits_longer_for_a_steady_body() -> None:
    assert read(b"x" * 16 * 1024, b"y", grace_s=0.5) == b"x" * 16 * 1024 + b"y"  # it may take a second more

    with pytest.raises(BodyRefused):
        read(b"x" * 64, end=[], grace_s=0.01)


def test_a_disconnected_client_gets_no_response() -> None:
    with pytest.raises(RequestAborted):
        read(b"x", length=500, end=[{"type": "http.disconnect"}])
