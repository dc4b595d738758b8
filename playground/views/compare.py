"""A question to several models, side by side, and further questions to all of them."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from uuid import UUID

from django.http import Http404, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.template.loader import render_to_string
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.gzip import gzip_page
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.policies import policy_of
from keys.models import GatewayModel
from playground.forms.compare import FEWEST, CompareForm, OwnForm
from playground.listing import address_of
from playground.models import Answer, Conversation
from playground.services import comparing
from playground.services.chat import ChatContext, NewMessage, reads_pdf
from playground.services.columns import branches_of, own_settings, rounds_of
from playground.services.requests import Turn, chat_request
from playground.services.stopping import stop_answers
from playground.services.tree import bring_files
from playground.views.code import no_code, show_codes, unsaved
from playground.views.common import (
    REFUSALS,
    Refusal,
    chat_context_of,
    models_of,
    rendered_answers,
    sentence_of,
    status_of,
)
from web.event_stream import partial
from web.request import PortalRequest

PAGE = "playground/compare.html"
Branches = Mapping[str, Sequence[Answer]]


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@gzip_page
def compare(request: PortalRequest) -> HttpResponseBase:
    """Show the form; on POST, save the question with an answer for each model, whose streams the page then opens.

    It begins a comparison, or goes on with that of the field `conversation`.
    """
    if request.method != "POST":
        return _shown(request, None)
    context, conversation = chat_context_of(request), named_comparison(request)
    branches = branches_of(conversation) if conversation else {}
    form = CompareForm(
        request.POST,
        request.FILES,
        models=_going_on(models_of(context.allowance), branches),
        kept=_own_settings(conversation, branches),
        conversation=conversation,
        reader=request.user,
    )
    if not form.is_valid():
        return _wrong(request, form)
    try:
        conversation = _asked(context, form, branches, kept="unkept" not in request.POST)
    except REFUSALS as refusal:
        return _refused(request, form, refusal)
    return _sent(request, conversation) if request.htmx else redirect(address_of(conversation))


@require_safe
@never_cache
@gzip_page
def comparison(request: PortalRequest, conversation_id: UUID) -> HttpResponse:
    """Show a comparison with its text so far."""
    return _shown(request, _own_comparison(request, conversation_id))


@require_POST
@never_cache
def stop(request: PortalRequest, conversation_id: UUID) -> HttpResponse:
    """Stop all of its answers."""
    conversation = _own_comparison(request, conversation_id)
    stop_answers(Answer.objects.filter(message__conversation=conversation, state__in=Answer.UNDER_WAY))
    return (
        render(request, f"{PAGE}#columns", _columns_context(conversation))
        if request.htmx
        else redirect(address_of(conversation))
    )


@require_POST
@never_cache
def compare_code(request: PortalRequest) -> HttpResponse:
    """Show the request to each of the models as code; with an empty message, the last one that was sent."""
    conversation = named_comparison(request)
    branches = branches_of(conversation) if conversation else {}
    typed = bool(request.POST.get("message", "").strip() or request.FILES)
    form = CompareForm(
        request.POST,
        request.FILES,
        models=_going_on(models_of(policy_of(request.user)), branches),
        kept=_own_settings(conversation, branches),
        conversation=conversation,
        with_message=typed or conversation is None,
        reader=request.user,
    )
    back = address_of(conversation) if conversation else reverse("playground:compare")
    if not form.is_valid():
        return no_code(request, form, back=back)
    bodies = []
    for name, params in form.params_by_model().items():
        branch = branches.get(name, ())
        asked = comparing.without_refused(params, branch[-1]) if branch else params
        turns = _turns(form, branch, typed=typed)
        bodies.append(chat_request(asked, turns, reads_pdf=reads_pdf(name, turns)).as_json())
    return show_codes(request, "chat", bodies, back=back)


def with_estimate(request: PortalRequest, estimate: dict[str, Any], *, status: int) -> HttpResponse:
    """Show the form as it was typed, with what would be sent of its files."""
    conversation = named_comparison(request)
    branches = branches_of(conversation) if conversation else {}
    models = _going_on(models_of(policy_of(request.user)), branches)
    form = CompareForm(request.POST, models=models, conversation=conversation)
    form.errors.clear()  # nothing is sent yet
    unkept = "unkept" in request.POST
    context = {**comparison_context(request, conversation, form=form), **estimate, "unkept": unkept}
    return render(request, PAGE, context, status=status)


# --- Whose ------------------------------------------------------------------------------------------
def _own_comparison(request: PortalRequest, conversation_id: UUID) -> Conversation:
    own = Conversation.objects.owned_by(request.user).filter(kind=Conversation.Kind.COMPARE)
    return get_object_or_404(own.select_related("parameters"), pk=conversation_id)


def named_comparison(request: PortalRequest) -> Conversation | None:
    """Return the comparison that a form goes on with; None for a new one."""
    given = request.POST.get("conversation", "")
    try:
        return _own_comparison(request, UUID(given)) if given else None
    except ValueError as error:
        raise Http404 from error


# --- What is sent -----------------------------------------------------------------------------------
def _going_on(models: Sequence[GatewayModel], branches: Branches) -> list[GatewayModel]:
    """Return those of the models that got the last question; one that was left out would answer under another one."""
    depth = max(map(len, branches.values()), default=0)
    return [model for model in models if not branches or len(branches.get(model.name, ())) == depth]


def _asked(context: ChatContext, form: CompareForm, branches: Branches, *, kept: bool) -> Conversation:
    """Save the question: in a new comparison, or in each branch of one."""
    question = NewMessage(
        text=form.cleaned_data["message"],
        params=form.params(),
        uploads=form.uploads(),
        conversation=form.conversation,
        kind=Conversation.Kind.COMPARE,
        kept=kept,
    )
    if form.conversation is None:
        answers = comparing.compare(context, question, form.params_by_model())
    else:
        params = form.params_by_model()
        answers = comparing.follow_up(context, question, params, {name: branches[name][-1] for name in params})
    return answers[0].message.conversation


def _own_settings(conversation: Conversation | None, branches: Branches) -> dict[str, dict[str, Any]]:
    """Return what each model was sent last in place of the settings for all."""
    if conversation is None:
        return {}
    return {name: own_settings(conversation, branch[-1]) for name, branch in branches.items()}


def _turns(form: CompareForm, branch: Sequence[Answer], *, typed: bool) -> list[Turn]:
    """Return the branch of a model, with what was typed at its end."""
    bring_files([answer.message for answer in branch], with_texts=True)
    before: list[Turn] = [(answer.message, answer) for answer in branch]
    if typed or not branch:
        return [*before, (unsaved(form.cleaned_data.get("message", ""), form.uploads()), None)]
    return [*before[:-1], (branch[-1].message, None)]


# --- What is shown ----------------------------------------------------------------------------------
def comparison_context(
    request: PortalRequest, conversation: Conversation | None, *, form: CompareForm | None = None
) -> dict[str, Any]:
    """Return the context of the page: a comparison with its form, or an empty form."""
    models = models_of(policy_of(request.user))
    branches = branches_of(conversation) if conversation else {}
    form = form or CompareForm(
        initial=_initial(request, conversation, [model.name for model in models]),
        models=_going_on(models, branches),
        conversation=conversation,
    )
    chosen = list(form.models) if conversation else form["models"].value() or []
    return {
        "form": form,
        "models": models,
        "chosen": chosen,
        "fewest": FEWEST,
        "own_entries": list(_own_entries(request, form, branches, chosen)),
        "conversation": conversation,
        **(_columns_context(conversation, branches) if conversation else {}),
    }


def _initial(request: PortalRequest, conversation: Conversation | None, names: list[str]) -> dict[str, Any]:
    """Return the settings of this comparison, or the models of the last one, or the first two."""
    if conversation:
        return CompareForm.initial_from(conversation.params)
    own = Conversation.objects.owned_by(request.user).filter(kind=Conversation.Kind.COMPARE)
    shown = own.order_by("-used_at").first()
    last = [name for name in shown.model_names if name in names] if shown else []
    return {"models": last or names[:FEWEST]}


def _own_entries(
    request: PortalRequest, form: CompareForm, branches: Branches, chosen: Sequence[str]
) -> Iterator[dict[str, Any]]:
    """Yield the models with the form of their own settings, where that is open; each is loaded when it is opened."""
    opened = request.GET.getlist("own")
    kept = _own_settings(form.conversation, branches) if opened else {}
    for name, model in form.models.items():
        own = form.own.get(name)
        if own is None and name in opened:
            own = OwnForm(initial=OwnForm.initial_from(kept.get(name, {})), model=model)
        yield {"name": name, "form": own, "is_chosen": name in chosen}


def _columns_context(conversation: Conversation, branches: Branches | None = None) -> dict[str, Any]:
    rounds = rounds_of(conversation, branches)
    answers = [column.answer for each in rounds for column in each.columns]
    return {
        "conversation": conversation,
        "rounds": rounds,
        "columns": rounds[-1].columns if rounds else [],
        "rendered": rendered_answers(answers),
        "busy": any(answer.is_under_way for answer in answers),
    }


def _shown(request: PortalRequest, conversation: Conversation | None) -> HttpResponse:
    """Show the page, or to htmx the own settings of one model."""
    context = comparison_context(request, conversation)
    if request.htmx and "own" in request.GET:
        entry = next((each for each in context["own_entries"] if each["form"]), None)
        if entry is None:
            raise Http404
        return render(request, "playground/_own_settings.html", {"own": entry})
    return render(request, PAGE, context)


def _sent(request: PortalRequest, conversation: Conversation) -> HttpResponse:
    """Show the columns, whose streams the page opens, an empty box, and the settings for the next question."""
    context = comparison_context(request, conversation)
    regions = [
        render_to_string(f"{PAGE}#columns", context, request),
        partial("playground-settings", render_to_string(f"{PAGE}#settings", context, request)),
        partial("playground-box", render_to_string(f"{PAGE}#box", context, request)),
    ]
    return HttpResponse("".join(regions))


# --- Refusals ---------------------------------------------------------------------------------------
def _wrong(request: PortalRequest, form: CompareForm) -> HttpResponse:
    """Show errors at their fields; typed text stays."""
    if not request.htmx:
        return render(request, PAGE, comparison_context(request, form.conversation, form=form), status=422)
    return _at_the_form(render(request, "playground/_unsent.html", {"form": form}, status=422))


def _refused(request: PortalRequest, form: CompareForm, refusal: Refusal) -> HttpResponse:
    refusal_context = {"sentence": sentence_of(refusal), "retry_at": getattr(refusal, "retry_at", None)}
    status = status_of(refusal)
    if not request.htmx:
        page = comparison_context(request, form.conversation, form=form)
        return render(request, PAGE, {**page, **refusal_context}, status=status)
    return _at_the_form(render(request, "playground/_unsent.html", refusal_context, status=status))


def _at_the_form(response: HttpResponse) -> HttpResponse:
    """Keep the shown columns: the refusal is shown next to the form."""
    response.headers["HX-Retarget"], response.headers["HX-Reswap"] = "#playground-refused", "innerHTML"
    return response
