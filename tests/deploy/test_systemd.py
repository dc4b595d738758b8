"""The units of deploy/systemd, by systemd's own programs where they are."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Final

import pytest

from portal.settings import CELERY_TASK_QUEUES
from tests.deploy.files import PROGRAM, SYSTEMD, UNITS, with_drop_ins

ANALYZE: Final = shutil.which("systemd-analyze")
MOST_EXPOSURE: Final = 1.5  # of 10; what is left is the network
needs_systemd = pytest.mark.skipif(not ANALYZE, reason="needs systemd-analyze")


@pytest.fixture
def units(tmp_path: Path) -> list[Path]:
    """Return copies of the units, whose program is there."""
    shutil.copytree(SYSTEMD, tmp_path, dirs_exist_ok=True)
    program = shutil.which("true")
    assert program
    copies = sorted(tmp_path.glob("*.service"))
    for unit in copies:
        text = unit.read_text()
        assert PROGRAM in text
        unit.write_text(text.replace(PROGRAM, program))
    return copies


def analyze(*arguments: object) -> str:
    done = subprocess.run(["systemd-analyze", *map(str, arguments)], capture_output=True, text=True, check=False)
    return done.stdout + done.stderr + (f"status {done.returncode}" if done.returncode else "")


@needs_systemd
def test_systemd_finds_nothing_wrong(units: list[Path]) -> None:
    assert len(units) == 5

    assert analyze("verify", *units) == ""


@needs_systemd
def test_the_units_are_hardened(units: list[Path]) -> None:
    for unit in units:
        seen = analyze("security", "--offline=true", "--no-pager", unit)
        [exposure] = re.findall(r"Overall exposure level for \S+: ([\d.]+)", seen)

        assert float(exposure) <= MOST_EXPOSURE, seen


def test_every_queue_has_a_worker_and_beat_is_one() -> None:
    commands = [line for unit in UNITS for line in re.findall(rf"^ExecStart={PROGRAM} (.+)", unit.read_text(), re.M)]

    queues = sorted(name for command in commands for name in re.findall(r"-Q (\S+)", command)[:1])
    assert sorted(",".join(queues).split(",")) == sorted(queue.name for queue in CELERY_TASK_QUEUES)
    assert sorted(command.split()[0] for command in commands) == ["beat", "web", "web", "worker", "worker"]


def test_every_secret_is_a_credential_and_none_is_in_a_unit() -> None:
    text = with_drop_ins(SYSTEMD / "passerelle-web.service")
    loaded = re.findall(r"^LoadCredential=(\w+):/etc/passerelle/(\w+)$", text, re.M)
    named = re.findall(r"([A-Z_]+)_FILE=%d/(\w+)", text)

    needed = {"SECRET_KEY", "GATEWAY_ADMIN_KEY", "PLAYGROUND_KEY_SECRET", "DATABASE_URL", "EMAIL_URL"}
    assert {name for name, _ in named} == needed
    assert all(name.lower() == credential for name, credential in named)
    assert sorted(loaded) == sorted((name.lower(), name.lower()) for name in needed)
