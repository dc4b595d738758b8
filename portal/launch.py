"""`manage.py run`: web, worker, beat and sandbox in one terminal, for trials. On servers: docs/operating.md."""

import fcntl
import os
import socket
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO

import requests
from django.conf import settings
from django.core.management.base import CommandError
from django.db import connections
from kombu.exceptions import KombuError

from portal import run_env
from portal.broker import tidy_up
from portal.celery import app
from portal.demo import give_demo_people_a_past
from portal.folders import BASE_DIR, INSTALLED
from portal.old_data import begin_anew_after_another_version
from portal.preparation import prepare
from portal.private_files import close_to_others
from portal.progress import Progress
from portal.settings import env
from portal.start import refuse_what_is_wrong
from portal.supervisor import Supervisor

SLOW_AFTER_S = 120
PAUSE_S = 0.2
ASK_TIMEOUT_S = 5
LOCK_TRIES = 5  # checking whether a portal runs takes the lock for a moment
FIRST_TASKS_EXPIRE_S = 120
FIRST_TASKS = (  # a second apart; otherwise pages are empty until beat's first round
    ("keys.refresh_models",),
    ("usage.refresh_facts", "today"),
    ("usage.backfill",),
)
ALONE = ("--without-gossip", "--without-mingle", "--without-heartbeat")  # there are no other workers
NOT_HERE = "ignore:You're running the worker"  # as root, Celery goes on; right on servers, noise in a trial


def run_everything(say: Callable[[str], None]) -> None:
    """Prepare, start, report when all is ready, and run until the end; CommandError explains a failure."""
    os.umask(0o077)
    with lock_folder(settings.VAR_DIR):
        begin_anew_after_another_version(say)
    with lock_folder(settings.VAR_DIR), Progress(say) as progress:
        refuse_taken_ports()
        close_to_others(settings.VAR_DIR, but=settings.STATIC_ROOT)
        if not settings.REDIS_URL:
            tidy_up(settings.BROKER_DIR)
        refuse_what_is_wrong(database=True)  # the programs check again, when all migrations are done
        prepare(progress.step)
        os.environ.update(EMBEDDED="1", VAR_DIR=str(settings.VAR_DIR), PYTHONUNBUFFERED="1")
        connections.close_all()  # forked processes must not share them
        found = programs()
        progress.step(f"Starting {', '.join(found)}")
        supervisor = Supervisor(found, folder=str(BASE_DIR), log=log_path())
        threading.Thread(target=announce, args=(say, progress, time.time()), daemon=True).start()
        with run_env.written_down(settings.VAR_DIR, env.given()):
            supervisor.run(say)
    if supervisor.given_up:
        raise CommandError(f"Everything was stopped, because {supervisor.given_up} keeps failing: see {log_path()}")
    say("Everything has ended.")


def programs() -> dict[str, list[str]]:
    """Return the programs to start, by name; no sandbox where a real gateway is named."""
    celery = [sys.executable, "-W", NOT_HERE, "-m", "celery", "--quiet", "--app", "portal"]
    found = {
        "web": [sys.executable, "-m", "portal.serve"],
        "worker": [*celery, "worker", "--hostname", worker_name(), *ALONE],
        "beat": [*celery, "beat"],
    }
    if settings.SANDBOX:
        where = ["--port", str(settings.SANDBOX_PORT), "--data", str(settings.DATA_DIR / "gateway.db")]
        found["sandbox"] = [sys.executable, "-m", "sandbox", *where, "--history-days", "60"]
    return found


def worker_name() -> str:
    """Return the name of our worker; the Redis may be shared."""
    return f"portal@{settings.PORT}"


def log_path() -> Path:
    """Return the file with the output of all programs."""
    return Path(settings.VAR_DIR) / "log" / "run.log"


def lock_folder(folder: Path) -> IO[str]:
    """Return a file that is locked while it is open; two portals in one folder would run each task twice."""
    lock = (folder / "run.lock").open("w", encoding="utf-8")
    for _ in range(LOCK_TRIES):
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return lock
        except BlockingIOError:
            time.sleep(PAUSE_S)
    lock.close()
    raise CommandError(f"A portal runs in {folder} already: end it, or set VAR_DIR to another folder.")


def refuse_taken_ports() -> None:
    """Raise CommandError, naming the setting, for a port in use."""
    wanted = {"PORT": (settings.WEB_HOST, settings.PORT)}
    if settings.SANDBOX:
        wanted["SANDBOX_PORT"] = ("127.0.0.1", settings.SANDBOX_PORT)
    for name, address in wanted.items():
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # a program that has just ended is no obstacle
            try:
                probe.bind(address)
            except OSError as problem:
                advice = f"end the other program, or set {name} to another port"
                raise CommandError(f"Port {address[1]} cannot be used ({problem.strerror}): {advice}.") from None


# --- Ready? ---------------------------------------------------------------------------------------
def announce(say: Callable[[str], None], progress: Progress, started_at: float) -> None:
    """Wait until every program works, and report it, once."""
    waiting: dict[str, Callable[[], bool]] = {
        "web": web_is_ready,
        "worker": worker_is_ready,
        "beat": lambda: beat_is_ready(started_at),
    }
    slow_at = time.monotonic() + SLOW_AFTER_S
    while waiting := {name: is_ready for name, is_ready in waiting.items() if not is_ready()}:
        progress.now(f"Waiting for {', '.join(waiting)}")
        if time.monotonic() > slow_at:
            say(f"Not ready after {SLOW_AFTER_S} s: {', '.join(waiting)}. What they print is in {log_path()}")
            slow_at = float("inf")
        time.sleep(PAUSE_S)
    if settings.SANDBOX:
        progress.now("Making keys of the demo people, and their past")
        give_demo_people_a_past(say)
    for after_s, (task, *args) in enumerate(FIRST_TASKS):
        app.send_task(task, args, countdown=after_s, expires=FIRST_TASKS_EXPIRE_S)
    progress.now("")
    say(welcome())


def web_is_ready() -> bool:
    """Check that the portal can serve; with a sandbox, that the gateway is up as well."""
    host = "127.0.0.1" if settings.WEB_HOST == "0.0.0.0" else settings.WEB_HOST  # noqa: S104  (asked, not opened)
    try:
        answer = requests.get(f"http://{host}:{settings.PORT}/healthz/ready", timeout=ASK_TIMEOUT_S)
    except requests.RequestException:
        return False
    return answer.status_code == 200 and (not settings.SANDBOX or answer.json()["parts"]["gateway"] == "up")


def worker_is_ready() -> bool:
    """Ping our worker through the broker."""
    try:
        return bool(app.control.broadcast("ping", destination=[worker_name()], reply=True, limit=1, timeout=1))
    except (KombuError, OSError):
        return False


def beat_is_ready(started_at: float) -> bool:
    """Check whether beat has written its times since its start."""
    path = Path(settings.CELERY_BEAT_SCHEDULE_FILENAME)
    return path.exists() and path.stat().st_mtime >= started_at


def welcome() -> str:
    """Return the text that a person needs to begin."""
    if settings.SANDBOX:
        people = "Sign in as intern, staff or admin; the password is passerelle. The gateway is a sandbox."
    else:
        program = "passerelle" if INSTALLED else ".venv/bin/python -m passerelle"
        people = (
            f"The gateway is {settings.GATEWAY_URL}. In a second terminal, in this folder:\n"
            f"  {program} check-gateway    can the portal work with it?\n"
            f"  {program} create-admin     the first account"
        )
    where = f"The log is {log_path()}, mails are in {settings.EMAIL_FILE_PATH}"
    return f"\nPasserelle is ready: {settings.PORTAL_URL}\n{people}\n{where}\nCtrl-C ends it.\n"
