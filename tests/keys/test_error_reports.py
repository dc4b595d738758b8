"""Django's error reports on its page, by mail and in the log contain no secret."""

import logging
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pytest
from django.core import mail
from django.db import OperationalError, connection
from django.test import Client
from django.utils.log import AdminEmailHandler
from pytest_django import Settings

from accounts.models import User
from keys import services
from keys.models import Key
from tests.keys.actions import assert_at_rest, issue
from tests.keys.leaks import assert_nowhere, everywhere
from tests.keys.views.pages import key_request, url_of
from tests.sandbox_process import Sandbox

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(params=["production", "debug"])
def reports(request: pytest.FixtureRequest, settings: Settings) -> Iterator[None]:
    """Report errors by mail, in their longest form; with DEBUG, on Django's page too."""
    settings.DEBUG = request.param == "debug"
    settings.ADMINS = [("Admin", "admin@example.edu")]
    handler = AdminEmailHandler(include_html=True)
    logging.getLogger("django.request").addHandler(handler)
    yield
    logging.getLogger("django.request").removeHandler(handler)


@contextmanager
def database_fails_at(words: str) -> Iterator[None]:
    """Let the database fail at statements with these words in them."""

    def fail(execute: Callable[..., Any], sql: str, *rest: Any) -> Any:
        if words in sql:
            raise OperationalError("the disk is full")
        return execute(sql, *rest)

    with connection.execute_wrapper(fail):
        yield


@contextmanager
def page_fails(settings: Settings, folder: Path) -> Iterator[None]:
    """Put a template that cannot be rendered in the place of the snippets."""
    (folder / "keys").mkdir()
    (folder / "keys" / "_snippets.html").write_text("{% include 'there/is/none.html' %}")
    (reported,) = settings.TEMPLATES
    settings.TEMPLATES = [{**reported, "DIRS": [folder, *reported["DIRS"]]}]
    yield


def failing(where: str, settings: Settings, folder: Path) -> AbstractContextManager[None]:
    """Break the request at a place where a secret is at hand."""
    if where == "page":
        return page_fails(settings, folder)
    return database_fails_at({"record": 'UPDATE "keys_token"', "models": 'FROM "keys_gatewaymodel"'}[where])


@pytest.mark.parametrize(
    ("action", "where"),
    [("create", "record"), ("create", "page"), ("rotate", "record"), ("rotate", "page"), ("check", "models")],
)
def test_a_report_has_no_secret(
    staff: User,
    as_staff: Client,
    sandbox: Sandbox,
    settings: Settings,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    reports: None,
    action: str,
    where: str,
) -> None:
    fresh = issue(staff)
    as_staff.raise_request_exception = False
    caplog.set_level(1)
    url = url_of(action, fresh.key) if action == "rotate" else f"/keys/{action}/"

    with failing(where, settings, tmp_path):
        response = as_staff.post(url, {**key_request("other"), "secret": fresh.secret})

    assert response.status_code == 500
    assert any("keys/views" in str(message.message()) for message in mail.outbox)
    assert_nowhere(
        [*sandbox.issued_secrets(), sandbox.admin_key],
        [("the answer", response.content), *everywhere(caplog)],
    )


def test_an_interrupted_operation_is_repaired(as_staff: Client, sandbox: Sandbox, settings: Settings) -> None:
    as_staff.raise_request_exception = False
    with database_fails_at('UPDATE "keys_token"'):
        as_staff.post("/keys/create/", key_request())
    assert len(sandbox.live_keys()) == 1
    settings.KEY_ANSWER_DEADLINE_S = 0

    services.sweep_keys()

    assert_at_rest(sandbox)
    assert not sandbox.live_keys()
    assert Key.objects.get().problem == Key.Problem.ANSWER_LOST
