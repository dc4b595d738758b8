"""Accounts that the portal will deactivate, or has: who, why and when, and what an admin decides on them."""

from typing import Final

from django.conf import settings
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db.models import Count, Q
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from accounts.audit import actor_of
from accounts.fresh import needs_fresh_sign_in
from accounts.models import LeavingAccount, LeavingCheck
from keys.models import Key
from keys.services import TooManyActions, count_action
from people import services
from people.views.common import Subject, require_sight
from people.views.panel import render_person
from people.views.person import Confirmation, act_on_person, confirm, done
from web.request import PortalRequest

SHOWN: Final = 50  # on a page
STATES: Final = ("waiting", "kept", "closed")


@require_safe
def leaving_accounts(request: PortalRequest) -> HttpResponse:
    """Show the accounts that will be deactivated, those that are kept, or those that were deactivated."""
    return _page(request)


def _page(request: PortalRequest, *, alert: str = "", status: int = 200) -> HttpResponse:
    access = require_sight(request)
    rows = LeavingAccount.objects.all()
    lists = {"waiting": rows.waiting(), "kept": rows.kept(), "closed": rows.closed()}
    state = request.GET.get("state", "")
    state = state if state in STATES else "waiting"
    live = Q(person__keys__state__in=Key.LIVE_STATES) & ~Q(person__keys__kind=Key.Kind.EXTERNAL)
    found = lists[state].select_related("person").order_by("-noticed_at", "-pk")
    page = Paginator(found.annotate(keys=Count("person__keys", filter=live)), SHOWN).get_page(request.GET.get("page"))
    shown = [{"account": each, "person": each.person, "provider": services.title_of(each.source)} for each in page]
    checks = LeavingCheck.objects.order_by("reason", "source")
    context = {
        "access": access,
        "here": "people:leaving_accounts",
        "page": page,
        "rows": shown,
        "state": state,
        "states": list(zip(STATES, (_("To be deactivated"), _("Kept"), _("Deactivated")), strict=True)),
        "query": f"state={state}",
        "checks": [{"check": check, "provider": services.title_of(check.source)} for check in checks],
        "grace_days": settings.LEAVING_GRACE_DAYS,
        "unused_days": settings.LEAVING_UNUSED_DAYS,
        "alert": alert,
    }
    return render(request, "people/leaving_accounts.html", context, status=status)


@needs_fresh_sign_in()
@require_POST
def allow_leaving(request: PortalRequest, check_id: int) -> HttpResponse:
    """Accept the number of leaving accounts at which a check stopped."""
    if not require_sight(request).manages_people:
        raise PermissionDenied
    check = get_object_or_404(LeavingCheck, pk=check_id)
    try:
        count_action(request.user, "people:allow_leaving")
    except TooManyActions as refusal:
        response = _page(request, alert=str(refusal), status=429)
        response.headers["Retry-After"] = str(refusal.retry_after_s)
        return response
    count = request.POST.get("count", "")
    shown = int(count) if count.isascii() and count.isdigit() and len(count) < 10 else -1
    if not services.allow(check=check, count=shown, actor=actor_of(request)):
        alert = _("Nothing changed: the check has found another number since. Look at it again.")
        return _page(request, alert=alert, status=409)
    messages.success(request, _("Accepted: these accounts are put on the list now, and get a warning first."))
    return redirect("people:leaving_accounts")


@act_on_person
def keep(request: PortalRequest, subject: Subject) -> HttpResponse:
    """Ask for a confirmation; on POST, keep a leaving account for a year."""
    person = subject.person
    if request.method != "POST":
        sentences = [
            _("The portal does not deactivate the account before then, whatever the institution or the use says."),
            ""
            if person.is_active
            else _("%(name)s can sign in again, and the keys work.") % {"name": person.display_name},
        ]
        title = _("Keep the account of %(name)s for a year?") % {"name": person.display_name}
        asked = Confirmation(title=title, sentences=sentences, button=_("Keep for a year"), is_bad=False)
        return confirm(request, subject, asked)
    if not services.keep(person=person, actor=actor_of(request)):
        alert = _("Nothing changed: this account is not on the list of leaving accounts.")
        return render_person(request, subject, alert=alert, status=409)
    return done(request, person, _("The account of %(name)s is kept for a year."))
