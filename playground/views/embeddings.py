"""Texts as vectors, compared with each other."""

from django.http import HttpResponse
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.gzip import gzip_page
from django.views.decorators.http import require_http_methods, require_POST

from accounts.policies import policy_of
from keys.catalogue import EMBEDDING_MODES
from playground.forms.texts import EmbedForm
from playground.services.embedding import embed
from playground.views.blocking import answered, shown
from playground.views.code import no_code, show_code
from playground.views.common import chat_context_of, models_of
from web.request import PortalRequest

PAGE = "playground/embeddings.html"


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@gzip_page
def embeddings(request: PortalRequest) -> HttpResponse:
    """Show the form; on POST, the vectors, which are not stored."""
    form = _form(request)
    if not form.is_valid():
        return shown(request, PAGE, form)
    context = chat_context_of(request)
    return answered(
        request, PAGE, form, lambda: {"embedded": embed(context, form.chosen(), form.cleaned_data["texts"])}
    )


@require_POST
@never_cache
def embeddings_code(request: PortalRequest) -> HttpResponse:
    """Show the form's request, as code."""
    form, back = _form(request), reverse("playground:embeddings")
    if not form.is_valid():
        return no_code(request, form, back=back)
    body = {"model": form.cleaned_data["model"], "input": form.cleaned_data["texts"]}
    return show_code(request, "embeddings", body, back=back)


def _form(request: PortalRequest) -> EmbedForm:
    models = models_of(policy_of(request.user), EMBEDDING_MODES)
    return EmbedForm(request.POST if request.method == "POST" else None, models=models)
