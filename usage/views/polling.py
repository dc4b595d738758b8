"""The polling: its runs, the button that starts one, the reconciliation with the gateway."""

from contextlib import suppress
from datetime import datetime, timedelta
from typing import Final

from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.core.paginator import Paginator
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from gateway.errors import GatewayError
from keys import services
from keys.models import GatewayIdentity
from usage.models import Anomaly, Discrepancy, PollRun, Reconciliation
from usage.queries.access import PageAccess
from usage.services.start import TIMEOUT_S, NotStarted, queue_down_words, start_comparison, start_refresh
from usage.templatetags.usage_words import run_words
from usage.views.common import require
from web.pages import render_region
from web.request import PortalRequest
from web.tasks import QueueUnavailable, send_task

RUNS_PER_PAGE: Final = 50
ANOMALIES_SHOWN: Final = 100


@require_POST
def refresh(request: PortalRequest) -> HttpResponse:
    """Start a poll, unless somebody just did or the cooldown is not over; say which."""
    access = require(request.user, may_refresh)
    now = timezone.now()
    try:
        return _respond(request, {"since": now, "message": start_refresh(access.state)}, status=202)
    except NotStarted as refusal:
        return _respond(request, {"message": str(refusal)}, status=refusal.status)


@require_safe
def refreshed(request: PortalRequest) -> HttpResponse:
    """Show the result of the run that was started at `since`, or that it is still in progress."""
    require(request.user, may_refresh)
    since = _moment(request.GET.get("since", ""))
    run = PollRun.objects.filter(ended_at__gte=since, kind__in=(PollRun.Kind.BUTTON, PollRun.Kind.TODAY)).first()
    if run is not None:
        return _respond(request, {"run": run})
    if timezone.now() - since > timedelta(seconds=TIMEOUT_S):
        message = _("No answer within a minute. Updates are listed under Data updates; is a worker running?")
        return _respond(request, {"message": message})
    return _respond(request, {"since": since, "message": _("Checking with the gateway.")})


@require_safe
def runs(request: PortalRequest) -> HttpResponse:
    """List the runs of the last thirty days, newest first, and the progress of the back-fill."""
    access = require(request.user, sees_everyone)
    found = Paginator(PollRun.objects.all(), RUNS_PER_PAGE).get_page(request.GET.get("page"))
    state = access.state
    filling = state.backfill_target is not None and state.backfill_share < 1
    context = {
        "access": access,
        "runs": found,
        "here": "usage:runs",
        "filling": filling,
        "anomalies": Anomaly.objects.all()[:ANOMALIES_SHOWN],
        **_identity_of(request),
    }
    return render_region(request, "usage/runs.html", "panel", context)


@require_http_methods(["GET", "HEAD", "POST"])
def reconcile(request: PortalRequest) -> HttpResponse:
    """Show where the portal and the gateway disagree; on POST, compare again."""
    if request.method == "POST":
        require(request.user, may_refresh)
        return _compare(request)
    access = require(request.user, sees_everyone)
    newest = Reconciliation.objects.first()
    done = Reconciliation.objects.exclude(ended_at=None).filter(problem="").first()
    context = {
        "access": access,
        "here": "usage:reconcile",
        "newest": newest,
        "reconciliation": done,
        "discrepancies": done.discrepancies.select_related("key__owner") if done else [],
        **_identity_of(request),
    }
    return render_region(request, "usage/reconcile.html", "panel", context)


def _compare(request: PortalRequest) -> HttpResponse:
    """Send the task that compares, at most once in half a minute."""
    try:
        messages.info(request, start_comparison())
    except NotStarted as refusal:
        messages.add_message(request, messages.WARNING if refusal.status == 429 else messages.ERROR, str(refusal))
    return redirect("usage:reconcile")


@require_POST
def fix(request: PortalRequest, discrepancy_id: int) -> HttpResponse:
    """Send the task that resolves a discrepancy."""
    require(request.user, may_refresh)
    discrepancy = get_object_or_404(Discrepancy, pk=discrepancy_id)
    try:
        if discrepancy.fix == Discrepancy.Fix.SYNC:
            send_task("keys.sync", expires=TIMEOUT_S)
        elif discrepancy.day:
            send_task("usage.refresh_day", [discrepancy.day.isoformat()], expires=TIMEOUT_S)
        else:  # to be fixed at the gateway; there is no button for it
            raise Http404
    except QueueUnavailable:
        messages.error(request, queue_down_words())
        return redirect("usage:reconcile")
    messages.info(request, _("Started: %(fix)s. Compare again in a moment.") % {"fix": discrepancy.get_fix_display()})
    return redirect("usage:reconcile")


@require_POST
@permission_required("keys.accept_gateway", raise_exception=True)
def accept_gateway(request: PortalRequest) -> HttpResponse:
    """Accept the present gateway as the one that the portal knows, and compare keys with it."""
    try:
        accepted = services.accept_gateway(request.user.username)
    except GatewayError as error:
        messages.error(request, _("Not accepted. %(problem)s") % {"problem": error})
        return redirect("usage:reconcile")
    if accepted:
        with suppress(QueueUnavailable):  # the schedule runs it within a quarter of an hour
            send_task("keys.sync", expires=TIMEOUT_S)
        messages.success(request, _("Accepted. Keys and usage are taken over from the gateway again."))
    return redirect("usage:reconcile")


def _identity_of(request: PortalRequest) -> dict[str, object]:
    """Return the text if the gateway is not the one that the portal knows; one query."""
    return {"identity": GatewayIdentity.load(), "may_accept": request.user.has_perm("keys.accept_gateway")}


def sees_everyone(access: PageAccess) -> bool:
    """Whether somebody may see the polling."""
    return access.sees_everyone


def may_refresh(access: PageAccess) -> bool:
    """Whether somebody may start a poll."""
    return access.may_refresh


def _respond(request: PortalRequest, context: dict[str, object], *, status: int = 200) -> HttpResponse:
    """Return the text next to the button to htmx, and a page that has it to others."""
    if request.htmx:
        return render(request, "usage/_refresh_status.html", context, status=status)
    run = context.get("run")
    messages.info(request, run_words(run) if isinstance(run, PollRun) else str(context["message"]))
    return redirect("usage:everyone" if require(request.user, may_refresh).sees_everyone else "usage:index")


def _moment(text: str) -> datetime:
    """Return the time in a URL; now, for an invalid or implausible one."""
    now = timezone.now()
    try:
        moment = parse_datetime(text)
    except ValueError:
        return now
    return moment if moment and timezone.is_aware(moment) and abs(now - moment) < timedelta(days=1) else now
