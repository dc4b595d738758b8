"""Each part of a site ends, and within a minute everything that watches it names it: the table in docs/operating.md."""

import sys
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from urllib.parse import urlsplit

import pytest
import requests

from tests.faults.programs import Beat, Worker
from tests.faults.prometheus import Prometheus
from tests.faults.site import Site, Visitor, away
from tests.ports import free_port
from tests.sandbox_process import Sandbox
from tests.smtp import mail_server
from tests.waiting import wait_until
from web.health_words import WORDS

pytestmark = [pytest.mark.postgres, pytest.mark.redis, pytest.mark.prometheus, pytest.mark.timeout(1200)]
MINUTE_S = 60.0
START_S = 120.0
TOKEN = "a-token-of-a-scraper-0987654321"


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

    def states(self) -> dict[str, str]:
        """Return what readiness says."""
        parts: dict[str, str] = Visitor().get(self.site.nodes[0].url + "/healthz/ready").json()["parts"]
        return parts

    def is_up(self, name: str) -> bool:
        """Return whether it works again."""
        return self.states().get(name) == "up"

    def says(self, name: str, state: str) -> bool:
        """Return whether the metrics name this state of a part."""
        headers = {"Authorization": f"Bearer {TOKEN}"}
        text = requests.get(f"http://127.0.0.1:{self.metrics}/metrics", headers=headers, timeout=20).text
        return f'passerelle_part_up{{part="{name}",state="{state}"}} 0.0' in text


@pytest.fixture(scope="module")
def watched() -> Iterator[Watched]:
    with ExitStack() as stack:
        metrics, mail = free_port(), free_port()
        sandbox = stack.enter_context(Sandbox())
        site = stack.enter_context(
            Site(sandbox, METRICS_PORT=str(metrics), METRICS_TOKEN=TOKEN, EMAIL_URL=f"smtp://127.0.0.1:{mail}")
        )
        worker, beat = stack.enter_context(Worker(site)), stack.enter_context(Beat(site))
        prometheus = stack.enter_context(Prometheus(metrics, TOKEN))
        yield Watched(
            site=site, sandbox=sandbox, worker=worker, beat=beat, prometheus=prometheus, metrics=metrics, mail=mail
        )


@contextmanager
def gateway_away(sandbox: Sandbox) -> Iterator[None]:
    port = urlsplit(sandbox.url).port
    sandbox.stop()
    try:
        yield
    finally:
        sandbox.start(port=port or 0)


CASES = {
    "worker": ("missing", 200, "PasserelleProcessMissing"),
    "beat": ("missing", 200, "PasserelleProcessMissing"),
    "broker": ("down", 200, "PasserellePartDown"),
    "database": ("down", 503, "PasserelleDatabaseDown"),
    "gateway": ("down", 200, "PasserellePartDown"),
    "mail": ("down", 200, "PasserellePartDown"),
}


def test_each_part_that_is_away_is_named_within_a_minute(watched: Watched) -> None:
    site = watched.site
    faults: dict[str, AbstractContextManager[None]] = {
        "worker": away(watched.worker),
        "beat": away(watched.beat),
        "broker": away(site.redis),
        "database": away(site.postgres),
        "gateway": gateway_away(watched.sandbox),
    }
    with mail_server(watched.mail):
        wait_until(lambda: {watched.states()[name] for name in CASES} == {"up"}, START_S)
        for name, hit in faults.items():
            with hit:
                _is_named(watched, name)
            wait_until(partial(watched.is_up, name), START_S)
    _is_named(watched, "mail")


def _is_named(watched: Watched, name: str) -> None:
    state, status, alert = CASES[name]
    until = time.monotonic() + MINUTE_S
    ready = watched.site.nodes[0].url + "/healthz/ready"

    def left() -> float:
        return max(until - time.monotonic(), 1)

    wait_until(lambda: watched.states().get(name) == state, left())
    assert Visitor().get(ready).status == status
    wait_until(lambda: watched.says(name, state), left())
    labels = (alert, name)
    wait_until(lambda: labels in watched.prometheus.firing(), left())
    assert WORDS[name, state][1]  # which the status page and doctor show
    sys.stderr.write(f"{name}: named by all after {MINUTE_S - left():.0f} s\n")
