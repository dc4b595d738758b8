"""Several programs in one terminal: a program that ends is restarted; all end with the supervisor, however it ends.

Their output goes to a log file of limited size; warnings, errors and anything that is no log line also to the terminal.
"""

import contextlib
import ctypes
import logging
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import IO, Final

PR_SET_PDEATHSIG: Final = 1  # Linux: the signal that this process gets when its parent dies
END_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
END_TIMEOUT_S: Final = 5.0  # from SIGTERM to SIGKILL
PAUSE_S: Final = 0.1
MOST_RESTARTS, WITHIN_S = 5, 600.0
BACKOFF_S: Final = (0.0, 1.0, 2.0, 4.0, 8.0)  # before the first, second, … restart within WITHIN_S
LOG_BYTES, LOG_FILES = 5 * 2**20, 3
LINE_BYTES: Final = 64 * 1024  # a longer line is split
LOG_LINE: Final = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} ([A-Z]+) ")
SHOWN_LEVELS: Final = ("WARNING", "ERROR", "CRITICAL")


def end_with_parent(sent: int, parent: int | None = None) -> None:
    """Ask the kernel to send us `sent` when our parent dies; only possible on Linux."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, sent)
        if parent and os.getppid() != parent:  # it died before the call
            os.kill(os.getpid(), sent)


class Program:
    """One program: its arguments, its process, and the times of its last ends."""

    def __init__(self, name: str, arguments: Sequence[str]) -> None:
        self.name = name
        self.arguments = list(arguments)
        self.process: subprocess.Popen[bytes] | None = None
        self.start_at = 0.0  # monotonic
        self.ends: deque[float] = deque(maxlen=MOST_RESTARTS)

    def start(self, folder: str) -> subprocess.Popen[bytes]:
        """Start it in a session of its own: Ctrl-C reaches only us, and its child processes can be ended with it."""
        self.process = subprocess.Popen(
            self.arguments,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
            preexec_fn=partial(end_with_parent, signal.SIGTERM, os.getpid()),
        )
        return self.process

    def signal(self, sent: signal.Signals) -> None:
        """Send a signal to the program and its child processes, unless they have ended."""
        if self.process:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, sent)


class Supervisor:
    """Runs programs until SIGINT, SIGTERM or SIGHUP comes, or one of them keeps crashing."""

    def __init__(self, programs: Mapping[str, Sequence[str]], *, folder: str, log: Path) -> None:
        self._programs = [Program(name, arguments) for name, arguments in programs.items()]
        self._folder, self._log_path = folder, log
        self._log = _log_to(log)
        self._copying: list[threading.Thread] = []
        self._told_to_end = False
        self.given_up = ""  # the program that ended too often

    def run(self, say: Callable[[str], None]) -> None:
        """Run the programs; call it in the main thread, the parent whose death ends them."""
        self._say = say
        before = {sent: signal.signal(sent, self._end) for sent in END_SIGNALS}
        try:
            while not self._told_to_end and not self.given_up:
                for program in self._programs:
                    self._look_after(program)
                time.sleep(PAUSE_S)
        finally:
            self._end_all()
            for sent, handler in before.items():
                signal.signal(sent, handler)

    def _end(self, *_: object) -> None:
        if self._told_to_end:  # a second Ctrl-C: at once
            for program in self._programs:
                program.signal(signal.SIGKILL)
        self._told_to_end = True

    def _look_after(self, program: Program) -> None:
        """Start the program when it is due; detect its end, and schedule its restart."""
        now = time.monotonic()
        if program.process is None:
            if now >= program.start_at:
                self._start(program)
            return
        code = program.process.poll()
        if code is None or self._told_to_end:
            return
        program.signal(signal.SIGKILL)  # child processes may remain, and would block its port
        program.process = None
        program.ends.append(now)
        recent = sum(now - ended < WITHIN_S for ended in program.ends)
        how = f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with status {code}"
        if recent >= MOST_RESTARTS:
            self._note(f"{program.name} {how}, for the {recent}th time in {WITHIN_S / 60:.0f} minutes.")
            self.given_up = program.name
            return
        program.start_at = now + BACKOFF_S[recent - 1]
        self._note(f"{program.name} {how} and is started again; its last lines are in {self._log_path}")

    def _start(self, program: Program) -> None:
        process = program.start(self._folder)
        self._copying = [thread for thread in self._copying if thread.is_alive()]
        for stream, shown in ((process.stdout, False), (process.stderr, True)):
            thread = threading.Thread(target=self._copy, args=(program.name, stream, shown), daemon=True)
            thread.start()
            self._copying.append(thread)

    def _copy(self, name: str, stream: IO[bytes], shown: bool) -> None:
        """Write each line to the log, and relevant ones to the terminal.

        An indented line belongs to the one before it. Anything else that is no log line, such as a traceback, is shown.
        """
        show = shown
        with stream:
            for line in iter(partial(stream.readline, LINE_BYTES), b""):
                text = line.decode(errors="replace").rstrip()
                if found := LOG_LINE.match(text):
                    show = shown and found[1] in SHOWN_LEVELS
                elif text and not text[0].isspace():
                    show = shown
                self._log.info("%-7s | %s", name, text)
                if show:
                    self._tell(f"{name} | {text}")

    def _note(self, text: str) -> None:
        self._log.info("%-7s | %s %s", "run", time.strftime("%Y-%m-%d %H:%M:%S"), text)
        self._tell(text)

    def _tell(self, line: str) -> None:
        with contextlib.suppress(OSError, ValueError):  # the terminal was closed: the log continues
            self._say(line)

    def _end_all(self) -> None:
        """End all programs and their child processes: terminate them, then kill the rest."""
        running = [program.process for program in self._programs if program.process]
        for process in running:
            process.terminate()
        deadline = time.monotonic() + END_TIMEOUT_S
        while time.monotonic() < deadline and any(process.poll() is None for process in running):
            time.sleep(PAUSE_S / 2)
        for program in self._programs:
            program.signal(signal.SIGKILL)
        for process in running:
            process.wait()
        for thread in self._copying:
            thread.join(END_TIMEOUT_S)  # usually at once: the writing process is killed
        for handler in self._log.handlers:
            handler.close()  # opens again for who writes later


def _log_to(path: Path) -> logging.Logger:
    """Return a logger that writes to this file alone, and rotates it when it is full."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handler = RotatingFileHandler(path, maxBytes=LOG_BYTES, backupCount=LOG_FILES, encoding="utf-8")
    handler.setFormatter(logging.Formatter("{message}", style="{"))
    logger = logging.Logger("portal.run")  # outside of the logger tree: the output has been logged already
    logger.addHandler(handler)
    return logger
