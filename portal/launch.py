"""`manage.py run`: web, worker, beat and sandbox in one terminal, to try the portal. On servers: docs/operating.md."""

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

from portal.celery import app
from portal.demo import give_demo_people_a_past
from portal.preparation import prepare
from portal.supervisor import Supervisor

READY_TIMEOUT_S = 120
PAUSE_S = 0.2
ASK_TIMEOUT_S = 5
FIRST_TASKS = (  # a second apart; else pages are empty until beat's first round
    ("keys.refresh_models",),
    ("usage.refresh_facts", "today"),
    ("usage.backfill",),
)
NOT_HERE = "ignore:You're running the worker"  # as root, Celery goes on; right on servers, noise for who tries


def run_everything(say: Callable[[str], None]) -> None:
    """Prepare, start, say when all is ready, and stay until the end; CommandError tells what went wrong."""
    with lock_folder(settings.VAR_DIR):
        refuse_taken_ports()
        prepare(say)
        connections.close_all()  # what is forked from here on must not share them
        supervisor = Supervisor()
        started_at = time.time()
        threading.Thread(target=announce, args=(say, started_at), daemon=True).start()
        os.environ.update(VAR_DIR=str(settings.VAR_DIR), PYTHONUNBUFFERED="1")
        told = supervisor.run(programs(), folder=str(settings.BASE_DIR))
    if not told:
        raise CommandError(f"Everything was ended, because {supervisor.ended_first} ended: see its last lines above.")
    say("Everything has ended.")


def programs() -> dict[str, list[str]]:
    """Return the programs to start, by name; no sandbox where a real gateway is named."""
    celery = [sys.executable, "-W", NOT_HERE, "-m", "celery", "--quiet", "--app", "portal"]
    found = {
        "web": [sys.executable, "-m", "gunicorn", "--log-level", "warning"],
        "worker": [*celery, "worker", "--hostname", worker_name()],
        "beat": [*celery, "beat"],
    }
    if settings.SANDBOX:
        where = ["--port", str(settings.SANDBOX_PORT), "--data", str(settings.VAR_DIR / "sandbox.db")]
        found["sandbox"] = [sys.executable, "-m", "sandbox", *where, "--history-days", "60"]
    return found


def worker_name() -> str:
    """Return the name of our worker; others may share our Redis."""
    return f"portal@{settings.PORT}"


def lock_folder(folder: Path) -> IO[str]:
    """Return a file that stays locked while it is open; two portals in one folder would do each task twice."""
    folder.mkdir(parents=True, exist_ok=True)
    lock = (folder / "run.lock").open("w", encoding="utf-8")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.close()
        raise CommandError(f"A portal runs in {folder} already: end it, or set VAR_DIR to another folder.") from None
    return lock


def refuse_taken_ports() -> None:
    """Raise CommandError, naming the setting, for a port that another program holds."""
    wanted = {"PORT": (settings.WEB_HOST, settings.PORT)}
    if settings.SANDBOX:
        wanted["SANDBOX_PORT"] = ("127.0.0.1", settings.SANDBOX_PORT)
    for name, address in wanted.items():
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # what has just ended is no obstacle
            try:
                probe.bind(address)
            except OSError as problem:
                advice = f"end the other program, or set {name} to another port"
                raise CommandError(f"Port {address[1]} cannot be used ({problem.strerror}): {advice}.") from None


# --- Ready? ---------------------------------------------------------------------------------------
def announce(say: Callable[[str], None], started_at: float) -> None:
    """Wait until every program works, and say so, once."""
    waiting: dict[str, Callable[[], bool]] = {
        "web": web_is_ready,
        "worker": worker_is_ready,
        "beat": lambda: beat_is_ready(started_at),
    }
    deadline = time.monotonic() + READY_TIMEOUT_S
    while waiting and time.monotonic() < deadline:
        waiting = {name: is_ready for name, is_ready in waiting.items() if not is_ready()}
        time.sleep(PAUSE_S if waiting else 0)
    if waiting:
        say(f"Not ready after {READY_TIMEOUT_S} s: {', '.join(waiting)}")
        return
    if settings.SANDBOX:
        give_demo_people_a_past(say)
    for after_s, (task, *args) in enumerate(FIRST_TASKS):
        app.send_task(task, args, countdown=after_s, expires=READY_TIMEOUT_S)
    say(welcome())


def web_is_ready() -> bool:
    """Ask the portal whether it can serve; with a sandbox, the gateway must be up as well."""
    host = "127.0.0.1" if settings.WEB_HOST == "0.0.0.0" else settings.WEB_HOST  # noqa: S104  (asked, not opened)
    try:
        answer = requests.get(f"http://{host}:{settings.PORT}/healthz/ready", timeout=ASK_TIMEOUT_S)
    except requests.RequestException:
        return False
    return answer.status_code == 200 and (not settings.SANDBOX or answer.json()["parts"]["gateway"] == "up")


def worker_is_ready() -> bool:
    """Ping our worker through the broker."""
    return bool(app.control.broadcast("ping", destination=[worker_name()], reply=True, limit=1, timeout=1))


def beat_is_ready(started_at: float) -> bool:
    """Look whether beat has written its schedule since we started it."""
    name = Path(settings.CELERY_BEAT_SCHEDULE_FILENAME)
    return any(path.stat().st_mtime >= started_at for path in name.parent.glob(f"{name.name}*"))


def welcome() -> str:
    """Return what a person needs to begin."""
    if settings.SANDBOX:
        people = "Sign in as intern, staff or admin; the password is passerelle. The gateway is a sandbox."
    else:
        people = f"The gateway is {settings.GATEWAY_URL}. Make the first account: manage.py createsuperuser"
    return f"\nPasserelle is ready: {settings.PORTAL_URL}\n{people}\nCtrl-C ends it.\n"
