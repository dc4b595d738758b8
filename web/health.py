"""Health checks for operators: is the process alive, can it serve, does an admin have to act?

Every wait is short, and one request at a time runs the checks: the others of this process get its result. The words
reveal nothing to strangers but the version of the portal: no address, no error.
"""

import smtplib
import threading
import time
from collections.abc import Callable, Mapping
from math import inf
from typing import Final

from celery import current_app
from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.contrib.staticfiles.storage import staticfiles_storage
from django.core.cache import cache
from django.db import DatabaseError, connection
from django.http import HttpRequest, JsonResponse
from django.utils.module_loading import import_string
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from kombu.exceptions import KombuError

from gateway.django import get_gateway
from gateway.errors import GatewayError
from web.bounded import BoundedCheck
from web.cache import redis_watch
from web.health_words import Part, part
from web.outage import database_watch
from web.patience import answers_within
from web.probe import arrival_of
from web.shutdown import announced

ANSWER_S: Final = 1.0  # for each check
FRESH_S: Final = 1.0  # for so long a result is shared
OLD_S: Final = 30.0  # after so long it says nothing any more
WAIT_S: Final = 3.0  # for a check of another request, where there is no result yet, or an old one
GATEWAY_STATE_AGE_S: Final = 5  # a probe by every balancer each second must not become a load on the gateway
MAIL_STATE_AGE_S: Final = 20
MAIL_S: Final = 5.0  # for the mail server to greet us
SMTP_OK: Final = 250
STATES: Final = {True: "up", False: "down", None: "slow"}  # of an answer, within a second
PARTS: Final = ("database", "broker", "static", "gateway", "mail")  # and those of HEALTH_PARTS
NEEDED: Final = ("database", "static")  # without these a node shows no page


@login_not_required
@never_cache
@require_safe
def live(request: HttpRequest) -> JsonResponse:
    """Say that this process answers; makes no other call. The doctor also learns how its request arrived."""
    return JsonResponse({"state": "up", "version": settings.VERSION, **arrival_of(request)})


@login_not_required
@never_cache
@require_safe
def ready(request: HttpRequest) -> JsonResponse:
    """Return the state of each part; 503 when the portal cannot serve, or is about to end.

    Problems that pages can live with (gateway, queue, worker) make it "degraded": for an admin, not for the balancer.
    """
    if announced.is_set():
        return JsonResponse({"state": "leaving"}, status=503)
    parts = _asker.parts()
    can_serve = all(parts.get(name) == "up" for name in NEEDED)
    all_well = set(parts.values()) == {"up"}
    state = "up" if can_serve and all_well else "degraded" if can_serve else "down"
    return JsonResponse({"state": state, "parts": parts}, status=200 if can_serve else 503)


def report() -> list[Part]:
    """Return each part with its state and what to do about it, for pages and commands; bounded as `ready` is."""
    return [part(name, state) for name, state in _asker.parts().items()]


class _Asker:
    """Runs the checks for all requests of this process."""

    def __init__(self, *, wait_s: float = WAIT_S) -> None:
        self._lock = threading.Lock()
        self._wait_s = wait_s
        self._heard: Mapping[str, str] = {}
        self._heard_at = -inf

    def parts(self) -> Mapping[str, str]:
        """Return the state of each part, checked just now or a moment ago; "unknown" where a first check takes long."""
        if self._age_s >= FRESH_S and self._lock.acquire(timeout=0 if self._age_s < OLD_S else self._wait_s):
            try:
                if self._age_s >= FRESH_S:  # no other request has checked while this one waited
                    self._heard = _ask()
                    self._heard_at = time.monotonic()
            finally:
                self._lock.release()
        return self._heard if self._age_s < OLD_S else dict.fromkeys((*PARTS, *settings.HEALTH_PARTS), "unknown")

    @property
    def _age_s(self) -> float:
        return time.monotonic() - self._heard_at

    def forget(self) -> None:
        """Check again next time."""
        self._heard_at = -inf


_asker: Final = _Asker()


def _ask() -> dict[str, str]:
    """Check each part; what needs the database only if it is available."""
    with answers_within(ANSWER_S):
        parts = {"database": _database_state(), "broker": _broker_state(), "static": _static_state()}
        is_up = parts["database"] == "up"
        for name, state in {"gateway": _gateway_state, "mail": _mail_state}.items():
            parts[name] = state() if is_up or settings.REDIS_URL else "unknown"
        for name, path in settings.HEALTH_PARTS.items():
            ask: Callable[[], str] = import_string(path)
            try:
                parts[name] = ask() if is_up else "unknown"
            except DatabaseError:
                parts[name] = "unknown"
    return parts


def _database_state() -> str:
    if database_watch.is_away:
        return "down"
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError:
        return "down"
    return "up"


def _broker_state() -> str:
    if settings.REDIS_URL:
        return "up" if redis_watch.ask() else "down"
    try:
        with current_app.connection_for_write() as broker:
            broker.ensure_connection(max_retries=1, timeout=1)
    except (KombuError, OSError):
        return "down"
    return "up"


def _static_state() -> str:
    """Say whether `collectstatic` has run; without its manifest no page can be rendered, except with DEBUG."""
    return "up" if settings.DEBUG or getattr(staticfiles_storage, "hashed_files", True) else "missing"


def _gateway_state() -> str:
    """Return the gateway's state, checked at most every few seconds by all processes together."""
    return _shared(f"health:gateway:{settings.GATEWAY_URL}", _gateway_check, GATEWAY_STATE_AGE_S)


def _mail_state() -> str:
    """Return whether the mail server greets us; without a sign-in or a mail, which its log would be full of."""
    if settings.EMAIL_BACKEND != "web.mail.SmtpBackend":
        return "up"
    return _shared(f"health:mail:{settings.EMAIL_HOST}:{settings.EMAIL_PORT}", _mail_check, MAIL_STATE_AGE_S)


def _shared(name: str, check: BoundedCheck[bool], age_s: int) -> str:
    """Return "up", "down" or "slow"; of a check that another process made a moment ago, too."""
    try:
        state: str | None = cache.get(name)
        if state is None:
            state = STATES[check.result(within_s=ANSWER_S)]
            cache.set(name, state, age_s)
    except DatabaseError:  # the cache is in the database where there is no Redis
        return "unknown"
    return state


def gateway_answers() -> bool:
    """Return whether the gateway says that it is alive."""
    try:
        get_gateway().health.liveness()
    except GatewayError:
        return False
    return True


def mail_server_answers() -> bool:
    """Return whether the mail server greets us."""
    kind = smtplib.SMTP_SSL if settings.EMAIL_USE_SSL else smtplib.SMTP
    try:
        with kind(settings.EMAIL_HOST, settings.EMAIL_PORT, timeout=MAIL_S) as server:
            return server.noop()[0] == SMTP_OK
    except (OSError, smtplib.SMTPException):
        return False


_gateway_check: Final = BoundedCheck("gateway", gateway_answers)
_mail_check: Final = BoundedCheck("mail", mail_server_answers)
