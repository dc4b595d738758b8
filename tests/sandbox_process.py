"""Start and control a sandbox gateway in a process of its own."""

import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

import requests

ROOT = Path(__file__).resolve().parent.parent
_START_S = 20.0
_STOP_S = 10.0
_CALL_S = 10.0
_MOST_OUTPUT_BYTES = 10_000_000
Json = dict[str, Any]


class SandboxDiedError(Exception):
    """The process did not come up; the message holds what it wrote."""


class Sandbox:
    """A sandbox on a free port, with spend visible at once and words without pause by default.

    It ends with `stop()`, at the end of a `with`, and when this process dies.
    """

    def __init__(
        self,
        *,
        data: Path | None = None,
        admin_key: str = "sk-sandbox-admin",
        spend_delay_s: float = 0,
        pace_ms: float = 0,
        history_days: int = 0,
        prefix: str = "",
        custom_keys: bool = True,
    ) -> None:
        self.admin_key = admin_key
        self.origin = ""
        self._prefix = prefix
        self._process: subprocess.Popen[bytes] | None = None
        self._output: IO[bytes] | None = None  # open while the process runs
        self._said = ""
        self._session = requests.Session()
        self._session.trust_env = False
        self._options = ["--admin-key", admin_key, "--spend-delay-s", str(spend_delay_s), "--pace-ms", str(pace_ms)]
        self._options += ["--history-days", str(history_days), "--remember-secrets", "--stop-with-stdin"]
        self._options += ["--prefix", prefix] if prefix else []
        self._options += ["--data", str(data)] if data else []
        self._options += [] if custom_keys else ["--no-custom-keys"]

    @property
    def url(self) -> str:
        """The gateway's base URL."""
        return self.origin + self._prefix

    @property
    def pid(self) -> int:
        """The process id."""
        return self._running.pid

    @property
    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            raise SandboxDiedError("the sandbox was not started")
        return self._process

    def start(self, *, port: int = 0) -> Self:
        """Start the process and wait until it listens."""
        self._output = tempfile.TemporaryFile()  # noqa: SIM115  # closed with the process
        self._process = subprocess.Popen(
            [sys.executable, "-m", "sandbox", "--port", str(port), *self._options],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=self._output,
            stderr=subprocess.STDOUT,
        )
        try:
            wait_until(lambda: self._settled_origin() is not None, seconds=_START_S)
        except BaseException:
            self.kill()
            raise
        self.origin = str(self._settled_origin())
        return self

    def output(self) -> str:
        """Return what the process has written since its start."""
        if self._output is None:
            return self._said
        # not read(): the file's position is shared with the process that writes
        return os.pread(self._output.fileno(), _MOST_OUTPUT_BYTES, 0).decode(errors="replace")

    def _settled_origin(self) -> str | None:
        """Return where it listens, None while it is still starting."""
        ready = re.search(r"^sandbox ready (\S+)\n", self.output(), re.MULTILINE)
        if ready is None and self._running.poll() is not None:
            raise SandboxDiedError(self.output())
        return ready and ready[1]

    def stop(self) -> None:
        """End the process with SIGTERM and wait for it; a second time does nothing."""
        self._end(subprocess.Popen.terminate)

    def kill(self) -> None:
        """End the process with SIGKILL, as a crash does."""
        self._end(subprocess.Popen.kill)

    def _end(self, strike: Callable[[subprocess.Popen[bytes]], None]) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        self._session.close()  # its idle connections are not to hold up the stop
        strike(process)
        try:
            process.wait(_STOP_S)
        finally:
            process.kill()
            if process.stdin is not None:
                process.stdin.close()
            self._said = self.output()
            if self._output is not None:
                self._output.close()
            self._output = None

    def __enter__(self) -> Self:
        return self.start() if self._process is None else self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def faults(self, path: str, kind: str, **more: object) -> None:
        """Spoil the next call (`times`, after `skip` more) of a path; kinds are listed in sandbox/faults.py."""
        self._control("POST", "faults", {"path": path, "kind": kind, **more})

    def armed_faults(self) -> list[Json]:
        """Return the faults with their `hits`, and how many calls are `waiting` in each right now."""
        faults: list[Json] = self._control("GET", "faults")
        return faults

    def clear_faults(self) -> None:
        """Disarm all faults."""
        self._control("DELETE", "faults")

    def wait_until_fault_holds(self, path: str, *, seconds: float = 10) -> None:
        """Return when a call of this path hangs in a fault, so that now is the time to kill its sender."""
        wait_until(
            lambda: any(fault["waiting"] and fault["path"] == path for fault in self.armed_faults()), seconds=seconds
        )

    def issued_secrets(self) -> list[str]:
        """Return every secret that this process has made, oldest first."""
        secrets: list[str] = self._control("GET", "issued_secrets")
        return secrets

    def live_keys(self) -> list[Json]:
        """Return what `/key/info` says of each key that is not deleted, with its `token`, oldest first."""
        keys: list[Json] = self._control("GET", "keys")
        return keys

    def reset(self) -> None:
        """Forget keys, people, spend, faults and the moved clock."""
        self._control("POST", "reset", {})

    def move_clock(self, seconds: float) -> None:
        """Move the sandbox's time forward from where it is."""
        self._control("POST", "clock", {"advance_s": seconds})

    def shorten_lifetimes(self) -> None:
        """Behave as LiteLLM 1.80.11 near a month's end: a new key for 30 days ends tomorrow."""
        self._control("POST", "lifetimes", {"short": True})

    def connections(self) -> Json:
        """Return open streams under `open`, and how many others `finished`, were `closed_by_client` or `cut`."""
        report: Json = self._control("GET", "connections")
        return report

    def call(self, method: str, path: str, *, key: str | None = None, body: object = None, **more: Any) -> Any:
        """Call the gateway itself (as admin unless a key is given) and return the `requests` response."""
        headers = {"authorization": f"Bearer {key or self.admin_key}"}
        more.setdefault("timeout", _CALL_S)
        return self._session.request(method, self.url + path, headers=headers, json=body, **more)

    def _control(self, method: str, what: str, body: Mapping[str, object] | None = None) -> Any:
        headers = {"authorization": f"Bearer {self.admin_key}"}
        url = f"{self.origin}/sandbox/{what}"
        answer = self._session.request(method, url, headers=headers, json=body, timeout=_CALL_S)
        if not answer.ok:
            raise ValueError(f"{method} {what}: {answer.status_code} {answer.text}")
        return answer.json()


def wait_until(holds: Callable[[], bool], *, seconds: float = 10) -> None:
    """Return as soon as the condition holds; fail after these seconds."""
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            raise AssertionError(f"still not so after {seconds} s")
        time.sleep(0.02)  # polling; the only pause there is
