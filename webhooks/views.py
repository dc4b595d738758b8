"""Webhooks: people with permission add, change, test, pause and delete them, and read what came of each message."""

import uuid
from collections.abc import Callable
from functools import wraps
from typing import Any, Final

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_http_methods, require_POST

from accounts.audit import actor_of
from accounts.fresh import needs_fresh_sign_in
from accounts.models import Webhook, WebhookDelivery
from keys.services import TooManyActions, count_action
from usage.queries.access import PageAccess, page_access
from web.request import PortalRequest
from webhooks import services
from webhooks.forms import EventsForm, WebhookForm
from webhooks.services.words import event_words

SHOWN: Final = 50  # messages on a page
PROBLEMS: Final = {
    "address": gettext_lazy("the address is not allowed"),
    "certificate": gettext_lazy("the certificate is not valid"),
    "connection": gettext_lazy("no connection, or it broke off"),
    "name": gettext_lazy("the host name was not found"),
    "private": gettext_lazy("the host has a private address, and is not in WEBHOOK_INTERNAL_HOSTS"),
    "timeout": gettext_lazy("no answer within 10 seconds"),
    "tls": gettext_lazy("no encrypted connection"),
    "undecryptable": gettext_lazy("ENCRYPTION_SECRETS has changed: delete this webhook and add it again"),
}
View = Callable[..., HttpResponse]


def _require(request: PortalRequest) -> PageAccess:
    """Return the access of a person with permission to manage webhooks; 403 for others."""
    access = page_access(request.user)
    if not access.manages_webhooks:
        raise PermissionDenied
    return access


def _counted(view: View) -> View:
    """Count a POST in the person's hourly actions, and refuse one that is too many (429)."""

    @wraps(view)
    def answer(request: PortalRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        access = _require(request)
        if request.method != "POST":
            return view(request, access, *args, **kwargs)
        try:
            count_action(request.user, "webhooks:manage")
        except TooManyActions as refusal:
            response = _list(request, access, WebhookForm(), alert=str(refusal), status=429)
            response["Retry-After"] = str(refusal.retry_after_s)
            return response
        return view(request, access, *args, **kwargs)

    return answer


@needs_fresh_sign_in()
@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@sensitive_variables("secret", "form")
@_counted
def index(request: PortalRequest, access: PageAccess) -> HttpResponse:
    """List the webhooks, with a form for another; on POST, create it and show its secret, once."""
    form = WebhookForm(request.POST if request.method == "POST" else None)
    if not form.is_valid():
        return _list(request, access, form, status=422 if form.is_bound else 200)
    try:
        created, secret = services.create_webhook(**form.cleaned_data, actor=actor_of(request))
    except services.WebhookRefused as refusal:
        form.add_error(None, str(refusal))
        return _list(request, access, form, status=409)
    if created.format == Webhook.Format.CHAT:  # which checks no signature
        return _done(request, created.pk, _("The webhook is ready. Send a test to see it in the chat."))
    context = {"access": access, "here": "webhooks:webhook", "webhook": created, "secret": secret}
    response = render(request, "webhooks/created.html", context, status=201)
    response["Cache-Control"] = "no-store"
    return response


def _list(
    request: PortalRequest, access: PageAccess, form: WebhookForm, *, alert: str = "", status: int
) -> HttpResponse:
    rows = [{"webhook": each, "events": _events_of(each)} for each in Webhook.objects.order_by("name", "created_at")]
    context = {"access": access, "here": "webhooks:index", "rows": rows, "form": form, "alert": alert}
    return render(request, "webhooks/index.html", context, status=status)


def _events_of(webhook: Webhook) -> list[str]:
    return [event_words(event) for event in webhook.events]


@needs_fresh_sign_in()
@require_http_methods(["GET", "HEAD", "POST"])
@_counted
def webhook(request: PortalRequest, access: PageAccess, webhook_id: uuid.UUID) -> HttpResponse:
    """Show a webhook with its messages; on POST, change its name and what it is about."""
    row = get_object_or_404(Webhook.objects.select_related("created_by"), pk=webhook_id)
    initial = {"name": row.name, "events": row.events}
    form = EventsForm(request.POST if request.method == "POST" else None, initial=initial)
    if form.is_valid():
        if not services.change_webhook(webhook=row, **form.cleaned_data, actor=actor_of(request)):
            raise Http404
        return _done(request, webhook_id, _("Saved."))
    page = Paginator(row.deliveries.newest_first(), SHOWN).get_page(request.GET.get("page"))
    context = {
        "access": access,
        "here": "webhooks:webhook",
        "webhook": row,
        "form": form,
        "page": page,
        "deliveries": [_delivery_row(delivery) for delivery in page],
    }
    return render(request, "webhooks/webhook.html", context, status=422 if form.is_bound else 200)


def _delivery_row(delivery: WebhookDelivery) -> dict[str, Any]:
    return {"delivery": delivery, "event": event_words(delivery.event), "problem": PROBLEMS.get(delivery.problem, "")}


@require_POST
@_counted
def test(request: PortalRequest, access: PageAccess, webhook_id: uuid.UUID) -> HttpResponse:
    """Send a message for a test; what comes of it is in the list."""
    row = get_object_or_404(Webhook, pk=webhook_id)
    services.test_webhook(webhook=row, actor=actor_of(request))
    words = _("It is paused: the test is sent when you resume it.") if row.paused_at else _("The test is being sent.")
    return _done(request, webhook_id, words)


@require_POST
@_counted
def pause(request: PortalRequest, access: PageAccess, webhook_id: uuid.UUID) -> HttpResponse:
    """Pause a webhook."""
    services.pause_webhook(webhook=get_object_or_404(Webhook, pk=webhook_id), actor=actor_of(request))
    return _done(request, webhook_id, _("Paused: it gets no messages until you resume it."))


@require_POST
@_counted
def resume(request: PortalRequest, access: PageAccess, webhook_id: uuid.UUID) -> HttpResponse:
    """Resume a webhook."""
    services.resume_webhook(webhook=get_object_or_404(Webhook, pk=webhook_id), actor=actor_of(request))
    return _done(request, webhook_id, _("Resumed: it gets messages again."))


@require_http_methods(["GET", "HEAD", "POST"])
@_counted
def delete(request: PortalRequest, access: PageAccess, webhook_id: uuid.UUID) -> HttpResponse:
    """Ask for a confirmation; on POST, delete a webhook with its messages."""
    row = get_object_or_404(Webhook, pk=webhook_id)
    if request.method != "POST":
        return render(request, "webhooks/delete.html", {"access": access, "webhook": row})
    services.delete_webhook(webhook=row, actor=actor_of(request))
    messages.success(request, _("Deleted: “%(name)s” gets no messages any more.") % {"name": row.name})
    return redirect("webhooks:index")


@require_POST
@_counted
def again(request: PortalRequest, access: PageAccess, webhook_id: uuid.UUID, delivery_id: uuid.UUID) -> HttpResponse:
    """Send a message again, with the same id."""
    rows = WebhookDelivery.objects.select_related("webhook")
    delivery = get_object_or_404(rows, webhook=webhook_id, pk=delivery_id)
    if not services.send_again(delivery):
        return _done(request, webhook_id, _("It is waiting already."))
    is_paused = delivery.webhook.paused_at is not None
    words = (
        _("It is paused: the message is sent when you resume it.")
        if is_paused
        else _("The message is being sent again.")
    )
    return _done(request, webhook_id, words)


def _done(request: PortalRequest, webhook_id: uuid.UUID, words: str) -> HttpResponse:
    messages.success(request, words)
    return redirect("webhooks:webhook", webhook_id)
