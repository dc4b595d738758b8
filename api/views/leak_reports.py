"""The address for reports of leaked secrets. Before the reporter is verified, nothing of the report is looked at."""

import logging
from typing import Final

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.utils.crypto import constant_time_compare
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_POST

from accounts.audit import Actor
from api.services.github_keys import KeysUnavailable, is_signed_by_github
from api.services.leak_reports import InvalidReport, read_report, take_report
from keys.models import LeakReport
from web.request import client_address

logger = logging.getLogger(__name__)

MAX_BYTES: Final = 1024 * 1024
RETRY_S: Final = 60


@csrf_exempt
@login_not_required
@require_POST
@never_cache
@sensitive_variables("body")
def receive(request: HttpRequest) -> HttpResponse:
    """Take a report, end the secrets that are ours, and answer which were; 404 where no reporter is configured."""
    if not (settings.LEAK_REPORTS_GITHUB_KEYS_URL or settings.LEAK_REPORTS_SECRET):
        raise Http404
    body = request.read(MAX_BYTES + 1)
    if len(body) > MAX_BYTES:
        return _error(413, "too_large")
    try:
        source = _verified_source(request, body)
    except KeysUnavailable:
        response = _error(503, "keys_unavailable")
        response["Retry-After"] = str(RETRY_S)
        return response
    if source is None:
        return _error(401, "not_verified")
    try:
        report = read_report(body)
    except InvalidReport:
        return _error(422, "invalid_report")
    actor = Actor(address=client_address(request), via="leak_report")
    feedback = take_report(report, source=source, actor=actor)
    ours = sum(row["label"] == "true_positive" for row in feedback)
    logger.info("leak reports: %d of %d secrets are ours (%s)", ours, len(feedback), source)
    return JsonResponse(feedback, safe=False)


@sensitive_variables("body")
def _verified_source(request: HttpRequest, body: bytes) -> LeakReport.Source | None:
    """Return who surely sent this; None for anybody else. Raises KeysUnavailable."""
    signature = request.headers.get("Github-Public-Key-Signature", "")
    if signature:
        identifier = request.headers.get("Github-Public-Key-Identifier", "")
        if settings.LEAK_REPORTS_GITHUB_KEYS_URL and is_signed_by_github(
            body, identifier=identifier, signature=signature
        ):
            return LeakReport.Source.GITHUB
        return None
    scheme, _space, secret = request.headers.get("Authorization", "").partition(" ")
    is_known = constant_time_compare(secret.strip(), settings.LEAK_REPORTS_SECRET)
    return LeakReport.Source.OTHER if settings.LEAK_REPORTS_SECRET and scheme == "Bearer" and is_known else None


def _error(status: int, code: str) -> HttpResponse:
    return JsonResponse({"error": code}, status=status)
