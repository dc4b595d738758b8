"""Starts reports of errors and traces where settings name a receiver; imports their libraries only then."""

from importlib import import_module
from importlib.util import find_spec
from typing import Any, Final
from urllib.parse import SplitResult, urlsplit

from django.conf import settings
from django.core.checks import CheckMessage, Error, register

from portal.version import version

RECEIVERS: Final = {  # by setting: the extra, a module of its library, our module and function
    "SENTRY_DSN": ("sentry", "sentry_sdk", "portal.error_reports", "report_errors"),
    "OTEL_EXPORTER_OTLP_ENDPOINT": ("otel", "opentelemetry.sdk", "portal.traces", "send_traces"),
}


def start_telemetry() -> None:
    """Send what is set up to be sent; a missing library is an error of the checks."""
    for setting, (_extra, library, module, function) in RECEIVERS.items():
        address = getattr(settings, setting)
        if address and _is_installed(library) and _is_address(setting, address):
            getattr(import_module(module), function)(address, version())


@register
def telemetry_is_installed(**kwargs: Any) -> list[CheckMessage]:
    """Refuse to start without the library of a receiver: nobody would notice that nothing is sent."""
    return [
        Error(
            f"{setting} is set, but its library is not installed.",
            hint=f"Install passerelle[{extra}], or requirements/telemetry.txt.",
            id="portal.E050",
        )
        for setting, (extra, library, _module, _function) in RECEIVERS.items()
        if getattr(settings, setting) and not _is_installed(library)
    ]


@register
def telemetry_has_an_address(**kwargs: Any) -> list[CheckMessage]:
    """Refuse to start with an address to which nothing can be sent, without a traceback, and without its value."""
    return [
        Error(
            f"{setting} is no address that something can be sent to.",
            hint="https://KEY@HOST/NUMBER of Sentry, http://HOST:4318 of a collector.",
            id="portal.E051",
        )
        for setting in RECEIVERS
        if getattr(settings, setting) and not _is_address(setting, getattr(settings, setting))
    ]


def _is_address(setting: str, text: str) -> bool:
    try:
        parts = urlsplit(text)
        is_complete = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
    return is_complete and (setting != "SENTRY_DSN" or _is_dsn(parts))


def _is_dsn(parts: SplitResult) -> bool:
    return bool(parts.username) and parts.path.rpartition("/")[2].isdecimal()


def _is_installed(library: str) -> bool:
    try:
        return find_spec(library) is not None
    except ModuleNotFoundError:  # of the package around it
        return False
