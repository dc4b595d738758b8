"""`make run` for a newcomer: it prepares, works, and leaves no process behind, however it ends."""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from secrets import token_hex

import psutil
import psycopg
import pytest
import requests

from tests.ports import free_port, is_listening
from tests.sandbox_process import Sandbox
from tests.static_files import collected_in
from tests.waiting import wait_until

pytestmark = pytest.mark.timeout(400)
READY_TIMEOUT_S = 240  # on a machine that is busy with other tests
BACK_TIMEOUT_S = 120  # 10 on a machine with nothing else to do
PROGRAM_WORDS = {"web": "portal.serve", "worker": "worker", "beat": "beat", "sandbox": "sandbox"}  # of its command line
END_TIMEOUT_S = 60
MAKE = ["make", "-o", ".venv/.installed", "-o", "node_modules/.installed", "run", f"PYTHON={sys.executable}"]
MANAGE = [sys.executable, "manage.py", "run"]


class Run:
    """A portal that was started in a folder of its own, on free ports."""

    def __init__(self, command: list[str], folder: Path, repository: Path, variables: dict[str, str]) -> None:
        self.port, self.sandbox_port, self.folder = free_port(), free_port(), folder
        self.log = folder / "log"
        environment = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        environment |= {"EMBEDDED": "1", "PORT": str(self.port), "SANDBOX_PORT": str(self.sandbox_port)}
        environment |= {"VAR_DIR": str(folder / "var"), **variables}
        with self.log.open("wb") as log:
            self.process = psutil.Popen(
                command, cwd=repository, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT
            )

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def output(self) -> str:
        return self.log.read_text()

    def said(self, text: str) -> bool:
        return text in self.output()

    def is_ready(self) -> bool:
        assert self.process.poll() is None, self.output()
        return "Passerelle is ready: http" in self.output()

    def descendants(self) -> list[psutil.Process]:
        return list(self.process.children(recursive=True))

    def program(self, name: str) -> psutil.Process:
        return next(child for child in self.descendants() if name in child.cmdline())


@contextmanager
def running_again(folder: Path, repository: Path, **variables: str) -> Iterator[Run]:
    """Start a portal that has its static files from an earlier start."""
    earlier = collected_in()
    (folder / "var").mkdir()
    shutil.copy(earlier / "static.stamp", folder / "var")
    with running(MANAGE, folder, repository, STATIC_ROOT=str(earlier / "static"), **variables) as run:
        assert "Collecting static files" not in run.output()
        yield run


@contextmanager
def running(command: list[str], folder: Path, repository: Path, **variables: str) -> Iterator[Run]:
    """Start a portal and wait until it says that it is ready; kill what is left of it."""
    run = Run(command, folder, repository, variables)
    started: list[psutil.Process] = []
    try:
        wait_until(run.is_ready, READY_TIMEOUT_S)
        started = run.descendants()
        yield run
    finally:
        for process in [*started, *(run.descendants() if run.process.is_running() else []), run.process]:
            if process.is_running():
                process.kill()
        run.process.wait()


def assert_nothing_is_left(processes: list[psutil.Process], run: Run) -> None:
    _, alive = psutil.wait_procs(processes, END_TIMEOUT_S)
    assert [process for process in alive if process.status() != psutil.STATUS_ZOMBIE] == []
    assert not is_listening(run.port)
    assert not is_listening(run.sandbox_port)


def signed_in(run: Run) -> requests.Session:
    """Sign in as the demo intern, as a browser would."""
    session = requests.Session()
    session.get(f"{run.url}/account/login/", timeout=10)
    form = {"login": "intern", "password": "passerelle", "csrfmiddlewaretoken": session.cookies["csrf"]}
    answer = session.post(f"{run.url}/account/login/", form, timeout=10)
    assert answer.url == f"{run.url}/", answer.text
    return session


@pytest.mark.slow
def test_a_newcomer_gets_a_key_a_second_terminal_needs_no_exports_and_term_ends_all(
    tmp_path: Path, repository: Path
) -> None:
    with running(MAKE, tmp_path, repository) as run:
        secret = key_of_a_newcomer(run)
        assert "Collecting static files" in run.output()
        assert_a_second_terminal_needs_no_exports(run, repository)
        assert_closed_to_others(tmp_path / "var", but_for=tmp_path / "var" / "static")

        processes = [run.process, *run.descendants()]
        run.process.send_signal(signal.SIGTERM)
        assert_nothing_is_left(processes, run)

        assert "Everything has ended." in run.output()
        assert secret not in run.output()
    assert not (tmp_path / "var" / "run.env").exists()


def key_of_a_newcomer(run: Run) -> str:
    """Sign in and create a key; return its secret, which the gateway takes."""
    session = signed_in(run)
    form = {"label": "thesis", "kind": "temporary", "csrfmiddlewaretoken": session.cookies["csrf"]}
    page = session.post(f"{run.url}/keys/create/", form, timeout=10).text
    secrets: set[str] = set(re.findall(r"sk-[\w-]{20,}", page))
    [secret] = secrets
    gateway = f"http://127.0.0.1:{run.sandbox_port}/v1/models"
    assert requests.get(gateway, headers={"Authorization": f"Bearer {secret}"}, timeout=10).status_code == 200
    return secret


def assert_a_second_terminal_needs_no_exports(run: Run, repository: Path) -> None:
    """Make an account and check the gateway, with nothing given but where the portal runs."""
    environment = {
        "PATH": os.environ["PATH"],
        "VAR_DIR": str(run.folder / "var"),
        "DJANGO_SUPERUSER_PASSWORD": "a long one",
    }
    make = ["manage.py", "createsuperuser", "--no-input", "--username", "root", "--email", "root@example.edu"]
    for command in (make, ["manage.py", "check_gateway"]):
        done = subprocess.run(
            [sys.executable, *command], cwd=repository, env=environment, capture_output=True, text=True, timeout=90
        )

        assert done.returncode == 0, done.stderr + done.stdout
        assert done.stderr.count("\n") == 1
        assert str(run.folder / "var" / "run.env") in done.stderr
    assert f":{run.sandbox_port}." in done.stdout
    names = set((repository / "var" / "running").iterdir())
    assert run.folder / "var" / "run.env" in {link.resolve() for link in names}


def assert_closed_to_others(folder: Path, *, but_for: Path) -> None:
    """Check all that lies in the folder; static files are served to everybody."""
    found = [path for path in (folder, *folder.rglob("*")) if is_open_to_others(path)]
    assert [path for path in found if path != but_for and but_for not in path.parents] == []


def is_open_to_others(path: Path) -> bool:
    try:
        return bool(path.stat().st_mode & 0o077)
    except FileNotFoundError:  # a message that was taken meanwhile
        return False


@pytest.mark.slow
def test_killed_programs_are_restarted_and_end_with_their_parent(tmp_path: Path, repository: Path) -> None:
    with running_again(tmp_path, repository) as run:
        log = tmp_path / "var" / "log" / "run.log"
        before = log.read_text().count("celery.apps.worker portal@")
        torn = tmp_path / "var" / "sandbox" / "broker" / "2_torn.celery.msg"
        torn.write_bytes(b'{"body": "W1')
        wait_until(lambda: not torn.exists(), BACK_TIMEOUT_S)
        killed = {name: run.program(word) for name, word in PROGRAM_WORDS.items()}
        assert len(killed) == 4

        for process in killed.values():
            process.kill()
        for name in killed:
            wait_until(partial(run.said, f"{name} was killed by SIGKILL"), BACK_TIMEOUT_S)

        wait_until(lambda: is_listening(run.port) and is_listening(run.sandbox_port), BACK_TIMEOUT_S)
        wait_until(lambda: log.read_text().count("celery.apps.worker portal@") > before, BACK_TIMEOUT_S)
        assert {run.program(word).pid for word in PROGRAM_WORDS.values()}.isdisjoint(
            each.pid for each in killed.values()
        )
        signed_in(run)
        assert str(log) in run.output()
        assert "worker | " in run.output()  # the file that could not be read
        assert " INFO " not in run.output()
        assert "Traceback" not in log.read_text()

        processes = [run.process, *run.descendants()]
        run.process.kill()
        assert_nothing_is_left(processes, run)


@pytest.mark.parametrize(
    "command",
    [
        ["createsuperuser", "--no-input"],
        pytest.param(["rebuild_usage"], marks=pytest.mark.slow),
        pytest.param(["seed_demo"], marks=pytest.mark.slow),
    ],
)
def test_a_database_without_tables_is_one_line(tmp_path: Path, repository: Path, command: list[str]) -> None:
    variables = {
        "DJANGO_SUPERUSER_USERNAME": "r",
        "DJANGO_SUPERUSER_PASSWORD": "p",
        "DJANGO_SUPERUSER_EMAIL": "r@example.edu",
    }
    environment = {"PATH": os.environ["PATH"], "EMBEDDED": "1", "VAR_DIR": str(tmp_path), **variables}

    done = subprocess.run(
        [sys.executable, "manage.py", *command],
        cwd=repository,
        env=environment,
        capture_output=True,
        text=True,
        timeout=90,
    )

    assert done.returncode == 1
    [line] = done.stderr.splitlines()
    assert "is not up to date" in line
    assert "make run" in line


@pytest.mark.slow
@pytest.mark.postgres
@pytest.mark.redis
def test_servers_that_are_named_are_used_and_control_c_ends_all(
    tmp_path: Path, repository: Path, sandbox: Sandbox, postgres_url: str, redis_url: str
) -> None:
    variables = {"GATEWAY_URL": sandbox.url, "GATEWAY_ADMIN_KEY": "sk-not-the-default"}
    with running_again(tmp_path, repository, DATABASE_URL=postgres_url, REDIS_URL=redis_url, **variables) as run:
        assert not [child for child in run.descendants() if "sandbox" in child.cmdline()]
        assert not is_listening(run.sandbox_port)
        with psycopg.connect(postgres_url) as connection:
            [people] = connection.execute("SELECT count(*) FROM accounts_user").fetchone() or [None]
        assert people == 0
        assert not (tmp_path / "var" / "db.sqlite3").exists()
        assert "create-admin" in run.output()

        processes = [run.process, *run.descendants()]
        run.process.send_signal(signal.SIGINT)
        assert_nothing_is_left(processes, run)
        assert run.process.wait() == 0


@pytest.mark.parametrize("name", ["PORT", pytest.param("SANDBOX_PORT", marks=pytest.mark.slow)])
def test_a_port_in_use_is_reported_in_one_line(tmp_path: Path, repository: Path, name: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = str(server.getsockname()[1])
        variables = {"PORT": str(free_port()), "SANDBOX_PORT": str(free_port()), name: port}
        done = refused(repository, VAR_DIR=str(tmp_path), EMBEDDED="1", **variables)

    assert done.returncode == 1
    assert [port in line and name in line for line in done.stderr.splitlines()] == [True]
    assert not (tmp_path / "db.sqlite3").exists()


def test_run_is_for_trials_only(repository: Path, tmp_path: Path) -> None:
    variables = {
        "SECRET_KEY": token_hex(32),
        "PORTAL_URL": "https://portal.example.edu",
        "EMAIL_URL": "smtp://127.0.0.1",
    }
    variables |= {
        "GATEWAY_URL": "https://gateway.example.edu",
        "GATEWAY_ADMIN_KEY": token_hex(32),
        "REDIS_URL": "redis://127.0.0.1/0",
    }
    variables |= {"DATABASE_URL": "postgresql://portal@127.0.0.1/portal", "TRUSTED_PROXY_COUNT": "1"}
    variables |= {"PLAYGROUND_KEY_SECRET": token_hex(32)}

    done = refused(repository, VAR_DIR=str(tmp_path), **variables)

    assert done.returncode == 1
    assert "EMBEDDED=1" in done.stderr


def refused(repository: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        MANAGE,
        cwd=repository,
        env={"PATH": os.environ["PATH"], **variables},
        capture_output=True,
        text=True,
        timeout=60,
    )
