"""Streams that run as they should: one after the other, then many at once, by turns with the gateway itself."""

from collections import Counter
from collections.abc import Sequence
from statistics import median
from typing import Final

from bench.results import Figure, at_most, exactly, say, seen
from bench.stream_client import PATIENCE_S, Ask, Told, on_fast_loop, run_all
from bench.stream_direct import direct_ask
from bench.stream_portal import StreamPortal
from bench.stream_watch import Watch

TOKENS: Final = 100  # at 50 a second
FEW_TOKENS: Final = 10
TIMES: Final = 30  # single streams
MOST_MORE_ONE_MS, MOST_MORE_MANY_MS, MOST_MB = 10, 150, 300
MANY: Final = 500


def p95(values: Sequence[float]) -> float:
    """Return what 95 of 100 do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, len(ordered) * 95 // 100)]


def first_ms(told: Sequence[Told]) -> list[float]:
    """Return when each showed its first text; what showed none counts as the end of patience."""
    return [1000 * (PATIENCE_S if one.first_s is None else one.first_s) for one in told]


def harm(name: str, told: Sequence[Told]) -> list[Figure]:
    """Return what is not as it was sent."""
    wrong = sum(one.harm.lost + one.harm.moved for one in told)
    for (status, whole), count in Counter(
        (one.response.status, one.response.whole) for one in told if not one.ok
    ).items():
        say(f"{name}: {count} answered {status or 'nothing'}, {'whole' if whole else 'cut'}")
    return [
        exactly(f"{name}: tokens lost or reordered", wrong, "", 0),
        exactly(f"{name}: answers refused or cut", sum(not one.ok for one in told), "", 0),
    ]


def measure_one(kind: str, portal: StreamPortal, *, times: int = TIMES) -> list[Figure]:
    """Compare single streams, by turns with the gateway."""
    person, secret = portal.people[0], portal.secrets[0]
    ours: list[Told] = []
    theirs: list[Told] = []
    for _ in range(times):
        theirs += on_fast_loop(run_all([direct_ask(portal.sandbox, secret, FEW_TOKENS)], within_s=0))
        ours += on_fast_loop(run_all([person.ask(FEW_TOKENS)], within_s=0))
    our_ms, their_ms = median(first_ms(ours)), median(first_ms(theirs))
    name = f"one stream after another, {kind}"
    return [
        seen(f"{name}: first token, p50", our_ms, "ms"),
        seen(f"{name}: first token straight from the gateway, p50", their_ms, "ms"),
        at_most(f"{name}: first token, more than the gateway's", our_ms - their_ms, "ms", MOST_MORE_ONE_MS),
        *harm(name, ours),
    ]


def measure_many(
    kind: str, portal: StreamPortal, streams: int, *, how: str = "", tokens: int = TOKENS, within_s: float = 1.0
) -> list[Figure]:
    """Let so many run at once, first past the portal, then through it; `how` says what is not as usual."""
    direct = [direct_ask(portal.sandbox, secret, tokens) for secret in portal.secrets[:streams]]
    theirs = on_fast_loop(run_all(direct, within_s=within_s))
    asks = [person.ask(tokens) for person in portal.people[:streams]]
    ours, watch, cpu_ms = watched(portal, asks, within_s=within_s)
    name = f"{streams} {'stream' if streams == 1 else 'streams'}{how}, {kind}"
    more_ms = p95(first_ms(ours)) - p95(first_ms(theirs))
    is_promised = streams == MANY and within_s
    return [
        seen(f"{name}: first token, p50", median(first_ms(ours)), "ms"),
        seen(f"{name}: first token, p95", p95(first_ms(ours)), "ms"),
        seen(f"{name}: first token straight from the gateway, p95", p95(first_ms(theirs)), "ms"),
        _promised(f"{name}: first token, p95, more than the gateway's", more_ms, "ms", MOST_MORE_MANY_MS, is_promised),
        seen(f"{name}: whole answer, p50", median(one.total_s for one in ours), "s"),
        seen(f"{name}: whole answer, slowest", max(one.total_s for one in ours), "s"),
        seen(f"{name}: whole answer straight from the gateway, slowest", max(one.total_s for one in theirs), "s"),
        seen(f"{name}: longest pause between pieces, p95", 1000 * p95([one.pause_s for one in ours]), "ms"),
        *harm(name, ours),
        *harm(f"{name}, straight from the gateway", theirs),
        _promised(f"{name}: memory of all processes", watch.pss_mb, "MB", MOST_MB, is_promised),
        seen(f"{name}: memory of all processes, shared pages counted in each", watch.rss_mb, "MB"),
        seen(f"{name}: connections to the database, most", watch.connections, ""),
        seen(f"{name}: processor's time a stream", cpu_ms / streams, "ms"),
    ]


def watched(portal: StreamPortal, asks: Sequence[Ask], *, within_s: float) -> tuple[list[Told], Watch, float]:
    """Run them; return how they went, what was seen meanwhile, and the processor's time of the portal in ms."""
    began_ms = portal.cpu_ms()
    with Watch(portal.processes(), portal.database) as watch:
        told = on_fast_loop(run_all(asks, within_s=within_s))
    return told, watch, portal.cpu_ms() - began_ms


def _promised(name: str, value: float, unit: str, bar: float, is_promised: object) -> Figure:
    return at_most(name, value, unit, bar) if is_promised else seen(name, value, unit)
