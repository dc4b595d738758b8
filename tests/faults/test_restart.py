"""Two nodes are restarted in turn under load: no request is lost, and the load balancer is informed before."""

import threading
import time
from collections import Counter
from collections.abc import Iterator
from functools import partial

import pytest
from django.urls import reverse

from tests.faults.site import Node, Visitor
from tests.nginx import Nginx
from tests.ports import is_listening
from tests.sandbox_process import Sandbox
from tests.waiting import wait_until

pytestmark = [pytest.mark.nginx, pytest.mark.django_db(transaction=True), pytest.mark.timeout(400)]
VISITORS, BACK_S = 3, 60
LEAVING_S = 3  # longer than `fail_timeout` of deploy/nginx, for which nginx leaves a node alone that refused it


class Plain(Node):
    def prepare(self) -> None:
        """Need nothing: with DEBUG, static files need not be collected."""


def is_ready(node: Node) -> bool:
    """Ask as a balancer does."""
    return Visitor().get(node.url + "/healthz/ready").status == 200


@pytest.fixture
def nodes(sandbox: Sandbox) -> Iterator[list[Node]]:
    more = {"DEBUG": "1", "WEB_PROCESSES": "2", "WEB_LEAVING_S": str(LEAVING_S)}
    with Plain(sandbox, **more) as one, Plain(sandbox, **more) as two:
        yield [one, two]


def test_two_nodes_restarted_in_turn_lose_no_request(nodes: list[Node]) -> None:
    seen: Counter[tuple[str, int]] = Counter()
    is_over = threading.Event()

    def visit(url: str) -> None:
        visitor = Visitor()
        form = visitor.get(url + reverse("account_login")).text
        while not is_over.is_set():
            seen["GET", visitor.get(url + reverse("account_login")).status] += 1
            seen["POST", visitor.post(url + reverse("web:theme"), form, theme="dark").status] += 1

    with Nginx(portal_ports=[node.port for node in nodes], is_plain=True) as nginx:
        people = [threading.Thread(target=visit, args=(nginx.url,)) for _ in range(VISITORS)]
        for person in people:
            person.start()
        try:
            for node in nodes:
                node.restart_gracefully()
                wait_until(partial(is_ready, node), BACK_S)
        finally:
            is_over.set()
            for person in people:
                person.join()

    assert {how for how in seen if how[1] not in (200, 302)} == set(), seen
    assert sum(seen.values()) > 4 * VISITORS


def test_a_node_reports_its_shutdown_before_it_closes_its_port(nodes: list[Node]) -> None:
    node = nodes[0]
    ready = node.url + "/healthz/ready"
    assert Visitor().get(ready).status == 200
    assert node._process

    node._process.terminate()
    wait_until(lambda: "leaving" in Visitor().get(ready).text)
    page = Visitor().get(node.url + reverse("account_login"))
    began = time.monotonic()
    wait_until(lambda: not is_listening(node.port), LEAVING_S + 10)

    assert page.status == 200  # whoever has not heard of it yet is served
    assert time.monotonic() - began < LEAVING_S + 10
