"""Create, rename and delete a group; add and remove members. Each asks for a confirmation, and says what it means."""

from collections.abc import Callable
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
from accounts.group_rules import announcements_for, why_not_deleted
from keys.services import TooManyActions, count_action
from people import services
from people.forms import GroupNameForm
from people.group_listing import people_to_add
from people.services import MAX_PEOPLE, Chosen, GroupRefused, MemberAction
from people.views.bulk import ids_in
from people.views.common import require_sight
from people.views.group_common import GroupSubject, group_subject
from people.views.groups import render_group, search_in
from usage.models import utc_today
from web.request import PortalRequest

FOUND_SHOWN: Final = 25


@needs_fresh_sign_in()
@require_http_methods(["GET", "HEAD", "POST"])
def new_group(request: PortalRequest) -> HttpResponse:
    """Ask for a name; on POST, create the group."""
    access = require_sight(request)
    if not access.manages_policies:
        raise PermissionDenied
    form = GroupNameForm(request.POST if request.method == "POST" else None)
    context = {"access": access, "here": "people:group", "form": form}

    def make(name: str) -> HttpResponse:
        group = services.create_group(name=name, actor=actor_of(request))
        messages.success(request, _("The group was created. Choose its policy and add people."))
        return redirect("people:group", group.pk)

    return _with_name(request, form, context, make)


@needs_fresh_sign_in()
@require_http_methods(["GET", "HEAD", "POST"])
def rename(request: PortalRequest, group_id: int) -> HttpResponse:
    """Ask for another name; on POST, rename the group."""
    subject = _changeable(request, group_id)
    group = subject.group
    if not subject.may_rename:
        raise PermissionDenied
    form = GroupNameForm(request.POST if request.method == "POST" else None, initial={"name": group.name})
    context = {"access": subject.access, "here": "people:group", "form": form, "subject": subject}

    def give(name: str) -> HttpResponse:
        services.rename_group(group=group, name=name, actor=actor_of(request))
        messages.success(request, _("The group is now called “%(name)s”.") % {"name": name})
        return redirect("people:group", group.pk)

    return _with_name(request, form, context, give)


def _with_name(
    request: PortalRequest, form: GroupNameForm, context: dict[str, Any], action: Callable[[str], HttpResponse]
) -> HttpResponse:
    """Show the form; on POST, run the action with the name, or say why not."""
    status = 200
    if request.method == "POST":
        status = 422
        try:
            count_action(request.user, "people:name_group")
            if form.is_valid():
                return action(form.cleaned_data["name"])
        except TooManyActions as refusal:
            form.add_error(None, str(refusal))
            status = 429
        except GroupRefused as refusal:
            form.add_error("name", str(refusal))
    return render(request, "people/group_name.html", context, status=status)


@needs_fresh_sign_in()
@require_http_methods(["GET", "HEAD", "POST"])
def delete(request: PortalRequest, group_id: int) -> HttpResponse:
    """Ask for a confirmation with the effect on members and their keys; on POST, delete."""
    subject = _changeable(request, group_id)
    group = subject.group
    if request.method == "POST":
        try:
            count_action(request.user, "people:delete_group")
            services.delete_group(group=group, actor=actor_of(request))
        except TooManyActions as refusal:
            return _too_many(render_group(request, subject, alert=str(refusal), status=429), refusal)
        except GroupRefused as refusal:
            return render_group(request, subject, alert=str(refusal), status=409)
        messages.success(request, _("The group “%(name)s” is deleted.") % {"name": group.name})
        return redirect("people:groups")
    effect = services.effect_of(group, [])
    context = {
        "subject": subject,
        "access": subject.access,
        "here": "people:group",
        "members": group.user_set.count(),
        "effect": effect,
        "announcements": announcements_for(group),
        "why_not": why_not_deleted(group, request.user),
    }
    return render(request, "people/group_delete.html", context)


def _changeable(request: PortalRequest, group_id: int) -> GroupSubject:
    """Return a group that the person may rename and delete."""
    subject = group_subject(request, group_id)
    if not subject.may_change_group:
        raise PermissionDenied
    return subject


def _too_many(response: HttpResponse, refusal: TooManyActions) -> HttpResponse:
    response.headers["Retry-After"] = str(refusal.retry_after_s)
    return response


@needs_fresh_sign_in()
# --- Members ----------------------------------------------------------------------------------------
@require_http_methods(["GET", "HEAD", "POST"])
def add_members(request: PortalRequest, group_id: int) -> HttpResponse:
    """Search people or paste names; on POST, show who is added, and with `step` "action", add them."""
    subject = _with_members(request, group_id)
    if request.method != "POST":
        return _search(request, subject)
    try:
        found = services.find_named(request.POST.get("names", ""))
    except ValueError:
        words = _("These are too many people: at most %(most)d at once.") % {"most": services.NAMES_AT_ONCE}
        return _search(request, subject, alert=words, status=422)
    ids = [*ids_in(request.POST.getlist("person")), *found.ids]
    if not (ids or found.unknown or found.ambiguous):
        return _search(request, subject, alert=_("Choose somebody, or paste user names or addresses."), status=422)
    return _ask_or_run(request, subject, MemberAction.ADD, ids, found)


@needs_fresh_sign_in()
@require_http_methods(["GET", "HEAD", "POST"])
def remove_members(request: PortalRequest, group_id: int) -> HttpResponse:
    """Ask for a confirmation with the members to remove; on POST, remove them."""
    subject = _with_members(request, group_id)
    is_post = request.method == "POST"
    ids = ids_in((request.POST if is_post else request.GET).getlist("person"))
    return _ask_or_run(request, subject, MemberAction.REMOVE, ids, services.Found())


def _with_members(request: PortalRequest, group_id: int) -> GroupSubject:
    """Return a group whose members the person may change."""
    subject = group_subject(request, group_id)
    if not subject.may_change_members:
        raise PermissionDenied
    return subject


def _search(request: PortalRequest, subject: GroupSubject, *, alert: str = "", status: int = 200) -> HttpResponse:
    q = search_in(request)
    found = people_to_add(q, subject.group, utc_today(), most=FOUND_SHOWN + 1) if q and subject.group else []
    context = {
        "subject": subject,
        "access": subject.access,
        "here": "people:group",
        "q": q,
        "found": found[:FOUND_SHOWN],
        "has_more": len(found) > FOUND_SHOWN,
        "names": request.POST.get("names", ""),
        "alert": alert,
    }
    return render(request, "people/members_add.html", context, status=status)


def _ask_or_run(
    request: PortalRequest, subject: GroupSubject, action: MemberAction, ids: list[int], found: services.Found
) -> HttpResponse:
    """Show whom the action affects and who is left out; with `step` "action", run it."""
    group = subject.group
    if len(ids) > MAX_PEOPLE:
        words = _("These are too many people: at most %(most)d at once.") % {"most": MAX_PEOPLE}
        return _ask(request, subject, action, [], found, alert=words, status=422)
    everybody = services.choose_members(ids, group=group, action=action, admin=request.user)
    chosen = [each.person for each in everybody if not each.why_not]
    if not chosen:
        alert = _("There is nobody to whom this can be done.")
        return _ask(request, subject, action, everybody, found, alert=alert, status=422)
    if request.method != "POST" or request.POST.get("step") != "action":
        return _ask(request, subject, action, everybody, found)
    try:
        count_action(request.user, f"people:{action}_members")
    except TooManyActions as refusal:
        return _too_many(_ask(request, subject, action, everybody, found, alert=str(refusal), status=429), refusal)
    try:
        number = _change[action](chosen, group=group, actor=actor_of(request))
    except GroupRefused as refusal:
        return _ask(request, subject, action, [], found, alert=str(refusal), status=409)
    messages.success(request, _done_words(action, number) % {"count": number, "group": group.name})
    return redirect(subject.address)


_change: Final = {MemberAction.ADD: services.add_to_group, MemberAction.REMOVE: services.remove_from_group}


def _ask(
    request: PortalRequest,
    subject: GroupSubject,
    action: MemberAction,
    everybody: list[Chosen],
    found: services.Found,
    *,
    alert: str = "",
    status: int = 200,
) -> HttpResponse:
    chosen = [each for each in everybody if not each.why_not]
    context = {
        "subject": subject,
        "access": subject.access,
        "here": "people:group",
        "action": action.value,
        "title": _title(action, len(chosen)) % {"count": len(chosen), "group": subject.name},
        "chosen": chosen,
        "left_out": [each for each in everybody if each.why_not],
        "found": found,
        "alert": alert,
    }
    return render(request, "people/members_confirm.html", context, status=status)


def _title(action: MemberAction, number: int) -> str:
    if action == MemberAction.ADD:
        return ngettext("Add %(count)d person to “%(group)s”?", "Add %(count)d people to “%(group)s”?", number)
    return ngettext("Remove %(count)d person from “%(group)s”?", "Remove %(count)d people from “%(group)s”?", number)


def _done_words(action: MemberAction, number: int) -> str:
    if action == MemberAction.ADD:
        return ngettext(
            "%(count)d person was added to the group “%(group)s”.",
            "%(count)d people were added to the group “%(group)s”.",
            number,
        )
    return ngettext(
        "%(count)d person was removed from the group “%(group)s”.",
        "%(count)d people were removed from the group “%(group)s”.",
        number,
    )
