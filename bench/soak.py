"""`python -m bench.soak`: `make run` on a fresh clone runs for hours on a busy machine; killed programs are restarted.

A person opens a page every ten seconds and sends a message every minute, while processes compute at the
lowest priority. Nothing may die, and the log has no traceback. Then each program is killed once, and its restart timed.
"""

import argparse
import asyncio
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final

import psutil
import requests

from bench.busy import busy
from bench.results import Figure, at_most, exactly, report, say, seen
from bench.stream_client import ask_once
from bench.stream_people import PAGES, Person
from bench.stream_reading import PORTAL
from tests.ports import free_port

ROOT: Final = Path(__file__).resolve().parent.parent
PASSWORD: Final = "passerelle"  # noqa: S105  # of the demo people
PAGE_EVERY_S, CHAT_EVERY_S, READY_S, END_S = 10.0, 60.0, 1800.0, 15.0
BACK_S, MOST_BACK_S = 120.0, 10.0
WORDS: Final = {"web": "portal.serve", "worker": "worker", "beat": "beat", "sandbox": "sandbox"}  # of command lines


@dataclass
class Seen:
    """What the person saw."""

    page_s: list[float] = field(default_factory=list)
    chats: int = 0
    failures: list[str] = field(default_factory=list)


class FreshRun:
    """`make run` in a clone made for it; with `venv`, on installed packages."""

    def __init__(self, folder: Path, *, venv: bool) -> None:
        self.folder, self.port, self.sandbox_port = folder, free_port(), free_port()
        self.output, self.log = folder / "output", folder / "var" / "log" / "run.log"
        clone = folder / "clone"
        subprocess.run(["git", "clone", "--quiet", str(ROOT), str(clone)], check=True)
        if venv:
            for name in (".venv", "node_modules"):
                (clone / name).symlink_to((ROOT / name).resolve())
        installed = ["-o", ".venv/.installed", "-o", "node_modules/.installed"] if venv else []
        environment = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        environment |= {"PORT": str(self.port), "SANDBOX_PORT": str(self.sandbox_port), "VAR_DIR": str(folder / "var")}
        with self.output.open("wb") as output:
            self.process = psutil.Popen(
                ["make", *installed, "run"], cwd=clone, env=environment, stdout=output, stderr=subprocess.STDOUT
            )

    def text(self) -> str:
        """Return the output of the terminal."""
        return self.output.read_text(encoding="utf-8", errors="replace")

    def is_ready(self) -> bool:
        """Return whether it reports to be ready; SystemExit when it has ended."""
        if self.process.poll() is not None:
            sys.exit(f"make run ended:\n{self.text()}")
        return "Passerelle is ready" in self.text()

    def programs(self) -> dict[str, psutil.Process]:
        """Return the processes that the supervisor started."""
        children = [self.process, *self.process.children(recursive=True)]
        direct = next((each for each in children if "manage.py" in words_of(each)), self.process).children()
        return {name: each for name, word in WORDS.items() for each in direct if word in words_of(each)}


def words_of(process: psutil.Process) -> list[str]:
    """Return the command line, empty for a process that has just ended."""
    try:
        return list(process.cmdline())
    except psutil.Error:
        return []


def wait(condition: Callable[[], object], within_s: float) -> float:
    """Return the seconds until the condition holds, infinity if it does not in time."""
    began = time.monotonic()
    while time.monotonic() - began < within_s:
        if condition():
            return time.monotonic() - began
        time.sleep(0.1)
    return float("inf")


async def visit(port: int, seconds: float, saw: Seen) -> None:
    """Act as a person for so long."""
    person = Person(port=port, name="staff", number=0)
    await person.sign_in(PASSWORD)
    began = time.monotonic()
    next_chat = began
    for number in range(int(seconds / PAGE_EVERY_S)):
        await asyncio.sleep(max(0.0, began + number * PAGE_EVERY_S - time.monotonic()))
        try:
            saw.page_s.append(await person.visit(PAGES[number % len(PAGES)]))
            if time.monotonic() >= next_chat:
                next_chat += CHAT_EVERY_S
                await person.visit("/playground/")
                response = await ask_once(person.ask(5))
                if PORTAL.text(response.body) != "1 2 3 4 5":
                    raise AssertionError(f"chat: {response.status} {PORTAL.text(response.body)[:200]!r}")
                saw.chats += 1
        except (AssertionError, OSError, TimeoutError, asyncio.IncompleteReadError) as problem:
            saw.failures.append(f"{time.strftime('%H:%M:%S')} {type(problem).__name__}: {str(problem)[:300]}")


def answers(url: str) -> bool:
    """Say whether a page can be loaded."""
    try:
        return requests.get(url, timeout=5).ok
    except requests.RequestException:
        return False


def is_back(run: FreshRun, name: str, before: psutil.Process) -> bool:
    """Say whether another process has replaced this one."""
    return run.programs().get(name, before) != before


def kill_each(run: FreshRun) -> list[Figure]:
    """Kill one program after the other; return the seconds until each worked again."""
    works: dict[str, Callable[[], bool]] = {
        "web": lambda: answers(f"http://127.0.0.1:{run.port}/account/login/"),
        "sandbox": lambda: answers(f"http://127.0.0.1:{run.sandbox_port}/health/liveliness"),
        "worker": lambda: run.log.read_text(errors="replace").count(f"portal@{run.port} ready") > ready,
        "beat": lambda: run.log.read_text(errors="replace").count("beat: Starting") > starts,
    }
    found = []
    for name, process in run.programs().items():
        log = run.log.read_text(errors="replace")
        ready, starts = log.count(f"portal@{run.port} ready"), log.count("beat: Starting")
        process.kill()
        began = time.monotonic()
        wait(partial(is_back, run, name, process), BACK_S)
        wait(works[name], BACK_S)
        found.append(at_most(f"killed {name}: works again after", time.monotonic() - began, "s", MOST_BACK_S))
    return found


def soak(run: FreshRun, *, minutes: float, processes: int) -> list[Figure]:
    """Run it for so long on a busy machine; return the observations."""
    ready_s = wait(run.is_ready, READY_S)
    say(f"ready after {ready_s:.0f} s: http://127.0.0.1:{run.port}, log {run.log}")
    saw, before, began = Seen(), run.programs(), time.monotonic()
    with busy(processes, minutes * 60 + READY_S):
        try:
            asyncio.run(visit(run.port, minutes * 60, saw))
        except KeyboardInterrupt:
            say("Ended early")
        lasted = (time.monotonic() - began) / 60
        alive = sum(each.is_running() for each in before.values())
        log = "".join(path.read_text(errors="replace") for path in sorted(run.log.parent.iterdir()))
        restarts = run.text().count("is started again")
        killed = kill_each(run)
    run.process.send_signal(signal.SIGTERM)
    ended_s = wait(lambda: run.process.poll() is not None, END_S)
    for line in saw.failures:
        say(line)
    pages = sorted(saw.page_s) or [0.0]
    return [
        seen("ready after", ready_s, "s"),
        seen(f"ran with {processes} busy processes", lasted, "min"),
        exactly("programs still those of the start", alive, "", len(WORDS)),
        exactly("programs restarted", restarts, "", 0),
        exactly("tracebacks in the log", log.count("Traceback"), "", 0),
        seen("errors in the log", log.count(" ERROR "), ""),
        seen("pages opened", len(saw.page_s), ""),
        seen("slowest page", pages[-1], "s"),
        seen("median page", pages[len(pages) // 2], "s"),
        seen("chats answered", saw.chats, ""),
        exactly("pages and chats that failed", len(saw.failures), "", 0),
        *killed,
        at_most("ends after SIGTERM within", ended_s, "s", END_S),
    ]


def main() -> int:
    """Run, print the figures, and return 1 if a bar was missed."""
    parser = argparse.ArgumentParser(prog="python -m bench.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=120)
    parser.add_argument("--busy", type=int, default=8, help="processes that compute meanwhile")
    parser.add_argument("--folder", type=Path, required=True, help="a new folder, for the clone, VAR_DIR and output")
    parser.add_argument("--venv", action="store_true", help="use this checkout's .venv and node_modules")
    given = parser.parse_args()
    given.folder.mkdir(parents=True)
    run = FreshRun(given.folder, venv=given.venv)
    try:
        figures = soak(run, minutes=given.minutes, processes=given.busy)
    finally:
        for process in [*run.process.children(recursive=True), run.process] if run.process.is_running() else []:
            process.kill()
        shutil.rmtree(given.folder / "clone", ignore_errors=True)
    return 0 if report(figures, kept_in=given.folder / "figures.json") else 1


if __name__ == "__main__":
    sys.exit(main())
