"""Two nodes are restarted in turn under load: no request is lost, and the load balancer is informed before."""

import os
import re
import threading
import time
from collections import Counter
from collections.abc import Iterator
from functools import partial

import pytest
from django.urls import reverse

from tests.faults.site import Node, Visitor
from tests.nginx import OPERATING
from tests.ports import is_listening
from tests.requirements import find_nginx
from tests.sandbox_process import Sandbox
from tests.servers import Server
from tests.waiting import wait_until

pytestmark = [pytest.mark.nginx, pytest.mark.django_db(transaction=True), pytest.mark.timeout(400)]
VISITORS, BACK_S = 3, 60
LEAVING_S = 3  # longer than the documented `fail_timeout`, for which nginx leaves a node alone that refused it
CONFIGURATION = """
daemon off;
{user}
worker_processes 1;
pid {folder}/pid;
error_log stderr crit;
events {{ worker_connections 512; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
{upstream}
    server {{
        listen 127.0.0.1:{port};
        location / {{
            proxy_pass http://passerelle;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_set_header Host $http_host;
            proxy_connect_timeout 5s;
        }}
    }}
}}
"""


class Balancer(Server):
    """nginx over two nodes, with the `upstream` of the documentation."""

    def __init__(self, nodes: list[Node]) -> None:
        super().__init__()
        self.nodes = nodes

    def prepare(self) -> None:
        found = re.search(r"^    upstream passerelle \{\n.*?^    \}\n", OPERATING.read_text(), re.DOTALL | re.MULTILINE)
        assert found
        upstream = found[0]
        for documented, node in zip(("10.0.0.11:8000", "10.0.0.12:8000"), self.nodes, strict=True):
            assert documented in upstream
            upstream = upstream.replace(documented, f"127.0.0.1:{node.port}")
        user = "user root;" if os.getuid() == 0 else ""
        given = CONFIGURATION.format(user=user, folder=self.folder, port=self.port, upstream=upstream)
        (self.folder / "nginx.conf").write_text(given)

    def command(self) -> list[str]:
        program = find_nginx()
        assert program
        return [program, "-p", str(self.folder), "-c", str(self.folder / "nginx.conf"), "-e", "stderr"]


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

    with Balancer(nodes) as balancer:
        people = [threading.Thread(target=visit, args=(f"http://127.0.0.1:{balancer.port}",)) for _ in range(VISITORS)]
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
