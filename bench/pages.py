"""`make bench`: each page through the real HTTP stack, with few and with many facts, and the gateway's own time."""

import argparse
import os
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from typing import Final

import psycopg
import requests

from bench import gateway
from bench.portal import PAGE_S, Portal
from bench.results import Figure, at_least, at_most, exactly, report, say, seen
from tests.servers import Postgres, Redis

TIMES: Final = 30
WARM_UP: Final = 5
GATEWAY_TIMES: Final = 3
MOST_MS, MOST_RATIO, MOST_QUERIES, GATEWAY_RATIO = 50, 1.5, 8, 50
MOST_COLD_MS: Final = 100
OVERVIEW: Final = "Everyone, 30 days"


class Visitor:
    """A browser at one page."""

    def __init__(self, portal: Portal, name: str) -> None:
        self._url = portal.url + portal.pages[name]["path"]
        self._session = requests.Session()
        self._session.trust_env = False
        self._session.cookies.update(portal.pages[name]["cookie"])

    def visit(self) -> float:
        """Load the page; return the milliseconds."""
        began = time.perf_counter()
        answer = self._session.get(self._url, timeout=PAGE_S, allow_redirects=False)
        took_ms = (time.perf_counter() - began) * 1000
        if answer.status_code != 200:
            where = answer.headers.get("Location", "")
            raise AssertionError(f"{self._url}: {answer.status_code} {where}")
        return took_ms


def time_page(name: str, portals: list[Portal]) -> tuple[list[float], list[float]]:
    """Return the median of each portal in milliseconds, and the mean processor time.

    They alternate, so that a busy machine affects all of them.
    """
    visitors = [Visitor(portal, name) for portal in portals]
    for visitor in visitors * WARM_UP:
        visitor.visit()
    began_ms = [portal.cpu_ms() for portal in portals]
    times = [[visitor.visit() for visitor in visitors] for _ in range(TIMES)]
    cpu_ms = [(portal.cpu_ms() - began) / TIMES for portal, began in zip(portals, began_ms, strict=True)]
    return [median(column) for column in zip(*times, strict=True)], cpu_ms


def measure(kind: str, few: Portal, many: Portal) -> list[Figure]:
    """Return the figures of all pages on one kind of database."""
    few_facts, many_facts = f"{few.facts:,} facts", f"{many.facts:,} facts"
    figures = []
    for name in many.pages:
        (few_ms, many_ms), (_, cpu_ms) = time_page(name, [few, many])
        figures += [
            at_most(f"{name}, {kind}, {few_facts}", few_ms, "ms", MOST_MS),
            at_most(f"{name}, {kind}, {many_facts}", many_ms, "ms", MOST_MS),
            at_most(f"{name}, {kind}, many against few", many_ms / few_ms, "×", MOST_RATIO),
            seen(f"{name}, {kind}, {many_facts}, of the processor", cpu_ms, "ms"),
        ]
    return figures + measure_inside(kind, many)


def measure_inside(kind: str, portal: Portal) -> list[Figure]:
    """Return the queries of each page, its time with nothing cached, and the same of the explorer's numbers."""
    facts, figures = f"{portal.facts:,} facts", []
    for name, page in portal.inside("look").items():
        figures += [
            at_most(f"{name}, {kind}, queries", page["queries"], "", MOST_QUERIES),
            seen(f"{name}, {kind}, {facts}, first after a change", page["fresh_ms"], "ms"),
        ]
    for name, case in portal.inside("explore").items():
        figures += [
            at_most(f"explorer {name}, {kind}, {facts}, cold", case["ms"], "ms", MOST_COLD_MS),
            at_most(f"explorer {name}, {kind}, queries", case["queries"], "", MOST_QUERIES),
        ]
    compared = portal.inside("compare")
    for difference in compared["first"]:
        say(difference)
    return [
        *figures,
        exactly(f"explorer against SQL, {kind}, {facts}: differences", compared["differences"], "", 0),
        seen(f"explorer against SQL, {kind}, {facts}", compared["s"], "s"),
    ]


def measure_postgres(sizes: tuple[int, int], static_root: Path) -> list[Figure]:
    """Measure the production configuration: PostgreSQL, and Redis for the cache."""
    with ExitStack() as stack:
        server = stack.enter_context(Postgres())
        portals = []
        for number, facts in enumerate(sizes):
            with psycopg.connect(server.url, autocommit=True) as connection:
                connection.execute(f"CREATE DATABASE bench{number}")
            url = server.url.removesuffix("/postgres") + f"/bench{number}"
            redis_url = stack.enter_context(Redis()).url
            portal = Portal(facts=facts, static_root=static_root, database_url=url, redis_url=redis_url)
            portals.append(_entered(stack, portal))
        figures = measure("PostgreSQL", *portals)
        return figures + compare_with_gateway(portals[1])


def measure_sqlite(sizes: tuple[int, int], static_root: Path) -> list[Figure]:
    """Measure the embedded configuration: SQLite, the cache in it too."""
    with ExitStack() as stack:
        few, many = (_entered(stack, Portal(facts=facts, static_root=static_root)) for facts in sizes)
        return measure("SQLite", few, many)


def _entered(stack: ExitStack, portal: Portal) -> Portal:
    stack.enter_context(portal)
    say(f"filled with {portal.facts:,} facts in {portal.filled_s:.0f} s; load {os.getloadavg()[0]:.1f}")
    return portal


def compare_with_gateway(portal: Portal) -> list[Figure]:
    """Time the gateway's own overview of the same facts, alternating with ours."""
    if not gateway.is_there():
        say(f"no gateway at {gateway.URL}: not compared")
        return []
    with gateway.loaded(portal.facts) as rows:
        say(f"gateway loaded with {rows:,} rows")
        visitor = Visitor(portal, OVERVIEW)
        theirs, ours = [], []
        for _ in range(GATEWAY_TIMES):
            theirs.append(gateway.ask())
            ours += [visitor.visit() for _ in range(WARM_UP)]
    their_ms, megabytes, _ = (median(column) for column in zip(*theirs, strict=True))
    return [
        seen(f"the gateway's own overview, 30 days, {rows:,} rows", their_ms, "ms"),
        seen("the gateway's own overview, size", megabytes, "MB"),
        at_least("the gateway's own overview against ours", their_ms / median(ours), "×", GATEWAY_RATIO),
    ]


MEASURED: Final = {"postgres": measure_postgres, "sqlite": measure_sqlite}


def main() -> int:
    """Measure, print, save; 1 if a bar was missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--few", type=int, default=1_000)
    parser.add_argument("--many", type=int, default=1_000_000)
    parser.add_argument("--on", choices=MEASURED, nargs="+", default=list(MEASURED))
    options = parser.parse_args()
    sizes = (options.few, options.many)
    with tempfile.TemporaryDirectory(prefix="passerelle-bench-") as folder:
        figures = [figure for name in options.on for figure in MEASURED[name](sizes, Path(folder))]
    return 0 if report(figures) else 1


if __name__ == "__main__":
    sys.exit(main())
