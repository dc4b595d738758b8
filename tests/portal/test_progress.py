"""People who wait see progress every five seconds."""

import os
import subprocess
from pathlib import Path

import pytest

from portal import progress
from portal.progress import Progress
from tests.waiting import wait_until


def test_a_long_step_reports_progress_until_it_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "EVERY_S", 0.25)
    said: list[str] = []

    with Progress(said.append) as variables:
        variables.step("Collecting static files")
        wait_until(lambda: len(said) >= 3)
        variables.now("Waiting for web")
        wait_until(lambda: any(line.startswith("  Waiting for web …") for line in said))

    assert said[0] == "Collecting static files"
    assert said[1].startswith("  Collecting static files … ")


def test_progress_is_reported_for_a_silent_program(repository: Path, tmp_path: Path) -> None:
    sleep = tmp_path / "sleep"  # five seconds are a hundredth here
    sleep.write_text("#!/bin/sh\nexec /bin/sleep 0.05\n")
    sleep.chmod(0o755)
    environment = {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    command = [str(repository / "bin" / "progress"), "Installing", "/bin/sh", "-c", "/bin/sleep 1; exit 3"]

    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=30)

    assert done.returncode == 3
    assert done.stdout.splitlines()[:2] == ["Installing", "  Installing … 5 s"]
