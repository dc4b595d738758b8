"""`bin/manage` runs a command like the documented unit, credentials included; two scripts stand in for systemd."""

import os
import re
import subprocess
from pathlib import Path

import pytest

SYSTEMCTL = """#!/bin/sh
[ "$*" = "cat passerelle-web.service" ] && exec cat "$(dirname "$0")/unit"
echo "No files found for $2." >&2; exit 1
"""
SYSTEMD_RUN = """#!/usr/bin/env bash
while [ "$1" != -- ]; do echo "$1"; shift; done
shift
cd "$FOLDER" && CREDENTIALS_DIRECTORY=/run/credentials/manage exec "$@"
"""
PYTHON = """#!/bin/sh
echo "called: $*"
env
"""


@pytest.fixture
def folder(tmp_path: Path, repository: Path) -> Path:
    """Return a folder with the documented unit, and programs in place of systemd's and of Python."""
    documented = (repository / "docs" / "operating.md").read_text()
    unit = re.search(r"# /etc/systemd/system/passerelle-web\.service\n(.*?)\n\n\S", documented, re.DOTALL)
    assert unit
    (tmp_path / "unit").write_text(re.sub(r"^    ", "", unit[1], flags=re.MULTILINE))
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    for name, text in {"systemctl": SYSTEMCTL, "systemd-run": SYSTEMD_RUN, ".venv/bin/python": PYTHON}.items():
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)
    return tmp_path


def run(folder: Path, repository: Path, *arguments: str, **more: str) -> "subprocess.CompletedProcess[str]":
    environment = {"PATH": f"{folder}:{os.environ['PATH']}", "FOLDER": str(folder), **more}
    command = [str(repository / "bin" / "manage"), *arguments]
    return subprocess.run(
        command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )


def test_has_what_the_unit_has(folder: Path, repository: Path) -> None:
    lines = run(folder, repository, "createsuperuser", "--email", "a b@example.edu").stdout.splitlines()

    assert "called: manage.py createsuperuser --email a b@example.edu" in lines
    assert "--property=User=passerelle" in lines
    assert "--property=WorkingDirectory=/srv/passerelle" in lines
    assert "--property=EnvironmentFile=/etc/passerelle/env" in lines
    unit = (folder / "unit").read_text()
    credentials = re.findall(r"^LoadCredential=(\w+):", unit, re.MULTILINE)
    files = re.findall(r"(\w+_FILE)=%d/(\w+)", unit)
    assert len(credentials) == len(files) >= 5
    for name in credentials:
        assert f"--property=LoadCredential={name}:/etc/passerelle/{name}" in lines
    for variable, name in files:
        assert f"{variable}=/run/credentials/manage/{name}" in lines
    assert not any("%d" in line for line in lines)


def test_says_what_it_needs(folder: Path, repository: Path) -> None:
    assert "bin/manage COMMAND" in run(folder, repository).stderr
    missing = run(folder, repository, "check", UNIT="other.service")
    assert (missing.returncode, missing.stderr) == (1, "No files found for other.service.\n")
