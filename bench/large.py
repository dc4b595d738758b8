"""`make bench-large`: the pages with 100,000 people, 1,000,000 keys and 10,000,000 facts, on PostgreSQL."""

import argparse
import os
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Final

from bench.pages import MOST_MS, measure_inside, time_page
from bench.portal import Portal
from bench.results import Figure, at_most, report, say, seen
from tests.servers import Postgres, Redis

PEOPLE: Final = 100_000
KEYS: Final = 1_000_000
FACTS: Final = 10_000_000  # over 400 days


def measure(portal: Portal) -> list[Figure]:
    """Return the figures of each page, and of the explorer's numbers with nothing cached."""
    figures = []
    for name in portal.pages:
        (took_ms,), (cpu_ms,) = time_page(name, [portal])
        say(f"{name}: {took_ms:.0f} ms")
        figures += [
            at_most(f"{name}, {portal.facts:,} facts", took_ms, "ms", MOST_MS),
            seen(f"{name}, {portal.facts:,} facts, of the processor", cpu_ms, "ms"),
        ]
    return figures + measure_inside("a large lab", portal)


def main() -> int:
    """Fill a database unless a run before has, measure, print, save; 1 if a bar was missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--people", type=int, default=PEOPLE)
    parser.add_argument("--keys", type=int, default=KEYS)
    parser.add_argument("--facts", type=int, default=FACTS)
    parser.add_argument("--database", default="", help="URL of an empty one, or of one that a run before has filled")
    options = parser.parse_args()
    os.environ.update(BENCH_PEOPLE=str(options.people), BENCH_KEYS=str(options.keys))
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="passerelle-bench-"))
        url = options.database or stack.enter_context(Postgres()).url
        redis_url = stack.enter_context(Redis()).url
        portal = Portal(facts=options.facts, static_root=Path(folder), database_url=url, redis_url=redis_url)
        stack.enter_context(portal)
        say(f"filled with {options.facts:,} facts in {portal.filled_s:.0f} s; load {os.getloadavg()[0]:.1f}")
        return 0 if report(measure(portal)) else 1


if __name__ == "__main__":
    sys.exit(main())
