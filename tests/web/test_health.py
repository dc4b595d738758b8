"""The portal's report of its own health."""

import json
import os
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path

import pytest
from django.contrib.staticfiles.storage import staticfiles_storage
from django.core.cache import cache
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries, Settings

from keys.heartbeat import note_run
from keys.models import GatewayIdentity, GatewayState, Heartbeat, TaskRun
from keys.processes import forget_old_processes, write_heartbeat
from tests.ports import free_port
from tests.sandbox_process import Sandbox
from tests.smtp import mail_server
from tests.waiting import wait_until
from usage.models import UsageState
from web import health, shutdown
from web.health_words import TITLES, WORDS

pytestmark = pytest.mark.django_db
SMTP = "web.mail.SmtpBackend"
LIVE, READY = "/healthz/live", "/healthz/ready"


@pytest.fixture(autouse=True)
def nothing_heard() -> None:
    health._asker.forget()
    health._gateway_check.forget()


@pytest.fixture
def all_at_work(db: None) -> None:
    """Have worker, beat, sweep and poll seen just now, and both processes started long ago."""
    day_ago = timezone.now() - timedelta(days=1)
    write_heartbeat(Heartbeat.Kind.WORKER, "celery@a", ["celery", "polls", "webhooks"], day_ago)
    write_heartbeat(Heartbeat.Kind.BEAT, "a", started_at=day_ago)
    for name in ("keys.sweep", "usage.refresh_facts"):
        note_run(name, ok=True)
    GatewayState.objects.update(checked_at=timezone.now())
    GatewayIdentity.objects.create(pk=1)
    UsageState.objects.create(pk=1, last_try_at=timezone.now())


def test_live_makes_no_call(
    client: Client, settings: Settings, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    settings.GATEWAY_URL = f"http://127.0.0.1:{free_port()}"

    with django_assert_num_queries(0):
        answer = client.get(LIVE)

    assert (answer.status_code, answer.json()) == (200, {"state": "up", "version": settings.VERSION})


def test_no_result_and_an_old_one_are_unknown_while_another_request_checks() -> None:
    first, old = health._Asker(wait_s=0), health._Asker(wait_s=0)
    old._heard, old._heard_at = {"database": "up"}, time.monotonic() - health.OLD_S - 1
    for asker in (first, old):
        with asker._lock:  # of that request
            parts = asker.parts()
        assert set(parts) == set(TITLES)
        assert set(parts.values()) == {"unknown"}


@pytest.mark.parametrize("address", [LIVE, READY])
def test_a_probe_need_not_know_the_portals_name(client: Client, sandbox: Sandbox, address: str) -> None:
    assert client.get(address, headers={"Host": "10.1.2.3:8000"}).status_code == 200
    assert client.get("/privacy/", headers={"Host": "10.1.2.3:8000"}).status_code == 400


def test_ready_when_all_parts_are(client: Client, sandbox: Sandbox, all_at_work: None) -> None:
    answer = client.get(READY)

    assert answer.status_code == 200
    parts = (
        "database",
        "broker",
        "static",
        "gateway",
        "mail",
        "admin_key",
        "identity",
        "worker",
        "beat",
        "queue",
        "sweep",
        "poll",
    )
    assert answer.json() == {"state": "up", "parts": dict.fromkeys(parts, "up")}
    assert "no-store" in answer["Cache-Control"]


def test_problems_for_an_admin_are_degraded_and_still_ready(
    client: Client, sandbox: Sandbox, all_at_work: None
) -> None:
    hour_ago = timezone.now() - timedelta(hours=1)
    TaskRun.objects.update(ended_at=hour_ago, ok_at=hour_ago)
    GatewayState.objects.update(problem="key_refused")
    GatewayIdentity.objects.update(problem=GatewayIdentity.Problem.VANISHED)
    UsageState.objects.update(failing_since=hour_ago)

    answer = client.get(READY)

    assert (answer.status_code, answer.json()["state"]) == (200, "degraded")
    parts = answer.json()["parts"]
    assert {name: parts[name] for name in ("admin_key", "identity", "worker", "sweep", "poll")} == {
        "admin_key": "refused",
        "identity": "changed",
        "worker": "late",
        "sweep": "late",
        "poll": "failing",
    }


def test_a_sweep_that_runs_and_fails_is_late(client: Client, sandbox: Sandbox, all_at_work: None) -> None:
    TaskRun.objects.update(ok_at=timezone.now() - timedelta(hours=1))
    note_run("keys.sweep", ok=False)

    parts = client.get(READY).json()["parts"]

    assert (parts["worker"], parts["sweep"]) == ("up", "late")


def test_says_which_process_is_missing_and_what_to_do(client: Client, sandbox: Sandbox, all_at_work: None) -> None:
    def states() -> tuple[str, str]:
        health._asker.forget()
        parts = client.get(READY).json()["parts"]
        return parts["worker"], parts["beat"]

    long_ago = timezone.now() - timedelta(seconds=40)
    TaskRun.objects.update(ended_at=timezone.now() - timedelta(hours=1))
    Heartbeat.objects.filter(kind="beat").update(seen_at=long_ago)
    assert states() == ("up", "missing")  # nothing was sent that it could have done

    write_heartbeat(Heartbeat.Kind.BEAT, "b")
    assert states() == ("up", "up")  # beat has only begun

    write_heartbeat(Heartbeat.Kind.WORKER, "celery@a", ["polls"])
    assert states() == ("incomplete", "up")

    Heartbeat.objects.filter(kind="worker").update(seen_at=long_ago)
    assert states() == ("missing", "up")
    assert client.get(READY).status_code == 200
    words = {part.name: part for part in health.report()}
    assert "No worker is running" in str(words["worker"].problem)
    assert "passerelle-worker" in str(words["worker"].advice)
    assert words["beat"].is_up
    assert not words["beat"].advice


def test_a_process_is_missing_for_as_long_as_none_of_its_kind_returns(
    client: Client, sandbox: Sandbox, all_at_work: None
) -> None:
    write_heartbeat(Heartbeat.Kind.WORKER, "celery@b")
    Heartbeat.objects.filter(kind="worker").update(seen_at=timezone.now() - timedelta(days=3))
    Heartbeat.objects.filter(name="celery@b").update(seen_at=timezone.now() - timedelta(days=2))

    forget_old_processes()

    assert client.get(READY).json()["parts"]["worker"] == "missing"
    assert set(Heartbeat.objects.values_list("name", flat=True)) == {"celery@b", "a"}


def test_there_are_words_for_each_part_and_state(sandbox: Sandbox) -> None:
    named = {part.name for part in health.report()}

    assert named <= set(TITLES)
    assert {name for name, _ in WORDS} <= set(TITLES)


def test_a_node_without_static_files_cannot_serve(
    client: Client, sandbox: Sandbox, all_at_work: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        staticfiles_storage, "hashed_files", {}, raising=False
    )  # as of a node on which nobody has run collectstatic
    answer = client.get(READY)

    assert (answer.status_code, answer.json()["state"]) == (503, "down")
    assert answer.json()["parts"]["static"] == "missing"


def test_a_node_that_shuts_down_says_so(client: Client, sandbox: Sandbox) -> None:
    shutdown.announced.set()
    try:
        answer = client.get(READY)
    finally:
        shutdown.announced.clear()

    assert (answer.status_code, answer.json()) == (503, {"state": "leaving"})
    assert client.get(LIVE).status_code == 200


def test_says_whether_the_mail_server_greets(client: Client, sandbox: Sandbox, settings: Settings) -> None:
    def state() -> str:
        cache.clear()
        health._asker.forget()
        return str(client.get(READY).json()["parts"]["mail"])

    with mail_server() as server:
        settings.EMAIL_BACKEND, settings.EMAIL_PORT, settings.EMAIL_HOST = SMTP, server.port, "127.0.0.1"
        assert state() == "up"
        server.hangs_at = ""
        assert state() == "slow"
        server.released.set()
    wait_until(lambda: state() == "down")


def test_a_hanging_gateway_delays_no_probe(client: Client, sandbox: Sandbox) -> None:
    sandbox.faults("/health/liveliness", "hang_before", seconds=8)

    began = time.monotonic()
    answer = client.get(READY)

    assert time.monotonic() - began < 7
    assert (answer.status_code, answer.json()["parts"]["gateway"]) == (200, "slow")


def test_without_the_gateway_the_portal_still_serves(client: Client, settings: Settings) -> None:
    settings.GATEWAY_URL = f"http://127.0.0.1:{free_port()}"

    answer = client.get(READY)

    assert answer.status_code == 200
    assert answer.json()["state"] == "degraded"
    assert answer.json()["parts"]["gateway"] == "down"


def test_concurrent_probes_share_one_gateway_call(client: Client, settings: Settings) -> None:
    with Sandbox() as gateway:
        settings.GATEWAY_URL = gateway.url
        client.get(READY)

    health._asker.forget()
    assert client.get(READY).json()["parts"]["gateway"] == "up"

    cache.clear()
    health._asker.forget()
    assert client.get(READY).json()["parts"]["gateway"] == "down"


@pytest.mark.only_on("sqlite")  # a program with databases of its own, which are not there
def test_without_database_and_broker_it_cannot_serve(tmp_path: Path) -> None:
    program = """
import django, json
django.setup()
from django.test import Client
answer = Client().get("/healthz/ready", headers={"Host": "127.0.0.1"})
print(json.dumps([answer.status_code, answer.json()]))
"""
    given = {
        "DJANGO_SETTINGS_MODULE": "portal.settings",
        "VAR_DIR": str(tmp_path),
        "DATABASE_URL": f"postgresql://portal@127.0.0.1:{free_port()}/portal",
        "REDIS_URL": f"redis://127.0.0.1:{free_port()}/0",
        "DATABASE_POOL_TIMEOUT_S": "1",
    }
    done = subprocess.run([sys.executable, "-c", program], env={**os.environ, **given}, capture_output=True, check=True)

    status, reported_state = json.loads(done.stdout)
    assert status == 503
    assert reported_state["state"] == "down"
    assert {name: reported_state["parts"][name] for name in ("database", "broker")} == {
        "database": "down",
        "broker": "down",
    }
    assert reported_state["parts"]["worker"] == "unknown"
