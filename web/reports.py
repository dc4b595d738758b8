"""Redacts error reports: by mail to admins, and with DEBUG on Django's own page."""

from collections.abc import ItemsView
from types import FrameType
from typing import Any

from django.http import HttpRequest
from django.template.defaultfilters import pprint
from django.utils.safestring import SafeString
from django.views.debug import ExceptionReporter, SafeExceptionReporterFilter

from gateway.secret import redact


class _Shown:
    """A value as a report shows it."""

    def __init__(self, value: object) -> None:
        self._text = redact(pprint(value))

    def __repr__(self) -> str:
        return self._text


class SecretFreeReports(SafeExceptionReporterFilter):
    """Redact what looks like a key in every variable of every frame, ours or not; hide form data, with DEBUG too.

    `sensitive_variables` names single variables of single functions; templates and libraries have frames of their own,
    through which a whole page with a secret passes.
    """

    def is_active(self, request: HttpRequest | None) -> bool:
        """Hide always."""
        return True

    def get_post_parameters(self, request: HttpRequest | None) -> dict[str, Any]:
        """Name the fields of the form, without their values."""
        return {} if request is None else dict.fromkeys(request.POST, self.cleansed_substitute)

    def get_traceback_frame_variables(self, request: HttpRequest | None, tb_frame: FrameType) -> ItemsView[str, Any]:
        """Return names and redacted values."""
        shown = super().get_traceback_frame_variables(request, tb_frame)
        return {name: _Shown(value) for name, value in shown}.items()


class SecretFreeReporter(ExceptionReporter):
    """Redact what looks like a key in the whole report: URL, headers, cookies and messages contain it too."""

    def get_traceback_html(self) -> SafeString:
        """Return the report as a page."""
        return SafeString(redact(super().get_traceback_html()))

    def get_traceback_text(self) -> SafeString:
        """Return the report as text."""
        return SafeString(redact(super().get_traceback_text()))
