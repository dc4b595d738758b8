"""An empty account of an operator: no right of root, no variable of ours, a folder of its own in place of / ."""

import os
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import psutil

USER_ID: Final = 61_234  # nobody has it; only where the tests run as root
END_S: Final = 90
COMMANDS_S: Final = 900
_STARTERS: Final = ("/opt/passerelle", "/etc/passerelle", "/var/lib/passerelle")  # paths of the documentation


class CommandFailed(AssertionError):
    """A documented command ended with an error: its output."""


class Account:
    """Runs documented commands as a shell would, with other paths and answers; all ends with its `with`."""

    def __init__(self) -> None:
        # not in memory, where the other tests write: programs may not be started there
        self.folder = Path(tempfile.mkdtemp(prefix="passerelle-rehearsal-", dir="/tmp"))
        self.replaced: dict[str, str] = {path: str(self.folder / path[1:]) for path in _STARTERS}
        self.environment: dict[str, str] = {}
        self._programs: dict[str, psutil.Popen] = {}

    def __enter__(self) -> Self:
        for path in _STARTERS:
            (self.folder / path[1:]).mkdir(parents=True)
        for folder in (self.folder, *self.folder.rglob("*")):
            self.give(folder)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self.end(*self._programs)
        finally:
            subprocess.run(["rm", "-rf", self.folder], check=False)  # shutil takes a minute for so many files

    def give(self, path: Path) -> Path:
        """Make a file the account's."""
        if os.getuid() == 0:
            os.chown(path, USER_ID, USER_ID)
        return path

    def run(self, commands: str, **more: str) -> str:
        """Run documented commands to their end; return their output, CommandFailed with it for an error."""
        done = subprocess.run(
            self._shell(commands, more),
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=COMMANDS_S,
        )
        if done.returncode:
            raise CommandFailed(f"{commands}\nended with {done.returncode}:\n{done.stdout}")
        return done.stdout

    def start(self, name: str, command: str, **more: str) -> None:
        """Start a program that stays until `end`, or until the tests are killed; its output goes to a file."""
        with (self.folder / f"{name}.log").open("ab") as log:
            self._programs[name] = psutil.Popen(
                self._shell(f"exec setpriv --pdeathsig TERM {command}", more),
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def end(self, *names: str) -> None:
        """End programs as systemd does, all at once, and wait until they have ended."""
        programs = [program for program in map(self._programs.pop, names) if program.is_running()]
        children = [child for program in programs for child in program.children(recursive=True)]
        for program in programs:
            program.send_signal(signal.SIGTERM)
        try:
            for program in programs:
                program.wait(END_S)
        finally:
            for process in [*children, *programs]:
                if process.is_running():
                    process.kill()

    def processes(self, name: str) -> list[psutil.Process]:
        """Return a program and all that it has started."""
        return [self._programs[name], *self._programs[name].children(recursive=True)]

    def expect(self, *names: str) -> None:
        """Raise CommandFailed with the output of the first of these programs that has ended."""
        for name in names:
            if (code := self._programs[name].poll()) is not None:
                log = (self.folder / f"{name}.log").read_text(encoding="utf-8", errors="replace")
                raise CommandFailed(f"{name} ended with {code}:\n{log}")

    def _shell(self, commands: str, more: Mapping[str, str]) -> list[str]:
        for given, ours in self.replaced.items():
            commands = commands.replace(given, ours)
        path = f"{self.folder}/bin:/usr/local/bin:/usr/bin:/bin"
        variables = {"HOME": str(self.folder), "PATH": path, "LANG": "C.UTF-8", **self.environment, **more}
        words = ["env", "-i", *(f"{name}={value}" for name, value in variables.items()), "sh", "-euc", commands]
        return [*become(), *words]


def become() -> list[str]:
    """Return what starts a command as the account."""
    rights = ["setpriv", f"--reuid={USER_ID}", f"--regid={USER_ID}", "--clear-groups", "--inh-caps=-all"]
    return rights if os.getuid() == 0 else []


def python_for_it() -> str:
    """Return a Python that the account can start, and make environments with: one in root's folder is not."""
    candidates = [
        os.path.realpath(sys.executable),
        *(shutil.which(name) or "" for name in ("python3", "/usr/bin/python3")),
    ]
    wanted = "import sys, ensurepip; sys.exit(sys.version_info < (3, 11))"
    for candidate in filter(None, candidates):
        command = [*become(), "env", "-i", "HOME=/", candidate, "-c", wanted]
        if subprocess.run(command, cwd="/", check=False, capture_output=True).returncode == 0:
            return candidate
    raise AssertionError(f"no Python that others can start: {shlex.join(candidates)}")
