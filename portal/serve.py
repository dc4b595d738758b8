"""`python -m portal.serve`: the web server of `make run`, the tests and production.

Rendering processes import this module too, as their main module: nothing heavy is imported before `main` (ADR 60).
"""

import copy
import gc
import multiprocessing
import os
import resource
import signal
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from django.conf import LazySettings

HEAD_BYTES: Final = 64 * 1024  # of request line and headers; nginx passes on half of it: links hold whole questions
HEAD_MS: Final = 10_000  # to receive a header, and the next request on a connection
CONNECTIONS: Final = 4096  # of each process; slow ones and streams cost memory, and no thread


def main() -> None:
    """Serve until the end."""
    from granian import Granian
    from granian.constants import Interfaces

    from portal.start import count_in_files, load_settings, start_metrics_server
    from web.shutdown import HURRY

    settings = load_settings()
    _refuse_in_a_fork()
    _open_many_files()
    count_in_files()
    import portal.asgi  # noqa: F401  (before the fork: processes share its memory)

    multiprocessing.set_start_method("fork")
    gc.collect()
    gc.freeze()  # a garbage collection would copy the loaded modules
    start_metrics_server(waits=True)
    server = Granian("portal.asgi:application", interface=Interfaces.ASGI, **_options(settings))
    end_as_granian_does: Callable[[], None] = server.signal_handler_interrupt

    def interrupt(*_: object) -> None:
        for process in multiprocessing.active_children():
            os.kill(process.pid or 0, HURRY)
        end_as_granian_does()

    server.on_startup(lambda: signal.signal(signal.SIGINT, interrupt))  # after granian has set its own handlers
    server.serve(target_loader=load_application, wrap_loader=False)


def load_application() -> Callable[..., Any]:
    """Return the application; granian's own loader would leave the working directory first in `sys.path`."""
    from portal.asgi import application

    return application


def _options(settings: "LazySettings") -> dict[str, Any]:
    """Return what granian is started with."""
    from granian.constants import HTTPModes
    from granian.http import HTTP1Settings
    from granian.log import LogLevels

    return {
        "address": settings.WEB_HOST,
        "port": settings.PORT,
        "workers": settings.WEB_PROCESSES,
        "http": HTTPModes.http1,
        "http1_settings": HTTP1Settings(header_read_timeout=HEAD_MS, max_buffer_size=HEAD_BYTES),
        "websockets": False,
        "backlog": 2048,
        "backpressure": CONNECTIONS,
        "log_level": LogLevels.warning,
        "log_dictconfig": copy.deepcopy(settings.LOGGING),
        "respawn_failed_workers": True,
        "workers_kill_timeout": settings.WEB_LEAVING_S + settings.WEB_GRACE_S,
    }


def _refuse_in_a_fork() -> None:
    """Refuse to serve with dangerous settings or data; in a fork, which keeps no thread or connection here."""
    from portal.start import refuse_what_is_wrong

    look = multiprocessing.get_context("fork").Process(target=refuse_what_is_wrong, kwargs={"database": True})
    look.start()
    look.join()
    if look.exitcode:
        sys.exit(look.exitcode)


def _open_many_files() -> None:
    """Raise the limit of file descriptors: a stream needs two, and systemd gives 1,024 by default."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


if __name__ == "__main__":
    main()
