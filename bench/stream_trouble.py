"""Streams among people who read slowly, leave, or come meanwhile."""

import asyncio
import time
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from statistics import median
from typing import Final

from bench.results import Figure, at_most, seen
from bench.stream_client import Ask, Told, on_fast_loop, read_slowly, run_all, vanish_midway
from bench.stream_crowd import TOKENS, first_ms, harm, p95
from bench.stream_people import come_and_go
from bench.stream_portal import StreamPortal

SLOW, OTHERS, VANISHING, STREAMING = 200, 50, 200, 300
LONG_TOKENS: Final = 1_500  # an answer that does not fit into the buffers on the way to who reads slowly
SLOW_BYTES_A_SECOND: Final = 1
SLOW_START_S: Final = 10.0  # until the buffers are full
VISITS_S: Final = 20.0
FREE_S: Final = 5.0
GIVEN_UP_S: Final = 30.0
LOOK_S: Final = 0.05
MOST_VISIT_MS: Final = 300


def measure_slow(kind: str, portal: StreamPortal) -> list[Figure]:
    """Let some read next to nothing of long answers, and see how others are served; then the slow ones leave."""
    slow = [person.ask(LONG_TOKENS) for person in portal.people[:SLOW]]
    others = [person.ask(TOKENS) for person in portal.people[SLOW : SLOW + OTHERS]]
    since = datetime.now(UTC)
    told = on_fast_loop(_beside_slow_readers(slow, others))
    name = f"{OTHERS} streams beside {SLOW} slow readers, {kind}"
    return [
        seen(f"{name}: first token, p95", p95(first_ms(told)), "ms"),
        seen(f"{name}: whole answer, slowest", max(one.total_s for one in told), "s"),
        *harm(name, told),
        at_most(
            f"{name}: all free again after the slow ones have left", seconds_until_rest(portal, since), "s", FREE_S
        ),
    ]


async def _beside_slow_readers(slow: Sequence[Ask], others: Sequence[Ask]) -> list[Told]:
    readers = [asyncio.create_task(read_slowly(ask, bytes_a_second=SLOW_BYTES_A_SECOND)) for ask in slow]
    await asyncio.sleep(SLOW_START_S)
    told = await run_all(others, within_s=1)
    left = sum(not reader.done() for reader in readers)
    for reader in readers:
        reader.cancel()
    with suppress(asyncio.CancelledError):
        await asyncio.gather(*readers)
    if left < len(readers):
        raise AssertionError(f"only {left} of {len(readers)} slow readers were still served")
    return told


def measure_vanishing(kind: str, portal: StreamPortal) -> list[Figure]:
    """Let people leave midway, without a word; see when nothing works for them any more."""
    asks = [person.ask(TOKENS * 10) for person in portal.people[:VANISHING]]
    since = datetime.now(UTC)
    on_fast_loop(vanish_midway(asks, after_s=1))
    name = f"{len(asks)} clients that vanish midway, {kind}"
    return [
        at_most(f"{name}: threads and connections to the gateway free", seconds_until_rest(portal, since), "s", FREE_S)
    ]


def seconds_until_rest(portal: StreamPortal, since: datetime) -> float:
    """Return how long it takes from now until no call is under way anywhere."""
    began = time.monotonic()
    while not portal.is_at_rest(since) and time.monotonic() - began < GIVEN_UP_S:
        time.sleep(LOOK_S)
    return time.monotonic() - began


def measure_visits(kind: str, portal: StreamPortal, *, within_s: float = 1.0) -> list[Figure]:
    """Let people sign in and open pages while others stream, who all began before, within so many seconds."""
    tokens = round((within_s + VISITS_S) * 50)
    asks = [person.ask(tokens) for person in portal.people[:STREAMING]]
    signed_in, pages, told = on_fast_loop(_visits_during(asks, portal, within_s))
    name = f"{len(portal.late)} visits during {STREAMING} streams begun within {within_s:g} s, {kind}"
    return [
        seen(f"{name}: sign-in, p50", 1000 * median(signed_in), "ms"),
        at_most(f"{name}: sign-in, p95", 1000 * p95(signed_in), "ms", MOST_VISIT_MS),
        seen(f"{name}: page, p50", 1000 * median(pages), "ms"),
        at_most(f"{name}: page, p95", 1000 * p95(pages), "ms", MOST_VISIT_MS),
        *harm(name, told),
    ]


async def _visits_during(
    asks: Sequence[Ask], portal: StreamPortal, within_s: float
) -> tuple[list[float], list[float], list[Told]]:
    streams = asyncio.create_task(run_all(asks, within_s=within_s))
    await asyncio.sleep(within_s + 0.5)
    every_s = (VISITS_S - 4) / len(portal.late)
    signed_in, pages = await come_and_go(portal.late, portal.password, every_s=every_s)
    if streams.done():
        raise AssertionError("the streams ended before the visits")
    return signed_in, pages, await streams
