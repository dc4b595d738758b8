"""What the portal says of its own health."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.cache import cache
from django.test import Client
from pytest_django import DjangoAssertNumQueries, Settings

from tests.ports import free_port
from tests.sandbox_process import Sandbox

pytestmark = pytest.mark.django_db
LIVE, READY = "/healthz/live", "/healthz/ready"


def test_live_asks_nobody(
    client: Client, settings: Settings, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    settings.GATEWAY_URL = f"http://127.0.0.1:{free_port()}"

    with django_assert_num_queries(0):
        answer = client.get(LIVE)

    assert (answer.status_code, answer.json()) == (200, {"state": "up"})


@pytest.mark.parametrize("address", [LIVE, READY])
def test_a_probe_need_not_know_the_portals_name(client: Client, sandbox: Sandbox, address: str) -> None:
    assert client.get(address, headers={"Host": "10.1.2.3:8000"}).status_code == 200
    assert client.get("/privacy/", headers={"Host": "10.1.2.3:8000"}).status_code == 400


def test_ready_when_all_parts_are(client: Client, sandbox: Sandbox) -> None:
    answer = client.get(READY)

    assert answer.status_code == 200
    assert answer.json() == {"state": "up", "parts": {"database": "up", "broker": "up", "gateway": "up"}}
    assert "no-store" in answer["Cache-Control"]


def test_without_the_gateway_the_portal_still_serves(client: Client, settings: Settings) -> None:
    settings.GATEWAY_URL = f"http://127.0.0.1:{free_port()}"

    answer = client.get(READY)

    assert answer.status_code == 200
    assert answer.json()["state"] == "degraded"
    assert answer.json()["parts"]["gateway"] == "down"


def test_the_gateway_is_asked_once_for_all_who_look(client: Client, settings: Settings) -> None:
    with Sandbox() as gateway:
        settings.GATEWAY_URL = gateway.url
        client.get(READY)

    assert client.get(READY).json()["parts"]["gateway"] == "up"

    cache.clear()
    assert client.get(READY).json()["parts"]["gateway"] == "down"


def test_without_database_and_broker_it_cannot_serve(tmp_path: Path) -> None:
    program = """
import django, json
django.setup()
from django.test import Client
answer = Client().get("/healthz/ready", headers={"Host": "127.0.0.1"})
print(json.dumps([answer.status_code, answer.json()]))
"""
    told = {
        "DJANGO_SETTINGS_MODULE": "portal.settings",
        "VAR_DIR": str(tmp_path),
        "DATABASE_URL": f"postgresql://portal@127.0.0.1:{free_port()}/portal",
        "REDIS_URL": f"redis://127.0.0.1:{free_port()}/0",
        "DATABASE_POOL_TIMEOUT_S": "1",
    }
    done = subprocess.run([sys.executable, "-c", program], env={**os.environ, **told}, capture_output=True, check=True)

    status, told_state = json.loads(done.stdout)
    assert status == 503
    assert told_state["state"] == "down"
    assert told_state["parts"] == {"database": "down", "broker": "down", "gateway": "unknown"}
