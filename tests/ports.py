"""Ports of the loopback address. Imported by the settings, so it knows nothing of Django."""

import socket


def free_port() -> int:
    """Return a port where nothing listens now; who asks twice gets two."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def is_listening(port: int) -> bool:
    """Say whether something accepts connections at `port`."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0
