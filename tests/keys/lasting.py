"""Report what a kill does not undo, when it has been done: a commit, a statement outside of a transaction, a request
to the gateway or another server, a message, a mail, a file. What only reads is not reported.
"""

import threading
from collections.abc import Callable
from concurrent.futures import Future
from functools import wraps
from http.client import HTTPConnection, HTTPResponse
from typing import Any, Final

from django.core.files.storage import FileSystemStorage
from django.core.mail.backends.smtp import EmailBackend
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.utils import CursorWrapper
from kombu.transport.virtual import Channel
from redis.connection import AbstractConnection

Condition = Callable[..., bool]  # asked with what the method is called with

READING_STATEMENTS: Final = ("SELECT", "BEGIN")
READING_COMMANDS: Final = {b"AUTH", b"CLIENT", b"EXISTS", b"GET", b"HELLO", b"MGET", b"PING", b"SELECT", b"TTL"}


def report_what_lasts(report: Callable[[], object]) -> None:
    """Call `report` after all that lasts from now on, in the thread that did it."""
    _after(BaseDatabaseWrapper, "_commit", report)
    for execute in ("_execute", "_executemany"):
        _after(CursorWrapper, execute, report, _is_own_transaction)
    for exchange in ("send", "getresponse"):
        _after(HTTPConnection, exchange, report, _is_no_get)
    for read in ("read", "read1", "readinto", "readline"):
        _after(HTTPResponse, read, report, _is_no_get)
    _after(AbstractConnection, "send_packed_command", report, _changes_redis)
    _after(Channel, "basic_publish", report)
    _after(EmailBackend, "_send", report)
    for change in ("_save", "delete"):
        _after(FileSystemStorage, change, report)


def report_waits(report: Callable[[], object]) -> None:
    """Call `report` when a thread goes on that has waited for another."""
    _after(Future, "result", report)
    _after(threading.Condition, "wait", report)
    _after(threading.Thread, "join", report)


def _after(owner: type, name: str, report: Callable[[], object], is_it: Condition = lambda *_, **__: True) -> None:
    method = getattr(owner, name)

    @wraps(method)
    def reporting(*given: Any, **named: Any) -> Any:
        lasts = is_it(*given)
        try:
            return method(*given, **named)
        finally:
            if lasts:
                report()

    setattr(owner, name, reporting)


def _is_no_get(of_an_exchange: Any, *_: object) -> bool:
    return getattr(of_an_exchange, "_method", None) != "GET"


def _is_own_transaction(cursor: CursorWrapper, statement: object, *_: object) -> bool:
    """Tell whether a statement is its own transaction, and writes."""
    return not cursor.db.in_atomic_block and not str(statement).lstrip().startswith(READING_STATEMENTS)


def _changes_redis(_connection: AbstractConnection, packed: Any, *_: object) -> bool:
    """Tell whether one of several commands, or this one, does more than to read: "*2 $3 GET …", by lines."""
    words = b"".join([packed] if isinstance(packed, bytes) else packed).split(b"\r\n", 3)
    return words[2].upper() not in READING_COMMANDS or b"MULTI" in words
