"""The page of one model, and what administrators write about it."""

from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from accounts.audit import actor_of
from accounts.models import AuditEntry, AuditObject, KeyKind
from accounts.policies import policy_of
from catalogue.forms import ModelNoteForm
from catalogue.listing import is_free, models_open_to
from catalogue.models import ModelNote
from catalogue.one_model import (
    SPEND_DAYS,
    all_spend,
    examples,
    kinds_by_group,
    note_of,
    own_kinds,
    own_spend,
    with_texts,
)
from catalogue.services import save_note
from keys.catalogue import CHAT_MODES
from keys.models import GatewayModel
from keys.services import TooManyActions, count_action
from keys.snippets import TASK_OF_MODE, base_url, filled, filled_tools
from usage.queries.access import page_access
from web.request import PortalRequest

DESCRIBE = "catalogue.describe_models"


@require_safe
def model(request: PortalRequest, name: str) -> HttpResponse:
    """Show a model that the person can call or request; to whoever sees policies or describes models, any."""
    person, allowance = request.user, policy_of(request.user)
    access = page_access(person)
    sees_all = access.sees_people or access.sees_everyone or access.describes_models
    models = GatewayModel.objects.select_related("health") if sees_all else models_open_to(allowance)
    shown = get_object_or_404(with_texts(models), name=name)
    kinds = own_kinds(allowance, name)
    is_chat = shown.mode in CHAT_MODES
    task = "chat" if is_chat else TASK_OF_MODE.get(shown.mode)
    context = {
        "model": shown,
        "note": note_of(shown),
        "health": getattr(shown, "health", None),
        "is_free": is_free(shown),
        "examples": examples(shown),
        "kinds": kinds,
        "groups": allowance.names,
        "asks": not kinds and (name in allowance.lacking_on_request or allowance.asks_for_any_model),
        "may_try": is_chat and KeyKind.PLAYGROUND in kinds,
        "policies": kinds_by_group(name) if access.sees_people else [],
        "access": access,
        "spend_days": SPEND_DAYS,
        "own": None if access.sees_everyone else own_spend(person, name),
        "everyone": all_spend(name) if access.sees_everyone else None,
        "snippets": filled(task, url=base_url(), model=name) if task else [],
        "tools": filled_tools(url=base_url(), model=name, context_tokens=shown.max_input_tokens) if is_chat else [],
    }
    return render(request, "catalogue/model.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@permission_required(DESCRIBE, raise_exception=True)
def describe(request: PortalRequest, name: str) -> HttpResponse:
    """Show the form with the texts about a model; on POST, save them."""
    shown = get_object_or_404(GatewayModel, name=name)
    note = ModelNote.objects.filter(name=name).first() or ModelNote(name=name)
    form = ModelNoteForm(request.POST if request.method == "POST" else None, instance=note)
    entries = AuditEntry.objects.of_object(AuditObject.MODEL, note.pk)[:20] if note.pk else []
    context = {"form": form, "model": shown, "entries": entries}
    if not form.is_bound:
        return render(request, "catalogue/describe.html", context)
    if not form.is_valid():
        return render(request, "catalogue/describe.html", context, status=422)
    try:
        count_action(request.user, "catalogue:describe")
    except TooManyActions as refusal:
        form.add_error(None, str(refusal))
        response = render(request, "catalogue/describe.html", context, status=429)
        response.headers["Retry-After"] = str(refusal.retry_after_s)
        return response
    save_note(note, actor=actor_of(request))
    messages.success(request, _("The texts are saved."))
    return redirect("catalogue:model", name=name)
