"""`make bench-hostile`: pages during the rendering of two expensive conversations, with two web processes."""

import os
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import quantiles
from typing import Any, Final

import requests

from bench.portal import PAGE_S, Portal
from bench.results import Figure, at_most, report, say, seen
from tests.servers import Postgres, Redis

ANSWERS: Final = 20  # of each conversation
PAGES: Final = 50
AT_ONCE: Final = 2
MOST_P95_MS: Final = 300


class TwoProcesses(Portal):
    """The portal with two web processes."""

    def environment(self) -> dict[str, str]:
        """Return the bench's environment, with their number."""
        return super().environment() | {"WEB_PROCESSES": "2"}


def main() -> None:
    """Measure on PostgreSQL and Redis; the exit status says whether the bar was met."""
    with Postgres() as postgres, Redis() as redis, tempfile.TemporaryDirectory() as static:
        portal = TwoProcesses(facts=1000, static_root=Path(static), database_url=postgres.url, redis_url=redis.url)
        with portal:
            figures = _measured(portal)
    sys.exit(0 if report(figures) else 1)


def _measured(portal: Portal) -> list[Figure]:
    page, expensive = portal.pages["My usage, 30 days"], portal.inside("hostile", ANSWERS)
    say(f"load {os.getloadavg()[0]:.1f} at the beginning")
    _pages_ms(portal, page)  # warm
    alone_ms, (busy_ms, opened_ms) = _pages_ms(portal, page), _while_expensive(portal, page, expensive)
    return [
        seen(f"{PAGES} pages alone, p95", _p95(alone_ms), "ms"),
        at_most(f"the same during 2 × {ANSWERS} of the most expensive answers, p95", _p95(busy_ms), "ms", MOST_P95_MS),
        seen("the same, the slowest", max(busy_ms), "ms"),
        seen(f"these conversations, loaded {len(opened_ms)} times, the slowest", max(opened_ms), "ms"),
        seen("the same, the last", opened_ms[-1], "ms"),
    ]


def _while_expensive(
    portal: Portal, page: dict[str, Any], expensive: dict[str, Any]
) -> tuple[list[float], list[float]]:
    """Load the pages while both conversations are loaded again and again."""
    opened_ms: list[float] = []
    over = threading.Event()

    def reload(path: str) -> None:
        while not over.is_set():
            opened_ms.append(_load_ms(portal.url + path, expensive["cookie"]))

    threads = [threading.Thread(target=reload, args=[path]) for path in expensive["paths"]]
    for thread in threads:
        thread.start()
    try:
        return _pages_ms(portal, page), opened_ms
    finally:
        over.set()
        for thread in threads:
            thread.join()


def _pages_ms(portal: Portal, page: dict[str, Any]) -> list[float]:
    def load(_: int) -> float:
        return _load_ms(portal.url + page["path"], page["cookie"])

    with ThreadPoolExecutor(AT_ONCE) as people:
        return list(people.map(load, range(PAGES)))


def _load_ms(url: str, cookie: dict[str, str]) -> float:
    began = time.perf_counter()
    answer = requests.get(url, cookies=cookie, timeout=PAGE_S, allow_redirects=False)
    answer.raise_for_status()
    return (time.perf_counter() - began) * 1000


def _p95(times_ms: list[float]) -> float:
    return quantiles(times_ms, n=20)[-1]


if __name__ == "__main__":
    main()
