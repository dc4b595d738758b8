"""How gunicorn serves the portal; it finds this file by its name. The numbers are settings (docs/settings.md)."""

import gc
import signal
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any

from playground.rendering.pool import rendering_pool
from portal.start import load_settings, refuse_what_is_wrong
from web.hangups import cut_all_short
from web.health import leaving

settings = load_settings()

wsgi_app = "portal.wsgi"
preload_app = True  # loaded once, before the processes are forked: they share its memory
bind = f"{settings.WEB_HOST}:{settings.PORT}"
worker_class = "web.gunicorn_worker.Worker"  # a thread a request, so that a stream costs a thread and not a process
workers = settings.WEB_PROCESSES
threads = settings.WEB_THREADS
keepalive = 5  # s
limit_request_line = 8190  # bytes, as much as nginx passes on: links hold whole questions
ANSWERS_S = 4 if settings.EMBEDDED else 30  # for answers under way, half of it to end by themselves. `make run` waits 5
graceful_timeout = settings.WEB_LEAVING_S + ANSWERS_S  # s
control_socket_disable = True


def on_starting(arbiter: Any) -> None:
    """Refuse to serve, before a port is opened, while the database holds what does harm."""
    refuse_what_is_wrong(database=True)


def pre_fork(arbiter: Any, worker: Any) -> None:
    """Leave what is loaded alone from here on: to look through it for garbage would copy it."""
    gc.collect()
    gc.freeze()


def post_worker_init(worker: Any) -> None:
    """Start what renders answers; when told to end, say that we leave, close the port, then end what streams.

    Half of the time is for what ends by itself.
    """
    rendering_pool()
    then = signal.getsignal(signal.SIGTERM)

    def leave(signum: int, frame: FrameType | None) -> None:
        if leaving.is_set():  # systemd tells the workers too, and so does the master
            return
        leaving.set()
        if settings.WEB_LEAVING_S:
            _later(settings.WEB_LEAVING_S, close_port)
        else:
            close_port()

    def close_port() -> None:
        if callable(then):
            then(signal.SIGTERM, None)
        worker.method_queue.defer(worker.stop_accepting)
        _later(ANSWERS_S / 2, cut_all_short)

    signal.signal(signal.SIGTERM, leave)
    signal.siginterrupt(signal.SIGTERM, False)  # requests under way go on


def _later(seconds: float, act: Callable[[], None]) -> None:
    timer = threading.Timer(seconds, act)
    timer.daemon = True
    timer.start()


def worker_int(worker: Any) -> None:
    """End what streams at once: Control+C, or a stop in a hurry."""
    cut_all_short()
