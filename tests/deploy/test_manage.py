"""`passerelle-manage` runs a command as the web unit runs, secrets included; two scripts stand in for systemd."""

import os
import re
import subprocess
from pathlib import Path

import pytest

from tests.deploy.files import PROGRAM, SYSTEMD, with_drop_ins

SYSTEMCTL = """#!/bin/sh
[ "$*" = "cat passerelle-web.service" ] && exec cat "$(dirname "$0")/unit"
echo "No files found for $2." >&2; exit 1
"""
SYSTEMD_RUN = """#!/usr/bin/env bash
while [ "$1" != -- ]; do echo "$1"; shift; done
shift
cd "$FOLDER" && CREDENTIALS_DIRECTORY=/run/credentials/manage exec "$@"
"""
PASSERELLE = """#!/bin/sh
echo "called: $*"
env
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with the unit, and programs in place of systemd's and of the portal's."""
    unit = with_drop_ins(SYSTEMD / "passerelle-web.service")
    own = "\n[Service]\nSupplementaryGroups=ssl-cert\n"  # an operator's drop-in
    (tmp_path / "unit").write_text(unit.replace(PROGRAM, str(tmp_path / "passerelle")) + own)
    for name, text in {"systemctl": SYSTEMCTL, "systemd-run": SYSTEMD_RUN, "passerelle": PASSERELLE}.items():
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)
    return tmp_path


def run(folder: Path, *arguments: str, **more: str) -> "subprocess.CompletedProcess[str]":
    environment = {"PATH": f"{folder}:{os.environ['PATH']}", "FOLDER": str(folder), **more}
    command = [str(SYSTEMD / "passerelle-manage"), *arguments]
    return subprocess.run(
        command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )


def test_has_what_the_unit_has(folder: Path) -> None:
    lines = run(folder, "create-admin", "--email", "a b@example.edu").stdout.splitlines()

    assert "called: create-admin --email a b@example.edu" in lines
    assert "--property=User=passerelle" in lines
    assert "--property=SupplementaryGroups=ssl-cert" in lines
    assert "--property=WorkingDirectory=/var/lib/passerelle" in lines
    assert "--property=EnvironmentFile=/etc/passerelle/env" in lines
    unit = (folder / "unit").read_text()
    credentials = re.findall(r"^LoadCredential=(\w+):", unit, re.MULTILINE)
    files = re.findall(r"(\w+_FILE)=%d/(\w+)", unit)
    assert len(credentials) == len(files) >= 5
    for name in credentials:
        assert f"--property=LoadCredential={name}:/etc/passerelle/{name}" in lines
    for variable, name in files:
        assert f"{variable}=/run/credentials/manage/{name}" in lines
    assert "--setenv=VAR_DIR=/var/lib/passerelle" in lines
    assert not any("%d" in line for line in lines)


def test_a_release_that_is_not_in_service_yet_runs_itself(folder: Path) -> None:
    """As `passerelle --unit` does it; the script in `next` stands for the next release."""
    (folder / "next").write_text("#!/bin/sh\necho next: $*\nenv\n")
    (folder / "next").chmod(0o755)

    lines = run(folder, "migrate", "--check", PROGRAM=str(folder / "next")).stdout.splitlines()

    assert "next: migrate --check" in lines
    assert "SECRET_KEY_FILE=/run/credentials/manage/secret_key" in lines


def test_says_what_it_needs(folder: Path) -> None:
    assert "passerelle-manage COMMAND" in run(folder).stderr
    missing = run(folder, "check", UNIT="other.service")
    assert (missing.returncode, missing.stderr) == (1, "No files found for other.service.\n")
