"""The copy of the gateway's models: what it takes over, and what it keeps during outages and invalid answers."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest
from django.db import connection, connections
from django.test import RequestFactory
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries, Settings

from accounts.policies import policy_of
from keys.catalogue import default_chat_model, default_embedding_model, gateway_state, models_named, refresh_models
from keys.models import GatewayModel, GatewayState
from keys.tasks import refresh_models as task
from notices import context
from tests.factories import make_policy, make_user
from tests.ports import free_port
from tests.sandbox_process import Sandbox

pytestmark = pytest.mark.django_db


@contextmanager
def gateway_that_tells(settings: Settings, rows: object, health: dict[str, Any] | None = None) -> Iterator[None]:
    """Run a gateway whose list of models is `rows`; a health of None is one that older gateways do not tell."""

    class Telling(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            known: dict[str, dict[str, Any]] = {
                "/model/info": {"data": rows},
                "/health/readiness": {"status": "healthy", "db": "connected"},
            }
            if health:
                known["/health/readiness/details"] = health
            self._tell(known.get(self.path))

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self._tell({"team_id": "team"} if self.path == "/team/new" else None)

        def _tell(self, answer: dict[str, Any] | None) -> None:
            if self.path.startswith("/team/info"):  # the one by which the portal knows it
                answer = {"team_info": {"team_id": "team"}}
            body = json.dumps(answer or {"detail": "Not Found"}).encode()
            self.send_response(200 if answer else 404)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Telling) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        settings.GATEWAY_URL = f"http://127.0.0.1:{server.server_port}"
        try:
            yield
        finally:
            server.shutdown()
            thread.join()


def row(name: str, **info: Any) -> dict[str, Any]:
    return {"model_name": name, "litellm_params": {"model": f"openai/{name}"}, "model_info": {"mode": "chat", **info}}


def names() -> list[str]:
    return [model.name for model in GatewayModel.objects.all()]


def writes(queries: CaptureQueriesContext) -> list[str]:
    statements = [query["sql"] for query in queries.captured_queries]
    return [sql for sql in statements if "keys_gatewaymodel" in sql and not sql.startswith("SELECT")]


# --- What it takes over -----------------------------------------------------------------------------
def test_stores_the_models_of_the_gateway(sandbox: Sandbox) -> None:
    before = timezone.now()

    assert refresh_models() == GatewayModel.objects.count() > 3
    assert names()[:2] == ["general_nothink", "gpt-4o-mini"]  # in the gateway's order
    model = GatewayModel.objects.get(name="gpt-4o-mini")
    assert (model.mode, model.provider) == ("chat", "openai")
    assert (model.max_input_tokens, model.max_output_tokens) == (128_000, 16_384)
    assert (model.input_usd_per_million, model.output_usd_per_million) == (Decimal("0.15"), Decimal("0.6"))
    assert model.features == ["vision", "tools"]
    state = gateway_state()
    assert (state.sandbox, state.problem, state.down_since) == (True, "", None)
    assert state.version
    assert all(moment and moment > before for moment in (state.checked_at, state.ok_at, state.models_at))


def test_the_second_time_writes_no_model(sandbox: Sandbox) -> None:
    refresh_models()

    with CaptureQueriesContext(connection) as queries:
        assert refresh_models() == 0
    assert writes(queries) == []


def test_writes_only_what_changed(settings: Settings) -> None:
    with gateway_that_tells(settings, [row("a"), row("b"), row("c")]):
        assert refresh_models() == 3
    kept = GatewayModel.objects.get(name="a").pk

    with gateway_that_tells(settings, [row("a"), row("b", input_cost_per_token=1e-6)]):
        assert refresh_models() == 2  # b has a price now, c is gone

    assert names() == ["a", "b"]
    assert GatewayModel.objects.get(name="a").pk == kept
    assert GatewayModel.objects.get(name="b").input_usd_per_million == 1


def test_ignores_invalid_models(settings: Settings) -> None:
    rows = [
        row("two\nlines"),
        row("\u202egnp.exe"),
        row("x" * 201),
        row("huge", max_input_tokens=10**12, input_cost_per_token=100_000, mode="m" * 99),
        row("below-zero", max_input_tokens=-1, output_cost_per_token=-1e-6),
    ]
    with gateway_that_tells(settings, rows):
        assert refresh_models() == 2
        assert refresh_models() == 0

    assert names() == ["huge", "below-zero"]
    for model in GatewayModel.objects.all():
        assert model.max_input_tokens is None
        assert model.input_usd_per_million is None
        assert model.output_usd_per_million is None


def test_the_task_is_idempotent(sandbox: Sandbox) -> None:
    task()
    task()

    assert "general_nothink" in names()


# --- What it keeps ----------------------------------------------------------------------------------
def read_before() -> datetime:
    """Refresh while all is well, and return when."""
    assert refresh_models()
    read_at = gateway_state().models_at
    assert read_at
    return read_at


def test_an_unavailable_gateway_keeps_the_models_and_the_time_of_the_outage(
    sandbox: Sandbox, settings: Settings
) -> None:
    read_at = read_before()
    known = names()
    settings.GATEWAY_URL = f"http://127.0.0.1:{free_port()}"

    assert refresh_models() == 0
    state = gateway_state()
    since = state.down_since
    assert names() == known
    assert (state.problem, state.models_at) == ("unreachable", read_at)
    assert since
    assert since > read_at

    refresh_models()
    assert gateway_state().down_since == since

    settings.GATEWAY_URL = sandbox.url
    refresh_models()
    state = gateway_state()
    assert (state.problem, state.down_since) == ("", None)
    assert state.models_at
    assert state.models_at > read_at


@pytest.mark.parametrize("kind", ["html", "truncated_json", "error", "drop_before"])
@pytest.mark.parametrize("path", ["/model/info", "/health/readiness"])
def test_garbage_keeps_the_models(sandbox: Sandbox, kind: str, path: str) -> None:
    read_at = read_before()
    known = names()
    sandbox.faults(path, kind, times=9)

    assert refresh_models() == 0
    assert names() == known
    state = gateway_state()
    assert (state.problem, state.models_at) == ("models_unread" if path == "/model/info" else "unreachable", read_at)
    assert bool(state.down_since) is (path != "/model/info")  # what answers is not down
    assert state.checked_at
    assert state.checked_at > read_at


@pytest.mark.parametrize("rows", [[], None])
def test_an_empty_list_keeps_the_known_models(sandbox: Sandbox, settings: Settings, rows: object) -> None:
    read_before()
    known = names()

    with gateway_that_tells(settings, rows):
        assert refresh_models() == 0

    assert names() == known
    assert (gateway_state().problem, gateway_state().down_since) == ("no_models", None)


def test_a_refused_admin_key_is_reported_as_such_not_as_an_outage(sandbox: Sandbox, settings: Settings) -> None:
    read_before()
    known = names()
    settings.GATEWAY_ADMIN_KEY = "sk-wrong"

    assert refresh_models() == 0
    assert names() == known
    assert (gateway_state().problem, gateway_state().down_since) == ("key_refused", None)


def test_an_unhealthy_gateway_is_reported(settings: Settings) -> None:
    health = {"status": "healthy", "db": "Not connected", "litellm_version": "1.2.3"}
    with gateway_that_tells(settings, [row("a")], health):
        assert refresh_models() == 1

    assert (gateway_state().problem, gateway_state().version) == ("unhealthy", "1.2.3")
    assert gateway_state().ok_at is None


def test_works_without_the_version(sandbox: Sandbox) -> None:
    sandbox.faults("/health/readiness/details", "html")

    assert refresh_models()
    assert (gateway_state().problem, gateway_state().version) == ("", "")


def test_reads_the_health_of_an_older_gateway(settings: Settings) -> None:
    with gateway_that_tells(settings, [row("a")]):
        assert refresh_models() == 1

    assert (gateway_state().problem, gateway_state().sandbox) == ("", False)


# --- Who may call what ------------------------------------------------------------------------------
def test_offers_only_what_the_policy_allows() -> None:
    for position, (name, mode) in enumerate([("v", "embedding"), ("a", "chat"), ("b", "chat"), ("w", "embedding")]):
        GatewayModel.objects.create(name=name, mode=mode, position=position)
    make_policy("All")
    make_policy("Few", all_models=False, model_names=["w", "b", "not-there"])
    make_policy("None", all_models=False, model_names=["nowhere"])
    everything, few, nothing = (policy_of(make_user(groups=(group,))).models for group in ("All", "Few", "None"))

    assert [model.name for model in models_named(everything)] == ["v", "a", "b", "w"]
    assert [model.name for model in models_named(few)] == ["b", "w"]
    assert str(default_chat_model(everything)) == "a"
    assert str(default_chat_model(few)) == "b"
    assert str(default_embedding_model(few)) == "w"
    assert default_chat_model(nothing) is None


# --- What every page may say ------------------------------------------------------------------------
def test_is_loaded_lazily(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    GatewayState.objects.update(sandbox=True)
    request = RequestFactory().get("/")

    with django_assert_num_queries(0):
        reported: Any = context.header(request)["gateway"]
    with django_assert_num_queries(1):
        assert reported.sandbox
        assert not reported.down_since


def test_a_page_renders_without_the_database(settings: Settings) -> None:
    reported: Any = context.header(RequestFactory().get("/"))["gateway"]

    def refuse(*_: object) -> None:
        from django.db import OperationalError

        raise OperationalError("the database is away")

    with connections["default"].execute_wrapper(refuse):
        assert not reported.down_since
        assert not reported.sandbox
