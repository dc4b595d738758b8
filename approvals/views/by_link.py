"""A decider opens a request with the link of a mail, and decides it there. GET changes nothing (ADR 31)."""

from collections.abc import Sequence

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.link_pages import by_link, holder_of
from accounts.models import AccessRequest
from approvals import services
from approvals.forms import DecideForm, RefuseForm
from approvals.links import Decision, decision_of_link
from approvals.views.panel import SAY_WHY, approved, line_of, refused, too_many
from keys.services import TooManyActions, count_action
from usage.models import utc_today
from usage.queries.key_use import person_spent

REFUSED = {
    "wrong": gettext_lazy("Perhaps it was not copied completely. You can also sign in and decide under Requests."),
    "old": gettext_lazy("It worked for %(days)d days. Sign in to see the requests."),
    "void": gettext_lazy(
        "Perhaps the request is already decided or withdrawn, or you no longer decide it. Sign in to see the requests."
    ),
}


def _page(request: HttpRequest, title: str, sentences: Sequence[str], *, status: int = 200) -> HttpResponse:
    """Render a page that only says something."""
    return render(request, "approvals/by_link.html", {"title": title, "sentences": sentences}, status=status)


@by_link(decision_of_link, page=_page, sentences=REFUSED)
def decide(request: HttpRequest, link: Decision) -> HttpResponse:
    """Show the request; on POST, approve or refuse it, as the button says."""
    asked, actor = link.asked, holder_of(link.decider, request)
    if request.method != "POST":
        return _form(request, link, DecideForm(asked=asked))
    is_refusal = request.POST.get("decision") == "refuse"
    form = DecideForm(asked=asked) if is_refusal else DecideForm(request.POST, asked=asked)
    reason = RefuseForm(request.POST)
    try:
        count_action(link.decider, "approvals:decide_by_link")
        if is_refusal and not reason.is_valid():
            return _form(request, link, form, alert=str(SAY_WHY), status=422)
        if is_refusal:
            services.refuse(request=asked, actor=actor, reason=reason.cleaned_data["reason"])
            return _page(request, _("Refused"), [refused(asked)])
        if not form.is_valid():
            return _form(request, link, form, status=422)
        grant = services.approve(request=asked, actor=actor, **form.cleaned_data)
    except TooManyActions as refusal:
        return too_many(_form(request, link, form, alert=str(refusal), status=429), refusal)
    except services.RequestRefused as refusal:
        if asked.state == AccessRequest.State.OPEN:
            return _form(request, link, form, alert=str(refusal), status=409)
        return _page(request, _("Already decided"), [str(refusal)], status=409)
    return _page(request, _("Approved"), [approved(asked, services.apply_grant(grant))])


def _form(
    request: HttpRequest, link: Decision, form: DecideForm, *, alert: str = "", status: int = 200
) -> HttpResponse:
    """Render the request with its buttons; `alert` is why an action failed."""
    context = {
        "line": line_of(link.asked),
        "asked": link.asked,
        "form": form,
        "of_person": person_spent(link.asked.person, utc_today()),
        "alert": alert,
    }
    return render(request, "approvals/by_link.html", context, status=status)
