"""Conversations as files, for their owner."""

from typing import Final
from uuid import UUID

from django.http import Http404, HttpResponse
from django.utils.http import content_disposition_header
from django.utils.text import slugify
from django.views.decorators.gzip import gzip_page
from django.views.decorators.http import require_safe

from playground.services.export import as_json
from playground.services.export_markdown import as_markdown
from playground.views.common import own_conversation
from web.request import PortalRequest

WRITERS: Final = {
    "md": (as_markdown, "text/markdown; charset=utf-8"),
    "json": (as_json, "application/json"),
}


@require_safe
@gzip_page
def export(request: PortalRequest, conversation_id: UUID, form: str) -> HttpResponse:
    """Return the conversation with all alternatives as Markdown ("md", without files) or as JSON ("json")."""
    if form not in WRITERS:
        raise Http404
    conversation = own_conversation(request, conversation_id)
    write, content_type = WRITERS[form]
    return download(write(conversation), content_type, conversation.title, form)


def download(text: str, content_type: str, title: str, ending: str) -> HttpResponse:
    """Return a file of the person's own, named by its title."""
    response = HttpResponse(text, content_type=content_type)
    name = slugify(title, allow_unicode=True)[:60] or "conversation"
    response["Content-Disposition"] = content_disposition_header(True, f"{name}.{ending}") or "attachment"
    response["X-Content-Type-Options"] = "nosniff"
    response["Cache-Control"] = "no-store"
    return response
