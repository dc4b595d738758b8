"""End a process at a chosen line of the services, as SIGKILL or a power cut would."""

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

from django.db import connections

import keys.services

SERVICES = str(Path(keys.services.__file__).parent)


def killed_at_line(number: int, act: Callable[[], object], folder: str = SERVICES) -> bool:
    """Run `act` in a child that is killed at the start of the `number`th line that it runs in a folder of services.

    Return False when it came to its end before.
    """
    close_connections()
    child = os.fork()
    if child == 0:
        _die_at(number, folder)
        try:
            act()
        finally:
            os._exit(0)
    _, status = os.waitpid(child, 0)
    return os.WIFSIGNALED(status)


def close_connections() -> None:
    """Close what parent and child must not share."""
    for connection in connections.all(initialized_only=True):
        connection.close()
        if getattr(connection, "pool", None):
            connection.close_pool()  # type: ignore[attr-defined]  # PostgreSQL only


def _die_at(number: int, folder: str) -> None:
    """Kill this process when so many lines of the services have begun."""
    begun = 0

    def trace(frame: FrameType, event: str, _arg: Any) -> Any:
        nonlocal begun
        if not frame.f_code.co_filename.startswith(folder):
            return None
        if event == "line":
            begun += 1
            if begun == number:
                os.kill(os.getpid(), signal.SIGKILL)
        return trace

    sys.settrace(trace)
