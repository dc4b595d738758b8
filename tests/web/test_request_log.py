"""One id finds a request in the log of the web, of the worker and of the gateway, and on the page with the error."""

import asyncio
import json
import logging
import re
from collections.abc import AsyncGenerator, Iterator

import psycopg
import pytest
from celery import current_app
from celery.signals import task_postrun, task_prerun
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.test import Client, RequestFactory
from django.urls import include, path, reverse
from pytest_django import Settings

from accounts.models import User
from gateway import log_context
from keys.services.rounds import each_at_once
from keys.services.sweep import sweep_keys
from tests.keys.views.pages import key_request
from tests.logged import logged_as_json
from tests.sandbox_process import Sandbox
from tests.web.asgi import Exchange
from web.errors import server_error
from web.handler import Handler
from web.log_formats import JsonFormatter, LineFormatter

ID = "0d5f6a7b8c9d0e1f"
logger = logging.getLogger("web.test")


@pytest.fixture
def behind_a_proxy(settings: Settings) -> None:
    settings.TRUSTED_PROXY_COUNT = 1


@pytest.fixture
def within_a_request() -> Iterator[None]:
    with log_context.scope(request_id=ID):
        yield


def two_lines(request: HttpRequest) -> StreamingHttpResponse:
    async def pieces() -> AsyncGenerator[bytes, None]:
        logger.info("begins")
        await asyncio.sleep(0)
        yield b"one"
        logger.info("ends")

    return StreamingHttpResponse(pieces())


def fail(request: HttpRequest) -> HttpResponse:
    raise RuntimeError(request.GET["secret"])


urlpatterns = [path("", include("keys.urls")), path("two/", two_lines, name="two"), path("fail/", fail, name="fail")]
handler500 = "web.errors.server_error"


def test_takes_a_plain_id_from_a_trusted_proxy_only(client: Client, settings: Settings) -> None:
    odd = ["", "short", "two words", "x" * 65, "-leading-dash", "é" * 9, "sk-Xy7_kk29-QpLm4TzVw81Ab", "a\tb-c-d-e-f"]
    for count, given in [(0, ID), *((1, each) for each in odd)]:
        settings.TRUSTED_PROXY_COUNT = count
        response = client.get("/healthz/live", headers={"X-Request-ID": given})
        assert re.fullmatch("[0-9a-f]{16}", response["X-Request-ID"]), (count, given)
        assert response["X-Request-ID"] != given

    assert client.get("/healthz/live", headers={"X-Request-ID": ID})["X-Request-ID"] == ID


@pytest.mark.usefixtures("within_a_request")
def test_the_pages_of_errors_show_the_id() -> None:
    for error, status in ((RuntimeError(), 500), (psycopg.OperationalError(), 503)):
        try:
            raise error
        except (RuntimeError, psycopg.OperationalError):
            response = server_error(RequestFactory().get("/"))
        assert response.status_code == status
        assert f"<code>{ID}</code>" in response.content.decode()


def test_a_request_is_one_line_with_its_route_and_person(as_intern: Client, intern: User, settings: Settings) -> None:
    settings.LOG_REQUESTS = True

    with logged_as_json() as logged:
        response = as_intern.get("/?q=what-they-look-for")
        as_intern.get("/healthz/live")
        as_intern.get("/metrics")
        as_intern.get("/no-such-page/")

    [page, missing] = logged.of("web.request_log")
    assert page["request_id"] == response["X-Request-ID"]
    assert (page["method"], page["route"], page["status"], page["person"]) == ("GET", "keys:index", 200, intern.pk)
    assert page["duration_ms"] > 0
    assert set(page) <= {
        *("time", "level", "logger", "message", "request_id", "method", "route", "status", "person", "duration_ms"),
        "gateway_call_id",
    }
    assert (missing["status"], missing.get("route")) == (404, None)
    assert intern.email not in logged.text
    assert "what-they-look-for" not in str(page)


@pytest.mark.django_db
@pytest.mark.urls(__name__)
@pytest.mark.usefixtures("behind_a_proxy")
def test_streams_on_the_event_loop_keep_the_id_of_their_request(settings: Settings) -> None:
    settings.MIDDLEWARE = ["web.request_log.RequestLog"]

    async def all_of_them() -> None:
        handler = Handler()
        given = [{"X-Request-ID": f"request-{number}"} for number in range(3)]
        exchanges = [Exchange(handler, "/two/", headers=headers) for headers in given]
        for exchange, headers in zip(exchanges, given, strict=True):
            assert await exchange.whole() == b"one"
            assert exchange.headers["x-request-id"] == headers["X-Request-ID"]

    with logged_as_json() as logged:
        asyncio.run(all_of_them())

    for number in range(3):
        lines = [line for line in logged.of("web.test") if line["request_id"] == f"request-{number}"]
        assert [(line["message"], line["route"]) for line in lines] == [("begins", "two"), ("ends", "two")]


@pytest.mark.urls(__name__)
def test_an_error_is_one_json_line_without_the_secret_in_it(client: Client, settings: Settings) -> None:
    settings.MIDDLEWARE = ["web.request_log.RequestLog"]
    client.raise_request_exception = False

    with logged_as_json() as logged:
        response = client.get("/fail/", {"secret": "sk-Xy7_kk29-QpLm4TzVw81Ab"})

    [line] = logged.of("django.request")
    assert line["request_id"] == response["X-Request-ID"]
    assert "RuntimeError: sk-…" in line["traceback"]
    assert "Xy7_kk29" not in logged.text


@pytest.mark.usefixtures("within_a_request")
def test_a_line_of_text_ends_with_the_id() -> None:
    line = LineFormatter().format(logging.makeLogRecord({"msg": "hello", "levelname": "INFO", "name": "web"}))

    assert line.endswith(f"INFO web hello [{ID}]")


@pytest.mark.usefixtures("within_a_request")
def test_threads_that_call_the_gateway_keep_the_id() -> None:
    seen: list[tuple[str, str]] = []

    def call(row: str) -> None:
        log_context.note(gateway_call_id=row)
        seen.append((row, log_context.request_id()))

    each_at_once(["a", "b"], prepare=bool, call=call, finish=lambda row, error: error is None)

    assert sorted(seen) == [("a", ID), ("b", ID)]
    assert "gateway_call_id" not in log_context.noted()


def test_no_text_forges_a_line_or_breaks_one() -> None:
    record = logging.makeLogRecord({"msg": "a\n2026 INFO web b\r\x1b[2K\x85\u2028\udc80 é\U0001f600", "name": "web"})

    assert "a\\n2026 INFO web b\\r\\x1b[2K\\x85\\u2028\\udc80 é\U0001f600" in LineFormatter().format(record)
    line = JsonFormatter().format(record)
    assert line.isascii()  # also where the standard error has another encoding
    assert "\\udc80" in json.loads(line)["message"]  # as text: strict readers of JSON refuse half a character
    assert "é\U0001f600" in json.loads(line)["message"]


def test_a_made_up_method_is_not_in_the_log(as_intern: Client, settings: Settings) -> None:
    settings.LOG_REQUESTS = True

    with logged_as_json() as logged:
        as_intern.generic("sk-Xy7_kk29-QpLm4TzVw81Ab", "/")

    [line] = logged.of("web.request_log")
    assert line["method"] == "other"


@pytest.mark.django_db  # empties the queues
@pytest.mark.usefixtures("within_a_request")
def test_a_task_has_the_id_of_the_request_that_sent_it() -> None:
    current_app.loader.import_default_modules()
    current_app.send_task("keys.sweep")
    with current_app.connection_for_read() as broker, broker.SimpleQueue("celery") as queue:
        message = queue.get(block=False)
        message.ack()
    sweep = current_app.tasks["keys.sweep"]

    assert message.headers["request_id"] == ID
    for headers, expected in (({"request_id": ID}, ID), ({}, "task-id-1"), ({"request_id": "two words"}, "task-id-1")):
        sweep.push_request(**headers)
        task_prerun.send(sender=sweep, task_id="task-id-1")
        assert log_context.noted() == {"request_id": expected, "task": "keys.sweep", "task_id": "task-id-1"}
        task_postrun.send(sender=sweep, task_id="task-id-1")
        sweep.pop_request()
        assert log_context.noted() == {}


@pytest.mark.usefixtures("behind_a_proxy")
def test_one_id_finds_a_failed_creation_in_web_worker_and_gateway(as_intern: Client, sandbox: Sandbox) -> None:
    settings_on = {"X-Request-ID": ID, "X-Forwarded-For": "192.0.2.7"}
    sandbox.faults("/key/generate", "drop_after")

    with logged_as_json() as logged:
        response = as_intern.post(reverse("keys:create"), key_request(), headers=settings_on)
        [made] = sandbox.live_keys()
        with log_context.scope(request_id="of-the-schedule"):
            sweep_keys()

    assert response.status_code == 503
    assert made["metadata"]["passerelle_request"] == ID
    mine = [line for line in logged.lines if line.get("request_id") == ID]
    assert [line["message"] for line in mine if line["level"] == "WARNING"] == [
        "POST /key/generate failed: GatewayUnavailable"
    ]
    assert [line for line in mine if line["logger"] == "keys.services.sweep"]
    assert sandbox.live_keys() == []
