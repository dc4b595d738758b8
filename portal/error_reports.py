"""Sends errors to Sentry (SENTRY_DSN): what the log has at ERROR, without anything private. Imported only where set.

An event is made anew from an allow-list: type and frames of exceptions without their message and variables, the
constant part of a line of the log, ids. No address, header, cookie, form, query, statement or mail address.
"""

from collections.abc import Mapping
from logging import ERROR, LogRecord
from typing import Any, Final

import sentry_sdk
from sentry_sdk.integrations.atexit import AtexitIntegration
from sentry_sdk.integrations.dedupe import DedupeIntegration
from sentry_sdk.integrations.logging import LoggingIntegration

from gateway import log_context
from portal.log import OUR_PACKAGES
from web.logs import redact

KEPT: Final = ("event_id", "timestamp", "level", "logger", "platform", "release", "environment")
KEPT_OF_FRAMES: Final = ("filename", "function", "module", "lineno", "in_app")
TAGS: Final = ("request_id", "route", "method", "task", "task_id", "gateway_call_id")


def report_errors(dsn: str, version: str) -> None:
    """Send the errors of this process, and of those forked from it."""
    sentry_sdk.init(
        dsn=dsn,
        release=version or None,
        default_integrations=False,
        auto_enabling_integrations=False,
        integrations=[
            LoggingIntegration(level=None, event_level=ERROR, sentry_logs_level=None),
            DedupeIntegration(),
            AtexitIntegration(callback=lambda *_: None),
        ],
        before_send=without_private_data,
        include_local_variables=False,
        include_source_context=False,
        max_breadcrumbs=0,
        send_default_pii=False,
        server_name="",
    )


def without_private_data(event: Any, hint: Mapping[str, Any]) -> Any:
    """Return an event with what is allowed of this one."""
    noted, record = log_context.noted(), hint.get("log_record")
    return {
        **{name: event[name] for name in KEPT if name in event},
        "logentry": {"message": _constant_part(record)},
        "exception": {"values": [_without_message(each) for each in event.get("exception", {}).get("values", [])]},
        "tags": {name: str(noted[name]) for name in TAGS if noted.get(name)},
        "user": {"id": str(noted["person"])} if noted.get("person") else {},
        "contexts": {"runtime": event.get("contexts", {}).get("runtime", {})},
    }


def _constant_part(record: LogRecord | None) -> str:
    """Return the text of a line without its values; of another library its name alone: its text may have values."""
    if record is None:
        return ""
    return redact(str(record.msg)) if record.name.partition(".")[0] in OUR_PACKAGES else record.name


def _without_message(exception: Mapping[str, Any]) -> dict[str, Any]:
    """Return an exception of an event without its message, which may quote anything."""
    frames = (exception.get("stacktrace") or {}).get("frames", [])
    return {
        "type": exception.get("type"),
        "module": exception.get("module"),
        "stacktrace": {"frames": [{name: frame.get(name) for name in KEPT_OF_FRAMES} for frame in frames]},
    }
