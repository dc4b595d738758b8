"""The catalogue: the models that a person can call or request."""

from django.http import HttpResponse
from django.urls import reverse
from django.utils.text import capfirst
from django.views.decorators.gzip import gzip_page
from django.views.decorators.http import require_safe

from accounts.policies import policy_of
from catalogue.listing import FEATURES, Filters, filters_of, listed, models_open_to, page_of
from catalogue.models import ModelNote
from keys.catalogue import gateway_state
from web.listing import number_in
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
    page = page_of(rows, filters, number_in(request.GET))
    context = {
        "models": [row for row in page.rows if not row.on_request],
        "on_request": [row for row in page.rows if row.on_request],
        "page": page,
        "previous": page.previous and _address(filters, page.previous),
        "next": page.next and _address(filters, page.next),
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


def _address(filters: Filters, page: int) -> str:
    query = filters.query(page)
    return f"{reverse('catalogue:index')}?{query}" if query else reverse("catalogue:index")


def _feature_title(feature: str) -> str:
    return capfirst(mode_words("embedding") if feature == "embeddings" else feature_words(feature))
