"""Invite people: a list, a preview line by line, and then the invitations; resending a single one."""

from collections import Counter
from typing import Any, Final

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_http_methods

from accounts import invitations
from accounts.audit import actor_of
from accounts.fresh import needs_fresh_sign_in
from keys.services import TooManyActions, count_action
from people import services
from people.forms import InviteForm
from people.services import Outcome, Planned
from people.services.invite import MAX_AN_HOUR
from people.views.common import Subject, require_sight
from people.views.panel import render_person
from people.views.person import Confirmation, act_on_person, confirm, done
from web.request import PortalRequest

WORDS: Final = {
    Outcome.NEW: gettext_lazy("Is invited"),
    Outcome.AGAIN: gettext_lazy("Is invited again"),
    Outcome.EXISTS: gettext_lazy("Has an account: nothing changes"),
    Outcome.REFUSED: gettext_lazy("Is left out"),
}


@needs_fresh_sign_in(when=lambda request: request.POST.get("step") == "send")  # the preview keeps the list, not a file
@require_http_methods(["GET", "HEAD", "POST"])
def invite(request: PortalRequest) -> HttpResponse:
    """Show the form; on POST, the preview, and with `step` "send", invite them."""
    access = require_sight(request)
    if not access.manages_people:
        raise PermissionDenied
    is_post = request.method == "POST"
    form = InviteForm(request.POST if is_post else None, request.FILES if is_post else None, actor=request.user)
    step = request.POST.get("step", "") if is_post else "edit"
    if step == "edit" or not form.is_valid():
        status = 422 if is_post and step != "edit" else 200
        return render(
            request, "people/invite.html", {"access": access, "here": "people:index", "form": form}, status=status
        )
    if step == "send":
        return _send(request, access, form)
    return _preview(request, access, form)


@act_on_person
def invite_again(request: PortalRequest, subject: Subject) -> HttpResponse:
    """Ask for a confirmation; on POST, send the invitation again."""
    person = subject.person
    if request.method != "POST":
        words = _("%(name)s gets a mail with a new link to %(address)s. The last link works until it expires.")
        return confirm(
            request,
            subject,
            Confirmation(
                title=_("Send the invitation of %(name)s again?") % {"name": person.display_name},
                sentences=[words % {"name": person.display_name, "address": person.email}],
                button=_("Send again"),
                is_bad=False,
            ),
        )
    if not invitations.invite_again(person=person, actor=actor_of(request)):
        return render_person(request, subject, alert=_NOT_PENDING % {"name": person.display_name}, status=409)
    return done(request, person, _("The invitation of %(name)s is on its way."))


@act_on_person
def withdraw(request: PortalRequest, subject: Subject) -> HttpResponse:
    """Ask for a confirmation; on POST, withdraw the invitation."""
    person = subject.person
    if request.method != "POST":
        words = _(
            "The link in the mail stops working, and the account is closed. No mail is sent. You can invite them again."
        )
        return confirm(
            request,
            subject,
            Confirmation(
                title=_("Take back the invitation of %(name)s?") % {"name": person.display_name},
                sentences=[words],
                button=_("Take back"),
            ),
        )
    if not invitations.withdraw(person=person, actor=actor_of(request)):
        return render_person(request, subject, alert=_NOT_PENDING % {"name": person.display_name}, status=409)
    return done(request, person, _("The invitation of %(name)s is taken back."))


_NOT_PENDING: Final = gettext_lazy("Nothing changed: %(name)s has signed in, or the account is not active.")


def _preview(
    request: PortalRequest, access: Any, form: InviteForm, *, alert: str = "", status: int = 200
) -> HttpResponse:
    """Show the preview of each line."""
    planned = services.plan_invitations(
        form.cleaned_data["entries"],
        inviter=request.user,
        groups=form.cleaned_data["groups"],
        by_institution=form.by_institution,
        today=_today(),
    )
    numbers = Counter(each.outcome for each in planned)
    context = {
        "access": access,
        "here": "people:index",
        "form": form,
        "rows": [{"planned": each, "words": WORDS[each.outcome], "tone": _tone(each)} for each in planned],
        "invited": numbers[Outcome.NEW] + numbers[Outcome.AGAIN],
        "existing": numbers[Outcome.EXISTS],
        "refused": numbers[Outcome.REFUSED],
        "text": form.cleaned_data["text"],
        "sign_in": request.POST.get("sign_in", ""),
        "alert": alert,
    }
    return render(request, "people/invite_preview.html", context, status=status)


def _send(request: PortalRequest, access: Any, form: InviteForm) -> HttpResponse:
    """Invite them, and show the result."""
    try:
        count_action(request.user, "people:invite")
        planned = services.invite_people(
            form.cleaned_data["entries"],
            inviter=request.user,
            groups=form.cleaned_data["groups"],
            by_institution=form.by_institution,
            today=_today(),
            actor=actor_of(request),
        )
    except TooManyActions as refusal:
        return _preview(request, access, form, alert=str(refusal), status=429)
    except services.InvitationQuotaExceeded:
        words = _("Nobody was invited: you can invite %(most)d people in an hour.") % {"most": MAX_AN_HOUR}
        return _preview(request, access, form, alert=words, status=429)
    number = sum(each.is_invited for each in planned)
    if not number:
        return _preview(request, access, form, alert=_("Nobody was invited."), status=409)
    words = ngettext(
        "%(count)d person is invited. The mail is on its way.",
        "%(count)d people are invited. The mails are on their way.",
        number,
    )
    messages.success(request, words % {"count": number})
    response = redirect("people:index")
    response["Location"] += "?state=invited&order=-joined"
    return response


def _tone(planned: Planned) -> str:
    if planned.is_invited:
        return "ok"
    return "bad" if planned.outcome == Outcome.REFUSED else "idle"


def _today() -> Any:
    """Return the present day in the portal's zone, which stays use."""
    return timezone.localdate(timezone=timezone.get_default_timezone())
