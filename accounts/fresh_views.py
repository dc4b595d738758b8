"""The page that asks who the person is before an action that does much, with the typed form in it."""

import logging
from typing import Any, Final

from allauth.account.authentication import get_authentication_records
from allauth.socialaccount.models import SocialAccount
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from django.views.decorators.http import require_http_methods

from accounts.fresh import ASK_AGAIN, CONFIRM_FIELD, KEPT, MAX_CHARS, TRIES, note_sign_in
from accounts.identity_providers import Ldap, identity_provider, identity_providers
from accounts.limits import begin_try, is_within_limit
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
    directory = _directory_of(request, person)
    try:
        is_right = _is_right_at(request, directory, password) if directory else person.check_password(password)
    except _NotChecked as reason:
        return _ask(request, person, alert=str(reason), status=reason.status)
    if not is_right:
        record_refusal(request, SignInOutcome.PASSWORD, user=person, provider=directory[0].id if directory else "")
        logger.warning("confirmation failed from %s: account %d", client_address(request), person.pk)
        return _ask(request, person, alert=_("This is not your current password."), status=422)
    note_sign_in(request)
    drop_password(request)
    return None


class _NotChecked(Exception):
    """Nobody looked at the password; the text says why."""

    def __init__(self, words: str, status: int) -> None:
        super().__init__(words)
        self.status = status


def _directory_of(request: HttpRequest, person: User) -> tuple[Ldap, str] | None:
    """Return the directory by which a person without a password here came in this session, and their subject there."""
    if person.has_usable_password():
        return None
    for each in get_authentication_records(request, person):
        provider = identity_provider(str(each.get("provider")))
        about = {"provider": each.get("provider"), "uid": each.get("uid")}
        if isinstance(provider, Ldap) and SocialAccount.objects.filter(user=person, **about).exists():
            return provider, str(each.get("uid"))
    return None


@sensitive_variables("password")
def _is_right_at(request: HttpRequest, directory: tuple[Ldap, str], password: str) -> bool:
    """Ask the directory, within the limits of its sign-ins. Raises _NotChecked."""
    from accounts.directory import DirectoryUnavailable, is_password_of  # an optional package

    provider, subject = directory
    usage = begin_try(request, request.user.get_username())
    if usage is None:
        raise _NotChecked(_("Too many attempts. Wait a minute, then try again."), 429)
    try:
        is_right = is_password_of(provider, subject, password)
    except DirectoryUnavailable as error:
        usage.rollback()
        record_refusal(request, SignInOutcome.UNAVAILABLE, provider=provider.id)
        logger.error("nobody can confirm with %s: %s", provider.id, error)
        words = _("%(name)s does not answer. Try again in a few minutes.") % {"name": provider.title}
        raise _NotChecked(words, 503) from error
    if is_right:
        usage.rollback()
    return is_right


def drop_password(request: HttpRequest) -> None:
    """Take the password out of the form: no view shows or keeps it, be the sign-in recent by then or not."""
    if CONFIRM_FIELD in request.POST:
        request.POST = QueryDict(_without_ours(request.POST).urlencode())


def _ask(request: HttpRequest, person: User, *, alert: str = "", status: int) -> HttpResponse:
    directory = _directory_of(request, person)
    context = {
        "address": request.get_full_path(),
        "fields": _fields(request.POST),
        "form_text": _without_ours(request.POST).urlencode(),
        "has_password": person.has_usable_password() or directory is not None,
        "directory": directory[0] if directory else None,
        "buttons": [each for each in _buttons_of(request, person) if not (directory and each[0] == directory[0].id)],
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
