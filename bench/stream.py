"""`make bench-stream`: answers to one, a hundred and five hundred people at once, beside the gateway's own speed."""

import argparse
import sys
import tempfile
import time
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Final

from bench.results import report, say
from bench.stream_crowd import measure_many, measure_one
from bench.stream_portal import StreamPortal
from bench.stream_trouble import measure_slow, measure_vanishing, measure_visits
from tests.sandbox_process import Sandbox
from tests.servers import Postgres, Redis

SIZES: Final = (1, 100, 500)
STREAMS: Final = max(SIZES)
LONG_TOKENS, LONG_START_S = 1_200, 20  # 24 s each, so that all run together for the last seconds of the first one
HOW_LONG: Final = f" of {LONG_TOKENS:,} tokens that begin within {LONG_START_S} s"


def measure(kind: str, portal: StreamPortal) -> bool:
    """Measure with one kind of database, and report each part as it ends; say whether every bar was held."""
    began = time.monotonic()
    portal.let_in()
    say(f"{kind}: {portal.streams} people signed in and asked once in {time.monotonic() - began:.0f} s")
    parts = [
        partial(measure_one, kind, portal),
        *(partial(measure_many, kind, portal, streams) for streams in SIZES),
        partial(measure_many, kind, portal, STREAMS, how=" in one instant", within_s=0),
        partial(measure_many, kind, portal, STREAMS, how=HOW_LONG, tokens=LONG_TOKENS, within_s=LONG_START_S),
        partial(measure_slow, kind, portal),
        partial(measure_vanishing, kind, portal),
        partial(measure_visits, kind, portal),
        partial(measure_visits, kind, portal, within_s=LONG_START_S / 2),
    ]
    held = [report(part()) for part in parts]  # each of them, whatever came before
    return all(held)


def on_postgres(sandbox: Sandbox, static_root: Path) -> bool:
    """Measure in the shape of production: PostgreSQL, and Redis for the cache."""
    with Postgres() as server, Redis() as redis:
        urls = {"database_url": server.url, "redis_url": redis.url}
        with StreamPortal(sandbox=sandbox, streams=STREAMS, static_root=static_root, **urls) as portal:
            return measure("PostgreSQL", portal)


def on_sqlite(sandbox: Sandbox, static_root: Path) -> bool:
    """Measure with SQLite, the cache in it too."""
    with StreamPortal(sandbox=sandbox, streams=STREAMS, static_root=static_root) as portal:
        return measure("SQLite", portal)


MEASURED: Final = {"postgres": on_postgres, "sqlite": on_sqlite}


def main() -> int:
    """Measure, print, keep; 1 where a bar was missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--on", choices=MEASURED, nargs="+", default=list(MEASURED))
    told = parser.parse_args()
    held = True
    for name in told.on:
        with ExitStack() as stack:
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="passerelle-bench-"))
            held &= MEASURED[name](stack.enter_context(Sandbox()), Path(folder))
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main())
