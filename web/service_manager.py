"""Reports the start to systemd (`Type=notify`), so that `systemctl start` returns when pages are served."""

import contextlib
import os
import socket


def report_ready() -> None:
    """Report that this process serves; nothing where no service manager waits for it."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return
    if address.startswith("@"):  # an abstract one
        address = "\0" + address[1:]
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.sendto(b"READY=1", address)
