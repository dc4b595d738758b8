"""A guard: no test speaks with anything but this machine."""

import sys
from ipaddress import ip_address
from typing import Any

LOCAL_NAMES = {"", "localhost", "127.0.0.1", "::1", "0.0.0.0"}
refused: list[str] = []  # hosts that were asked for since the last look


class OutsideWorldError(RuntimeError):
    """Somebody tried to reach another machine."""


def guard_the_network() -> None:
    """Refuse names and addresses of other machines in this process, from now on."""
    sys.addaudithook(_watch)


def is_local(host: str) -> bool:
    """Say whether `host`, a name or an address, is this machine."""
    try:
        return host in LOCAL_NAMES or ip_address(host).is_loopback
    except ValueError:
        return False


def _watch(event: str, arguments: tuple[Any, ...]) -> None:
    if event == "socket.getaddrinfo":
        _check(arguments[0])
    elif event in ("socket.connect", "socket.sendto") and isinstance(arguments[1], tuple):
        _check(arguments[1][0])


def _check(host: str | bytes | None) -> None:
    name = host.decode() if isinstance(host, bytes) else host or ""
    if not is_local(name):
        refused.append(name)
        raise OutsideWorldError(f"a test asked for {name}")
