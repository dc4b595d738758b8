"""How a web process ends: it says that it leaves, closes its port, lets streams end by themselves, then ends them."""

import asyncio
import os
import signal
import threading
from typing import Final

from django.conf import settings

from web.streams import Stream

leaving: Final = threading.Event()  # this process was told to end
ANSWERS_S: Final = 4 if settings.EMBEDDED else 30  # for answers under way, half of it to end by themselves
LAST_WORDS_S: Final = 5.0  # for what ended streams still write


def end_on_sigterm() -> None:
    """Do so when SIGTERM comes; called on the event loop of the server, whose own handler of SIGINT closes the port."""
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, _leave)


def _leave() -> None:
    if not leaving.is_set():  # systemd tells this process too, and so does the master
        leaving.set()
        asyncio.get_running_loop().call_later(settings.WEB_LEAVING_S, _close_port)


def _close_port() -> None:
    os.kill(os.getpid(), signal.SIGINT)
    asyncio.get_running_loop().call_later(ANSWERS_S / 2, _end_streams)


def _end_streams() -> None:
    for stream in list(Stream.under_way):
        stream.end()


async def last_words() -> None:
    """Wait for the end of what streams do after their clients have gone."""
    _end_streams()
    loop = asyncio.get_running_loop()
    until = loop.time() + LAST_WORDS_S
    while Stream.under_way and loop.time() < until:
        await asyncio.sleep(0.02)
