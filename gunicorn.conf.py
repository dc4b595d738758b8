"""How gunicorn serves the portal; it finds this file by its name. The numbers are settings (docs/settings.md)."""

import gc
import signal
import threading
from types import FrameType
from typing import Any

from portal.start import load_settings
from web.hangups import cut_all_short

settings = load_settings()

wsgi_app = "portal.wsgi"
preload_app = True  # loaded once, before the processes are forked: they share its memory
bind = f"{settings.WEB_HOST}:{settings.PORT}"
worker_class = "web.gunicorn_worker.Worker"  # a thread a request, so that a stream costs a thread and not a process
workers = settings.WEB_PROCESSES
threads = settings.WEB_THREADS
keepalive = 5  # s
limit_request_line = 8190  # bytes, as much as nginx passes on: links hold whole questions
graceful_timeout = 4 if settings.EMBEDDED else 30  # s; answers under way have half of it to end. `make run` waits 5
control_socket_disable = True


def pre_fork(arbiter: Any, worker: Any) -> None:
    """Leave what is loaded alone from here on: to look through it for garbage would copy it."""
    gc.collect()
    gc.freeze()


def post_worker_init(worker: Any) -> None:
    """Let what still streams at half of the time to end be told so, and written down, in the other half."""
    then = signal.getsignal(signal.SIGTERM)

    def leave(signum: int, frame: FrameType | None) -> None:
        timer = threading.Timer(worker.cfg.graceful_timeout / 2, cut_all_short)
        timer.daemon = True
        timer.start()
        if callable(then):
            then(signum, frame)

    signal.signal(signal.SIGTERM, leave)
    signal.siginterrupt(signal.SIGTERM, False)  # requests under way go on


def worker_int(worker: Any) -> None:
    """End what streams at once: Control+C, or a stop in a hurry."""
    cut_all_short()
