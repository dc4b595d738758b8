"""Database or Redis disappear during an answer: its text still arrives, and unsaved parts are reported."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
import requests
from django.conf import settings

from tests.browser.portal_process import ROOT
from tests.playground.portal_subprocess import PlaygroundSubprocess, StreamReader
from tests.playground.real_portal import ANSWER_TIMEOUT_S, PAGE, Visitor
from tests.sandbox_process import Sandbox
from tests.servers import Postgres, Redis
from tests.waiting import wait_until

pytestmark = [pytest.mark.postgres, pytest.mark.redis]

WORDS, SLOWLY = 60, "Count [count 60] [pace 50]"
WHOLE = " ".join(str(number) for number in range(1, WORDS + 1))
BACK_S, FOR_EVER_S = 60, 120
PREPARE = """
from django.core.management import call_command
from keys.catalogue import refresh_models
from tests.conftest import signed_in
from tests.factories import make_intern
call_command("migrate", verbosity=0)
refresh_models()
print(signed_in(make_intern("intern")).cookies["%s"].value)
"""


class Inhabitant(Visitor):
    """Somebody who is signed in to a portal with a database of its own."""

    def __init__(self, portal: PlaygroundSubprocess, session: str) -> None:
        self.portal = portal
        self.session = requests.Session()
        self.session.trust_env = False
        self.session.cookies.set(settings.SESSION_COOKIE_NAME, session)
        assert self.is_served()

    def is_served(self) -> bool:
        """Read the Playground's page, and tell whether it is there."""
        answer = self.session.get(self.portal.url + PAGE, timeout=ANSWER_TIMEOUT_S)
        self.page = answer.text
        return answer.ok


@pytest.fixture(scope="module")
def inhabited(sandbox_process: Sandbox) -> Iterator[tuple[Path, str]]:
    """Make a database with one person in it; return its server's folder, and the person's session."""
    sandbox_process.reset()
    with Postgres() as server, Redis() as cache:
        command = [sys.executable, str(ROOT / "manage.py"), "shell", "-v", "0", "-c"]
        made = subprocess.run(
            [*command, PREPARE % settings.SESSION_COOKIE_NAME],
            env=portal_on(sandbox_process, server, cache).environment(),
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        assert made.returncode == 0, made.stderr
        server.stop()
        yield server.folder, made.stdout.split()[-1]


def portal_on(sandbox: Sandbox, postgres: Postgres, redis: Redis) -> PlaygroundSubprocess:
    return PlaygroundSubprocess(
        sandbox,
        DATABASE_URL=postgres.url,
        REDIS_URL=redis.url,
        DATABASE_POOL_SIZE="1",  # so that who holds it is in everybody's way
        DATABASE_POOL_TIMEOUT_S="3",
        PLAYGROUND_IDLE_TIMEOUT_S="5",
    )


@pytest.fixture
def postgres(inhabited: tuple[Path, str]) -> Iterator[Postgres]:
    with Postgres(left=inhabited[0]) as server:
        yield server


@pytest.fixture
def redis() -> Iterator[Redis]:
    with Redis() as server:
        yield server


@pytest.fixture
def visitor(sandbox: Sandbox, postgres: Postgres, redis: Redis, inhabited: tuple[Path, str]) -> Iterator[Inhabitant]:
    """Serve a portal with one person in it on these servers."""
    with portal_on(sandbox, postgres, redis) as portal:
        yield Inhabitant(portal, inhabited[1])


def rows(postgres: Postgres) -> list[tuple[Any, ...]]:
    with psycopg.connect(postgres.url) as connection:
        return connection.execute("SELECT state, text, problem FROM playground_answer").fetchall()


def test_without_redis_answers_are_complete(visitor: Inhabitant, redis: Redis, postgres: Postgres) -> None:
    reader = StreamReader(visitor.send(SLOWLY))
    reader.until(lambda received: bool(received.text))

    redis.stop(signal.SIGKILL)
    reader.read_all()

    assert (reader.text, reader.said) == (WHOLE, "The answer is finished.")
    assert rows(postgres) == [("complete", WHOLE, None)]
    further = StreamReader(visitor.send("Count [count 7]"))
    further.read_all()
    assert further.said == "The answer is finished."


def test_answers_under_way_hold_no_connection_to_the_database(visitor: Inhabitant, sandbox: Sandbox) -> None:
    sandbox.faults("/chat/completions", "stream_silent", times=2, after_chunks=6, seconds=FOR_EVER_S)
    sandbox.faults("/chat/completions", "hang_before", seconds=FOR_EVER_S)
    under_way = [StreamReader(visitor.send("Count [count 30]")) for _ in range(3)]
    for reader in under_way[:2]:
        reader.until(lambda received: received.text == "1 2 3 4 5")

    assert visitor.is_served()

    for reader in under_way:
        reader.read_all()
    assert [reader.said for reader in under_way] == [
        *["The model stopped responding"] * 2,
        "The model took too long",
    ]
    assert visitor.is_served()


def test_without_the_database_text_still_arrives_and_is_reported_as_unsaved(
    visitor: Inhabitant, postgres: Postgres
) -> None:
    reader = StreamReader(visitor.send(SLOWLY))
    wait_until(lambda: rows(postgres)[0][1])

    postgres.stop(signal.SIGINT)  # PostgreSQL's word for "now"
    reader.read_all()

    assert (reader.text, reader.said) == (WHOLE, "The answer could not be kept")
    assert WHOLE in reader.article
    assert "It is finished, but the portal’s database did not answer: it is whole on this page only." in reader.article
    assert "Copy what you need of it before you leave the page." in reader.article
    assert "Complete" in reader.article
    postgres.start()
    [(state, text, problem)] = rows(postgres)
    assert (state, problem) == ("streaming", None)  # until the task finds it
    assert WHOLE.startswith(text)
    wait_until(visitor.is_served, BACK_S)
    further = StreamReader(visitor.send("Count [count 7]"))
    further.read_all()
    assert further.said == "The answer is finished."


def test_without_the_database_a_failure_has_its_card(visitor: Inhabitant, postgres: Postgres, sandbox: Sandbox) -> None:
    sandbox.faults("/chat/completions", "stream_silent", after_chunks=6, seconds=FOR_EVER_S)
    reader = StreamReader(visitor.send("Count [count 30]"))
    reader.until(lambda received: received.text == "1 2 3 4 5")

    postgres.stop(signal.SIGINT)
    sandbox.clear_faults()
    reader.read_all()

    assert reader.said == "The model stopped responding"
    assert "1 2 3 4 5" in reader.article
    assert "Copy what you need of it before you leave the page." in reader.article
