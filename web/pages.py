"""One template, two responses: the whole page, or the region that htmx requested."""

from collections.abc import Mapping
from typing import Any

from django.http import HttpResponse
from django.shortcuts import render

from web.request import PortalRequest


def render_region(
    request: PortalRequest, template: str, region: str, context: Mapping[str, Any], *, status: int = 200
) -> HttpResponse:
    """Render the page `template`, or only its `{% partialdef region %}` for htmx.

    A page restored from history gets the whole page, though htmx asks.
    """
    partial = request.htmx and not request.htmx.history_restore_request
    name = f"{template}#{region}" if partial else template
    response = render(request, name, dict(context), status=status)
    response.headers.setdefault("Vary", "HX-Request")
    return response
