"""Rendering processes of a real server: what they inherit, and that they end with it."""

import psutil
import pytest
from django.urls import reverse

from accounts.models import User
from tests.keys.portal_subprocess import PortalSubprocess, Waiting
from tests.playground.rendering_cost import fork_servers, rendering_processes
from tests.playground.rows import conversation
from tests.sandbox_process import Sandbox
from tests.waiting import wait_until

pytestmark = pytest.mark.django_db(transaction=True)


class Served(PortalSubprocess):
    """A portal whose web processes can be looked at."""

    def workers(self) -> list[psutil.Process]:
        """Return the processes that serve."""
        assert self._process
        return psutil.Process(self._process.pid).children()


def test_they_hold_no_socket_of_the_server_and_end_with_it_when_it_is_killed(intern: User, sandbox: Sandbox) -> None:
    chat = conversation(intern, ("Why?", "**Because** " + "\\*" * 30_000))
    with Served(sandbox) as portal:
        person = Waiting(portal, intern)
        page = person.session.get(portal.url + reverse("playground:conversation", args=[chat.pk]), timeout=60)
        assert "<strong>Because</strong>" in page.text
        [worker] = portal.workers()
        processes = wait_until(lambda: [*fork_servers(worker.pid), *rendering_processes(worker.pid)])
        assert len(processes) == 3
        assert [each.net_connections(kind="inet") for each in processes] == [[], [], []]
        worker.kill()
        wait_until(lambda: not any(process.is_running() for process in processes), timeout_s=30)
