"""The dated rates of the lab's currency: the list, the form that enters or corrects them, and the deletion of one."""

from typing import Final

from django.conf import settings
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods

from accounts.audit import actor_of
from keys.services import TooManyActions, count_action
from usage.models import ExchangeRate
from usage.rate_form import RateForm
from usage.services import delete_rate, enter_rates
from usage.views.common import require
from web.currency import has_dated_rates
from web.request import PortalRequest
from web.templatetags.portal import day

PER_PAGE: Final = 50
MAY_ENTER: Final = "usage.enter_rates"


@require_http_methods(["GET", "HEAD", "POST"])
def rates(request: PortalRequest) -> HttpResponse:
    """List the rates, newest first; on POST, enter those of the form. 404 without a currency with dated rates."""
    access = require(request.user, lambda access: access.sees_everyone)
    may_enter = request.user.has_perm(MAY_ENTER)
    if not has_dated_rates():
        raise Http404
    posted = request.method == "POST"
    if posted and not may_enter:
        raise PermissionDenied
    form = RateForm(*((request.POST, request.FILES) if posted else ()), currency=settings.CURRENCY)
    status = 200
    if posted:
        status = 422
        try:
            count_action(request.user, "usage:rates")
            if form.is_valid():
                return _entered(request, form)
        except TooManyActions as refusal:
            form.add_error(None, str(refusal))
            status = 429
    stored = _rates().order_by("-day").select_related("entered_by")
    context = {
        "access": access,
        "here": "usage:rates",
        "form": form if may_enter else None,
        "rates": Paginator(stored, PER_PAGE).get_page(request.GET.get("page")),
        "code": settings.CURRENCY,
    }
    return render(request, "usage/rates.html", context, status=status)


def _entered(request: PortalRequest, form: RateForm) -> HttpResponse:
    changed = enter_rates(form.cleaned_data["rates"], person=request.user, actor=actor_of(request))
    words = ngettext("%(count)d rate is new or different.", "%(count)d rates are new or different.", changed)
    messages.success(request, words % {"count": changed} if changed else _("Nothing changed: these rates are known."))
    return redirect("usage:rates")


@require_http_methods(["GET", "HEAD", "POST"])
def delete(request: PortalRequest, rate_id: int) -> HttpResponse:
    """Delete a rate, after a question that names the rate which then holds."""
    access = require(request.user, lambda access: access.sees_everyone)
    if not request.user.has_perm(MAY_ENTER):
        raise PermissionDenied
    if not has_dated_rates():
        raise Http404
    rate = get_object_or_404(_rates(), pk=rate_id)
    refused = ""
    if request.method == "POST":
        try:
            count_action(request.user, "usage:delete_rate")
        except TooManyActions as refusal:
            refused = str(refusal)
        else:
            delete_rate(rate, actor=actor_of(request))
            messages.success(request, _("The rate of %(day)s is deleted.") % {"day": day(rate.day)})
            return redirect("usage:rates")
    before = _rates().filter(day__lt=rate.day).order_by("-day").first()
    context = {
        "access": access,
        "here": "usage:rates",
        "rate": rate,
        "then": before or _rates().filter(day__gt=rate.day).order_by("day").first(),
        "refused": refused,
    }
    return render(request, "usage/delete_rate.html", context, status=429 if refused else 200)


def _rates() -> QuerySet[ExchangeRate]:
    return ExchangeRate.objects.filter(currency=settings.CURRENCY)
