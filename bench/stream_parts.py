"""The measurements of a portal, part by part: each returns the values of its figures by name."""

import asyncio
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from statistics import mean, median
from typing import Final

from bench.busy import busy
from bench.results import say
from bench.stream_client import PATIENCE_S, Ask, StreamResult, Window, on_fast_loop, read_slowly, run_all, vanish_midway
from bench.stream_people import PAGES, make_visits
from bench.stream_portal import StreamPortal
from bench.stream_reading import spoken_by_portal
from bench.stream_watch import Watch

Values = dict[str, float]

TOKENS: Final = 100  # at 50 a second
FEW_TOKENS: Final = 10
TIMES: Final = 30  # single streams
MESSAGES: Final = 60
VIEWS: Final = 20  # of each page
LONG_TOKENS, LONG_START_S = 1_200, 20  # 24 s each, so that all run together for the last seconds of the first one
SLOW, OTHERS, VANISHING, VISITED = 200, 50, 200, 300
SLOW_TOKENS: Final = 1_500  # an answer that does not fit into the buffers on the way to a slow reader
SLOW_BYTES_A_SECOND: Final = 1
SLOW_START_S: Final = 10.0  # until the buffers are full
VISITED_START_S, VISITS_S = 10.0, 20.0
GIVEN_UP_S: Final = 30.0
LOOK_S: Final = 0.05
BUSY_PROCESSES, BUSY_S = 8, 120

LOST: Final = "tokens lost or misplaced, answers refused or cut"


def measure_one(portal: StreamPortal) -> Values:
    """Time single streams, alternating with the gateway's own."""
    ours: list[StreamResult] = []
    theirs: list[StreamResult] = []
    for _ in range(TIMES):
        theirs += on_fast_loop(run_all(portal.direct_asks(1, FEW_TOKENS), within_s=0))
        ours += on_fast_loop(run_all(portal.asks(1, FEW_TOKENS), within_s=0))
    our_ms, their_ms = median(first_ms(ours)), median(first_ms(theirs))
    return {
        "one stream: first token, p50": our_ms,
        "one stream: first token, p50, more than the gateway's": our_ms - their_ms,
        LOST: lost("one stream", ours),
    }


def measure_hundred(portal: StreamPortal) -> Values:
    """Start a hundred within a second."""
    theirs = on_fast_loop(run_all(portal.direct_asks(100, TOKENS), within_s=1))
    began_ms = portal.cpu_ms()
    ours = on_fast_loop(run_all(portal.asks(100, TOKENS), within_s=1))
    name = "100 streams begun within 1 s"
    return {
        f"{name}: first token, p50": median(first_ms(ours)),
        f"{name}: first token, p95": p95(first_ms(ours)),
        f"{name}: first token, p95, more than the gateway's": p95(first_ms(ours)) - p95(first_ms(theirs)),
        f"{name}: processor of each": (portal.cpu_ms() - began_ms) / 100,
        f"{name}: received for a token": mean(one.received_bytes for one in ours) / TOKENS,
        f"{name}: received for a token from the gateway": mean(one.received_bytes for one in theirs) / TOKENS,
        LOST: lost(name, ours),
    }


def measure_five_hundred(portal: StreamPortal, *, streams: int = 500, tokens: int = LONG_TOKENS) -> Values:
    """Start five hundred over twenty seconds, and evaluate the seconds in which all of them run."""
    start_s = LONG_START_S * tokens / LONG_TOKENS
    theirs = on_fast_loop(run_all(portal.direct_asks(streams, tokens), within_s=start_s))
    window = Window(start_s * 1.025, start_s * 1.175, portal.cpu_ms)
    with Watch(portal.processes(), portal.database) as watch:
        ours = on_fast_loop(run_all(portal.asks(streams, tokens), within_s=start_s, window=window))
    tokens_in_window = sum(one.tokens_in_window for one in ours)
    name = f"{streams} streams begun over {start_s:g} s"
    return {
        f"{name}: first token, p95, more than the gateway's": p95(first_ms(ours)) - p95(first_ms(theirs)),
        f"{name}: longest pause between pieces, p95": 1000 * p95([one.pause_s for one in ours]),
        f"{name}: slowest answer, more than the gateway's": 1000 * (slowest_s(ours) - slowest_s(theirs)),
        f"{name}: tokens a second while all run": tokens_in_window / (window.end - window.begin),
        f"{name}: processor of 1,000 tokens while all run": window.counted / max(1, tokens_in_window) * 1000,
        f"{name}: memory of all processes": watch.pss_mb,
        f"{name}: connections to the database, most": watch.connections,
        f"{name}: threads, most": watch.threads,
        LOST: lost(name, ours),
    }


def measure_instant(portal: StreamPortal) -> Values:
    """Start five hundred within a second."""
    ours = on_fast_loop(run_all(portal.asks(500, TOKENS), within_s=1))
    name = "500 streams begun within 1 s"
    return {f"{name}: first token, p95": p95(first_ms(ours)), LOST: lost(name, ours)}


def measure_visits(portal: StreamPortal) -> Values:
    """Let people sign in and open pages while three hundred stream."""
    asks = portal.asks(VISITED, round((VISITED_START_S + VISITS_S) * 50))
    signed_in, pages, results = on_fast_loop(_visits_during(asks, portal))
    name = f"during {VISITED} streams"
    return {
        f"{name}: page, p50": 1000 * median(pages),
        f"{name}: page, p95": 1000 * p95(pages),
        f"{name}: sign-in, p95": 1000 * p95(signed_in),
        LOST: lost(name, results),
    }


async def _visits_during(
    asks: Sequence[Ask], portal: StreamPortal
) -> tuple[list[float], list[float], list[StreamResult]]:
    streams = asyncio.create_task(run_all(asks, within_s=VISITED_START_S))
    await asyncio.sleep(VISITED_START_S + 0.5)
    every_s = (VISITS_S - 4) / len(portal.late)
    signed_in, pages = await make_visits(portal.late, portal.password, every_s=every_s)
    if streams.done():
        raise AssertionError("the streams ended before the visits")
    return signed_in, pages, await streams


def measure_pages(portal: StreamPortal) -> Values:
    """Open ordinary pages one after the other."""
    person = portal.people[0]

    async def visits(times: int) -> list[float]:
        return [await person.visit(path) for _ in range(times) for path in PAGES]

    on_fast_loop(visits(2))  # compiles templates
    began_ms = portal.cpu_ms()
    seconds = on_fast_loop(visits(VIEWS))
    return {
        "an ordinary page: p50": 1000 * median(seconds),
        "an ordinary page: processor": (portal.cpu_ms() - began_ms) / len(seconds),
    }


def measure_messages(portal: StreamPortal, *, times: int = MESSAGES) -> Values:
    """Send messages one after the other whose answers are one token."""
    began_ms = portal.cpu_ms()
    results = [on_fast_loop(run_all([ask], within_s=0))[0] for ask in portal.asks(times, 1)]
    time.sleep(LOOK_S)  # the last end has been written by then
    return {
        "a message: processor": (portal.cpu_ms() - began_ms) / times,
        LOST: lost("a message", results),
    }


def measure_busy(portal: StreamPortal) -> Values:
    """Run a hundred on an overloaded machine."""
    with busy(BUSY_PROCESSES, BUSY_S, niceness=0):
        results = on_fast_loop(run_all(portal.asks(100, TOKENS), within_s=1))
    return {LOST: lost(f"100 streams with {BUSY_PROCESSES} busy processes", results)}


def measure_slow(portal: StreamPortal) -> Values:
    """Let some clients read very slowly, and time others; then the slow ones disconnect."""
    slow, others = portal.asks(SLOW, SLOW_TOKENS), portal.asks(OTHERS, TOKENS)
    since = datetime.now(UTC)
    results = on_fast_loop(_among_slow_readers(slow, others))
    name = f"{OTHERS} streams with {SLOW} slow readers"
    return {
        f"{name}: first token, p95": p95(first_ms(results)),
        f"{name}: all free after these have left": 1000 * seconds_until_rest(portal, since),
        LOST: lost(name, results),
    }


async def _among_slow_readers(slow: Sequence[Ask], others: Sequence[Ask]) -> list[StreamResult]:
    readers = [asyncio.create_task(read_slowly(ask, bytes_a_second=SLOW_BYTES_A_SECOND)) for ask in slow]
    await asyncio.sleep(SLOW_START_S)
    results = await run_all(others, within_s=1)
    left = sum(not reader.done() for reader in readers)
    for reader in readers:
        reader.cancel()
    with suppress(asyncio.CancelledError):
        await asyncio.gather(*readers)
    if left < len(readers):
        raise AssertionError(f"only {left} of {len(readers)} slow readers were still served")
    return results


def measure_vanishing(portal: StreamPortal, *, streams: int = VANISHING) -> Values:
    """Disconnect clients abruptly midway; time until nothing works for them any more."""
    since = datetime.now(UTC)
    on_fast_loop(vanish_midway(portal.asks(streams, TOKENS * 10), after_s=1))
    return {f"{streams} clients vanish: all free after": 1000 * seconds_until_rest(portal, since)}


def seconds_until_rest(portal: StreamPortal, since: datetime) -> float:
    """Return the seconds from now until no call is active anywhere."""
    began = time.monotonic()
    while not portal.is_at_rest(since) and time.monotonic() - began < GIVEN_UP_S:
        time.sleep(LOOK_S)
    return time.monotonic() - began


# --- Of many streams --------------------------------------------------------------------------------
def p95(values: Sequence[float]) -> float:
    """Return the 95th percentile."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, len(ordered) * 95 // 100)]


def first_ms(results: Sequence[StreamResult]) -> list[float]:
    """Return the time of each stream's first text; the time-out if there was none."""
    return [1000 * (PATIENCE_S if one.first_s is None else one.first_s) for one in results]


def slowest_s(results: Sequence[StreamResult]) -> float:
    """Return the longest duration of an answer."""
    return max(one.total_s for one in results)


def lost(name: str, results: Sequence[StreamResult]) -> float:
    """Return the number of wrong tokens; print of which answers."""
    wrong = [one for one in results if not one.ok or one.corruption.lost or one.corruption.moved]
    ends = Counter((one.response.status, one.response.whole, spoken_by_portal(one.response.body)) for one in wrong)
    for (status, whole, spoken), count in ends.items():
        say(f"{name}: {count} with status {status}, {'whole' if whole else 'cut'}: {spoken}")
    refused = sum(not one.ok for one in wrong)
    return sum(one.corruption.lost + one.corruption.moved for one in wrong) + refused
