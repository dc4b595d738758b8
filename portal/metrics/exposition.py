"""The text of `/metrics`."""

import struct
from functools import cache
from typing import Any, Final

from prometheus_client import REGISTRY, CollectorRegistry, generate_latest, multiprocess
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

from portal.metrics.facts import Facts
from portal.metrics.folder import folder_in_use, settled

CONTENT_TYPE: Final = CONTENT_TYPE_PLAIN_0_0_4
TRIES: Final = 3


def exposition() -> bytes:
    """Return the facts, and the counts of all processes of this machine."""
    return generate_latest(_facts()) + _counts()


@cache
def _facts() -> CollectorRegistry:
    registry = CollectorRegistry()
    registry.register(Facts())
    return registry


def _counts() -> bytes:
    folder = folder_in_use()
    if folder is None:
        return generate_latest(REGISTRY)
    registry = CollectorRegistry()
    collector: Any = multiprocess.MultiProcessCollector
    collector(registry, str(folder))
    with settled(folder):
        for tries_left in reversed(range(TRIES)):
            try:
                return generate_latest(registry)
            except (struct.error, FileNotFoundError):  # a process has only just begun its file
                if not tries_left:
                    raise
    return b""
