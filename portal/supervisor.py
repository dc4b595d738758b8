"""Several programs in one terminal, that all end when one ends, when they are told to, and when we are killed."""

import ctypes
import os
import shlex
import signal
import sys
import threading
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from honcho.manager import Manager
from honcho.process import Popen, Process

PR_SET_PDEATHSIG = 1  # Linux: the signal that this process gets when its parent dies, however that dies
TOLD_TO_END = (128 + signal.SIGINT, 128 + signal.SIGTERM)


def end_with_parent(sent: int) -> None:
    """Ask the kernel to send us `sent` when our parent dies; elsewhere than on Linux nothing can be asked."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, sent)


class TetheredProcess(Process):  # type: ignore[misc]  # honcho has no types
    """A program that does not outlive us, though we be killed without a chance to say goodbye."""

    def run(self, events: Any = None, ignore_signals: bool = False) -> None:
        """Run the program, as a child of a process that reads what it prints."""
        end_with_parent(signal.SIGKILL)
        self._child_ctor = partial(Popen, preexec_fn=partial(end_with_parent, signal.SIGTERM))
        super().run(events, ignore_signals)


class Supervisor(Manager):  # type: ignore[misc]  # honcho has no types
    """Runs programs until one of them ends, or SIGINT or SIGTERM comes."""

    def __init__(self) -> None:
        super().__init__()
        self._process_ctor = TetheredProcess
        self._owner = os.getpid()
        self.ended_first = ""  # the program that ended by itself

    def run(self, programs: Mapping[str, Sequence[str]], *, folder: str) -> bool:
        """Run the programs (name: arguments) in `folder`; return whether they ended because they were told to."""
        for name, arguments in programs.items():
            self.add_process(name, f"exec {shlex.join(arguments)}", cwd=folder)
        self.loop()
        return self.returncode in TOLD_TO_END and not self.ended_first

    def terminate(self) -> None:
        """End all programs: now, or as soon as all have started, since honcho does not know them before."""
        if os.getpid() != self._owner:  # a child that was forked with our handler and has not set its own yet
            return
        if not self._all_started():
            timer = threading.Timer(0.1, self.terminate)
            timer.daemon = True
            timer.start()
            return
        stopped = [name for name, process in self._processes.items() if process.get("returncode") is not None]
        if stopped and self.returncode not in TOLD_TO_END:
            self.ended_first = stopped[0]
        super().terminate()
