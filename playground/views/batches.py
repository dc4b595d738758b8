"""Batches: many prompts through some models in the background, page by page."""

from typing import Any, Final
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpResponse, HttpResponseBadRequest, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.text import slugify
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.gzip import gzip_page
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.audit import actor_of
from accounts.policies import policy_of
from playground.batch_models import Batch
from playground.batch_results import COLUMNS, as_json, batches_page, prompts_page, result_rows
from playground.forms.batch import BatchForm
from playground.services import batches as services
from playground.services.batch_costs import estimate_of
from playground.services.batches import NewBatch
from playground.services.chat import ChatContext
from playground.services.payers import Payers
from playground.views.common import REFUSALS, Refusal, sentence_of, status_of
from playground.views.exports import download
from web.currency_columns import with_currency
from web.pages import render_region
from web.request import PortalRequest
from web.spreadsheet import csv_response, format_of

PAGE: Final = "playground/batch.html"
PROMPTS_A_PAGE: Final = 25


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@gzip_page
def batches(request: PortalRequest) -> HttpResponse:
    """List the person's batches below the form for another; on POST, save it, not started."""
    allowance = policy_of(request.user)
    payers = Payers.of(request.user, allowance)
    if request.method != "POST":
        return _list(request, BatchForm(payers=payers))
    form = BatchForm(request.POST, request.FILES, payers=payers)
    if not form.is_valid():
        return _list(request, form, status=422)
    cleaned = form.cleaned_data
    new = NewBatch(
        title=form.title(),
        prompts=cleaned["listed"],
        models=[form.models[name] for name in cleaned["models"]],
        params=form.params(),
        limit_usd=cleaned.get("limit_usd"),
    )
    context = ChatContext(user=request.user, actor=actor_of(request), allowance=allowance, paid_by=form.paid_by)
    try:
        batch = services.create_batch(context, new)
    except REFUSALS as refusal:
        return _list(request, form, **_refusal_context(refusal))
    return redirect("playground:batch", batch.pk)


@require_safe
@never_cache
@gzip_page
def batch(request: PortalRequest, batch_id: UUID) -> HttpResponse:
    """Show a batch with its answers so far; for htmx how far it is, and the whole page again when that has changed."""
    return _shown(request, _own_batch(request, batch_id))


@require_POST
@never_cache
def start_batch(request: PortalRequest, batch_id: UUID) -> HttpResponse:
    """Begin, or go on."""
    return _started(request, _own_batch(request, batch_id))


@require_POST
@never_cache
def stop_batch(request: PortalRequest, batch_id: UUID) -> HttpResponse:
    """Begin no further call."""
    services.stop_batch(_own_batch(request, batch_id))
    return redirect("playground:batch", batch_id)


@require_POST
@never_cache
def retry_batch(request: PortalRequest, batch_id: UUID) -> HttpResponse:
    """Make the calls again that failed, or those of which nothing is known (`what`)."""
    batch = _own_batch(request, batch_id)
    state = services.RETRIED.get(request.POST.get("what", ""))
    if state is None:
        return HttpResponseBadRequest()
    services.retry_calls(batch, state)
    return _started(request, batch)


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def delete_batch(request: PortalRequest, batch_id: UUID) -> HttpResponse:
    """Ask for a confirmation; on POST, delete it, unless it runs."""
    batch = _own_batch(request, batch_id)
    context: dict[str, Any] = {"batch": batch}
    if request.method != "POST":
        return render(request, "playground/delete_batch.html", context)
    if not services.delete_batch(batch):
        context["alert"] = _("This batch is running. Stop it, then delete it.")
        return render(request, "playground/delete_batch.html", context, status=409)
    messages.success(request, _("Deleted: “%(title)s”.") % {"title": batch.title})
    return redirect("playground:batches")


@require_safe
@never_cache
@gzip_page
def batch_results(request: PortalRequest, batch_id: UUID) -> StreamingHttpResponse:
    """Return prompts and answers as CSV."""
    batch, form = _own_batch(request, batch_id), format_of(request)
    name = slugify(batch.title)[:60] or "batch"
    rows = with_currency([*COLUMNS], result_rows(batch, form))
    return csv_response(f"passerelle-{name}.csv", rows, form)


@require_safe
@never_cache
@gzip_page
def batch_json(request: PortalRequest, batch_id: UUID) -> HttpResponse:
    """Return the batch with prompts and answers as JSON."""
    batch = _own_batch(request, batch_id)
    return download(as_json(batch), "application/json", batch.title, "json")


def _own_batch(request: PortalRequest, batch_id: UUID) -> Batch:
    own = Batch.objects.owned_by(request.user).select_related("parameters", "paid_by__team")
    return get_object_or_404(own, pk=batch_id)


def _started(request: PortalRequest, batch: Batch) -> HttpResponse:
    """Start the batch and go to its page, or show there why it was not started."""
    allowance = policy_of(request.user)
    context = ChatContext(user=request.user, actor=actor_of(request), allowance=allowance, paid_by=batch.paid_by)
    names = [model.name for model in Payers.of(request.user, allowance).models_of(batch.paid_by)]
    try:
        services.start_batch(context, batch, names)
    except REFUSALS as refusal:
        batch.refresh_from_db()
        return _shown(request, batch, **_refusal_context(refusal))
    return redirect("playground:batch", batch.pk)


def _shown(request: PortalRequest, batch: Batch, *, status: int = 200, **more: Any) -> HttpResponse:
    progress = services.progress_of(batch)
    is_running = batch.state == Batch.State.RUNNING
    context = {"batch": batch, "progress": progress, "is_running": is_running, **more}
    if request.htmx and status == 200:
        response = render_region(request, PAGE, "progress", context)
        if not is_running:
            response.headers["HX-Refresh"] = "true"
        return response
    pages = Paginator(batch.prompts.order_by("number"), PROMPTS_A_PAGE)
    context |= {
        "page": prompts_page(batch, pages.get_page(request.GET.get("page"))),
        "estimate": estimate_of(batch) if progress.waiting and not is_running else None,
        "kept_days": settings.PLAYGROUND_RETENTION_DAYS,
    }
    return render(request, PAGE, context, status=status)


def _list(request: PortalRequest, form: BatchForm, *, status: int = 200, **more: Any) -> HttpResponse:
    context = {
        "form": form,
        "models": form.payers.models,
        "chosen": form["models"].value() or [],
        "page": batches_page(request.user, request.GET.get("page")),
        "kept_days": settings.PLAYGROUND_RETENTION_DAYS,
        **more,
    }
    return render(request, "playground/batches.html", context, status=status)


def _refusal_context(refusal: Refusal) -> dict[str, Any]:
    retry_at = getattr(refusal, "retry_at", None)
    return {"sentence": sentence_of(refusal), "retry_at": retry_at, "status": status_of(refusal)}
