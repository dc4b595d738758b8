"""`make bench-stream`: the bars of streams, compared with the gateway itself and with another checkout.

Each part runs on all of them alternately, some several times; medians count. The last column has the bars.
"""

import argparse
import math
import os
import sys
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from statistics import median
from typing import Final

from bench import stream_parts as parts
from bench.results import RESULTS, Figure, keep, say
from bench.stream_portal import StreamPortal, production

PEOPLE: Final = 100
PARTS: Final[dict[str, tuple[Callable[[StreamPortal], parts.Values], int]]] = {  # and how often
    "one": (parts.measure_one, 1),
    "pages": (parts.measure_pages, 2),
    "messages": (parts.measure_messages, 2),
    "hundred": (parts.measure_hundred, 3),
    "five-hundred": (parts.measure_five_hundred, 1),
    "visits": (parts.measure_visits, 1),
    "instant": (parts.measure_instant, 1),
    "vanishing": (parts.measure_vanishing, 1),
    "slow": (parts.measure_slow, 1),
    "busy": (parts.measure_busy, 1),
}


@dataclass(frozen=True, slots=True)
class Bar:
    """An upper bar; `limit` takes the figure of the baseline, NaN if there is none."""

    text: str
    limit: Callable[[float], float]


BARS: Final = {
    "one stream: first token, p50, more than the gateway's": Bar("≤ 10", lambda _: 10),
    "100 streams begun within 1 s: first token, p95": Bar("≤ 0.7 × A", lambda a: 0.7 * a),
    "500 streams begun over 20 s: first token, p95, more than the gateway's": Bar("≤ 150", lambda _: 150),
    "500 streams begun over 20 s: processor of 1,000 tokens while all run": Bar("≤ 1.5 × A", lambda a: 1.5 * a),
    "500 streams begun over 20 s: memory of all processes": Bar("≤ 250", lambda _: 250),
    "during 300 streams: page, p95": Bar("≤ 100, ≤ 1.5 × A", lambda a: 100 if math.isnan(a) else min(100, 1.5 * a)),
    "an ordinary page: processor": Bar("≤ 1.05 × A", lambda a: 1.05 * a),
    "a message: processor": Bar("≤ 10", lambda _: 10),
    "200 clients vanish: all free after": Bar("≤ 5,000", lambda _: 5_000),
    "50 streams with 200 slow readers: all free after these have left": Bar("≤ 5,000", lambda _: 5_000),
    parts.LOST: Bar("0", lambda _: 0),
}
UNITS: Final = {
    "memory of all processes": "MB",
    "received for a token": "bytes",
    "received for a token from the gateway": "bytes",
    "connections to the database, most": "",
    "threads, most": "",
}


def unit_of(name: str) -> str:
    """Return the unit of a figure."""
    is_count = name == parts.LOST or name.endswith("tokens a second while all run")
    return "" if is_count else UNITS.get(name.rpartition(": ")[2], "ms")


def measure(portals: dict[str, StreamPortal], names: list[str]) -> dict[str, parts.Values]:
    """Measure part by part, all portals alternately; return the values by column."""
    found: dict[str, dict[str, list[float]]] = {column: {} for column in portals}
    for name in names:
        part, times = PARTS[name]
        for _ in range(times):
            for column, portal in portals.items():
                try:
                    values = part(portal)
                except (AssertionError, OSError, TimeoutError) as error:  # the other parts count anyway
                    say(f"{name}, {column}: not measured, {error!r}")
                    continue
                for figure, value in values.items():
                    found[column].setdefault(figure, []).append(value)
                    say(f"{name}, {column}: {figure}: {value:,.4g}")
        say(f"{name}: done, load {os.getloadavg()[0]:.1f}")
    return {
        column: {name: (sum if name == parts.LOST else median)(values) for name, values in figures.items()}
        for column, figures in found.items()
    }


def figure_of(name: str, value: float, baseline: float) -> Figure:
    """Return a figure with its bar."""
    bar = BARS.get(name)
    limit = bar.limit(baseline) if bar else math.nan
    ok = None if math.isnan(limit) else value <= limit
    return Figure(name=name, value=round(value, 3), unit=unit_of(name), bar=bar.text if bar else "", ok=ok)


def report(values: dict[str, parts.Values], *, kept_in: Path = RESULTS) -> bool:
    """Print a table with a column for each portal, save the last one's figures; return whether it met every bar."""
    *others, ours = values.values()
    baseline = others[0] if others else {}
    figures = [figure_of(name, value, baseline.get(name, math.nan)) for name, value in sorted(ours.items())]
    say(f"\n{date.today()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} at the end\n")  # noqa: DTZ011
    say(f"| what | {' | '.join(values)} | bar | held |\n|---|{'---:|' * len(values)}---:|---|")
    for figure in figures:
        cells = " | ".join(_cell(column.get(figure.name), figure.unit) for column in values.values())
        say(f"| {figure.name} | {cells} | {figure.bar} | {({None: '', True: 'yes', False: '**missed**'})[figure.ok]} |")
    keep(figures, kept_in)
    return all(figure.ok is not False for figure in figures)


def _cell(value: float | None, unit: str) -> str:
    return "" if value is None else f"{value:,.{0 if value >= 100 else 2}f} {unit}".strip()


def main() -> int:
    """Measure, print, save; 1 if a bar was missed."""
    parser = argparse.ArgumentParser(prog="python -m bench.stream", description=__doc__)
    parser.add_argument("--baseline", type=Path, help="another checkout, column A; this one is B")
    parser.add_argument("--servers", nargs="+", metavar="SERVER:PROCESSES", help="compare these: granian:1 uvicorn:2 …")
    parser.add_argument("--parts", choices=PARTS, nargs="+", default=list(PARTS))
    parser.add_argument("--people", type=int, default=PEOPLE, help="who stream by turns, each several streams at once")
    parser.add_argument("--sqlite", action="store_true", help="with the cache in it, in place of PostgreSQL and Redis")
    options = parser.parse_args()
    with ExitStack() as stack:
        portals = {}
        if options.baseline:
            root = options.baseline.resolve()
            portals["A"] = stack.enter_context(production(root=root, people=options.people, on_sqlite=options.sqlite))
        for option in options.servers or ["granian:2"]:
            server, _, processes = option.partition(":")
            portals[option if options.servers else "B"] = stack.enter_context(
                production(
                    people=options.people, on_sqlite=options.sqlite, server=server, processes=int(processes or 2)
                )
            )
        say(f"{', '.join(portals)} with {options.people} people each, load {os.getloadavg()[0]:.1f}")
        held = report(measure(portals, options.parts))
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main())
