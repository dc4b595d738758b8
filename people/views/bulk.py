"""One action on many people of the list: a page that says for whom and what stops, then the action."""

from collections.abc import Sequence
from typing import Any, Final

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_http_methods

from accounts.audit import actor_of
from accounts.fresh import needs_fresh_sign_in
from keys.forms import StayForm
from keys.services import TooManyActions, count_action
from people import services
from people.forms import GroupForm
from people.listing import DEFAULT_ORDER, filters_of, ids_of_all
from people.services import MAX_PEOPLE, MAX_STAYS, BulkAction, Chosen
from people.views.common import require_sight
from people.views.index import address, order_in
from people.views.leaving import go_on_sentence
from usage.models import utc_today
from web.request import PortalRequest

BUTTONS: Final = {
    BulkAction.GROUP: gettext_lazy("Add to this group"),
    BulkAction.STAY: gettext_lazy("Set the end of the stay"),
    BulkAction.DEACTIVATE: gettext_lazy("Deactivate"),
}


@needs_fresh_sign_in(when=lambda request: request.POST.get("action") != BulkAction.STAY)  # groups give rights
@require_http_methods(["GET", "HEAD", "POST"])
def bulk(request: PortalRequest) -> HttpResponse:
    """Ask for a confirmation, with the people affected and those left out; on POST, run the action."""
    access = require_sight(request)
    if not access.manages_people:
        raise PermissionDenied
    is_post = request.method == "POST"
    data = request.POST if is_post else request.GET
    if data.get("action") not in set(BulkAction):
        raise Http404
    bulk_action = BulkAction(data["action"])
    ids = ids_in(data.get("people", "").split(",")) if is_post else _chosen_ids(request, access)
    most = MAX_STAYS if bulk_action == BulkAction.STAY else MAX_PEOPLE
    if len(ids) > most:
        words = _("These are %(count)d people; at most %(most)d at once. Narrow the list down by filters.")
        return _ask(request, access, bulk_action, [], alert=words % {"count": len(ids), "most": most}, status=422)
    everybody = services.choose(ids, bulk_action=bulk_action, admin=request.user)
    if not any(not each.why_not for each in everybody):
        return _ask(
            request, access, bulk_action, everybody, alert=_("There is nobody to whom this can be done."), status=422
        )
    form = _form(request, bulk_action)
    if not is_post:
        return _ask(request, access, bulk_action, everybody, form=form)
    if form is not None and not form.is_valid():
        return _ask(request, access, bulk_action, everybody, form=form, status=422)
    try:
        count_action(request.user, f"people:bulk_{bulk_action}")
    except TooManyActions as refusal:
        return _ask(request, access, bulk_action, everybody, form=form, alert=str(refusal), status=429)
    _act(request, bulk_action, [each.person for each in everybody if not each.why_not], form)
    return redirect(_back(request.POST))


def ids_in(texts: Sequence[str]) -> list[int]:
    """Return the ids among these texts, each once."""
    return list(dict.fromkeys(int(text) for text in texts if text.isascii() and text.isdigit() and len(text) < 12))


def _chosen_ids(request: PortalRequest, access: Any) -> list[int]:
    """Return the selected ids; with `all`, everybody within the filters of the URL."""
    if request.GET.get("all"):
        return ids_of_all(filters_of(request.GET), access.state, utc_today())
    return ids_in(request.GET.getlist("person"))


def _form(request: PortalRequest, bulk_action: BulkAction) -> forms.Form | None:
    data = request.POST if request.method == "POST" else None
    if bulk_action == BulkAction.GROUP:
        return GroupForm(data, actor=request.user)
    return StayForm(data) if bulk_action == BulkAction.STAY else None


def _ask(
    request: PortalRequest,
    access: Any,
    bulk_action: BulkAction,
    everybody: list[Chosen],
    *,
    form: forms.Form | None = None,
    alert: str = "",
    status: int = 200,
) -> HttpResponse:
    """Show whom the action affects, what stops, and who is left out."""
    data = request.POST if request.method == "POST" else request.GET
    chosen = [each for each in everybody if not each.why_not]
    order = order_in(data)
    context = {
        "access": access,
        "action": bulk_action.value,
        "title": _title(bulk_action, len(chosen)) if chosen else BUTTONS[bulk_action],
        "sentences": _sentences(bulk_action, chosen) if chosen else [],
        "button": BUTTONS[bulk_action],
        "form": form,
        "chosen": chosen,
        "left_out": [each for each in everybody if each.why_not],
        "ids": ",".join(str(each.person.pk) for each in chosen),
        "hidden": {**filters_of(data).params(), **({"order": order} if order != DEFAULT_ORDER else {})}.items(),
        "back": _back(data),
        "alert": alert,
    }
    return render(request, "people/bulk.html", context, status=status)


def _title(bulk_action: BulkAction, number: int) -> str:
    titles = {
        BulkAction.GROUP: ngettext("Add %(count)d person to a group?", "Add %(count)d people to a group?", number),
        BulkAction.STAY: ngettext(
            "Set the end of the stay of %(count)d person?", "Set the end of the stay of %(count)d people?", number
        ),
        BulkAction.DEACTIVATE: ngettext("Deactivate %(count)d account?", "Deactivate %(count)d accounts?", number),
    }
    return titles[bulk_action] % {"count": number}


def _sentences(bulk_action: BulkAction, chosen: list[Chosen]) -> list[str]:
    if bulk_action == BulkAction.GROUP:
        return [_("The policy of the group applies to them at once, and to the keys that they have within minutes.")]
    if bulk_action == BulkAction.STAY:
        return [_("The keys that they use expire at the end of that day at the latest.")]
    of_interns = sum(each.person.live_of_interns for each in chosen)
    keys = sum(each.person.live for each in chosen) - of_interns
    words = ngettext("%(count)d key stops within minutes.", "%(count)d keys stop within minutes.", keys)
    return [
        _("They are signed out and cannot sign in. You can activate each account again."),
        words % {"count": keys} if keys else _("There is no key that would stop at once."),
        *([go_on_sentence(of_interns)] if of_interns else []),
        _("Whoever has an e-mail address gets a mail that says so."),
    ]


def _act(request: PortalRequest, bulk_action: BulkAction, people: list[Any], form: forms.Form | None) -> None:
    """Run the action, and report the result."""
    actor = actor_of(request)
    if bulk_action == BulkAction.DEACTIVATE:
        number = services.deactivate_people(people, actor=actor)
        words = ngettext("%(count)d account is deactivated.", "%(count)d accounts are deactivated.", number)
        messages.success(request, words % {"count": number})
    elif bulk_action == BulkAction.GROUP and form:
        group = form.cleaned_data["to_group"]
        number = services.add_to_group(people, group=group, actor=actor)
        words = ngettext(
            "%(count)d person was added to the group “%(group)s”.",
            "%(count)d people were added to the group “%(group)s”.",
            number,
        )
        messages.success(request, words % {"count": number, "group": group.name})
    elif form:
        _say_stays(request, services.set_ends_of_stay(people, ends_on=form.cleaned_data["stay_ends_on"], actor=actor))


def _say_stays(request: PortalRequest, changed: services.StaysChanged) -> None:
    words = ngettext("The end of %(count)d stay is set.", "The ends of %(count)d stays are set.", changed.done)
    messages.success(request, words % {"count": changed.done})
    if changed.refused:
        messages.warning(request, _("Not changed: %(names)s") % {"names": " ".join(changed.refused[:10])})
    if changed.left:
        left = ngettext(
            "The gateway did not answer: %(count)d stay is as it was. Try again in a few minutes.",
            "The gateway did not answer: %(count)d stays are as they were. Try again in a few minutes.",
            changed.left,
        )
        messages.warning(request, left % {"count": changed.left})


def _back(data: QueryDict) -> str:
    """Return the URL of the list as it was."""
    return address(filters_of(data), order_in(data))
