"""Sign-in and account pages: allauth's views, with our status codes and only what we offer."""

import logging
from collections.abc import Callable
from typing import Any

from allauth.account import views as allauth_views
from allauth.account.utils import get_next_redirect_url
from allauth.decorators import rate_limit
from allauth.socialaccount.adapter import get_adapter
from allauth.socialaccount.models import SocialApp
from allauth.socialaccount.providers.base import AuthProcess
from allauth.socialaccount.providers.oauth2.client import OAuth2Error
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils import timezone, translation
from django.utils.crypto import get_random_string
from django.utils.decorators import method_decorator
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe
from requests import RequestException

from accounts.forms import LocaleForm, MailChoicesForm
from accounts.fresh import ASK_AGAIN
from accounts.institution import InstitutionCallback, InstitutionClient, UnsupportedAnswer
from accounts.limits import remember_browser
from accounts.models import MailChoices, SignInOutcome
from accounts.provider_views import sign_in_buttons
from accounts.sign_ins import record_refusal
from web.language import remember_language
from web.request import PortalRequest

logger = logging.getLogger(__name__)


class StatusCodeMixin:
    """Answers an invalid form with 422, and a rate limit with 429."""

    def form_invalid(self, form: Any) -> HttpResponse:
        """Show the form again, with its errors."""
        response: HttpResponse = super().form_invalid(form)  # type: ignore[misc]  # of the view that this is mixed into
        response.status_code = 429 if form.has_error("__all__", "too_many_login_attempts") else 422
        return response


class SignIn(StatusCodeMixin, allauth_views.LoginView):
    """The sign-in page: the institutions' accounts first, then a local one."""

    def form_valid(self, form: Any) -> HttpResponse:
        """Sign in, and remember the browser: failed attempts of strangers then do not slow this person down."""
        response: HttpResponse = super().form_valid(form)
        remember_browser(self.request, response, form.user)
        return response

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Add the available ways to sign in."""
        context: dict[str, Any] = super().get_context_data(**kwargs)
        return context | {"buttons": sign_in_buttons(), "signup_open": settings.SIGNUP_OPEN}


class SignUp(StatusCodeMixin, allauth_views.SignupView):
    """A new local account, where sign-up is open."""

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Answer 404 unless sign-up is open."""
        if not settings.SIGNUP_OPEN:
            raise Http404
        response: HttpResponseBase = super().dispatch(request, *args, **kwargs)
        return response


class ChangePassword(StatusCodeMixin, allauth_views.PasswordChangeView):
    """A new password, given the present one."""


class ForgottenPassword(StatusCodeMixin, allauth_views.PasswordResetView):
    """A mail with a link, if the address is known; the same response if not."""


class NewPassword(StatusCodeMixin, allauth_views.PasswordResetFromKeyView):
    """A new password, from the link of a mail."""

    def form_valid(self, form: Any) -> HttpResponse:
        """Set it, and remember the browser: failed attempts of strangers then do not slow this person down."""
        response: HttpResponse = super().form_valid(form)
        remember_browser(self.request, response, self.reset_user)
        return response


@method_decorator(rate_limit(action="manage_email"), name="dispatch")
class Address(StatusCodeMixin, allauth_views.EmailView):
    """The person's address; a new one counts when it is confirmed."""

    _did_send_verification_email = False  # read by the methods of allauth's

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Prevent allauth from writing a row for the present address: it would drop it as outdated."""
        response: HttpResponseBase = super(allauth_views.EmailView, self).dispatch(request, *args, **kwargs)
        return response


@require_http_methods(["GET", "HEAD", "POST"])
def language_and_time_zone(request: PortalRequest) -> HttpResponse:
    """Show and save the person's language and time zone; no choice means the browser's and the portal's."""
    person = request.user
    form = LocaleForm(request.POST if request.method == "POST" else None, instance=person)
    if not form.is_valid():
        context = {"form": form, "now": timezone.now(), "portal_zone": settings.TIME_ZONE}
        return render(request, "account/locale.html", context, status=422 if form.is_bound else 200)
    person.save(update_fields=["language", "time_zone"])
    response = redirect("account_locale")
    remember_language(request, response, person.language)
    with translation.override(translation.get_language_from_request(request)):
        messages.success(request, _("Your language and time zone are saved."))
    return response


@require_http_methods(["GET", "HEAD", "POST"])
def mails(request: PortalRequest) -> HttpResponse:
    """Show and keep which mails the person wants; those about sign-in always come."""
    choices = MailChoices.objects.filter(person=request.user).first() or MailChoices(person=request.user)
    form = MailChoicesForm(request.POST if request.method == "POST" else None, instance=choices)
    if not form.is_valid():
        return render(request, "account/mails.html", {"form": form}, status=422 if form.is_bound else 200)
    MailChoices.objects.update_or_create(person=request.user, defaults=form.cleaned_data)
    messages.success(request, _("Your choice of mails is saved."))
    return redirect("account_mails")


sign_up = login_not_required(SignUp.as_view())


@require_safe
def no_password(request: PortalRequest) -> HttpResponse:
    """Explain to people of the institution that the portal does not have their password."""
    if request.user.has_usable_password():
        return redirect("account_change_password")
    return render(request, "account/no_password.html")


@login_not_required
@never_cache
@require_safe
def institution_sign_in(request: HttpRequest, provider_id: str) -> HttpResponse:
    """Redirect to the institution, with a nonce. Of allauth's parameters only `next` is used.

    With `fresh` the institution is requested to identify the person again.
    """
    try:
        provider = get_adapter(request).get_provider(request, provider_id)
    except SocialApp.DoesNotExist as error:
        raise Http404 from error
    nonce = get_random_string(32)
    asks_again = bool(request.GET.get(ASK_AGAIN))
    again = {"prompt": "login", "max_age": "0"} if asks_again else {}
    parameters = {**provider.get_auth_params(), **again, "nonce": nonce}
    state = {"nonce": nonce, ASK_AGAIN: asks_again}

    def redirect_there() -> HttpResponse:
        next_url = get_next_redirect_url(request)
        answer: HttpResponse = provider.redirect(
            request, AuthProcess.LOGIN, next_url=next_url, auth_params=parameters, **state
        )
        return answer

    return answering(request, provider_id, redirect_there)


@login_not_required
@never_cache
@require_safe
def institution_callback(request: HttpRequest, provider_id: str) -> HttpResponse:
    """Sign in the person whom the institution sends back."""
    try:
        get_adapter(request).get_provider(request, provider_id)
    except SocialApp.DoesNotExist as error:
        raise Http404 from error
    callback = InstitutionCallback.adapter_view(InstitutionClient(request, provider_id))
    return answering(request, provider_id, lambda: callback(request))


def answering(request: HttpRequest, provider_id: str, ask: Callable[[], HttpResponse]) -> HttpResponse:
    """Answer 503 when the institution does not answer, or sends an invalid answer."""
    try:
        return ask()
    except UnsupportedAnswer as error:
        logger.error("nobody can sign in with the institution: %s", error)
        record_refusal(request, SignInOutcome.UNAVAILABLE, provider=provider_id)
        return render(request, "socialaccount/unsupported.html", status=503)
    except (OAuth2Error, RequestException, LookupError, TypeError, ValueError, RecursionError) as error:
        logger.warning("the institution did not answer as it should: %s", type(error).__name__)
        record_refusal(request, SignInOutcome.UNAVAILABLE, provider=provider_id)
        return render(request, "socialaccount/unavailable.html", status=503)
