"""The ASGI application; `python -m portal.serve` serves it."""

import asyncio
import os
import signal
from importlib import import_module
from typing import Any

from django.urls import get_resolver

from portal.start import refuse_what_is_wrong
from portal.supervisor import end_with_parent

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
refuse_what_is_wrong(database=False)  # portal.serve checks the database, before it listens

from playground.rendering.pool import end_rendering  # noqa: E402  (Django's apps are loaded now)
from playground.services.autosave import last_round  # noqa: E402
from playground.services.running import interrupt_all  # noqa: E402
from web.bodies import Receive  # noqa: E402
from web.handler import Handler  # noqa: E402
from web.service_manager import report_ready  # noqa: E402
from web.shutdown import end_on_signals, last_words  # noqa: E402
from web.streams import Send  # noqa: E402

LISTENS_WITHIN_S = 0.5  # after the start: granian opens the port then
_handler = Handler()
get_resolver().url_patterns  # noqa: B018  (loads all views now, not with the first request: forked processes share them)
import_module("gateway.stream")  # now, not with the first answer


async def application(
    scope: dict[str, Any],
    receive: Receive,
    send: Send,
) -> None:
    """Answer a request, or start and shut down with the server's process."""
    if scope["type"] == "lifespan":
        await receive()
        end_on_signals()  # first: granian has them ignored, and child processes would inherit that
        end_with_parent(signal.SIGTERM)  # the first process, which may be killed
        await send({"type": "lifespan.startup.complete"})
        asyncio.get_running_loop().call_later(LISTENS_WITHIN_S, report_ready)
        await receive()
        await last_words()
        await interrupt_all()
        await last_round()
        end_rendering()
        await send({"type": "lifespan.shutdown.complete"})
    else:
        await _handler(scope, receive, send)
