"""`make bench-course`: a class that gets its keys within seconds, and a course of 200 keys that is frozen.

A portal as it is in service, and a real gateway: with `REAL_GATEWAY_URL` and `REAL_GATEWAY_ADMIN_KEY`, else the one of
shared/gateway; `--sandbox` takes a sandbox. What was made there is deleted in the end.
"""

import argparse
import os
import sys
from statistics import median
from typing import Final

from bench.course_portal import ClassResult, CoursePortal, classroom
from bench.gateway import ADMIN_KEY, URL, is_there
from bench.results import Figure, at_most, exactly, report, say, seen
from bench.stream_client import on_fast_loop
from bench.stream_parts import p95
from tests.sandbox_process import Sandbox

STUDENTS: Final = 100
WITHIN_S: Final = 10.0
KEYS: Final = 200  # of the course that is frozen
ALL_HAVE_ONE_S, PAGE_MS, FROZEN_S = 30.0, 300.0, 20.0
VISITS: Final = 40  # of pages before anybody asks for a key


def measure_class(portal: CoursePortal, *, within_s: float = WITHIN_S) -> list[Figure]:
    """Let all students get their keys within so many seconds, while somebody reads pages."""
    on_fast_loop(portal.read(8))  # compiles templates
    on_fast_loop(portal.open_course())
    before = on_fast_loop(portal.read(VISITS))
    began_ms, load = portal.cpu_ms(), os.getloadavg()[0]
    result: ClassResult = on_fast_loop(portal.get_keys(within_s))
    students = len(portal.students)
    say(f"{students} students: load {load:.1f} before, {os.getloadavg()[0]:.1f} after")
    for why in sorted(set(result.refused)):
        say(f"refused {result.refused.count(why)} times: {why}")
    name = f"{students} students get keys within {within_s:g} s"
    return [
        exactly(f"{name}: have one", len(result.keys_s), "", students),
        exactly(f"{name}: keys at the gateway", portal.keys_at_gateway(), "", students),
        at_most(f"{name}: all have one after", result.all_after_s, "s", ALL_HAVE_ONE_S),
        seen(f"{name}: from the click to the secret, p50", 1000 * median(result.keys_s or [0]), "ms"),
        seen(f"{name}: from the click to the secret, p95", 1000 * p95(result.keys_s or [0]), "ms"),
        seen(f"{name}: processor of each", (portal.cpu_ms() - began_ms) / students, "ms"),
        seen("before: page, p95", 1000 * p95(before), "ms"),
        seen(f"{name}: page meanwhile, p50", 1000 * median(result.pages_s), "ms"),
        at_most(f"{name}: page meanwhile, p95", 1000 * p95(result.pages_s), "ms", PAGE_MS),
        seen(f"{name}: pages meanwhile", len(result.pages_s), ""),
    ]


def measure_freeze(portal: CoursePortal, *, keys: int = KEYS) -> list[Figure]:
    """Add students until the course has so many keys; freeze it, thaw it, and end it, as the tasks do."""
    load = os.getloadavg()[0]
    took = portal.inside("change_course", keys)
    say(f"{keys} keys: load {load:.1f} before, {os.getloadavg()[0]:.1f} after")
    figures = [at_most(f"{keys} keys: freeze", took["freeze"]["s"], "s", FROZEN_S)]
    for name, values in took.items():
        figures += [] if name == "freeze" else [seen(f"{keys} keys: {name}", values["s"], "s")]
        figures.append(seen(f"{keys} keys: {name}, processor of the portal", values["cpu_s"], "s"))
    return figures


def main() -> int:
    """Measure, print, save; 1 if a bar was missed."""
    parser = argparse.ArgumentParser(prog="python -m bench.course", description=__doc__)
    parser.add_argument("--students", type=int, default=STUDENTS)
    parser.add_argument("--keys", type=int, default=KEYS, help="of the course that is frozen; 0: none is")
    parser.add_argument("--sandbox", action="store_true", help="in place of a real gateway")
    options = parser.parse_args()
    if options.sandbox:
        with Sandbox() as sandbox, classroom(options.students, sandbox.url, sandbox.admin_key) as portal:
            return _measure(portal, options.keys)
    if not is_there():
        sys.exit(f"No gateway answers at {URL}, or not its database.")
    with classroom(options.students, URL, ADMIN_KEY) as portal:
        return _measure(portal, options.keys)


def _measure(portal: CoursePortal, keys: int) -> int:
    figures = measure_class(portal) + (measure_freeze(portal, keys=keys) if keys else [])
    return 0 if report(figures) else 1


if __name__ == "__main__":
    sys.exit(main())
