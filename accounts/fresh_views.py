"""The page that asks who the person is before an action that does much, with the typed form in it."""

import logging
from typing import Any, Final

from allauth.account.authentication import get_authentication_records
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from django.views.decorators.http import require_http_methods

from accounts.fresh import ASK_AGAIN, CONFIRM_FIELD, KEPT, MAX_CHARS, TRIES, note_sign_in
from accounts.identity_providers import identity_provider, identity_providers
from accounts.limits import is_within_limit
from accounts.models import SignInOutcome, User
from accounts.provider_views import Button, button_of
from accounts.second_factor import came_from_institution
from accounts.sign_ins import record_refusal
from web import encryption
from web.redirects import is_ours, with_next
from web.request import PortalRequest, client_address

logger = logging.getLogger(__name__)
PURPOSE: Final = "kept form"  # it may have the address of a webhook in it, which is a secret
OURS = ("csrfmiddlewaretoken", CONFIRM_FIELD)  # fields that do not belong to the form


@sensitive_variables("password")
def confirm(request: HttpRequest, person: User) -> HttpResponse | None:
    """Return the page that asks for the password; None when the form comes with the right one."""
    password = request.POST.get(CONFIRM_FIELD)
    if password is None:
        return _ask(request, person, status=403)
    if not is_within_limit(request, "fresh_sign_in", TRIES):
        return _ask(request, person, alert=_("Too many attempts. Try again in ten minutes."), status=429)
    if not (person.has_usable_password() and person.check_password(password)):
        record_refusal(request, SignInOutcome.PASSWORD, user=person)
        logger.warning("confirmation failed from %s: account %d", client_address(request), person.pk)
        return _ask(request, person, alert=_("This is not your current password."), status=422)
    note_sign_in(request)
    drop_password(request)
    return None


def drop_password(request: HttpRequest) -> None:
    """Take the password out of the form: no view shows or keeps it, be the sign-in recent by then or not."""
    if CONFIRM_FIELD in request.POST:
        request.POST = QueryDict(_without_ours(request.POST).urlencode())


def _ask(request: HttpRequest, person: User, *, alert: str = "", status: int) -> HttpResponse:
    context = {
        "address": request.get_full_path(),
        "fields": _fields(request.POST),
        "form_text": _without_ours(request.POST).urlencode(),
        "has_password": person.has_usable_password(),
        "buttons": _buttons_of(request, person),
        "alert": alert,
    }
    response = render(request, "account/confirm_identity.html", context, status=status)
    response["Cache-Control"] = "no-store"
    return response


def _buttons_of(request: HttpRequest, person: User) -> list[tuple[str, Button]]:
    """Return the identity providers by which the person came in this session, with their ids."""
    if not came_from_institution(request):
        return []
    came_by = {each.get("provider") for each in get_authentication_records(request, person)}
    return [(each.id, button_of(each)) for each in identity_providers() if each.id in came_by]


def _fields(data: QueryDict) -> list[tuple[str, str]]:
    return [(name, value) for name, values in _without_ours(data).lists() for value in values]


def _without_ours(data: QueryDict) -> QueryDict:
    rest = data.copy()
    for name in OURS:
        rest.pop(name, None)
    return rest


@never_cache
@sensitive_post_parameters()
@require_http_methods(["GET", "HEAD", "POST"])
def with_institution(request: PortalRequest) -> HttpResponse:
    """Show the kept form, to be sent again; on POST, keep it and send the person to their identity provider."""
    if request.method != "POST":
        kept: dict[str, Any] | None = request.session.get(KEPT)
        form = _opened(kept["form"]) if kept else None
        if kept is None or form is None:
            return redirect("keys:index")
        context = {"address": kept["address"], "fields": _fields(QueryDict(form))}
        return render(request, "account/kept_form.html", context)
    provider = identity_provider(request.POST.get("provider", ""))
    address, form = request.POST.get("address", ""), request.POST.get("form", "")
    if provider is None or not is_ours(request, address) or len(form) > MAX_CHARS:
        raise Http404
    request.session[KEPT] = {"address": address, "form": encryption.encrypt(form, purpose=PURPOSE)}
    there = with_next(button_of(provider).address, request.path)
    return redirect(f"{there}&{ASK_AGAIN}=1")


def _opened(sealed: str) -> str | None:
    try:
        return encryption.decrypt(sealed, purpose=PURPOSE)
    except encryption.Undecryptable:  # ENCRYPTION_SECRETS has changed since
        return None
