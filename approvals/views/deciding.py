"""A decider sees who requests what and why, and approves, changes or refuses it."""

import uuid

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from accounts.audit import actor_of
from accounts.models import AccessRequest
from approvals import services
from approvals.forms import DecideForm, RefuseForm
from approvals.views.panel import SAY_WHY, approved, line_of, refused, too_many
from keys.services import TooManyActions, count_action
from usage.models import utc_today
from usage.queries.key_use import person_spent
from web.request import PortalRequest
from web.templatetags.portal import day


@require_safe
def detail(request: PortalRequest, request_id: uuid.UUID) -> HttpResponse:
    """Show a request to its deciders; decides nothing."""
    asked = _decidable(request, request_id)
    return _page(request, asked, DecideForm(asked=asked))


@require_POST
def approve(request: PortalRequest, request_id: uuid.UUID) -> HttpResponse:
    """Grant it, with the amount and the end in the form; it is written to the gateway at once."""
    asked = _decidable(request, request_id)
    form = DecideForm(request.POST, asked=asked)
    try:
        count_action(request.user, "approvals:approve")
        if not form.is_valid():
            return _page(request, asked, form, status=422)
        grant = services.approve(request=asked, actor=actor_of(request), **form.cleaned_data)
    except TooManyActions as refusal:
        return too_many(_page(request, asked, form, alert=str(refusal), status=429), refusal)
    except services.RequestRefused as refusal:
        return _page(request, asked, form, alert=str(refusal), status=409)
    has_followed = services.apply_grant(grant)
    messages.add_message(request, messages.SUCCESS if has_followed else messages.WARNING, approved(asked, has_followed))
    return redirect("approvals:index")


@require_POST
def refuse(request: PortalRequest, request_id: uuid.UUID) -> HttpResponse:
    """Refuse it, with a reason."""
    asked = _decidable(request, request_id)
    form, reason = DecideForm(request.POST, asked=asked), RefuseForm(request.POST)
    try:
        count_action(request.user, "approvals:refuse")
        if not reason.is_valid():
            form = DecideForm(asked=asked)
            return _page(request, asked, form, alert=str(SAY_WHY), status=422)
        services.refuse(request=asked, actor=actor_of(request), reason=reason.cleaned_data["reason"])
    except TooManyActions as refusal:
        return too_many(_page(request, asked, form, alert=str(refusal), status=429), refusal)
    except services.RequestRefused as refusal:
        return _page(request, asked, form, alert=str(refusal), status=409)
    messages.success(request, refused(asked))
    return redirect("approvals:index")


def _decidable(request: PortalRequest, request_id: uuid.UUID) -> AccessRequest:
    """Return a request that the person can decide, or has decided; 404 for every other."""
    requests = AccessRequest.objects.decidable_by(request.user).select_related("person", "decided_by", "grant")
    return get_object_or_404(requests, pk=request_id)


def _page(
    request: PortalRequest, asked: AccessRequest, form: DecideForm, *, alert: str = "", status: int = 200
) -> HttpResponse:
    is_open = asked.state == AccessRequest.State.OPEN
    context = {
        "line": line_of(asked),
        "asked": asked,
        "form": form,
        "is_open": is_open,
        "decided": "" if is_open else _decision_words(asked),
        "of_person": person_spent(asked.person, utc_today()),
        "alert": alert,
    }
    return render(request, "approvals/detail.html", context, status=status)


def _decision_words(asked: AccessRequest) -> str:
    """Say who decided a request, and when."""
    if asked.decided_at is None:
        return _("This request was withdrawn.")
    if asked.decided_by is None:
        return _("Granted on %(day)s at once, as the policy allows.") % {"day": day(asked.decided_at)}
    words = {"who": asked.decided_by.display_name, "day": day(asked.decided_at)}
    if asked.state == AccessRequest.State.APPROVED:
        return _("Approved by %(who)s on %(day)s.") % words
    return _("Refused by %(who)s on %(day)s.") % words
