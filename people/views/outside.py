"""Keys that were made outside and have no owner: the list, and actions on them with a confirmation."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, Final
from urllib.parse import urlencode

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_http_methods, require_safe

from accounts.audit import actor_of
from accounts.models import User
from accounts.policies import Allowance, Allowances
from keys.models import Key, UnownedKey
from keys.services import KeyRefused, TooManyActions, count_action, gifts_shown, give_keys, kind_for
from keys.views.actions import in_words
from keys.views.each import failed_words_of, ids_in, report
from people import services
from people.outside_listing import LONGEST_SEARCH, outside_like, outside_of, outside_page, spend_by_period, spend_of
from people.services import MAX_KEYS, OutsideAction, why_not_acted_on
from people.views.common import require_sight
from people.views.key_actions import UNKNOWN
from usage.models import utc_today
from usage.queries.key_use import spent_by_people
from web.amounts import usd
from web.listing import number_in
from web.pages import render_region
from web.request import PortalRequest

FOUND_SHOWN: Final = 20  # people
BUTTONS: Final = {
    OutsideAction.GIVE: gettext_lazy("Give them"),
    OutsideAction.BLOCK: gettext_lazy("Block"),
    OutsideAction.UNBLOCK: gettext_lazy("Unblock"),
    OutsideAction.DELETE: gettext_lazy("Delete"),
}


@require_safe
def outside_keys(request: PortalRequest) -> HttpResponse:
    """Show the keys at the gateway that have no owner here; for htmx only how far those are that are being given."""
    access, q = require_sight(request), _text(request.GET, "q")
    page, gifts = outside_page(q, number_in(request.GET), utc_today()), gifts_shown()
    context = {
        "access": access,
        "here": "people:keys",
        "q": q,
        "page": page,
        "gifts": gifts,
        "is_giving": any(gift.left for gift in gifts),
        "previous": page.previous and _address(q, page.previous),
        "next": page.next and _address(q, page.next),
    }
    return render_region(request, "people/outside.html", "progress", context)


@require_http_methods(["GET", "HEAD", "POST"])
def act_on_outside_keys(request: PortalRequest) -> HttpResponse:
    """Ask for a confirmation, and for the owner; on POST, run the action."""
    access = require_sight(request)
    if not access.manages_people:
        raise PermissionDenied
    data = request.POST if request.method == "POST" else request.GET
    if data.get("action") not in set(OutsideAction):
        raise Http404
    question = Question(request, OutsideAction(data["action"]))
    if not question.chosen or len(question.rows) > MAX_KEYS:
        return question.ask(alert=question.why_not, status=409 if request.method == "POST" else 422)
    if request.method != "POST":
        return question.ask()
    to = question.person
    if question.action == OutsideAction.GIVE and to is None:
        return question.ask(alert=_("Choose the person who gets the keys."), status=422)
    try:
        count_action(request.user, f"people:{question.action}_outside_keys")
    except TooManyActions as refusal:
        response = question.ask(alert=str(refusal), status=429)
        response.headers["Retry-After"] = str(refusal.retry_after_s)
        return response
    if to is not None and len(question.chosen) > 1:
        return _begin_giving(request, question, to)
    run = services.act_on_outside(question.chosen, action=question.action, actor=actor_of(request), to=to)
    if not run.done and len(question.chosen) == 1:
        if run.error:
            alert, status = in_words(run.error, nothing=_("Nothing has changed"), unknown=UNKNOWN)
        else:
            alert, status = " ".join(run.refused), 409
        return Question(request, question.action).ask(alert=alert, status=status)
    done = _done_words(question.action, len(run.done), to)
    report(request, run.as_labels, done, failed_words_of(run.as_labels.failed))
    return redirect(_address(question.q, 1))


def _begin_giving(request: PortalRequest, question: "Question", to: User) -> HttpResponse:
    """Begin to give several keys; the list shows how far the task is."""
    try:
        give_keys(unowned=question.chosen, to=to, actor=actor_of(request))
    except KeyRefused as refusal:
        return Question(request, question.action).ask(alert=refusal.for_admin, status=409)
    return redirect(_address(question.q, 1))


class Question:
    """What is asked before an action: on which keys, and who gets them."""

    def __init__(self, request: PortalRequest, action: OutsideAction) -> None:
        data = request.POST if request.method == "POST" else request.GET
        self.request, self.action = request, action
        self.q, self.who = _text(data, "q"), _text(data, "who")
        texts = data.get("keys", "").split(",") if request.method == "POST" else data.getlist("key")
        ids = ids_in(texts)
        if request.method != "POST" and data.get("all"):
            ids = list(outside_like(self.q).values_list("pk", flat=True)[: MAX_KEYS + 1])
        self.rows = outside_of(ids[: MAX_KEYS + 1], utc_today())
        self.chosen = [row for row in self.rows if not why_not_acted_on(row, action)]
        self.has_gone = len(self.rows) < len(ids)

    @property
    def person(self) -> User | None:
        """The chosen owner, if they may be chosen."""
        text = self.request.POST.get("person", "")
        allowed = services.people_to_own("", self.request.user)
        return allowed.filter(pk=text).first() if text.isdecimal() and len(text) < 10 else None

    @property
    def why_not(self) -> str:
        """Why there is nothing to do."""
        if len(self.rows) > MAX_KEYS:
            return _("At most %(most)d keys at once. Search for fewer.") % {"most": MAX_KEYS}
        if self.has_gone and not self.rows:
            return _("The gateway no longer has this key, or it has an owner by now. Nothing was changed.")
        return _("There is no key to which this can be done.")

    def ask(self, *, alert: str = "", status: int = 200) -> HttpResponse:
        """Show the keys, those that are left out, and for a new owner the people who were found."""
        found: list[User] = []
        if self.action == OutsideAction.GIVE and self.who:
            found = list(services.people_to_own(self.who, self.request.user)[: FOUND_SHOWN + 1])
        left_out = [{"row": row, "why_not": why} for row in self.rows if (why := why_not_acted_on(row, self.action))]
        context = {
            "alert": alert,
            "action": self.action.value,
            "title": _title(self.action, len(self.chosen)),
            "sentences": _sentences(self.action, self.chosen) if self.chosen else [],
            "button": BUTTONS[self.action],
            "is_bad": self.action in (OutsideAction.BLOCK, OutsideAction.DELETE),
            "chosen": self.chosen,
            "left_out": left_out,
            "ids": ",".join(str(row.pk) for row in self.chosen),
            "q": self.q,
            "who": self.who,
            "found": _candidates(found[:FOUND_SHOWN], self.chosen),
            "has_more": len(found) > FOUND_SHOWN,
            "back": _address(self.q, 1),
        }
        return render(self.request, "people/outside_action.html", context, status=status)


def _candidates(people: Sequence[User], chosen: Sequence[UnownedKey]) -> list[dict[str, Any]]:
    """Describe the possible owners of the keys, as `_candidate`; at most eight queries."""
    if not people:
        return []
    allowances, today = Allowances.load(), utc_today()
    added = spend_by_period(chosen, today)
    spent = {period: spent_by_people(people, period, today) for period in added}
    return [_candidate(person, allowances.of(person.pk), spent, added) for person in people]


def _candidate(
    person: User, allowance: Allowance, spent: Mapping[str, Mapping[int, Decimal]], added: Mapping[str, Decimal]
) -> dict[str, Any]:
    """Describe a possible owner of the keys: their budget with what the keys have spent, and the kind of key.

    `spent` and `added` are what counts in the budget of a period so far, by person, and what the keys add.
    """
    budget_usd, period = allowance.person_budget_usd, allowance.person_budget_period
    before = spent.get(period, {}).get(person.pk, Decimal(0))
    after = before + added.get(period, Decimal(0))
    return {
        "person": person,
        "budget_usd": budget_usd,
        "period": period,
        "spent_usd": before,
        "after_usd": after,
        "is_over": budget_usd is not None and after >= budget_usd,
        "kind": Key.Kind(kind_for(allowance)).label,
    }


def _text(data: Any, name: str) -> str:
    return str(data.get(name, "")).replace("\0", "").strip()[:LONGEST_SEARCH]


def _address(q: str, page: int) -> str:
    params = {name: value for name, value in (("q", q), ("page", page if page > 1 else "")) if value}
    return reverse("people:outside_keys") + (f"?{urlencode(params)}" if params else "")


def _title(action: OutsideAction, number: int) -> str:
    titles = {
        OutsideAction.GIVE: ngettext("Give %(count)d key to a person?", "Give %(count)d keys to a person?", number),
        OutsideAction.BLOCK: ngettext("Block %(count)d key?", "Block %(count)d keys?", number),
        OutsideAction.UNBLOCK: ngettext("Unblock %(count)d key?", "Unblock %(count)d keys?", number),
        OutsideAction.DELETE: ngettext("Delete %(count)d key?", "Delete %(count)d keys?", number),
    }
    return titles[action] % {"count": number}


def _sentences(action: OutsideAction, chosen: Sequence[Any]) -> list[str]:
    if action == OutsideAction.GIVE:
        return [
            _("Programs go on: the secrets stay the same. The portal does not have them."),
            _("All that they have spent becomes the person’s: %(spend)s, as of the last update.")
            % {"spend": usd(spend_of(chosen))},
            _("Their spend in this budget period counts in the person’s budget, also what is spent already."),
            _("Budgets, rate limits and models that were set for them stay; the rest and their end follow the policy."),
            _("The person gets one mail about them."),
        ]
    if action == OutsideAction.DELETE:
        return [
            _("They stop working at once, everywhere. What they have spent stays in Usage."),
            _("This cannot be undone. If you are not sure, block them."),
        ]
    if action == OutsideAction.BLOCK:
        return [_("The gateway refuses them until you unblock them. Programs that use them stop.")]
    return [_("The gateway accepts them again, with the budgets and limits that they have.")]


def _done_words(action: OutsideAction, number: int, to: User | None) -> str:
    words = {
        OutsideAction.GIVE: ngettext("%(name)s has %(count)d more key.", "%(name)s has %(count)d more keys.", number),
        OutsideAction.BLOCK: ngettext("%(count)d key is blocked.", "%(count)d keys are blocked.", number),
        OutsideAction.UNBLOCK: ngettext("%(count)d key works again.", "%(count)d keys work again.", number),
        OutsideAction.DELETE: ngettext("%(count)d key is deleted.", "%(count)d keys are deleted.", number),
    }
    return words[action] % {"count": number, "name": to.display_name if to else ""}
