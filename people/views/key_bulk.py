"""One action on many keys of the list: a page that says which and what stops, then the action."""

from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_http_methods

from accounts.audit import actor_of
from keys.services import TooManyActions, count_action
from keys.status import promises
from keys.views.each import failed_words_of, ids_in, report, some_of
from people import services
from people.key_search import DEFAULT_ORDER, found_ids, key_filters_of
from people.services import MAX_KEYS, MAX_REMINDED, ChosenKey, KeyAction
from people.views.common import require_sight
from people.views.keys import address, hidden, order_in
from usage.models import utc_today
from web.request import PortalRequest

BUTTONS: Final = {
    KeyAction.BLOCK: gettext_lazy("Block"),
    KeyAction.UNBLOCK: gettext_lazy("Unblock"),
    KeyAction.DELETE: gettext_lazy("Delete"),
    KeyAction.REMIND: gettext_lazy("Send reminders"),
}


@require_http_methods(["GET", "HEAD", "POST"])
def bulk_keys(request: PortalRequest) -> HttpResponse:
    """Ask for a confirmation, with the keys affected and those left out; on POST, run the action."""
    access = require_sight(request)
    if not access.manages_people:
        raise PermissionDenied
    data = request.POST if request.method == "POST" else request.GET
    if data.get("action") not in set(KeyAction):
        raise Http404
    action = KeyAction(data["action"])
    ids = ids_in(data.get("keys", "").split(",")) if request.method == "POST" else _chosen_ids(request, access)
    most = MAX_REMINDED if action == KeyAction.REMIND else MAX_KEYS
    if len(ids) > most:
        words = _("These are %(count)d keys; at most %(most)d at once. Narrow the list down by filters.")
        return _ask(request, access, action, [], alert=words % {"count": len(ids), "most": most}, status=422)
    chosen = services.choose_keys(ids, action=action, admin=request.user)
    if not any(not each.why_not for each in chosen):
        alert = _("There is no key to which this can be done.")
        return _ask(request, access, action, chosen, alert=alert, status=422)
    if request.method != "POST":
        return _ask(request, access, action, chosen)
    try:
        count_action(request.user, f"people:bulk_keys_{action}")
    except TooManyActions as refusal:
        return _ask(request, access, action, chosen, alert=str(refusal), status=429)
    _act(request, action, [each.key for each in chosen if not each.why_not])
    return redirect(address(key_filters_of(data), order_in(data)))


def _chosen_ids(request: PortalRequest, access: Any) -> list[UUID]:
    """Return the selected ids; with `all`, every key within the filters of the URL."""
    if request.GET.get("all"):
        found = found_ids(key_filters_of(request.GET), DEFAULT_ORDER, access.state, utc_today())
        return [UUID(text) for text in found]
    return ids_in(request.GET.getlist("key"))


def _ask(
    request: PortalRequest,
    access: Any,
    action: KeyAction,
    everything: list[ChosenKey],
    *,
    alert: str = "",
    status: int = 200,
) -> HttpResponse:
    """Show which keys the action affects, what stops, and which are left out."""
    data = request.POST if request.method == "POST" else request.GET
    filters, order = key_filters_of(data), order_in(data)
    chosen = [each for each in everything if not each.why_not]
    context = {
        "access": access,
        "action": action.value,
        "title": _title(action, len(chosen)) if chosen else BUTTONS[action],
        "sentences": _sentences(action) if chosen else [],
        "button": BUTTONS[action],
        "is_bad": action in (KeyAction.BLOCK, KeyAction.DELETE),
        "chosen": chosen,
        "left_out": [each for each in everything if each.why_not],
        "ids": ",".join(str(each.key.pk) for each in chosen),
        "hidden": hidden(filters, order),
        "back": address(filters, order),
        "alert": alert,
    }
    return render(request, "people/key_bulk.html", context, status=status)


def _title(action: KeyAction, number: int) -> str:
    titles = {
        KeyAction.BLOCK: ngettext("Block %(count)d key?", "Block %(count)d keys?", number),
        KeyAction.UNBLOCK: ngettext("Unblock %(count)d key?", "Unblock %(count)d keys?", number),
        KeyAction.DELETE: ngettext("Delete %(count)d key?", "Delete %(count)d keys?", number),
        KeyAction.REMIND: ngettext(
            "Remind the owner of %(count)d key?", "Remind the owners of %(count)d keys?", number
        ),
    }
    return titles[action] % {"count": number}


def _sentences(action: KeyAction) -> list[str]:
    mail_words = _("Each owner with an active account and an e-mail address gets one mail that says so.")
    return {
        KeyAction.BLOCK: [
            _("The gateway refuses them until you unblock them. Programs that use them stop."),
            mail_words,
        ],
        KeyAction.UNBLOCK: [
            _("The gateway accepts them again, with the budgets and limits that they have."),
            mail_words,
        ],
        KeyAction.DELETE: [
            _("They stop working at once, everywhere. What they have spent stays in Usage."),
            _("This cannot be undone. If you are not sure, block them."),
            mail_words,
        ],
        KeyAction.REMIND: [
            _(
                "Each owner gets one mail with these keys, their last use and their expiry, and is asked to renew or "
                "delete them."
            ),
        ],
    }[action]


def _act(request: PortalRequest, action: KeyAction, keys: list[Any]) -> None:
    """Run the action, and report the result."""
    actor = actor_of(request)
    if action == KeyAction.REMIND:
        number = services.remind_of_keys(keys, actor=actor)
        words = ngettext(
            "A mail about %(count)d key is on its way.", "Mails about %(count)d keys are on their way.", number
        )
        messages.success(request, words % {"count": number})
        return
    acted = services.act_on_keys(keys, action=action, actor=actor)
    failed_words = _undeleted_words if action == KeyAction.DELETE else failed_words_of
    report(request, acted, _done_words(action, acted.done), failed_words(acted.failed))


def _done_words(action: KeyAction, number: int) -> str:
    words = {
        KeyAction.BLOCK: ngettext("%(count)d key is blocked.", "%(count)d keys are blocked.", number),
        KeyAction.UNBLOCK: ngettext("%(count)d key works again.", "%(count)d keys work again.", number),
        KeyAction.DELETE: ngettext("%(count)d key is deleted.", "%(count)d keys are deleted.", number),
    }
    return words[action] % {"count": number}


def _undeleted_words(labels: Sequence[str]) -> str:
    """Name keys whose deletion the sweep finishes: it is irreversible."""
    words = _("The gateway has not confirmed that these are deleted: %(labels)s. %(again)s")
    return words % {"labels": some_of(labels), **promises()}
