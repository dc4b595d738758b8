"""`make bench-api`: 100 requests a second of `/api/v1/me/usage`, half with gateway keys, half with access tokens.

A portal as it is in service, on PostgreSQL and Redis, with a sandbox gateway; requests are sent at their times, whether
those before them have been answered or not.
"""

import argparse
import asyncio
import os
import sys
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any, Final

from bench.portal import Portal
from bench.results import Figure, at_most, exactly, report, say, seen
from bench.stream_client import fetch, on_fast_loop
from bench.stream_parts import p95
from tests import servers
from tests.sandbox_process import Sandbox

PER_SECOND: Final = 100
SECONDS: Final = 30
PROGRAMS: Final = 50  # people, each with a key and an access token
BAR_MS: Final = 50.0
PATH: Final = "/api/v1/me/usage"


class ApiPortal(Portal):
    """Served within a `with`: people with keys and access tokens."""

    def __init__(self, *, programs: int, gateway: Sandbox, **more: Any) -> None:
        super().__init__(facts=0, gateway_url=gateway.url, **more)
        self._settings |= {"GATEWAY_ADMIN_KEY": gateway.admin_key, "WEB_PROCESSES": "2"}
        self._number = programs
        self.secrets: list[str] = []

    def prepare(self) -> None:
        """Create tables, people, keys and tokens."""
        self.secrets = self.inside("programs", self._number)["secrets"]

    async def ask(self, number: int) -> tuple[int, float]:
        """Send a request; return its status and seconds."""
        secret = self.secrets[number % len(self.secrets)]
        lines = (f"GET {PATH} HTTP/1.1", f"Host: 127.0.0.1:{self.port}", f"Authorization: Bearer {secret}")
        response, seconds = await fetch(self.port, "\r\n".join([*lines, "Connection: close", "", ""]).encode())
        return response.status, seconds

    async def ask_evenly(self, per_second: float, count: int) -> list[tuple[int, float]]:
        """Send so many requests at their times."""
        began, asked = asyncio.get_running_loop().time(), []
        for number in range(count):
            await asyncio.sleep(max(0.0, began + number / per_second - asyncio.get_running_loop().time()))
            asked.append(asyncio.create_task(self.ask(number)))
        return await asyncio.gather(*asked)


def measure(portal: ApiPortal, *, per_second: float = PER_SECOND, seconds: float = SECONDS) -> list[Figure]:
    """Warm up with each program once, then measure."""
    on_fast_loop(portal.ask_evenly(20, len(portal.secrets)))
    count, began_ms, load = int(per_second * seconds), portal.cpu_ms(), os.getloadavg()[0]
    found = on_fast_loop(portal.ask_evenly(per_second, count))
    say(f"load {load:.1f} before, {os.getloadavg()[0]:.1f} after")
    times_ms = [1000 * took for _status, took in found]
    name = f"me/usage, {per_second:g} a second"
    return [
        exactly(f"{name}: answered with 200", sum(status == 200 for status, _took in found), "", count),
        seen(f"{name}: p50", median(times_ms), "ms"),
        at_most(f"{name}: p95", p95(times_ms), "ms", BAR_MS),
        seen(f"{name}: of the processor", (portal.cpu_ms() - began_ms) / count, "ms"),
    ]


def main() -> int:
    """Measure, print, save; 1 if a bar was missed."""
    parser = argparse.ArgumentParser(prog="python -m bench.api", description=__doc__)
    parser.add_argument("--seconds", type=float, default=SECONDS)
    options = parser.parse_args()
    with ExitStack() as stack:
        portal = ApiPortal(
            programs=PROGRAMS,
            gateway=stack.enter_context(Sandbox()),
            static_root=Path(stack.enter_context(TemporaryDirectory(prefix="passerelle-bench-"))),
            database_url=stack.enter_context(servers.Postgres()).url,
            redis_url=stack.enter_context(servers.Redis()).url,
        )
        stack.enter_context(portal)
        return 0 if report(measure(portal, seconds=options.seconds)) else 1


if __name__ == "__main__":
    sys.exit(main())
