"""A person's own sessions and sign-ins."""

from typing import Final

from django.conf import settings
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from accounts.audit import actor_of, record_person_change
from accounts.forms import EndTokensForm
from accounts.limits import is_within_limit
from accounts.models import AuditAction, SignIn
from accounts.sessions import end_other_sessions, end_session, sessions_of
from accounts.sign_in_rows import in_rows
from accounts.sign_ins import sign_ins_of
from accounts.tokens import revoke_all_tokens
from web.request import PortalRequest

OWN_SIGN_INS: Final = 50  # shown to each person
ENDS: Final = "60/h/user"


@never_cache
@require_safe
def sign_ins(request: PortalRequest) -> HttpResponse:
    """Show the person's sessions, last sign-ins, and attempts on their account."""
    return _page(request)


@require_POST
def end_one(request: PortalRequest, sign_in_id: int) -> HttpResponse:
    """End one session of the person's own."""
    sign_in = get_object_or_404(SignIn.objects.of(request.user).with_session(), pk=sign_in_id)
    if not is_within_limit(request, "end_session", ENDS):
        return _too_many(request)
    end_session(sign_in)
    record_person_change(actor=actor_of(request), action=AuditAction.END_SESSION, person=request.user)
    messages.success(request, _("The session is ended."))
    return redirect("account_sign_ins")


@require_POST
def end_others(request: PortalRequest) -> HttpResponse:
    """End all sessions of the person but this one."""
    if not is_within_limit(request, "end_session", ENDS):
        return _too_many(request)
    ended = end_other_sessions(request.user, request.session.session_key)
    record_person_change(actor=actor_of(request), action=AuditAction.SIGN_OUT, person=request.user)
    words = ngettext("%(number)d session is ended.", "%(number)d sessions are ended.", ended)
    messages.success(request, words % {"number": ended})
    if "tokens" in request.POST:
        revoked = revoke_all_tokens(request.user, actor_of(request))
        words = ngettext("%(number)d access token is ended.", "%(number)d access tokens are ended.", revoked)
        messages.success(request, words % {"number": revoked})
    return redirect("account_sign_ins")


def _too_many(request: PortalRequest) -> HttpResponse:
    messages.error(request, _("Too many attempts. Try again in an hour."))
    return _page(request, status=429)


def _page(request: PortalRequest, *, status: int = 200) -> HttpResponse:
    context = {
        "end_tokens": EndTokensForm(),
        "sessions": sessions_of(request.user),
        "current": request.session.session_key,
        "rows": in_rows(sign_ins_of(request.user)[:OWN_SIGN_INS]),
        "days": settings.SIGN_IN_RETENTION_DAYS,
    }
    return render(request, "account/sign_ins.html", context, status=status)
