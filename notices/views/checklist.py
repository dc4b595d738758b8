"""The setup checklist, for people who set the portal up."""

from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.delivery import MailServerUnavailable
from accounts.models import SetupState
from keys.services import TooManyActions, count_action
from notices import services
from notices.checklist import steps
from notices.views.common import too_many
from web.request import PortalRequest


def _require(request: PortalRequest) -> None:
    """Refuse people without permission to set the portal up."""
    if not request.user.has_perm("accounts.set_up_portal"):
        raise PermissionDenied


@require_safe
def index(request: PortalRequest) -> HttpResponse:
    """Show what is done and what is left."""
    _require(request)
    return _page(request)


@require_POST
def send_mail(request: PortalRequest) -> HttpResponse:
    """Send a test mail to the person, and report the result."""
    _require(request)
    try:
        count_action(request.user, "notices:test_mail")
        services.send_test_mail(request.user)
    except TooManyActions as refusal:
        return too_many(_page(request, alert=str(refusal), status=429), refusal)
    except services.MailRefused:
        words = _("No mail was sent. Your account has no address, or the mail server refused it: %(address)s")
        return _page(request, alert=words % {"address": request.user.email or "–"}, status=422)
    except MailServerUnavailable as error:
        words = _("No mail was sent. The mail server does not answer (%(problem)s). Check EMAIL_URL.")
        return _page(request, alert=words % {"problem": error}, status=503)
    words = _("The mail server took the mail to %(address)s. Follow the link in it.")
    messages.success(request, words % {"address": request.user.email})
    return redirect("notices:checklist")


@require_http_methods(["GET", "HEAD", "POST"])
def confirm_mail(request: PortalRequest, code: str) -> HttpResponse:
    """Ask whether the test mail was received; on POST, record it. 404 for a code that is not of the last mail."""
    _require(request)
    if not services.is_code_of_test_mail(code):
        raise Http404
    if request.method != "POST":
        return render(request, "notices/confirm_mail.html")
    services.confirm_test_mail()
    messages.success(request, _("Mails arrive."))
    return redirect("notices:checklist")


@require_POST
def policy_read(request: PortalRequest) -> HttpResponse:
    """Record that the default policy was read."""
    _require(request)
    services.note_policy_read()
    return redirect("notices:checklist")


@require_POST
def dismiss(request: PortalRequest) -> HttpResponse:
    """Dismiss the checklist for everybody; with `again`, show it again."""
    _require(request)
    services.dismiss_checklist(request.user, dismissed="again" not in request.POST)
    return redirect("notices:checklist")


def _page(request: PortalRequest, *, alert: str = "", status: int = 200) -> HttpResponse:
    setup = SetupState.load()
    found = steps(setup)
    context: dict[str, Any] = {
        "steps": found,
        "done": sum(step.is_done for step in found),
        "setup": setup,
        "alert": alert,
    }
    return render(request, "notices/checklist.html", context, status=status)
