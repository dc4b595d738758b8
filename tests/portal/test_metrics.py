"""`/metrics`: who can read it, what is in it, and that it stays small."""

import asyncio
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from threading import Thread
from types import SimpleNamespace
from typing import Any, cast

import pytest
from django.db import connections
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from prometheus_client import REGISTRY
from prometheus_client.parser import text_string_to_metric_families
from psycopg_pool import ConnectionPool, PoolClosed
from pytest_django import DjangoAssertNumQueries, Settings

from accounts.models import User
from gateway.errors import GatewayError
from keys.models import Heartbeat
from keys.processes import write_heartbeat
from portal.metrics.exposition import _facts, exposition
from portal.metrics.facts import Facts
from portal.metrics.folder import _newest, settled
from portal.safety_checks import metrics_are_not_open
from tests.keys.actions import issue
from tests.ports import free_port
from tests.sandbox_process import Sandbox
from tests.waiting import wait_until
from tests.web.asgi import Exchange
from usage.models import PollRun, UsageState, utc_today
from web import health
from web.handler import Handler
from web.metrics import _PoolObserver

pytestmark = pytest.mark.django_db
TOKEN = "a-token-of-a-scraper-0987654321"
LABELS = {
    *("route", "method", "status", "outcome", "call", "task", "queue", "state", "part", "program", "action"),
    *("component", "version", "le"),
}
NAME = re.compile(r"\bpasserelle_\w+")
SUFFIX = re.compile("_(total|bucket|count|sum|created)$")
MOST_QUERIES = 20  # ten of /healthz/ready


def families() -> dict[str, Any]:
    return {family.name: family for family in text_string_to_metric_families(exposition().decode())}


def value(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0.0


def get(path: str) -> None:
    async def ask() -> None:
        await Exchange(Handler(), path).whole()

    asyncio.run(ask())


def test_only_a_scraper_with_the_token_reads_them(client: Client, settings: Settings, sandbox: Sandbox) -> None:
    assert client.get("/metrics").status_code == 404
    settings.METRICS_TOKEN = TOKEN
    refused = client.get("/metrics", headers={"Authorization": "Bearer another"})
    taken = client.get("/metrics", headers={"Authorization": f"Bearer {TOKEN}", "Host": "10.1.2.3:8000"})

    assert (client.get("/metrics").status_code, refused.status_code, taken.status_code) == (401, 401, 200)
    assert client.post("/metrics", headers={"Authorization": f"Bearer {TOKEN}"}).status_code == 405
    assert "passerelle_part_up" in taken.content.decode()
    assert "no-store" in taken["Cache-Control"]


@pytest.mark.parametrize(
    ("port", "host", "token", "found"),
    [
        (0, "0.0.0.0", "", []),
        (9100, "127.0.0.1", "", []),
        (9100, "0.0.0.0", "", ["portal.E041"]),
        (9100, "0.0.0.0", TOKEN, []),
        (0, "127.0.0.1", "token", ["portal.E042"]),
    ],
)
def test_metrics_that_strangers_could_read_are_refused(
    settings: Settings, port: int, host: str, token: str, found: list[str]
) -> None:
    settings.METRICS_PORT, settings.METRICS_HOST, settings.METRICS_TOKEN = port, host, token

    assert [message.id for message in metrics_are_not_open()] == found


@pytest.mark.django_db(transaction=True)
def test_requests_are_counted_by_the_name_of_their_route(intern: User, sandbox: Sandbox) -> None:
    names = ("keys:detail", "none", "static", "web:live")
    before = {name: value("passerelle_http_request_duration_seconds_count", route=name) for name in names}
    page = reverse("keys:detail", args=[issue(intern).key.pk])

    for path in (page, page, "/nowhere/1/", "/nowhere/2/", "/static/x.js"):
        get(path)
    get("/healthz/live")

    after = {name: value("passerelle_http_request_duration_seconds_count", route=name) for name in names}
    assert {name: after[name] - before[name] for name in names} == {
        "keys:detail": 2,
        "none": 2,
        "static": 1,
        "web:live": 1,
    }
    text = exposition().decode()
    assert page not in text
    assert "nowhere" not in text


def test_calls_of_the_gateway_are_counted_by_call_and_outcome(settings: Settings, sandbox: Sandbox) -> None:
    from gateway.django import get_gateway

    def counts(call: str) -> dict[str, float]:
        outcomes = ("ok", "not_found", "unavailable")
        return {each: value("passerelle_gateway_calls_total", call=call, outcome=each) for each in outcomes}

    before = counts("/key/info")
    with pytest.raises(GatewayError):
        get_gateway().keys.info("ab" * 32)
    settings.GATEWAY_URL = f"http://127.0.0.1:{free_port()}"
    with pytest.raises(GatewayError):
        get_gateway().keys.info("ab" * 32)

    after = counts("/key/info")
    assert after["not_found"] - before["not_found"] == 1
    assert after["unavailable"] - before["unavailable"] >= 1


def test_facts_cost_few_queries_and_are_kept_for_a_while(
    intern: User, sandbox: Sandbox, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    issue(intern)
    write_heartbeat(Heartbeat.Kind.WORKER, "celery@a", ["celery"])
    UsageState.objects.create(pk=1, last_ok_at=timezone.now())
    PollRun.objects.create(
        kind="today", first_day=utc_today(), last_day=utc_today(), outcome="done", rows_read=7, rows_written=3
    )
    health._asker.forget()
    facts = Facts()

    with django_assert_max_num_queries(MOST_QUERIES):
        found = {metric.name: metric for metric in facts.collect()}
    with django_assert_max_num_queries(0):
        list(facts.collect())

    def of(name: str, **labels: str) -> float:
        return next(sample.value for sample in found[name].samples if sample.labels == labels)

    assert of("passerelle_keys", state="active") == 1
    assert of("passerelle_keys", state="failed") == 0
    assert (of("passerelle_queue_workers", queue="celery"), of("passerelle_queue_workers", queue="polls")) == (1, 0)
    assert of("passerelle_last_poll_rows", action="written") == 3
    assert of("passerelle_last_seen_timestamp_seconds", program="worker") > timezone.now().timestamp() - 60
    assert of("passerelle_part_up", part="worker", state="incomplete") == 0


def test_labels_are_of_a_fixed_set(intern: User, sandbox: Sandbox) -> None:
    _facts.cache_clear()
    ours = [family for name, family in families().items() if name.startswith("passerelle_")]

    assert {label for family in ours for sample in family.samples for label in sample.labels} <= LABELS


def test_no_request_is_counted_as_waiting_after_the_last_one() -> None:
    observer, alias, handler = _PoolObserver(), "default", cast(Any, connections)
    before = handler[alias]
    pool = ConnectionPool(f"host=127.0.0.1 port={free_port()}", min_size=0, max_size=1, open=True)
    handler[alias] = SimpleNamespace(pool=pool)

    def wait_for_a_connection() -> None:
        with suppress(PoolClosed):
            pool.getconn(timeout=60)

    request = Thread(target=wait_for_a_connection)
    request.start()
    try:
        wait_until(lambda: pool.get_stats()["requests_waiting"] == 1)
        observer.note()
        assert value("passerelle_database_pool_waiting") == 1
        pool.close()
        request.join()
        observer.note()
    finally:
        pool.close()
        handler[alias] = before

    assert value("passerelle_database_pool_waiting") == 0


# --- Several processes -----------------------------------------------------------------------------
COUNTING = """
import os, sys
from pathlib import Path
from portal.metrics.folder import begin_counting
begin_counting(Path(sys.argv[1]))
from prometheus_client import Counter, Gauge, Histogram
counter = Counter("passerelle_things", "Things.", ["kind"])
gauge = Gauge("passerelle_now", "Now.", multiprocess_mode="livesum")
times = Histogram("passerelle_times", "Times.", buckets=(1, 2))
for _ in range(3):  # as a web server forks
    if (child := os.fork()) == 0:
        counter.labels("a").inc(2)
        gauge.set(1)
        times.observe(1.5)
        os._exit(0)
    os.waitpid(child, 0)
counter.labels("a").inc()
gauge.set(5)
print("ready", flush=True)
sys.stdin.readline()
import django
django.setup()
from portal.metrics.exposition import _counts
print(_counts().decode())
"""


def test_counts_of_ended_processes_stay_and_their_files_go(tmp_path: Path, repository: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(repository), "DJANGO_SETTINGS_MODULE": "portal.settings"}
    program = subprocess.Popen(
        [sys.executable, "-c", COUNTING, str(tmp_path)],
        env=environment,
        cwd=repository,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert program.stdin
    assert program.stdout
    assert program.stdout.readline() == "ready\n"
    [folder] = (tmp_path / "metrics").iterdir()
    assert len(list(folder.glob("counter_*.db"))) == 4

    with settled(folder):
        names = {path.name for path in folder.glob("*.db")}
    text, _ = program.communicate("\n")

    counts = {sample.name: sample for family in text_string_to_metric_families(text) for sample in family.samples}
    assert (counts["passerelle_things_total"].value, counts["passerelle_now"].value) == (7, 5)
    assert counts["passerelle_times_count"].value == 3
    assert names == {
        "counter_0.db",
        "histogram_0.db",
        *(f"{kind}_{program.pid}.db" for kind in ("counter", "histogram", "gauge_livesum")),
    }
    with settled(folder):
        assert {path.name for path in folder.glob("*.db")} == {"counter_0.db", "histogram_0.db"}


def test_a_folder_that_is_only_scraped_is_in_use_and_one_that_was_deleted_returns(tmp_path: Path) -> None:
    files = [tmp_path / name for name in ("counter_0.db", "lock")]
    for path in (*files, tmp_path):
        path.touch()
        os.utime(path, (0, 0))
    assert _newest(tmp_path) == 0

    with settled(tmp_path):
        os.utime(tmp_path, (0, 0))
    with settled(tmp_path / "gone" / "host"):
        os.utime(tmp_path, (0, 0))

    assert _newest(tmp_path) > 0


# --- Alert rules, dashboard, documentation ---------------------------------------------------------
def expressions(repository: Path) -> Iterable[str]:
    """Yield all that Prometheus is asked in our files."""
    rules = (repository / "deploy/prometheus/rules.yaml").read_text()
    yield from re.findall(r"^ +expr: (?:>-\n)?((?:.*\n)(?: {10}.*\n)*)", rules, re.M)
    dashboard = json.loads((repository / "deploy/grafana/passerelle.json").read_text())
    yield from (target["expr"] for panel in dashboard["panels"] for target in panel.get("targets", ()))


def test_rules_and_dashboard_name_what_is_exported(repository: Path, sandbox: Sandbox) -> None:
    exported = {name for name in families() if name.startswith("passerelle_")}
    wanted = list(expressions(repository))
    names = {
        SUFFIX.sub("", name) if SUFFIX.sub("", name) in exported else name
        for each in wanted
        for name in NAME.findall(each)
    }
    labels = {label for each in wanted for label in re.findall(r"(\w+)(?:=|!=|=~|!~)\"", each)}
    grouped = {
        label for each in wanted for group in re.findall(r"\bby \(([^)]*)\)", each) for label in group.split(", ")
    }

    assert len(wanted) > 40
    assert names <= exported
    assert exported - names == set()  # the dashboard shows all that is exported
    assert labels | grouped <= LABELS | {"instance", "job"}


def test_the_documentation_lists_what_is_exported(repository: Path, sandbox: Sandbox) -> None:
    text = (repository / "docs/operating.md").read_text()
    section = text[text.index("### Metrics") : text.index("### Alerts")]

    documented = {SUFFIX.sub("", name) for name in NAME.findall(section)}
    assert documented == {SUFFIX.sub("", name) for name in families() if name.startswith("passerelle_")}
