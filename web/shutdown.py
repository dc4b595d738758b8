"""How a web process ends: it reports its shutdown, closes its port, lets streams finish, then ends them."""

import asyncio
import os
import signal
import threading
from typing import Final

from django.conf import settings

from web.streams import Stream

HURRY: Final = signal.SIGUSR1  # sent by the first process after Control+C
LAST_WORDS_S: Final = 5.0  # for what ended streams still write

leaving: Final = threading.Event()  # this process is shutting down
announced: Final = threading.Event()  # and says so, while it still takes requests


def end_on_signals() -> None:
    """Shut down on SIGTERM, and faster on HURRY; called on the server's loop, where SIGINT closes the port."""
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, _leave, settings.WEB_LEAVING_S, settings.WEB_GRACE_S / 2)
    loop.add_signal_handler(HURRY, _leave, 0, 0)


def _leave(port_s: float, streams_s: float) -> None:
    """Close the port after `port_s`, and end running streams `streams_s` later.

    Readiness says so in these seconds. Without any it does not: another process may serve on the port already, and
    a balancer must not take the node out because one of the two ends.
    """
    if leaving.is_set():  # systemd signals this process, and so does the first one
        return
    leaving.set()
    if port_s:
        announced.set()
    loop = asyncio.get_running_loop()
    loop.call_later(port_s, os.kill, os.getpid(), signal.SIGINT)
    loop.call_later(port_s + streams_s, _end_streams)


def _end_streams() -> None:
    for stream in list(Stream.under_way):
        stream.end()


async def last_words() -> None:
    """End running streams, and wait for what they still write."""
    _end_streams()
    loop = asyncio.get_running_loop()
    until = loop.time() + LAST_WORDS_S
    while Stream.under_way and loop.time() < until:
        await asyncio.sleep(0.02)
