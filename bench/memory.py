"""`python -m bench.memory`: the memory of web, rendering, worker and beat over eight hours of light use, compressed.

An hour is 200 pages, 20 streams and twelve runs of each regular task, as fast as the machine goes. The first two
warm up.
"""

import argparse
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path
from typing import Final

import psutil
import redis

from bench.portal import ROOT, Portal
from bench.results import Figure, at_most, report, say, seen
from bench.stream_client import ask_once, on_fast_loop
from bench.stream_people import PAGES, PLAYGROUND, Person
from bench.stream_portal import StreamPortal, production
from bench.stream_watch import memory_mb
from tests.servers import Server
from tests.waiting import wait_until

WARM_HOURS, HOURS = 2, 8
PAGES_AN_HOUR, STREAMS_AN_HOUR, TOKENS = 200, 20, 20
PEOPLE: Final = 10
QUEUES: Final = ("celery", "polls", "webhooks")
DRAINED_S: Final = 600
MOST_GROWTH: Final = 10.0  # %
_CELERY: Final = ["-W", "ignore", "-m", "celery", "--quiet", "--workdir", str(ROOT), "--app", "portal"]


class CeleryProgram(Server):
    """Worker or beat, with the settings of a portal, as on servers."""

    def __init__(self, portal: Portal, name: str, *arguments: str) -> None:
        super().__init__()
        self._portal, self._name, self._arguments = portal, name, arguments

    def command(self) -> list[str]:
        """Return Celery's program."""
        return [sys.executable, *_CELERY, self._name, *self._arguments]

    def environment(self) -> dict[str, str]:
        """Share those of the portal."""
        return {**self._portal.environment(), "PYTHONUNBUFFERED": "1", "LOG_LEVEL": "INFO"}

    def is_ready(self) -> bool:
        """Look for Celery's own words in the log."""
        log = (self.folder / "log").read_text(errors="replace")
        return " ready" in log or "beat: Starting" in log

    def processes(self) -> list[psutil.Process]:
        """Return it and its child processes."""
        if self._process is None:
            raise ProcessLookupError(f"{self._name} was not started")
        process = psutil.Process(self._process.pid)
        return [process, *process.children(recursive=True)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Programs:
    """What is measured."""

    portal: StreamPortal
    worker: CeleryProgram
    beat: CeleryProgram
    broker: "redis.Redis"

    def memory_mb(self) -> dict[str, float]:
        """Return the memory of each kind of process, in MB (PSS)."""
        of_portal = self.portal.processes()
        rendering = [each for each in of_portal if any("multiprocessing" in word for word in each.cmdline())]
        return {
            "web": memory_mb([each for each in of_portal if each not in rendering]),
            "rendering": memory_mb(rendering),
            "worker": memory_mb(self.worker.processes()),
            "beat": memory_mb(self.beat.processes()),
        }

    def files(self) -> tuple[int, float]:
        """Return the number of files in VAR_DIR, and their size in MB."""
        found = [path for path in Path(self.portal.folder).rglob("*") if path.is_file() and path.name != "log"]
        return len(found), sum(path.stat().st_size for path in found) / 1e6

    def is_drained(self) -> bool:
        """Say whether no task waits or runs."""
        return not any(int(self.broker.llen(name)) for name in QUEUES) and not int(self.broker.hlen("unacked"))


async def use(people: list[Person]) -> None:
    """Open the pages and read the streams of an hour."""
    for number, person in enumerate(islice(cycle(people), PAGES_AN_HOUR)):
        await person.visit(PAGES[number % len(PAGES)])
    for person in islice(cycle(people), STREAMS_AN_HOUR):
        await person.visit(PLAYGROUND)
        await ask_once(person.ask(TOKENS))


def hours(programs: Programs, count: int) -> Iterator[dict[str, float]]:
    """Let so many hours pass; yield the memory after each."""
    for number in range(count):
        began = time.monotonic()
        programs.portal.inside("hour")
        on_fast_loop(use(programs.portal.people))
        wait_until(programs.is_drained, DRAINED_S)
        memory = programs.memory_mb()
        text = ", ".join(f"{name} {mb:.0f}" for name, mb in memory.items())
        files, size_mb = programs.files()
        say(f"hour {number + 1} in {time.monotonic() - began:.0f} s: {text} MB; {files} files, {size_mb:.2f} MB")
        yield memory


def measure(programs: Programs, count: int) -> list[Figure]:
    """Return the growth after the warm-up."""
    idle = programs.memory_mb()
    *_, before = hours(programs, WARM_HOURS)
    files_before, size_before = programs.files()
    *_, after = hours(programs, count)
    files_after, size_after = programs.files()
    growth = [
        at_most(f"{name}: growth in {count} hours", 100 * (after[name] / before[name] - 1), "%", MOST_GROWTH)
        for name in before
    ]
    return [
        *(seen(f"{name}: before the first page", mb, "MB") for name, mb in idle.items()),
        *(seen(f"{name}: after {count + WARM_HOURS} hours", mb, "MB") for name, mb in after.items()),
        *growth,
        at_most("files in VAR_DIR: more", files_after - files_before, "", 0),
        at_most("size of VAR_DIR: more", size_after - size_before, "MB", 0.1),
    ]


def main() -> int:
    """Run, print the figures, and return 1 if a bar was missed."""
    parser = argparse.ArgumentParser(prog="python -m bench.memory", description=__doc__)
    parser.add_argument("--hours", type=int, default=HOURS)
    given = parser.parse_args()
    with (
        production(people=PEOPLE) as portal,
        CeleryProgram(portal, "worker", "--pool", "processes", "--concurrency", "2") as worker,
        CeleryProgram(portal, "beat") as beat,
        redis.Redis.from_url(portal.environment()["REDIS_URL"]) as broker,
    ):
        programs = Programs(portal=portal, worker=worker, beat=beat, broker=broker)
        figures = measure(programs, given.hours)
    return 0 if report(figures) else 1


if __name__ == "__main__":
    sys.exit(main())
