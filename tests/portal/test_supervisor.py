"""`make run` and its programs: restarts, terminal output, logs, and giving up in the end."""

import signal
import sys
import threading
from pathlib import Path

import psutil
import pytest

from portal import supervisor
from portal.supervisor import Supervisor
from tests.waiting import wait_until


def run(script: str, folder: Path, said: list[str], **more: str) -> Supervisor:
    """Run Python programs until one is given up, or tells us to end."""
    programs = {name: [sys.executable, "-c", text] for name, text in {"one": script, **more}.items()}
    found = Supervisor(programs, folder=str(folder), log=folder / "log" / "run.log")
    found.run(said.append)
    return found


def test_a_program_that_keeps_crashing_ends_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "BACKOFF_S", (0.0,) * 5)
    said: list[str] = []

    ended = run("import sys; sys.exit(3)", tmp_path, said, two="import time; time.sleep(60)")

    assert ended.given_up == "one"
    notes = [line for line in said if "status 3" in line]
    assert len(notes) == 5
    assert all(str(tmp_path / "log" / "run.log") in line for line in notes[:4])
    assert not [child for child in psutil.Process().children() if "time.sleep(60)" in child.cmdline()]


def test_the_terminal_shows_warnings_errors_and_tracebacks_and_the_log_has_all(tmp_path: Path) -> None:
    said: list[str] = []
    script = """
import os, signal, sys, time
print("on standard output")
for level, text in [("INFO", "calm"), ("WARNING", "careful"), ("DEBUG", "fine"), ("ERROR", "broken")]:
    print(f"2026-11-28 20:40:00,123 {level} keys.tasks {text}", file=sys.stderr)
print("Traceback (most recent call last):\\n  File x\\nValueError: odd", file=sys.stderr)
print("2026-11-28 20:40:00,123 INFO keys.tasks " + "x" * 200_000, file=sys.stderr)
sys.stderr.buffer.write(b"\\xff\\n")
time.sleep(0.5)
os.kill(os.getppid(), signal.SIGTERM)
time.sleep(60)
"""
    run(script, tmp_path, said)

    log = (tmp_path / "log" / "run.log").read_text()
    shown = "\n".join(said)
    for text in ("careful", "broken", "Traceback", "  File x", "ValueError: odd"):
        assert text in shown
        assert text in log
    for text in ("calm", "fine", "on standard output"):
        assert text not in shown
        assert text in log


def test_the_log_does_not_grow_without_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "LOG_BYTES", 10_000)
    script = "import os, signal, time\nfor _ in range(2000): print('x' * 100, flush=True)\n"
    script += "os.kill(os.getppid(), signal.SIGINT); time.sleep(60)"

    run(script, tmp_path, [])

    sizes = [path.stat().st_size for path in (tmp_path / "log").iterdir()]
    assert 1 < len(sizes) <= supervisor.LOG_FILES + 1
    assert max(sizes) <= 10_000


def test_a_program_that_ends_leaves_no_child_process(tmp_path: Path) -> None:
    """A web server that is killed leaves its own processes, which hold its port."""
    said: list[str] = []
    script = f"""
import os, pathlib, signal, subprocess, sys, time
path = pathlib.Path({str(tmp_path / "child")!r})
if path.exists():
    os.kill(os.getppid(), signal.SIGHUP)
else:
    path.write_text(str(subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]).pid))
    os.kill(os.getpid(), signal.SIGKILL)
time.sleep(60)
"""
    run(script, tmp_path, said)

    child = int((tmp_path / "child").read_text())
    wait_until(lambda: not psutil.pid_exists(child) or psutil.Process(child).status() == psutil.STATUS_ZOMBIE)
    assert "one was killed by SIGKILL" in said[0]


def test_a_terminal_that_is_closed_stops_nothing(tmp_path: Path) -> None:
    def closed(line: str) -> None:
        raise BrokenPipeError(line)

    script = "import os, signal, sys, time\nfor _ in range(3000): print('y' * 100, file=sys.stderr)\n"
    script += "os.kill(os.getppid(), signal.SIGTERM); time.sleep(60)"
    before = threading.active_count()

    Supervisor({"one": [sys.executable, "-c", script]}, folder=str(tmp_path), log=tmp_path / "run.log").run(closed)

    wait_until(lambda: threading.active_count() <= before)
    assert (tmp_path / "run.log").read_text().count("y" * 100) == 3000
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
