"""Each part of a site ends, and within a minute everything that watches it names it: the table in docs/operating.md."""

import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from signal import SIGINT, SIGKILL
from urllib.parse import urlsplit

import pytest
import requests

from tests.faults.programs import Beat, Worker
from tests.faults.prometheus import Prometheus
from tests.faults.site import Site, Visitor
from tests.ports import free_port
from tests.sandbox_process import Sandbox
from tests.smtp import mail_server
from tests.waiting import wait_until
from web.health_words import part

pytestmark = [pytest.mark.postgres, pytest.mark.redis, pytest.mark.prometheus, pytest.mark.timeout(600)]
MINUTE_S = 60.0
START_S = 120.0
TOKEN = "a-token-of-a-scraper-0987654321"
CASES = {  # of a part that is away: its state, the status of readiness, the alert
    "broker": ("down", 200, "PasserellePartDown"),
    "worker": ("missing", 200, "PasserelleProcessMissing"),
    "beat": ("missing", 200, "PasserelleProcessMissing"),
    "gateway": ("down", 200, "PasserellePartDown"),
    "mail": ("down", 200, "PasserellePartDown"),
    "database": ("down", 503, "PasserelleDatabaseDown"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """A site with all its programs, and what watches it."""

    site: Site
    sandbox: Sandbox
    worker: Worker
    beat: Beat
    prometheus: Prometheus
    metrics: int  # a port
    mail: int

    def states(self, *names: str) -> list[str]:
        """Return what readiness says of these parts."""
        parts: dict[str, str] = Visitor().get(self.site.nodes[0].url + "/healthz/ready").json()["parts"]
        return [parts[name] for name in names]

    def are_up(self, *names: str) -> bool:
        """Return whether these parts work."""
        return set(self.states(*names)) == {"up"}

    def exported(self) -> str:
        """Return the metrics."""
        headers = {"Authorization": f"Bearer {TOKEN}"}
        return requests.get(f"http://127.0.0.1:{self.metrics}/metrics", headers=headers, timeout=20).text

    def status_page(self) -> str:
        """Return the page for administrators."""
        return Visitor(self.site.admin).get(self.site.nodes[0].url + "/admin/status/").text


@pytest.fixture
def watched() -> Iterator[Watched]:
    with ExitStack() as stack:
        metrics, mail = free_port(), free_port()
        sandbox = stack.enter_context(Sandbox())
        site = stack.enter_context(
            Site(sandbox, METRICS_PORT=str(metrics), METRICS_TOKEN=TOKEN, EMAIL_URL=f"smtp://127.0.0.1:{mail}")
        )
        worker, beat = Worker(site), Beat(site)
        prometheus = Prometheus(metrics, site.nodes[0].port, token=TOKEN)
        with ThreadPoolExecutor() as pool:
            list(pool.map(stack.enter_context, (worker, beat, prometheus)))
        yield Watched(
            site=site, sandbox=sandbox, worker=worker, beat=beat, prometheus=prometheus, metrics=metrics, mail=mail
        )


def test_each_part_that_is_away_is_named_within_a_minute(watched: Watched) -> None:
    """One after the other ends and stays away, several at once where none hides another."""
    site, node, gateway_port = watched.site, watched.site.nodes[0], urlsplit(watched.sandbox.url).port
    with mail_server(watched.mail):
        wait_until(partial(watched.are_up, *CASES), START_S)
        site.redis.stop()
        _are_named(watched, "broker")
        assert watched.states("worker", "beat") == ["up", "up"]  # which have no queue, and are alive

    watched.sandbox.stop()
    watched.beat.stop(SIGKILL)
    watched.worker.stop(SIGKILL)
    _are_named(watched, "gateway", "mail", "worker", "beat")

    site.postgres.stop(SIGINT)
    _are_named(watched, "database")

    for server in (site.postgres, site.redis):
        server.start()
    watched.sandbox.start(port=gateway_port or 0)
    with mail_server(watched.mail):
        wait_until(partial(watched.are_up, "database", "broker", "gateway", "mail"), START_S)
    assert watched.states("worker", "beat") == ["missing", "missing"]

    node.stop()
    wait_until(lambda: ("PasserelleUnreachable", "") in watched.prometheus.firing(), MINUTE_S)


def _are_named(watched: Watched, *names: str) -> None:
    """Wait until readiness and alerts name these parts, and then look at the metrics and the status page."""
    began = time.monotonic()
    states = [CASES[name][0] for name in names]
    alerts = {(CASES[name][2], name) for name in names}
    [status] = {CASES[name][1] for name in names}
    wait_until(lambda: watched.states(*names) == states, MINUTE_S)
    wait_until(lambda: alerts <= watched.prometheus.firing(), MINUTE_S - (time.monotonic() - began))
    exported, page = watched.exported(), watched.status_page()
    sys.stderr.write(f"{', '.join(names)}: named by all after {time.monotonic() - began:.0f} s\n")

    assert Visitor().get(watched.site.nodes[0].url + "/healthz/ready").status == status
    for name, state in zip(names, states, strict=True):
        words = part(name, state)
        assert f'passerelle_part_up{{part="{name}",state="{state}"}} 0.0' in exported
        shown = f"<strong>{words.title}.</strong> {words.problem} {words.advice}"
        assert (shown if status == 200 else "The portal’s database does not answer") in page
