"""A person makes a request, sees its state, withdraws it."""

import uuid
from decimal import Decimal

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.audit import actor_of
from accounts.models import AccessRequest, Grant, Thing
from accounts.policies import Allowance, policy_of
from approvals import services
from approvals.forms import AskForm, things_for
from approvals.views.panel import render_requests, too_many
from keys.services import TooManyActions, count_action
from web.amounts import usd_limit
from web.request import PortalRequest
from web.templatetags.portal import day


@require_safe
def index(request: PortalRequest) -> HttpResponse:
    """Show the person's requests, and those that wait for their decision."""
    return render_requests(request)


@require_http_methods(["GET", "HEAD", "POST"])
def ask(request: PortalRequest) -> HttpResponse:
    """Show the form for one thing (?thing=model&name=…); on POST, save the request; one at a time."""
    allowance = policy_of(request.user)
    things = things_for(allowance)
    thing = _thing(request, dict(things))
    if not thing:
        return render(request, "approvals/ask.html", {"things": []})
    data = request.POST if request.method == "POST" else None
    left_usd = services.at_once_left_usd(request.user, allowance) if thing == Thing.BUDGET else Decimal(0)
    name = request.GET.get("name", "")
    form = AskForm(data, thing=thing, allowance=allowance, name=name, at_once_usd=left_usd)
    if data is not None:
        try:
            count_action(request.user, "approvals:ask")
        except TooManyActions as refusal:
            form.add_error(None, str(refusal))
            return too_many(_form(request, form, things, thing, allowance, status=429), refusal)
        if form.is_valid():
            return _save(request, form, thing)
    return _form(request, form, things, thing, allowance, status=422 if form.is_bound else 200)


def _thing(request: PortalRequest, things: dict[str, str]) -> str:
    """Return what is requested: from the URL or the form, or else the first thing that the person lacks."""
    asked = (request.POST if request.method == "POST" else request.GET).get("thing", "")
    return asked if asked in things else next(iter(things), "")


def _form(
    request: PortalRequest,
    form: AskForm,
    things: list[tuple[str, str]],
    thing: str,
    allowance: Allowance,
    *,
    status: int,
) -> HttpResponse:
    context = {
        "form": form,
        "things": things,
        "thing": thing,
        "allowance": allowance,
        "is_budget": thing == Thing.BUDGET,
    }
    return render(request, "approvals/ask.html", context, status=status)


def _save(request: PortalRequest, form: AskForm, thing: str) -> HttpResponse:
    about = {"person": request.user, "actor": actor_of(request), **form.cleaned_data}
    form_id = about.pop("form_id", None)
    if thing == Thing.BUDGET and (grant := services.give_at_once(form_id=form_id, **about)):
        return _given(request, grant)
    _asked, is_new = services.ask(thing=thing, **about)
    if is_new:
        messages.success(request, _("Sent. You get a mail when it is decided."))
    else:
        messages.warning(request, _("You have asked for this already. Withdraw that request first to change it."))
    return redirect("approvals:index")


def _given(request: PortalRequest, grant: Grant) -> HttpResponse:
    """Apply what the policy grants at once, and say so."""
    words = {"amount": usd_limit(grant.amount_usd), "day": day(grant.ends_on)}
    if services.apply_grant(grant):
        messages.success(request, _("Granted: %(amount)s more until %(day)s, from now on.") % words)
    else:
        alert = _(
            "Granted: %(amount)s more until %(day)s. The gateway has not confirmed it yet; it follows in a minute."
        )
        messages.warning(request, alert % words)
    return redirect("approvals:index")


@require_POST
def withdraw(request: PortalRequest, request_id: uuid.UUID) -> HttpResponse:
    """Withdraw one's own request."""
    asked = get_object_or_404(AccessRequest.objects.of(request.user), pk=request_id)
    try:
        count_action(request.user, "approvals:withdraw")
        services.withdraw(request=asked, actor=actor_of(request))
    except TooManyActions as refusal:
        return too_many(render_requests(request, alert=str(refusal), status=429), refusal)
    except services.RequestRefused as refusal:
        return render_requests(request, alert=str(refusal), status=409)
    messages.success(request, _("Withdrawn."))
    return redirect("approvals:index")
