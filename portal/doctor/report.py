"""Results of checks, and how checks run: all at once, each for a limited time. Knows no check."""

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum
from http.client import HTTPException
from typing import Final

from django.db import DatabaseError, connections

CHECK_S: Final = 40.0  # the longest for one check
EXPECTED: Final = (OSError, ValueError, DatabaseError, HTTPException)  # of a check that meets a broken service


class Level(IntEnum):
    """How bad a result is; the worst one is the exit status."""

    OK = 0
    WARNING = 1
    PROBLEM = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What a check found; `advice` says what to do, and is empty where nothing is."""

    level: Level
    text: str
    advice: str = ""


def ok(text: str) -> Result:
    """Return that all is well."""
    return Result(level=Level.OK, text=text)


def warning(text: str, advice: str) -> Result:
    """Return what works, and should be changed."""
    return Result(level=Level.WARNING, text=text, advice=advice)


def problem(text: str, advice: str) -> Result:
    """Return what does not work."""
    return Result(level=Level.PROBLEM, text=text, advice=advice)


Findings = Iterable[Result]


@dataclass(frozen=True, slots=True)
class Check:
    """One part to check, by the word in front of its lines. One that `needs_programs` fails before they are started."""

    name: str
    find: Callable[[], Findings]
    needs_programs: bool = False


class _Run(threading.Thread):
    """A check under way. It may hang: the program ends without it."""

    def __init__(self, check: Check) -> None:
        super().__init__(name=f"doctor-{check.name}", daemon=True)
        self.check = check
        self.results: list[Result] = []
        self.is_complete = False
        self.start()

    def run(self) -> None:
        """Collect results one by one: those before a hang count."""
        try:
            self.results.extend(self.check.find())
        except EXPECTED as error:
            self.results.append(problem(f"The check failed: {in_one_line(error)}", "Look at the log of that service."))
        finally:
            connections.close_all()
        self.is_complete = True


def examine(checks: Sequence[Check], *, total_s: float) -> Iterator[tuple[str, Result]]:
    """Run all checks at once; yield the results in their order, with the name of the check."""
    end = time.monotonic() + total_s
    each_until = min(end, time.monotonic() + CHECK_S)
    for run in [_Run(check) for check in checks]:
        run.join(max(0.0, each_until - time.monotonic()))
        is_alive, found = run.is_alive(), list(run.results)
        yield from ((run.check.name, result) for result in found)
        if is_alive:
            text = f"No answer within {min(total_s, CHECK_S):.0f} s."
            yield run.check.name, problem(text, "Look whether that service is overloaded, or a firewall drops packets.")
        elif not run.is_complete:
            yield run.check.name, problem("The check itself failed; the traceback is above.", "Report it as a bug.")


def in_one_line(error: BaseException) -> str:
    """Return the first line of what an exception says, or else its name."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
