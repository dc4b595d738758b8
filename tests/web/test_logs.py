"""No log line and no report contains the secret of a key, wherever it was pasted and whoever writes."""

import io
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote

import pytest
from django.conf import settings
from django.core import mail
from django.core.exceptions import DisallowedHost
from django.http import HttpResponse
from django.test import Client, RequestFactory, override_settings
from django.utils.log import AdminEmailHandler
from django.utils.module_loading import import_string
from granian.log import access_logger, log_request_builder

from accounts.models import AuditEntry, User
from gateway.secret import has_secret, redact
from keys.models import Key
from tests.conftest import HTMX
from tests.keys.actions import issue
from tests.keys.views.pages import key_request, words_of
from tests.sandbox_process import Sandbox
from web.log_formats import JsonFormatter, LineFormatter
from web.middleware import no_secret_in_addresses

SECRET = "sk-Xy7_kk29-QpLm4TzVw81Ab"
ESCAPED = SECRET.replace("-", "%2D")


def written(logger: str, *args: Any, **more: Any) -> str:
    """Return what handlers write for a line of this logger, as text and as JSON."""
    log = logging.getLogger(logger)
    with listening_to(log, LineFormatter()) as text, listening_to(log, JsonFormatter()) as as_json:
        log.error(*args, **more)
    return text.getvalue() + as_json.getvalue().replace(r"\u2026", "…")  # JSON is ASCII


@contextmanager
def listening_to(log: logging.Logger, formatter: logging.Formatter) -> Iterator[io.StringIO]:
    """Hand out what is written there during the block."""
    said = io.StringIO()
    handler = logging.StreamHandler(said)
    handler.setFormatter(formatter)
    log.addHandler(handler)
    level = log.level
    log.setLevel(logging.INFO)
    try:
        yield said
    finally:
        log.removeHandler(handler)
        log.setLevel(level)


@pytest.mark.parametrize(
    "line",
    [
        ("Not Found: %s", f"/keys/{SECRET}/"),
        ("%(path)s", {"path": f"/?q={SECRET}"}),
        (f"GET /?q=key%3D{SECRET} 404",),
        (f"GET /?q=%20{ESCAPED} 404",),
        ("%r", f"first\n{SECRET}"),
        ("Bad: %s", ValueError(f"Bearer {SECRET} is no header")),
        (f"my_{SECRET}",),
        (f"is{SECRET}",),
    ],
    ids=lambda line: str(line[0])[:30],
)
@pytest.mark.parametrize("logger", ["django.request", "_granian", "celery.worker", "urllib3.connectionpool"])
def test_a_line_of_any_library_has_no_secret(logger: str, line: tuple[Any, ...]) -> None:
    said = written(logger, *line)

    assert "Xy7_kk29" not in said
    assert "sk-…" in said


def test_a_link_to_a_shared_conversation_is_not_in_the_log() -> None:
    path = "/playground/shared/Xy7_kk29-QpLm4TzVw81AbCd/"
    for shown in (path, f"{path}images/made/", f"/account/login/?next={path}", quote(path, safe="")):
        assert "Xy7_kk29" not in written("django.request", "Not Found: %s", shown)


def test_links_of_mails_about_accounts_are_not_in_the_log() -> None:
    for path in ("/account/confirm-email/Xy7_kk29:1vZ/", "/passerelle/account/password/reset/key/4-Xy7_kk29/"):
        for shown in (path, quote(path, safe="")):
            assert "Xy7_kk29" not in written("django.security.csrf", "Forbidden (no cookie): %s", shown)


def test_a_traceback_has_no_secret() -> None:
    try:
        raise ConnectionError(f"Authorization: Bearer {SECRET}")
    except ConnectionError:
        said = written("portal", "failed", exc_info=True, stack_info=True)

    assert said.count("ConnectionError: Authorization: Bearer sk-…") == 2
    assert said.count("Stack (most recent call last)") == 2
    assert "Xy7_kk29" not in said


def test_no_message_of_an_exception_looks_like_a_line_of_its_own() -> None:
    forged = "2026-11-30 12:00:00,000 INFO portal all is well"
    with listening_to(logging.getLogger("portal"), LineFormatter()) as said:
        try:
            raise ValueError(f"a name with\n{forged}\r{forged}\x1b[2K")
        except ValueError:
            logging.getLogger("portal").exception("failed")

    [_line, *traceback] = said.getvalue().splitlines()
    assert f"  {forged}\\r{forged}\\x1b[2K" in traceback
    assert [line for line in traceback if not line.startswith("  ")] == []


def test_the_access_log_has_no_secret() -> None:
    build: Callable[[str], Callable[..., None]] = log_request_builder
    write = build("%(method)s %(path)s?%(query_string)s %(status)d")
    given = {"addr_remote": "", "protocol": "", "path": "/", "qs": f"q={SECRET}", "method": "GET", "scheme": "http"}

    with listening_to(access_logger, logging.Formatter()) as said:
        write(0.0, 0.0, given, 200)

    assert said.getvalue() == "GET /?q=sk-… 200\n"


def test_formatters_that_read_the_arguments_get_no_secret() -> None:
    record = logging.makeLogRecord({})
    record = logging.getLogRecordFactory()("uvicorn.access", 20, "", 0, "%s %s", ("GET", f"/?q={SECRET}"), None)

    assert record.args == ("GET", "/?q=sk-…")


@override_settings(ADMINS=[("Admin", "admin@example.edu")], DEBUG=False)
def test_the_mail_about_an_error_has_no_secret(db: None) -> None:
    request = RequestFactory().get(f"/?q={SECRET}", headers={"Referer": f"http://x/{SECRET}", "Cookie": f"a={SECRET}"})
    log = logging.getLogger("test.mail")
    handler = AdminEmailHandler(include_html=True)
    log.addHandler(handler)
    try:
        raise DisallowedHost(SECRET)
    except DisallowedHost:
        log.exception("Internal Server Error: %s", request.get_full_path(), extra={"request": request})
    finally:
        log.removeHandler(handler)

    [message] = mail.outbox
    assert "Xy7_kk29" not in f"{message.subject}{message.body}{getattr(message, 'alternatives', '')}"


@pytest.mark.parametrize(
    "path",
    [
        f"/?q={SECRET}",
        f"/models/?q=%20{ESCAPED}",
        f"/usage/?key={SECRET}&period=7",
        f"/usage/?person=me+{SECRET}",
        f"/playground/conversations/?q={SECRET}",
        f"/playground/?system={SECRET}",
        f"/keys/{SECRET}/",
        f"/{SECRET}",
        f"/admin/accounts/auditentry/?q={SECRET}",
    ],
)
def test_an_address_with_a_secret_leads_to_the_same_without(
    as_admin: Client, path: str, caplog: pytest.LogCaptureFixture
) -> None:
    response = as_admin.get(path)

    assert response.status_code == 302
    assert "Xy7_kk29" not in response["Location"]
    assert response["Location"].split("?")[0].startswith(path.split("sk-")[0].split("?")[0])
    again = as_admin.get(response["Location"], headers={"Referer": f"http://testserver{path}"})
    assert again.status_code in (200, 404)
    assert "Xy7_kk29" not in again.content.decode() + caplog.text


def test_the_redirect_never_leads_to_another_site(client: Client) -> None:
    request = RequestFactory().get("/")
    request.path = request.path_info = f"//evil.example/{SECRET}"

    assert no_secret_in_addresses(lambda _: HttpResponse())(request)["Location"].startswith("/%2Fevil.example/sk-")


def test_a_link_of_sign_in_that_looks_like_a_secret_works(client: Client, db: None) -> None:
    assert "sk-…" not in client.get(f"/account/password/reset/key/{SECRET}/").content.decode()
    assert client.get("/account/login/", {"next": f"/x-{SECRET}"}).status_code == 200


@pytest.mark.parametrize(
    "text", ["sk-learn", "sk-learn thesis", "task-force-2026-spring-term", "Risk-Assessment", "sk-1"]
)
def test_similar_words_are_no_secret(text: str) -> None:
    assert not has_secret(text)


@pytest.mark.parametrize("text", ["disk-usage", "task-force", "risk-assessment", "whisk-y"])
def test_words_with_sk_in_them_stay_in_the_log(text: str) -> None:
    assert redact(text) == text


def test_a_label_an_intern_and_an_address_with_a_secret_are_refused(as_staff: Client, sandbox: Sandbox) -> None:
    for field in ("label", "intern_name", "intern_email"):
        typed = f"{SECRET}@example.edu" if field == "intern_email" else f"my {SECRET}"
        form = {**key_request(), "intern_name": "Ada", "intern_email": "ada@example.edu", field: typed}

        response = as_staff.post("/keys/create/", form, headers=HTMX)

        assert response.status_code == 422
        assert "This looks like the secret of a key." in words_of(response)
    assert not Key.objects.exists()


def test_the_trail_blanks_the_name_of_a_key_that_has_a_secret_in_it(intern: User, sandbox: Sandbox) -> None:
    issue(intern, f"{SECRET} mine", intern_name="")
    issue(intern, "sk-learn")

    assert [entry.label for entry in AuditEntry.objects.order_by("id")] == ["sk-… mine", "sk-learn"]


@pytest.mark.parametrize(("address", "status"), [("/usage/everyone/", 403), ("/no-such-page/", 404), ("/", 400)])
def test_a_refused_request_is_one_line_of_the_log(as_intern: Client, address: str, status: int) -> None:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    for name in settings.LOGGING["handlers"]["stderr"]["filters"]:
        handler.addFilter(import_string(settings.LOGGING["filters"][name]["()"])())
    log = logging.getLogger("django")
    log.addHandler(handler)
    try:
        found = as_intern.get(address, headers={"host": "elsewhere.example.edu"} if status == 400 else None)
    finally:
        log.removeHandler(handler)

    assert found.status_code == status
    assert "Traceback" not in stream.getvalue()
