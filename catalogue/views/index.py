"""The catalogue: the models that a person can call or request."""

from django.http import HttpResponse
from django.utils.text import capfirst
from django.views.decorators.gzip import gzip_page
from django.views.decorators.http import require_safe

from accounts.policies import policy_of
from catalogue.listing import FEATURES, filters_of, found, listed, models_open_to
from catalogue.models import ModelNote
from keys.catalogue import gateway_state
from web.pages import render_region
from web.request import PortalRequest
from web.templatetags.portal import feature_words, mode_words


@require_safe
@gzip_page
def index(request: PortalRequest) -> HttpResponse:
    """List the models that the person can call or request; the URL filters and sorts."""
    allowance, state = policy_of(request.user), gateway_state()
    notes = {note.name: note for note in ModelNote.objects.all()}
    rows = listed(models_open_to(allowance), allowance, notes)
    filters = filters_of(request.GET)
    shown = found(rows, filters)
    context = {
        "models": [row for row in shown if not row.on_request],
        "on_request": [row for row in shown if row.on_request],
        "total": sum(not row.on_request for row in rows),
        "has_any": bool(rows),
        "has_requests": any(row.on_request for row in rows),
        "modes": sorted({row.model.mode for row in rows if row.model.mode}),
        "providers": sorted({row.model.provider for row in rows if row.model.provider}),
        "features": [(name, _feature_title(name), name in filters.features) for name in FEATURES],
        "filters": filters,
        "refreshed_at": state.models_at,
    }
    return render_region(request, "catalogue/index.html", "list", context)


def _feature_title(feature: str) -> str:
    return capfirst(mode_words("embedding") if feature == "embeddings" else feature_words(feature))
