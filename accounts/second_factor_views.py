"""The pages of second factors: a person's own, and the step of a sign-in that asks for one."""

from typing import Final

from allauth.account.internal.decorators import login_stage_required
from allauth.mfa.base.internal.flows import post_authentication
from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from django.views.decorators.http import require_http_methods, require_safe

from accounts import limits, security_keys
from accounts import second_factor as factors
from accounts.audit import actor_of
from accounts.fresh import needs_fresh_sign_in
from accounts.limits import is_within_limit
from accounts.models import SignInOutcome, User
from accounts.second_factor_forms import CodeForm, KeyForm, NewKeyForm, SetUpForm
from accounts.sign_ins import record_refusal
from web.qr import qr_svg
from web.request import PortalRequest, client_address

CHANGES: Final = "60/h/user"


@never_cache
@require_safe
def index(request: PortalRequest) -> HttpResponse:
    """Show what the person has, and what they can add."""
    return _index(request)


def _index(request: PortalRequest, *, alert: str = "", status: int = 200) -> HttpResponse:
    person = request.user
    own = list(factors.factors_of(person))
    context = {
        "apps": [each for each in own if each.type == factors.TOTP],
        "keys": [each for each in own if each.type == factors.SECURITY_KEY],
        "codes_left": factors.unused_recovery_codes(person),
        "has_one": any(each.type != factors.RECOVERY_CODES for each in own),
        "has_password": person.has_usable_password(),
        "keys_possible": security_keys.are_possible(),
        "is_owed": factors.owes_second_factor(request),
        "alert": alert,
    }
    return render(request, "account/second_factor.html", context, status=status)


@needs_fresh_sign_in()
@never_cache
@sensitive_post_parameters()
@sensitive_variables()
@require_http_methods(["GET", "HEAD", "POST"])
def totp(request: PortalRequest) -> HttpResponse:
    """Show the QR code for an authenticator app; on POST, turn it on if its code is right."""
    person = request.user
    if not person.has_usable_password() or factors.factors_of(person).filter(type=factors.TOTP).exists():
        return redirect("account_second_factor")
    form = SetUpForm(request.POST if request.method == "POST" else None)
    sealed = request.POST.get("sealed", "")[:1000]
    secret = factors.secret_in(sealed, person)
    if secret is None:
        sealed = factors.begin_totp(person)
        secret = factors.secret_in(sealed, person) or ""
        if form.is_bound:
            form.add_error(None, _("This page was open for too long. Scan the new code."))
    if not form.is_valid():
        return _totp_form(request, form, sealed, secret, status=422 if form.is_bound else 200)
    if not is_within_limit(request, "second_factor_set_up", CHANGES):
        form.add_error(None, _("Too many attempts. Try again in an hour."))
        return _totp_form(request, form, sealed, secret, status=429)
    codes = factors.add_totp(person, secret, form.cleaned_data["code"], actor_of(request))
    if codes is None:
        form.add_error("code", _("This is not the code that the app shows now."))
        return _totp_form(request, form, sealed, secret, status=422)
    return _added(request, codes)


def _totp_form(request: PortalRequest, form: SetUpForm, sealed: str, secret: str, *, status: int) -> HttpResponse:
    address = factors.totp_address(request.user, secret)
    context = {
        "form": form,
        "sealed": sealed,
        "qr": qr_svg(address, title=_("QR code for the authenticator app")),
        "address": address,
        "secret": " ".join(secret[start : start + 4] for start in range(0, len(secret), 4)),
    }
    return render(request, "account/totp.html", context, status=status)


@sensitive_variables("codes")
def _added(request: PortalRequest, codes: list[str]) -> HttpResponse:
    """Show the recovery codes that came with a first factor, once; after another one, the list."""
    messages.success(request, _("Your second factor is set up."))
    return _codes(request, codes) if codes else redirect("account_second_factor")


@sensitive_variables("codes")
def _codes(request: PortalRequest, codes: list[str]) -> HttpResponse:
    return render(request, "account/recovery_codes.html", {"codes": codes}, status=201)


@needs_fresh_sign_in()
@never_cache
@sensitive_post_parameters()
@require_http_methods(["GET", "HEAD", "POST"])
def add_security_key(request: PortalRequest) -> HttpResponse:
    """Let the browser register a security key; on POST, add the one that it answers with."""
    person = request.user
    if not person.has_usable_password() or not security_keys.are_possible():
        return redirect("account_second_factor")
    form = NewKeyForm(request.POST if request.method == "POST" else None)
    status = 422 if form.is_bound else 200
    if form.is_valid():
        name, credential = form.cleaned_data["name"], form.cleaned_data["credential"]
        codes = None
        if not is_within_limit(request, "second_factor_set_up", CHANGES):
            form.add_error(None, _("Too many attempts. Try again in an hour."))
            status = 429
        elif not security_keys.is_registered(credential):
            form.add_error(None, _("The security key was not accepted."))
        elif (codes := factors.add_security_key(person, name, credential, actor_of(request))) is None:
            form.add_error(None, _("You have as many security keys as one person can have. Remove one first."))
        if codes is not None:
            return _added(request, codes)
    context = {"form": form, "options": security_keys.registration_options(person)}
    return render(request, "account/security_key.html", context, status=status)


@needs_fresh_sign_in()
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def remove(request: PortalRequest, factor_id: int) -> HttpResponse:
    """Ask for a confirmation; on POST, remove an app or a security key of the person's own."""
    own = factors.factors_of(request.user).exclude(type=factors.RECOVERY_CODES).select_related("user")
    factor = get_object_or_404(own, pk=factor_id)
    if request.method != "POST":
        name = factor.data["name"] if factor.type == factors.SECURITY_KEY else ""
        context = {"name": name, "is_last": not factors.has_other(factor)}
        return render(request, "account/remove_factor.html", context)
    if not is_within_limit(request, "second_factor_change", CHANGES):
        return _index(request, alert=_("Too many attempts. Try again in an hour."), status=429)
    if not factors.remove_factor(factor, actor_of(request)):
        words = _("Your account can administer the portal and needs a second factor. Add another one first.")
        return _index(request, alert=words, status=409)
    messages.success(request, _("Removed."))
    return redirect("account_second_factor")


@needs_fresh_sign_in()
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def recovery_codes(request: PortalRequest) -> HttpResponse:
    """Ask for a confirmation; on POST, replace the recovery codes and show the new ones, once."""
    if not factors.has_second_factor(request.user):
        return redirect("account_second_factor")
    if request.method != "POST":
        return render(request, "account/renew_codes.html")
    if not is_within_limit(request, "second_factor_change", CHANGES):
        return _index(request, alert=_("Too many attempts. Try again in an hour."), status=429)
    return _codes(request, factors.renew_recovery_codes(request.user, actor_of(request)))


@sensitive_post_parameters()
@require_http_methods(["GET", "HEAD", "POST"])
def _authenticate(request: HttpRequest) -> HttpResponse:
    """Ask for the second factor of a person who gave the right password; on POST, sign them in."""
    stage = request._login_stage  # type: ignore[attr-defined]  # of the decorator
    person: User = stage.login.user
    is_key = request.method == "POST" and "credential" in request.POST
    form = CodeForm(request.POST if request.method == "POST" and not is_key else None)
    key_form = KeyForm(request.POST if is_key else None)
    posted = key_form if is_key else form
    if not posted.is_valid():
        return _ask(request, person, form, key_form, status=422 if posted.is_bound else 200)
    rate = limits.SECURITY_KEYS if is_key else limits.CODES
    usage = limits.begin_second_factor(request, person, rate=rate)
    if usage is None:
        posted.add_error(None, _("Too many attempts. Wait a few minutes, then try again."))
        return _ask(request, person, form, key_form, status=429)
    use = security_keys.use_key if is_key else factors.use_code
    factor = use(person, posted.cleaned_data["credential" if is_key else "code"])
    if factor is None:
        record_refusal(request, SignInOutcome.CODE, user=person)
        words = _("The security key was not accepted.") if is_key else _("This code is wrong, or was used before.")
        posted.add_error(None if is_key else "code", words)
        return _ask(request, person, form, key_form, status=422)
    usage.rollback()
    post_authentication(request, factor)
    response: HttpResponse = stage.exit()
    factors.warn_of_used_recovery_code(person, factor, client_address(request))
    return response


authenticate = login_stage_required(stage="mfa_authenticate", redirect_urlname="account_login")(_authenticate)


def _ask(request: HttpRequest, person: User, form: forms.Form, key_form: KeyForm, *, status: int) -> HttpResponse:
    kinds = set(factors.factors_of(person).values_list("type", flat=True))
    has_key = factors.SECURITY_KEY in kinds and security_keys.are_possible()
    context = {
        "form": form,
        "key_form": key_form,
        "has_app": factors.TOTP in kinds,
        "has_key": has_key,
        "options": security_keys.authentication_options(person) if has_key else None,
    }
    return render(request, "account/second_factor_code.html", context, status=status)
