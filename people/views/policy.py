"""The editor of a policy: a form, then a preview of the changes, then the change."""

from typing import Any, Final

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods

from accounts.audit import actor_of
from accounts.fresh import needs_fresh_sign_in
from keys.services import TooManyActions, count_action
from keys.use import Spent
from people import services
from people.group_listing import month_of
from people.policy_form import PolicyEditor
from people.views.group_common import GroupSubject, group_subject
from usage.models import utc_today
from web.pages import render_region
from web.request import PortalRequest
from web.tasks import ask_worker

NAMES_SHOWN: Final = 20
ASKED_OFTEN: Final = 5  # times, every three seconds; then less often
ASKED_AGAIN: Final = 40  # how often a page polls whether all keys have followed


@needs_fresh_sign_in()
@require_http_methods(["GET", "HEAD", "POST"])
def change_policy(request: PortalRequest, group_id: int | None = None) -> HttpResponse:
    """Show the form; on POST, the preview, and with `step` "save", change it."""
    subject = group_subject(request, group_id)
    if not subject.may_change_policy:
        raise PermissionDenied
    data = request.POST if request.method == "POST" else None
    step = request.POST.get("step", "preview")
    version = services.version_of(subject.policy)
    editor = PolicyEditor(data, group=subject.group, policy=subject.policy)
    if data is None:
        return _edit(request, subject, editor, version)
    known = data.get("version", "")
    if step == "edit":
        return _edit(request, subject, editor, known)
    if known != version:
        return _conflict(request, subject, editor, known)
    if not editor.is_valid():
        return _edit(request, subject, editor, known, status=422)
    changes = services.words_of_change(editor.policy, editor.rules())
    if not changes and subject.policy is not None:
        return _edit(request, subject, editor, known, alert=_("Nothing was changed."), status=422)
    if step == "save":
        return _save(request, subject, editor, known, changes)
    return _preview(request, subject, editor, known, changes)


def _save(
    request: PortalRequest, subject: GroupSubject, editor: PolicyEditor, version: str, changes: list[str]
) -> HttpResponse:
    try:
        count_action(request.user, "people:change_policy")
        services.save_policy(policy=editor.policy, rules=editor.rules(), version=version, actor=actor_of(request))
    except TooManyActions as refusal:
        response = _preview(request, subject, editor, version, changes, alert=str(refusal), status=429)
        response.headers["Retry-After"] = str(refusal.retry_after_s)
        return response
    except services.PolicyConflict:
        return _conflict(request, subject, editor, version)
    messages.success(request, _("Saved: it applies from now on. Existing keys follow within minutes."))
    return redirect(subject.address)


def _edit(
    request: PortalRequest,
    subject: GroupSubject,
    editor: PolicyEditor,
    version: str,
    *,
    alert: str = "",
    is_conflict: bool = False,
    status: int = 200,
) -> HttpResponse:
    errors = list(editor.errors()) if status == 422 else []
    context = {
        "subject": subject,
        "access": subject.access,
        "here": "people:group",
        "editor": editor,
        "errors": errors,
        "version": version,
        "alert": alert,
        "is_conflict": is_conflict,
    }
    return render(request, "people/policy_edit.html", context, status=status)


def _conflict(request: PortalRequest, subject: GroupSubject, editor: PolicyEditor, version: str) -> HttpResponse:
    """Say that somebody else was faster; typed values stay in the form, and cannot be saved over theirs."""
    alert = _("Somebody else has changed this policy in the meantime. Your changes were not saved.")
    return _edit(request, subject, editor, version, alert=alert, is_conflict=True, status=409)


def _preview(
    request: PortalRequest,
    subject: GroupSubject,
    editor: PolicyEditor,
    version: str,
    changes: list[str],
    *,
    alert: str = "",
    status: int = 200,
) -> HttpResponse:
    """Show the changes, for how many people and keys, and for whom a limit becomes lower."""
    effect = services.effect_of(subject.group, editor.rules())
    people = ngettext("%(count)d person", "%(count)d people", effect.people) % {"count": effect.people}
    keys = ngettext("%(count)d key", "%(count)d keys", effect.keys) % {"count": effect.keys}
    names = [person.display_name for person in effect.lowered[:NAMES_SHOWN]]
    context = {
        "subject": subject,
        "access": subject.access,
        "here": "people:group",
        "changes": changes,
        "effect": effect,
        "counted": _("%(people)s, %(keys)s change") % {"people": people, "keys": keys},
        "names": names,
        "more": len(effect.lowered) - len(names),
        "unknown_models": editor.unknown_models(),
        "stopped": _stopped(subject, editor),
        "fields": _fields(request),
        "version": version,
        "alert": alert,
    }
    return render(request, "people/policy_preview.html", context, status=status)


def _stopped(subject: GroupSubject, editor: PolicyEditor) -> Spent | None:
    """Return what the group has spent, if the policy stops the keys of its members with that."""
    policy = editor.policy
    if subject.group is None or policy.group_budget_usd is None or not policy.group_budget_stops:
        return None
    month = month_of(subject.group, subject.access.state, utc_today())
    return month if month.spent_usd is not None and month.spent_usd >= policy.group_budget_usd else None


def _fields(request: PortalRequest) -> list[tuple[str, str]]:
    """Return the typed values, for the form that confirms them."""
    own = ("csrfmiddlewaretoken", "step", "version")
    return [(name, value) for name, values in request.POST.lists() for value in values if name not in own]


@require_http_methods(["GET", "HEAD", "POST"])
def policy_state(request: PortalRequest, group_id: int | None = None) -> HttpResponse:
    """Say how many keys do not follow the policy yet; on POST, start the task that updates them."""
    subject = group_subject(request, group_id)
    alert, status = "", 200
    if request.method == "POST":
        if not subject.access.manages_policies:
            raise PermissionDenied
        try:
            count_action(request.user, "people:apply_policies")
        except TooManyActions as refusal:
            alert, status = str(refusal), 429
        else:
            ask_worker("keys.apply_policies")
            alert = _("Requested: the keys are being adjusted now.")
            if not request.htmx:
                messages.success(request, alert)
                return redirect(subject.state_address)
    return _render_state(request, subject, alert=alert, status=status)


def _render_state(request: PortalRequest, subject: GroupSubject, *, alert: str, status: int) -> HttpResponse:
    outdated = services.outdated_under(subject.group)
    asked = request.GET.get("asked", "0")
    number = int(asked) if asked.isdecimal() and len(asked) < 3 else ASKED_AGAIN
    context: dict[str, Any] = {
        "subject": subject,
        "access": subject.access,
        "here": "people:group",
        "keys": len(outdated.keys),
        "people": len(outdated.people),
        "asks_again": bool(outdated) and number < ASKED_AGAIN,
        "number": number + 1,
        "wait_s": 3 if number < ASKED_OFTEN else 15,
        "alert": alert,
    }
    return render_region(request, "people/policy_state.html", "state", context, status=status)
