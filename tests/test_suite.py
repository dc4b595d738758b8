"""The suite's own tools work as the tests expect."""

import socket
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import psutil
import psycopg
import pytest
import redis
import requests
from django.utils import timezone, translation

from tests import network, requirements, rounds
from tests.conftest import seconds_to_midnight
from tests.ports import free_port, is_listening
from tests.servers import Server
from tests.waiting import wait_until


@pytest.mark.parametrize("host", ["example.org", "192.0.2.1"])
def test_no_test_reaches_another_machine(host: str) -> None:
    with pytest.raises(network.OutsideWorldError):
        requests.get(f"http://{host}/", timeout=1)

    assert network.refused.pop() == host


def test_the_present_day_ends_within_a_day() -> None:
    assert 0 < seconds_to_midnight() <= timedelta(days=1).total_seconds()


def test_loopback_is_reached() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        assert is_listening(server.getsockname()[1])
    assert not is_listening(free_port())


def test_a_timeout_names_its_condition() -> None:
    def the_cows_come_home() -> bool:
        return False

    with pytest.raises(AssertionError, match="the_cows_come_home"):
        wait_until(the_cows_come_home, 0.05)


def test_required_programs_fail_instead_of_being_skipped(monkeypatch: pytest.MonkeyPatch) -> None:
    absent = requirements.Requirement(lambda: False, "needs something (Debian: something)")
    monkeypatch.setitem(requirements.REQUIREMENTS, "something", absent)

    with pytest.raises(pytest.skip.Exception, match="Debian: something"):
        requirements.require("something")

    monkeypatch.setenv("REQUIRE", "browser,something")
    with pytest.raises(pytest.fail.Exception, match="Debian: something"):
        requirements.require("something")


def test_a_server_that_does_not_come_up_leaves_nothing() -> None:
    class Stillborn(Server):
        def command(self) -> list[str]:
            return [sys.executable, "-c", "import signal; signal.pause()"]

        def is_ready(self) -> bool:
            raise OSError("it was looked at")

    server = Stillborn()
    before = set(psutil.Process().children())
    with pytest.raises(OSError, match="it was looked at"), server:
        pass

    assert set(psutil.Process().children()) <= before
    assert not server.folder.exists()


@pytest.mark.postgres
def test_the_suites_postgres_answers(postgres_url: str) -> None:
    with psycopg.connect(postgres_url) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)


@pytest.mark.redis
def test_the_suites_redis_answers(redis_url: str) -> None:
    with redis.Redis.from_url(redis_url) as client:
        assert client.ping()


def test_a_test_may_end_in_another_language_and_time_zone() -> None:
    translation.activate("fr")
    timezone.activate("Asia/Tokyo")


def test_the_next_test_starts_with_the_defaults() -> None:  # says something where both run on one worker
    assert translation.get_language() == "en"
    assert timezone.get_current_timezone_name() == "UTC"


def test_the_rounds_name_existing_files(repository: Path) -> None:
    named = [*rounds.SLOW, *rounds.ONLY_ON_SQLITE, *rounds.ON_BOTH, *rounds.KILLS]

    assert [name for name in named if not (repository / "tests" / name).exists()] == []


def test_a_program_that_reads_the_settings_of_the_tests_loads_no_pytest(repository: Path) -> None:
    """Otherwise mypy takes itself for a run of the tests, and leaves a folder in memory."""
    program = "import sys, tests; sys.exit('pytest' in sys.modules)"

    subprocess.run([sys.executable, "-c", program], cwd=repository, check=True)
