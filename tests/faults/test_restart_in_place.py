"""One node is restarted on its own port: the new process serves before the old one ends, and no request fails."""

import socket
import threading
from collections import Counter
from pathlib import Path
from typing import Final

import pytest
from django.urls import reverse

from accounts.models import User
from playground.models import Answer
from tests.faults.site import Visitor as Prober
from tests.playground.portal_subprocess import PlaygroundSubprocess, StreamReader
from tests.playground.real_portal import Visitor
from tests.playground.streams import know_the_models
from tests.sandbox_process import Sandbox
from tests.waiting import wait_until

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(400)]
PROBERS, START_S, END_S = 3, 120, 120
GRACE_S: Final = 20  # streams have half of it
LEAST_MEANWHILE: Final = 10  # probes that are answered while the old process waits for its streams


def test_no_request_fails_and_none_waits_for_the_streams_of_the_old_process(
    intern: User, staff: User, sandbox: Sandbox, tmp_path: Path
) -> None:
    know_the_models()
    seen: Counter[tuple[str, int]] = Counter()
    is_over = threading.Event()
    with PlaygroundSubprocess(sandbox, grace_s=GRACE_S, WEB_PROCESSES="2") as old, _manager(tmp_path) as manager:
        address = str(tmp_path / "notify")
        new = PlaygroundSubprocess(sandbox, grace_s=GRACE_S, WEB_PROCESSES="2", NOTIFY_SOCKET=address)
        new.port = old.port

        def probe() -> None:
            while not is_over.is_set():
                for address in ("/healthz/ready", reverse("account_login")):
                    seen[address, Prober().get(old.url + address).status] += 1  # each on a connection of its own

        probers = [threading.Thread(target=probe) for _ in range(PROBERS)]
        for prober in probers:
            prober.start()
        try:
            short = StreamReader(Visitor(old, intern).send("Count [count 20] [pace 100]"))
            long = StreamReader(Visitor(old, staff).send("Count [count 2000] [pace 100]"))
            for stream in (short, long):
                stream.until(lambda received: received.text != "")
            with new:
                assert manager.recv(100) == b"READY=1"
                old.master.terminate()
                before = sum(seen.values())
                short.read_all()
                long.read_all()
                answered_meanwhile = sum(seen.values()) - before
                wait_until(lambda: old._process is not None and old._process.poll() is not None, END_S)
                wait_until(lambda: sum(seen.values()) > before + answered_meanwhile + LEAST_MEANWHILE, END_S)
                is_over.set()
                for prober in probers:
                    prober.join()
        finally:
            is_over.set()

    assert {how for how in seen if how[1] != 200} == set(), seen
    assert answered_meanwhile >= LEAST_MEANWHILE
    states = dict(Answer.objects.values_list("message__conversation__owner__username", "state"))
    assert states[intern.username] == Answer.State.COMPLETE
    assert states[staff.username] != Answer.State.STREAMING
    assert long.text.startswith("1 2 3")


def _manager(folder: Path) -> socket.socket:
    """Listen as systemd does for a unit of `Type=notify`."""
    manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    manager.bind(str(folder / "notify"))
    manager.settimeout(START_S)
    return manager
