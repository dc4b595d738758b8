"""`passerelle-restart` stops no server before another serves; a script stands in for systemctl."""

import fcntl
import os
import subprocess
from pathlib import Path

import pytest

from tests.deploy.files import SYSTEMD

SYSTEMCTL = """#!/bin/sh
echo "$*"
[ "$*" != "$FAILS" ]
"""
START, RESTART, STOP = "start passerelle-web-interim", "restart passerelle-web", "stop passerelle-web-interim"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with a program in place of systemd's."""
    (tmp_path / "systemctl").write_text(SYSTEMCTL)
    (tmp_path / "systemctl").chmod(0o755)
    return tmp_path


def restart(folder: Path, *, fails: str = "") -> tuple[list[str], int, str]:
    environment = {"PATH": f"{folder}:{os.environ['PATH']}", "LOCK": str(folder / "lock"), "FAILS": fails}
    command = [str(SYSTEMD / "passerelle-restart")]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    return done.stdout.splitlines(), done.returncode, done.stderr


def test_another_server_serves_until_the_new_one_does(folder: Path) -> None:
    assert restart(folder) == ([START, RESTART, STOP], 0, "")
    assert restart(folder, fails=START)[:2] == ([START], 1)


def test_a_new_server_that_does_not_start_leaves_the_other_one_and_says_so(folder: Path) -> None:
    calls, code, words = restart(folder, fails=RESTART)

    assert (calls, code) == ([START, RESTART], 1)
    assert "passerelle-web-interim goes on serving" in words


def test_a_second_restart_does_not_stop_the_server_of_the_first(folder: Path) -> None:
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert restart(folder) == ([], 1, "passerelle-restart is running already.\n")
