"""Sign-in of a command: its two questions (RFC 8628), and the page on which a person decides."""

from typing import Any, Final

from django.contrib.auth.decorators import login_not_required
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from django.views.decorators.http import require_http_methods, require_POST

from accounts.fresh import needs_fresh_sign_in
from api.limits import count_request
from api.problems import Problem
from api.scopes import in_words
from api.services import device as devices
from api.services.tokens import TokenRefused
from keys.forms import clean_line
from keys.services import TooManyActions, count_action
from web.request import PortalRequest, client_address, client_network

GRANT_TYPE: Final = "urn:ietf:params:oauth:grant-type:device_code"
FROM_A_NETWORK: Final = 10  # new codes a minute
FROM_EVERYWHERE: Final = 120  # they take room in the cache
LONGEST_NAME: Final = 60


@csrf_exempt  # no cookie counts: the code is all that it takes
@login_not_required
@require_POST
@never_cache
@sensitive_variables("device_code")
def authorize(request: HttpRequest) -> HttpResponse:
    """Give a command a code for itself, and one that a person types on the page."""
    scopes = tuple(dict.fromkeys(request.POST.get("scope", " ".join(devices.SCOPES)).split()))
    if not scopes or set(scopes) - set(devices.SCOPES):
        return _error("invalid_scope", " ".join(devices.SCOPES))
    try:
        name = clean_line(request.POST.get("client_name", ""))[:LONGEST_NAME] or "passerelle-cli"
    except ValidationError as error:
        return _error("invalid_request", error.messages[0])
    try:
        count_request(f"device:{client_network(request)}", limit=FROM_A_NETWORK)  # first: what it refuses is no code
        count_request("device", limit=FROM_EVERYWHERE)
    except Problem as problem:
        return _error("slow_down", problem.detail, status=429, headers=dict(problem.headers))
    device_code, device = devices.begin(name=name, scopes=scopes, address=client_address(request))
    page = request.build_absolute_uri(reverse("api:device"))
    return JsonResponse(
        {
            "device_code": str(device_code),
            "user_code": device.code_to_show,
            "verification_uri": page,
            "verification_uri_complete": f"{page}?code={device.code_to_show}",
            "expires_in": devices.LIVES_S,
            "interval": devices.INTERVAL_S,
        }
    )


@csrf_exempt  # as above
@login_not_required
@require_POST
@never_cache
@sensitive_post_parameters("device_code")
@sensitive_variables("secret")
def token(request: HttpRequest) -> HttpResponse:
    """Give a command its access token once a person has approved; until then say that it waits."""
    if request.POST.get("grant_type") != GRANT_TYPE:
        return _error("unsupported_grant_type", GRANT_TYPE)
    try:
        secret, scopes = devices.collect(request.POST.get("device_code", ""), address=client_address(request))
    except devices.Pending:
        return _error("authorization_pending")
    except devices.TooFast:
        return _error("slow_down")
    except devices.Denied:
        return _error("access_denied")
    except devices.Expired:
        return _error("expired_token")
    except TokenRefused as refusal:
        return _error("access_denied", str(refusal))
    return JsonResponse({"access_token": str(secret), "token_type": "Bearer", "scope": " ".join(scopes)})


def _error(
    code: str, description: str = "", *, status: int = 400, headers: dict[str, str] | None = None
) -> HttpResponse:
    body = {"error": code} | ({"error_description": description} if description else {})
    return JsonResponse(body, status=status, headers=headers)


@needs_fresh_sign_in(when=lambda request: request.POST.get("decision") == "approve")
@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def page(request: PortalRequest) -> HttpResponse:
    """Ask for the code; on POST show what the command would get, and with a `decision` approve or refuse it."""
    if request.method != "POST":
        return _page(request, {"code": request.GET.get("code", "")[:20]})
    code = request.POST.get("code", "")[:20]
    try:
        count_action(request.user, "api:device")
    except TooManyActions as refusal:
        response = _page(request, {"code": code, "alert": str(refusal)}, status=429)
        response.headers["Retry-After"] = str(refusal.retry_after_s)
        return response
    device = devices.find(code)
    decision = request.POST.get("decision", "")
    if device is None:
        alert = _("This code is unknown, expired or used. Start the sign-in of the command again.")
        return _page(request, {"code": code, "alert": alert}, status=422)
    if decision not in ("approve", "refuse"):
        return _page(request, {"code": device.code_to_show, "device": device, "scopes": in_words(device.scopes)})
    approves = decision == "approve"
    if not devices.decide(device, owner=request.user, approves=approves):
        return _page(request, {"code": code, "alert": _("This code was used a moment ago.")}, status=409)
    return _page(request, {"approved": approves, "refused": not approves, "name": device.name})


def _page(request: PortalRequest, context: dict[str, Any], *, status: int = 200) -> HttpResponse:
    return render(request, "api/device.html", context, status=status)
