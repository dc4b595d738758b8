"""How the numbers come here: the runs of the poll, the button that asks for one, the comparison with the gateway."""

from contextlib import suppress
from datetime import datetime, timedelta
from typing import Final

from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.core.cache import cache
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
from usage.models import Anomaly, Comparison, Difference, Run
from usage.queries.frame import Frame
from usage.templatetags.usage_words import run_words
from usage.views.frame import require
from web.pages import render_region
from web.request import PortalRequest
from web.tasks import QueueUnavailable, send_task

REFRESH_REST_S: Final = 30  # between two presses of the button, of all people together
WAIT_S: Final = 60  # so long the page waits for the run that it asked for
RUNS_A_PAGE: Final = 50
ANOMALIES_SHOWN: Final = 100


@require_POST
def refresh(request: PortalRequest) -> HttpResponse:
    """Ask for the newest numbers, unless somebody just did or the gateway has its rest; say which."""
    frame = require(request.user, may_refresh)
    now = timezone.now()
    rest_until = frame.state.rest_until
    if rest_until and rest_until > now:
        left_s = round((rest_until - now).total_seconds()) + 1
        said = _("Not asked: to spare the gateway, the next update can start in %(left)d s.") % {"left": left_s}
        return _said(request, {"said": said}, status=429)
    if not cache.add("usage:asked", value=True, timeout=REFRESH_REST_S):
        return _said(request, {"said": _("Somebody asked just now. Wait half a minute.")}, status=429)
    try:
        send_task("usage.refresh_now", expires=WAIT_S)
    except QueueUnavailable:
        cache.delete("usage:asked")
        return _said(request, {"said": _not_passed_on()}, status=503)
    return _said(request, {"since": now, "said": _("The gateway is being asked.")}, status=202)


@require_safe
def refreshed(request: PortalRequest) -> HttpResponse:
    """Say what came of the run that was asked for at `since`, or that it is still under way."""
    require(request.user, may_refresh)
    since = _moment(request.GET.get("since", ""))
    run = Run.objects.filter(ended_at__gte=since, kind__in=(Run.Kind.BUTTON, Run.Kind.TODAY)).first()
    if run is not None:
        return _said(request, {"run": run})
    if timezone.now() - since > timedelta(seconds=WAIT_S):
        said = _("No answer within a minute. Updates are listed under Data updates; is a worker running?")
        return _said(request, {"said": said})
    return _said(request, {"since": since, "said": _("The gateway is being asked.")})


@require_safe
def runs(request: PortalRequest) -> HttpResponse:
    """List the runs of the last thirty days, newest first, and how far the back-fill is."""
    frame = require(request.user, sees_everyone)
    found = Paginator(Run.objects.all(), RUNS_A_PAGE).get_page(request.GET.get("page"))
    state = frame.state
    filling = state.backfill_target is not None and state.backfill_share < 1
    context = {
        "frame": frame,
        "runs": found,
        "here": "usage:runs",
        "filling": filling,
        "anomalies": Anomaly.objects.all()[:ANOMALIES_SHOWN],
        **_identity_of(request),
    }
    return render_region(request, "usage/runs.html", "panel", context)


@require_http_methods(["GET", "HEAD", "POST"])
def reconcile(request: PortalRequest) -> HttpResponse:
    """Show what the portal and the gateway do not tell alike; by POST, compare anew."""
    if request.method == "POST":
        require(request.user, may_refresh)
        return _compare(request)
    frame = require(request.user, sees_everyone)
    newest = Comparison.objects.first()
    done = Comparison.objects.exclude(ended_at=None).filter(problem="").first()
    context = {
        "frame": frame,
        "here": "usage:reconcile",
        "newest": newest,
        "comparison": done,
        "differences": done.differences.select_related("key__owner") if done else [],
        **_identity_of(request),
    }
    return render_region(request, "usage/reconcile.html", "panel", context)


def _compare(request: PortalRequest) -> HttpResponse:
    """Send the task that compares, at most once in half a minute."""
    if not cache.add("usage:compared", value=True, timeout=REFRESH_REST_S):
        messages.warning(request, _("Somebody asked just now. Wait half a minute."))
        return redirect("usage:reconcile")
    try:
        send_task("usage.reconcile", expires=WAIT_S)
        messages.info(request, _("The gateway is being compared with. Load this page again in a moment."))
    except QueueUnavailable:
        cache.delete("usage:compared")
        messages.error(request, _not_passed_on())
    return redirect("usage:reconcile")


@require_POST
def mend(request: PortalRequest, difference_id: int) -> HttpResponse:
    """Send the act that mends a difference."""
    require(request.user, may_refresh)
    difference = get_object_or_404(Difference, pk=difference_id)
    try:
        if difference.act == Difference.Act.SYNC:
            send_task("keys.sync", expires=WAIT_S)
        elif difference.day:
            send_task("usage.refresh_day", [difference.day.isoformat()], expires=WAIT_S)
        else:  # to be decided at the gateway; there is no button for it
            raise Http404
    except QueueUnavailable:
        messages.error(request, _not_passed_on())
        return redirect("usage:reconcile")
    messages.info(request, _("Under way: %(act)s. Compare again in a moment.") % {"act": difference.get_act_display()})
    return redirect("usage:reconcile")


def _not_passed_on() -> str:
    return _("Not asked: the portal’s task queue does not answer. Try again in a minute.")


@require_POST
@permission_required("keys.accept_gateway", raise_exception=True)
def accept_gateway(request: PortalRequest) -> HttpResponse:
    """Take the gateway as it is for the one that the portal knows, and compare keys with it."""
    try:
        accepted = services.accept_gateway(request.user.username)
    except GatewayError as error:
        messages.error(request, _("Not accepted. %(problem)s") % {"problem": error})
        return redirect("usage:reconcile")
    if accepted:
        with suppress(QueueUnavailable):  # then it comes within a quarter of an hour, by the schedule
            send_task("keys.sync", expires=WAIT_S)
        messages.success(request, _("Accepted. Keys and usage are taken over from the gateway again."))
    return redirect("usage:reconcile")


def _identity_of(request: PortalRequest) -> dict[str, object]:
    """Return what the pages say when the gateway is not as the portal knows it; one query."""
    return {"identity": GatewayIdentity.load(), "may_accept": request.user.has_perm("keys.accept_gateway")}


def sees_everyone(frame: Frame) -> bool:
    """Whether somebody may look at polling."""
    return frame.sees_everyone


def may_refresh(frame: Frame) -> bool:
    """Whether somebody may ask the gateway."""
    return frame.may_refresh


def _said(request: PortalRequest, context: dict[str, object], *, status: int = 200) -> HttpResponse:
    """Answer htmx with the words beside the button, and everybody else with a page that has them on it."""
    if request.htmx:
        return render(request, "usage/_asked.html", context, status=status)
    run = context.get("run")
    messages.info(request, run_words(run) if isinstance(run, Run) else str(context["said"]))
    return redirect("usage:everyone" if require(request.user, may_refresh).sees_everyone else "usage:index")


def _moment(text: str) -> datetime:
    """Return the moment in an address; now, when there is none of these days: calendars stumble over their ends."""
    now = timezone.now()
    try:
        moment = parse_datetime(text)
    except ValueError:
        return now
    return moment if moment and timezone.is_aware(moment) and abs(now - moment) < timedelta(days=1) else now
