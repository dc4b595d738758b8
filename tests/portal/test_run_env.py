"""`manage.py` in a second terminal uses the settings of the running portal, and of no other."""

import fcntl
from pathlib import Path
from typing import IO

import pytest

from portal import run_env
from portal.run_env import use_running_portal, written_down


@pytest.fixture(autouse=True)
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keep the links of a checkout in a folder of this test."""
    monkeypatch.setattr(run_env, "LINKS", tmp_path / "checkout" / "running")
    (tmp_path / "checkout").mkdir()
    return tmp_path


def running(folder: Path) -> IO[str]:
    """Hold the lock, as a portal does."""
    folder.mkdir()
    lock = (folder / "run.lock").open("w")
    fcntl.flock(lock, fcntl.LOCK_EX)
    return lock


def test_takes_the_settings_of_the_portal_that_runs(checkout: Path, capsys: pytest.CaptureFixture[str]) -> None:
    variables = {"EMBEDDED": "1", "PORT": "9000", "OIDC_NAME": 'it\'s $HOME, "odd"\nin two lines'}
    found = {"PORT": "9009"}
    with running(checkout / "one"), written_down(checkout / "one", variables):
        use_running_portal(found)

        assert found == {**variables, "PORT": "9009"}
        assert (checkout / "one" / "run.env").stat().st_mode & 0o777 == 0o600
        assert capsys.readouterr().err.count("\n") == 1

        for name in ("EMBEDDED", "SECRET_KEY_FILE", "DATABASE_URL"):
            chosen = {name: "of another"}
            use_running_portal(chosen)
            assert chosen == {name: "of another"}


def test_of_two_running_portals_one_must_be_named(checkout: Path, capsys: pytest.CaptureFixture[str]) -> None:
    one, two = checkout / "one", checkout / "two"
    with running(one), running(two), written_down(one, {"PORT": "1"}), written_down(two, {"PORT": "2"}):
        nothing: dict[str, str] = {}
        use_running_portal(nothing)
        named = {"VAR_DIR": str(two)}
        use_running_portal(named)

    assert nothing == {}
    assert named["PORT"] == "2"
    assert str(one) in capsys.readouterr().err.splitlines()[0]


def test_a_portal_that_has_ended_is_ignored(checkout: Path) -> None:
    found: dict[str, str] = {}
    with running(checkout / "one") as lock, written_down(checkout / "one", {"PORT": "1"}):
        lock.close()  # killed: its file is still there
        use_running_portal(found)

    assert found == {}
