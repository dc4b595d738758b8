"""The broker of the embedded mode: a message is a file in a folder, visible only when it is complete.

It replaces kombu's own `filesystem` transport, whose readers find files that are still being written, and stop
the worker. Celery finds it by CELERY_BROKER_TRANSPORT; servers use Redis (docs/adr/0014).
"""

import json
import logging
import os
import stat
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from fcntl import LOCK_EX, flock
from pathlib import Path
from queue import Empty
from typing import Any, ClassVar, Final
from urllib.parse import quote
from uuid import uuid4

from kombu.exceptions import ChannelError
from kombu.transport import virtual
from kombu.utils.json import dumps, loads

from portal.private_files import write_whole

MOST_BYTES: Final = 16 * 1024 * 1024  # of a message; tasks have ids only, and need a thousandth
Binding = tuple[str, str, str]  # routing key, pattern, queue
logger = logging.getLogger(__name__)
_binding: Final = threading.Lock()


class NotAMessageError(Exception):
    """A file in the folder holds no message."""


class Channel(virtual.Channel):
    """Writes messages into the folder, and reads them, each once."""

    supports_fanout = True

    def __init__(self, connection: Any, **kwargs: Any) -> None:
        super().__init__(connection, **kwargs)
        self.folder = Path(connection.client.transport_options["folder"])
        self._skipped: set[str] = set()  # names of files that cannot even be moved: each is logged once
        for name in ("taken", "unreadable", "bindings"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)

    # --- Messages ---------------------------------------------------------------------------------
    def _put(self, queue: str, message: dict[str, Any], **kwargs: Any) -> None:
        try:
            write_whole(self.folder / f"{time.time_ns()}_{uuid4().hex}.{_suffix(queue)}", dumps(message))
        except OSError as problem:
            raise ChannelError(f"The broker's folder {self.folder} cannot be written to: {problem.strerror}") from None

    def _get(self, queue: str, timeout: float | None = None) -> dict[str, Any]:
        for name in self._waiting(queue):
            if (message := self._take(name)) is not None:
                return message
        raise Empty

    def _waiting(self, queue: str) -> list[str]:
        """Return the names of the queue's files, oldest first."""
        try:
            names = os.listdir(self.folder)
        except OSError:
            return []
        return sorted(name for name in names if name.partition(".")[2] == _suffix(queue))

    def _take(self, name: str) -> dict[str, Any] | None:
        """Take the message out of the folder; None if another reader was faster, or it cannot be read."""
        taken = self.folder / "taken" / name
        try:
            (self.folder / name).rename(taken)  # of several readers one succeeds
        except FileNotFoundError:
            return None
        except OSError as problem:
            if name not in self._skipped:
                logger.error("Skipped the broker's file %s: %s", name, problem.strerror)
                self._skipped.add(name)
            return None
        try:
            message = self._read(taken)
        except Exception as problem:  # noqa: BLE001  # whatever is wrong with one file, the worker goes on
            taken.rename(self.folder / "unreadable" / name)
            logger.error("Moved the broker's file %s to unreadable/: %s", name, type(problem).__name__)
            return None
        taken.unlink()
        return message

    def _read(self, path: Path) -> dict[str, Any]:
        """Return the message; any exception means that there is none."""
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW), "rb") as file:
            state = os.fstat(file.fileno())
            if not stat.S_ISREG(state.st_mode) or state.st_size > MOST_BYTES:
                raise NotAMessageError
            message: dict[str, Any] = loads(file.read().decode())
        made = self.Message(message, channel=self)  # built here, where its exceptions are handled
        made.decode()
        headers = message["headers"]
        if not isinstance(made.delivery_tag, str) or not isinstance(made.delivery_info["routing_key"], str):
            raise NotAMessageError
        if not isinstance(headers, dict) or not isinstance(headers.get("task", ""), str):
            raise NotAMessageError
        return message

    def _size(self, queue: str) -> int:
        return len(self._waiting(queue))

    def _purge(self, queue: str) -> int:
        return sum(self._take(name) is not None for name in self._waiting(queue))

    # --- Bindings: which queues an exchange serves, known to all processes ------------------------
    def queue_bind(self, *args: Any, **kwargs: Any) -> None:
        """Bind a queue; a thread that finds it bound may send at once, and its message has a queue to go to.

        kombu records the binding for all threads first, and writes it then: messages sent in between were lost.
        """
        with _binding:
            super().queue_bind(*args, **kwargs)

    def _put_fanout(self, exchange: str, message: dict[str, Any], routing_key: str, **kwargs: Any) -> None:
        for _, _, queue in self.get_table(exchange):
            self._put(queue, message, **kwargs)

    def get_table(self, exchange: str) -> list[Binding]:
        """Return the bindings of an exchange, none if their file is missing or damaged."""
        try:
            rows = json.loads(self._bindings(exchange).read_text(encoding="utf-8"))
            return [(str(key), str(pattern), str(queue)) for key, pattern, queue in rows]
        except FileNotFoundError:
            return []
        except (OSError, TypeError, ValueError) as problem:
            logger.warning("The bindings of exchange %s cannot be read: %s", exchange, type(problem).__name__)
            return []

    def _queue_bind(self, exchange: str, routing_key: str, pattern: str | None, queue: str) -> None:
        with self._changing_bindings():
            table, binding = self.get_table(exchange), (routing_key or "", pattern or "", queue)
            if binding not in table:
                write_whole(self._bindings(exchange), json.dumps([binding, *table]))

    def _delete(self, queue: str, exchange: str = "", routing_key: str = "", *args: Any, **kwargs: Any) -> None:
        self._purge(queue)
        with self._changing_bindings():
            table = self.get_table(exchange)
            left = [binding for binding in table if binding[2] != queue]
            if left != table:
                write_whole(self._bindings(exchange), json.dumps(left))

    def _bindings(self, exchange: str) -> Path:
        return self.folder / "bindings" / f"{quote(exchange, safe='')}.json"

    @contextmanager
    def _changing_bindings(self) -> Iterator[None]:
        with (self.folder / "bindings" / "lock").open("w") as lock:
            flock(lock, LOCK_EX)
            yield


class Transport(virtual.Transport):
    """The transport, which creates the channel for kombu."""

    Channel = Channel
    driver_type = driver_name = "files"
    implements = virtual.Transport.implements.extend(exchange_type=frozenset(["direct", "topic", "fanout"]))
    _declared: ClassVar[dict[str, virtual.BrokerState]] = {}  # folder: what this process has declared there

    def __init__(self, client: Any, **kwargs: Any) -> None:
        super().__init__(client, **kwargs)
        self.state = self._declared.setdefault(client.transport_options["folder"], virtual.BrokerState())

    def driver_version(self) -> str:
        """Return a version, for `celery report`."""
        return "1"


def _suffix(queue: str) -> str:
    return f"{quote(queue, safe='@')}.msg"


def waiting_since(folder: Path, queue: str) -> list[float]:
    """Return when each message that waits was sent, as POSIX times: the names of the files begin with it."""
    with suppress(OSError):
        names = [name for name in os.listdir(folder) if name.partition(".")[2] == _suffix(queue)]
        return [int(name.partition("_")[0]) / 1e9 for name in names]
    return []


def tidy_up(folder: Path) -> None:
    """Before anything runs, requeue messages of a killed reader, and delete replies that nobody waits for."""
    for path in (folder / "taken").glob("*.msg"):
        path.rename(folder / path.name)
    for path in [*folder.glob("*pidbox.msg"), *(folder / "bindings").glob("*.json"), *folder.glob(".*.draft")]:
        path.unlink()
