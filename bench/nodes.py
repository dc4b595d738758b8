"""`make bench-nodes`: two web nodes and two workers behind nginx; one is killed or ended every 20 s under load.

People read answers, open pages, create and delete keys. No request may fail but those that a killed node was answering,
every answer has an end, and in the end the portal and the gateway know the same keys.
"""

import argparse
import asyncio
import itertools
import signal
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

import psycopg
import uvloop

from bench.nodes_load import TOKENS, Failure, Load, Seen, everybody
from bench.nodes_site import CeleryNode, Cluster, kill
from bench.results import Figure, exactly, report, say, seen
from bench.stream_people import Person, prepare_all
from bench.stream_reading import corruption_of

VISITORS, MAKERS = 6, 3
SETTLES_S: Final = 240.0  # the tasks that repair run every minute, and every five
MOMENT_S: Final = 0.5  # a connection to a dying node may still be taken
UNDER_WAY: Final = """
SELECT count(*) FROM playground_answer
WHERE state = 'streaming' OR state = 'waiting' AND saved_at < now() - interval '11 minutes'
"""  # one whose form got no answer waits for its page for ten minutes
UNOPENED: Final = "SELECT count(*) FROM playground_answer WHERE state = 'waiting'"
UNSETTLED: Final = "SELECT count(*) FROM keys_token WHERE state IN ('issuing', 'deleting')"
COMPLETE: Final = (
    "SELECT text FROM playground_answer WHERE state = 'complete' AND text <> '1'"  # the first of each is "1"
)
WORDLESS: Final = "SELECT count(*) FROM playground_answer WHERE state = 'failed' AND problem IS NULL"
STATES: Final = "SELECT state, count(*) FROM playground_answer GROUP BY state ORDER BY state"
LIVE: Final = "SELECT token FROM keys_token WHERE state IN ('live', 'retiring')"
LABELS: Final = "SELECT label FROM keys_key WHERE state = 'active'"


@dataclass(frozen=True, slots=True)
class Hit:
    """A program that was ended."""

    how: str
    is_web: bool
    at: float


def rows(url: str, sql: str) -> list[tuple[Any, ...]]:
    """Return the rows of a query."""
    with psycopg.connect(url) as connection:
        return connection.execute(sql).fetchall()


def hit_in_turn(cluster: Cluster, until: float, every_s: float) -> list[Hit]:
    """End one program after the other, by KILL and by TERM in turn, and start it again, until the load is over."""
    hits: list[Hit] = []
    programs = itertools.cycle(cluster.programs)
    ways = itertools.cycle([signal.SIGKILL] * len(cluster.programs) + [signal.SIGTERM] * len(cluster.programs))
    while time.monotonic() + every_s < until:
        began, program, how = time.monotonic(), next(programs), next(ways)
        hits.append(Hit(how.name, not isinstance(program, CeleryNode), began))
        if how == signal.SIGKILL:
            kill(program)
        else:
            program.stop(how)
        program.start()
        say(f"{how.name} {type(program).__name__} {program.port}: back after {time.monotonic() - began:.1f} s")
        time.sleep(max(0, began + every_s - time.monotonic()))
    return hits


def was_in_flight(failure: Failure, hits: Iterable[Hit]) -> bool:
    """Return whether a web node was killed while it answered."""
    return any(
        hit.is_web and hit.how == "SIGKILL" and failure.began <= hit.at + MOMENT_S and hit.at <= failure.ended
        for hit in hits
    )


def wait_until_settled(url: str) -> float:
    """Wait until no answer and no key is under way; return the seconds."""
    began = time.monotonic()
    while time.monotonic() - began < SETTLES_S and (rows(url, UNDER_WAY)[0][0] or rows(url, UNSETTLED)[0][0]):
        time.sleep(1)
    return time.monotonic() - began


def figures_of(cluster: Cluster, found: Seen, hits: list[Hit], settled_s: float) -> list[Figure]:
    """Compare what people saw, the portal's rows and the gateway's keys."""
    url = cluster.database_url
    outside = [failure for failure in found.failures if not was_in_flight(failure, hits)]
    ours = sorted(token for (token,) in rows(url, LIVE))
    theirs = sorted(key["token"] for key in cluster.sandbox.live_keys())
    labels = [label for (label,) in rows(url, LABELS) if label in found.asked]
    corrupt = [corruption_of(text, TOKENS) for (text,) in rows(url, COMPLETE)]
    for failure in outside:
        say(f"not in flight: {failure}, {[round(failure.began - hit.at, 1) for hit in hits]}")
    for what in (found.statuses, found.ends, rows(url, STATES)):
        say(str(what))
    pages = sum(count for (what, _), count in found.statuses.items() if what == "page")
    return [
        seen("nodes: programs killed or ended", len(hits), ""),
        seen("nodes: answers read to their end", found.ends.total(), ""),
        seen("nodes: streams that broke off and were opened again", found.cut, ""),
        seen("nodes: longest from a break to the answer's end", found.longest_end_s, "s"),
        seen("nodes: pages", pages, ""),
        seen("nodes: requests that a killed node was answering", len(found.failures) - len(outside), ""),
        seen("nodes: answers whose page never came, stopped after ten minutes", rows(url, UNOPENED)[0][0], ""),
        seen("nodes: until everything was settled", settled_s, "s"),
        exactly("nodes: other requests that failed", len(outside), "", 0),
        exactly("nodes: answers without an end", len(found.endless) + rows(url, UNDER_WAY)[0][0], "", 0),
        exactly("nodes: failed answers without words", rows(url, WORDLESS)[0][0], "", 0),
        exactly("nodes: complete answers with a word lost or moved", sum(c.lost + c.moved > 0 for c in corrupt), "", 0),
        exactly("nodes: keys that only one side knows", len(set(ours) ^ set(theirs)), "", 0),
        exactly("nodes: keys that were shown and lost", len(found.shown - set(labels)), "", 0),
        exactly("nodes: keys that exist twice", len(labels) - len(set(labels)), "", 0),
        exactly("nodes: tracebacks in the logs", cluster.tracebacks(), "", 0),
    ]


def run_load(cluster: Cluster, *, seconds: float, every_s: float, streams: int) -> list[Figure]:
    """Sign everybody in, let them go on while programs end, and look at what is left."""
    people = [Person(cluster.port, f"streamer-{number}", number) for number in range(streams + VISITORS)]
    makers = [Person(cluster.port, f"staff-{number}", len(people) + number) for number in range(MAKERS)]

    async def all_of_it() -> tuple[Seen, list[Hit]]:
        await prepare_all([*people, *makers], cluster.password)
        load = Load(time.monotonic() + seconds)
        hitting = asyncio.create_task(asyncio.to_thread(hit_in_turn, cluster, time.monotonic() + seconds, every_s))
        await everybody(load, people[:streams], people[streams:], makers)
        return load.seen, await hitting

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        found, hits = runner.run(all_of_it())
    return figures_of(cluster, found, hits, wait_until_settled(cluster.database_url))


def main() -> int:
    """Serve, end, report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=300)
    parser.add_argument("--every", type=float, default=20, help="seconds from one end to the next")
    parser.add_argument("--streams", type=int, default=50)
    options = parser.parse_args()
    with Cluster(options.streams + VISITORS, MAKERS) as cluster:
        figures = run_load(cluster, seconds=options.seconds, every_s=options.every, streams=options.streams)
        return 0 if report(figures) else 1


if __name__ == "__main__":
    sys.exit(main())
