"""Files of messages: what would be sent of them, their text, their data."""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import UploadedFile
from django.http import FileResponse, Http404, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from accounts.policies import policy_of
from keys.models import GatewayModel
from playground.forms import ChatForm
from playground.forms.files import clean_name, count_reads, deadline, read_upload
from playground.models import Attachment
from playground.services.costs import A_MILLION
from playground.services.payers import Payers
from playground.services.requests import Upload
from playground.views.chat import PAGE
from playground.views.common import named_conversation, named_preset, page_context
from playground.views.compare import with_estimate
from playground.views.images import guarded
from web.request import PortalRequest

EXCERPT_CHARS: Final = 4000
DOWNLOAD: Final = "application/octet-stream"  # browsers store it, and never show it


@dataclass(frozen=True, slots=True, kw_only=True)
class FileRow:
    """A file that was chosen: what would be sent of it, or why it cannot be sent."""

    position: int
    name: str
    size: int
    error: str = ""
    upload: Upload | None = None
    usd: Decimal | None = None  # of its text with each message, for all models
    as_pdf: bool = False  # a model gets the file itself

    @property
    def excerpt(self) -> str:
        """Return the beginning of the text."""
        return self.upload.text[:EXCERPT_CHARS] if self.upload else ""


@require_POST
@never_cache
def read_files(request: PortalRequest) -> HttpResponse:
    """Show what would be sent of the files, and about what it costs; nothing is sent or stored."""
    payers = Payers.of(request.user, policy_of(request.user))
    models = {model.name: model for model in payers.models}
    chosen = [models[name] for name in _names(request) if name in models]
    refusal = ""
    try:
        rows = _rows(request, chosen)
    except ValidationError as refused:
        rows, refusal = [], " ".join(refused.messages)
    context = {"rows": rows, "names": ", ".join(model.name for model in chosen), "refusal": refusal}
    status = 429 if refusal else 200
    if request.htmx:
        return render(request, "playground/_file_rows.html", context, status=status)
    if "compare" in request.GET:
        return with_estimate(request, context, status=status)
    return render(request, PAGE, {**_page_as_typed(request, payers), **context}, status=status)


def _page_as_typed(request: PortalRequest, payers: Payers) -> dict[str, Any]:
    """Return the context of the chat with its form as it was typed; nothing is sent yet, so it has no errors."""
    conversation = named_conversation(request)
    preset = named_preset(request, conversation)
    form = ChatForm(request.POST, payers=payers, conversation=conversation, preset=preset)
    form.errors.clear()
    page = page_context(request, conversation, form=form, opened=preset)
    return {**page, "unkept": "unkept" in request.POST}


def _names(request: PortalRequest) -> list[str]:
    """Return the chosen model, or the models that are to be compared."""
    if "model" in request.POST:
        return [request.POST["model"]]
    conversation = named_conversation(request)
    return conversation.model_names if conversation else request.POST.getlist("models")


def _rows(request: PortalRequest, models: Sequence[GatewayModel]) -> list[FileRow]:
    """Return the rows of files, refused ones first; images only if they are refused: the page itself shows them."""
    files = request.FILES.getlist("attachments")
    count_reads(request.user, len(files))
    until = deadline()
    rows = [_row(request, file, position, models, until) for position, file in enumerate(files)]
    shown = [row for row in rows if row.error or (row.upload and not row.upload.is_image)]
    return sorted(shown, key=lambda row: not row.error)


def _row(
    request: PortalRequest, file: "UploadedFile[bytes]", position: int, models: Sequence[GatewayModel], until: float
) -> FileRow:
    about: dict[str, Any] = {"position": position, "name": clean_name(file.name or ""), "size": file.size or 0}
    try:
        upload = read_upload(file, reader=request.user, until=until)
    except ValidationError as problem:
        return FileRow(error=" ".join(problem.messages), **about)
    reads_pdf = any("pdf" in model.features for model in models)
    prices = [model.input_usd_per_million for model in models if model.input_usd_per_million is not None]
    is_priced = bool(models) and len(prices) == len(models) and upload.tokens is not None
    usd = sum(prices, Decimal()) * (upload.tokens or 0) / A_MILLION if is_priced else None
    return FileRow(upload=upload, usd=usd, as_pdf=reads_pdf and upload.media_type == Attachment.PDF, **about)


@require_safe
def file(request: PortalRequest, file_id: UUID) -> HttpResponse:
    """Show the text of a file of one of the person's conversations."""
    found = _own(request, file_id)
    context = {
        "file": found,
        "back": reverse("playground:conversation", args=[found.message.conversation_id]),
        "download": reverse("playground:file_data", args=[file_id]),
    }
    return render(request, "playground/file.html", context)


@require_safe
def file_data(request: PortalRequest, file_id: UUID) -> HttpResponseBase:
    """Return a file of one of the person's conversations as it was sent."""
    return as_sent(_own(request, file_id))


def as_sent(found: Attachment, *, kept: bool = True) -> HttpResponseBase:
    """Return the data of a file, to be stored; browsers of others than its owner do not keep the response."""
    try:
        data = io.BytesIO(found.data)
    except FileNotFoundError as error:
        raise Http404 from error
    response = FileResponse(data, as_attachment=True, filename=found.name, content_type=DOWNLOAD)
    return guarded(response, kept=kept)


def _own(request: PortalRequest, file_id: UUID) -> Attachment:
    own = Attachment.objects.filter(message__conversation__owner=request.user).select_related("message")
    return get_object_or_404(own.exclude(media_type__startswith="image/"), pk=file_id)
