"""Common to the pages with a complete response: the form with its result beneath is one region."""

from collections.abc import Callable, Mapping
from typing import Any

from django.http import HttpResponse

from gateway.errors import GatewayError
from playground.errors.cards import card_of
from playground.errors.classify import answer_error_of
from playground.forms.texts import ModelForm
from playground.services.refusals import AskRefused
from playground.views.common import REFUSALS, Refusal, status_of
from web.pages import render_region
from web.request import PortalRequest


def shown(request: PortalRequest, page: str, form: ModelForm, **more: Any) -> HttpResponse:
    """Show the form, and beneath it `more`; status: 200 unless the form has errors or `status` is given."""
    status = more.pop("status", 422 if form.errors else 200)
    context = {"form": form, "models": list(form.models.values()), **more}
    return render_region(request, page, "try", context, status=status)


def answered(request: PortalRequest, page: str, form: ModelForm, ask: Callable[[], Mapping[str, Any]]) -> HttpResponse:
    """Make the call, and show the result; or say why there is none."""
    try:
        result = ask()
    except REFUSALS as refusal:
        return shown(request, page, form, **_refusal_context(refusal))
    return shown(request, page, form, **result)


def _refusal_context(refusal: Refusal) -> dict[str, Any]:
    status = status_of(refusal)
    if isinstance(refusal, GatewayError):
        return {"card": card_of(answer_error_of(refusal, begun=False)), "status": status}
    retry_at = refusal.retry_at if isinstance(refusal, AskRefused) else None
    return {"sentence": str(refusal), "retry_at": retry_at, "status": status}
