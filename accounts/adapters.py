"""Adapters of allauth: who can create an account, and what is taken over from the institution."""

import logging
from typing import Any, ClassVar

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.models import EmailAddress, EmailConfirmationHMAC
from allauth.account.utils import filter_users_by_email
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from allauth.socialaccount.models import SocialAccount, SocialApp, SocialLogin
from django.conf import settings
from django.contrib import messages
from django.db.models import Exists, OuterRef
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import translation
from django.utils.translation import gettext_lazy as _

from accounts import limits
from accounts.at_sign_in import AT_INSTITUTION_SIGN_IN, AT_SIGN_IN
from accounts.backends import account_of
from accounts.entry import why_refused
from accounts.external import provider_of, social_app
from accounts.fresh import KEPT, note_sign_in
from accounts.identity_providers import identity_providers
from accounts.leaving import note_return
from accounts.mails import NOTIFICATIONS, send_later
from accounts.models import ScimUser, SignInOutcome, User
from accounts.rights import permissions_of, update_staff_status
from accounts.services import give_first_groups, take_over_address, take_over_groups, take_over_name
from accounts.sign_ins import record_refusal, record_sign_in
from web.redirects import is_ours
from web.request import client_address
from web.tasks import QueueUnavailable

logger = logging.getLogger(__name__)
MISMATCH = _("Wrong user name or password.")


class AccountAdapter(DefaultAccountAdapter):
    """Local accounts."""

    error_messages: ClassVar = {
        **DefaultAccountAdapter.error_messages,
        "username_password_mismatch": MISMATCH,
        "email_password_mismatch": MISMATCH,
        "too_many_login_attempts": _("Too many attempts. Wait a minute, then try again."),
        "enter_current_password": _("This is not your current password."),
    }

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """Return whether anybody may make an account."""
        return bool(settings.SIGNUP_OPEN)

    def get_login_stages(self) -> list[str]:
        """Return the steps between a correct password and the session."""
        return ["accounts.stages.SignUpVerification", "accounts.stages.SecondFactor"]

    def is_safe_url(self, url: str | None) -> bool:
        """Return whether `url` is a page of ours."""
        return bool(url) and is_ours(self.request, str(url))

    def get_client_ip(self, request: HttpRequest) -> str:
        """Return the address that rate limits count by; people without one share a counter."""
        return client_address(request) or "unknown"

    def pre_authenticate(self, request: HttpRequest, **credentials: Any) -> None:
        """Refuse a sign-in attempt after too many recent ones."""
        self._login_failed_rl_usage = limits.begin_try(request, _login_in(credentials))  # rolled back by a success
        if self._login_failed_rl_usage is None:
            logger.warning("sign-in refused from %s: too many tries", self.get_client_ip(request))
            raise self.validation_error("too_many_login_attempts")

    def authentication_failed(self, request: HttpRequest, **credentials: Any) -> None:
        """Log a failed attempt, without the typed name: it may be a password."""
        account = account_of(_login_in(credentials))
        name = f"account {account.pk}" if account else "no account of that name"
        record_refusal(request, SignInOutcome.PASSWORD, user=account)
        logger.warning("sign-in failed from %s: %s", self.get_client_ip(request), name)

    def _delete_login_attempts_cached_email(self, request: HttpRequest, **credentials: Any) -> None:
        """Clear nothing after a new password: the browser in which it was chosen is known from then on."""

    def pre_login(self, request: HttpRequest, user: User, **kwargs: Any) -> HttpResponse | None:
        """Refuse a deactivated account, and keep that."""
        if not user.is_active:
            login = (kwargs.get("signal_kwargs") or {}).get("sociallogin")
            record_refusal(request, SignInOutcome.INACTIVE, login=login, user=user)
        response: HttpResponse | None = super().pre_login(request, user, **kwargs)
        return response

    def post_login(self, request: HttpRequest, user: User, **kwargs: Any) -> HttpResponse:
        """Store the browser's language, for mails; open the admin pages to those with permission."""
        language = translation.get_language() or ""
        if user.browser_language != language:
            user.browser_language = language
            user.save(update_fields=["browser_language"])
        for hook in AT_SIGN_IN:
            hook(user)
        sociallogin = (kwargs.get("signal_kwargs") or {}).get("sociallogin")
        if sociallogin:
            claims = sociallogin.account.extra_data["userinfo"]
            for institution_hook in AT_INSTITUTION_SIGN_IN:
                institution_hook(user, [*claims.get("groups", ()), *claims.get("member_of", ())])
        note_return(user, provider=sociallogin.account.provider if sociallogin else "")
        if kept := sociallogin and sociallogin.state.get(KEPT):
            request.session[KEPT] = kept
        note_sign_in(request, sociallogin)
        update_staff_status(User.objects.filter(pk=user.pk))  # groups may have changed outside of the admin pages
        record_sign_in(request, user, sociallogin, is_new=bool(kwargs.get("signup")))
        response: HttpResponse = super().post_login(request, user, **kwargs)
        return response

    def confirm_email(self, request: HttpRequest, email_address: EmailAddress) -> bool:
        """Make a confirmed address the primary one, unless another account has it; notify the former address."""
        others = User.objects.exclude(pk=email_address.user_id)
        if others.filter(email=email_address.email).exists():
            template = "account/messages/email_confirmation_failed.txt"
            self.add_message(request, messages.ERROR, template, {"email": email_address.email})
            return False
        user = email_address.user
        before = user.email
        confirmed = bool(super().confirm_email(request, email_address))
        if confirmed and before and before != email_address.email:
            send_later("email_changed", user, to=before, new=email_address.email, ip=client_address(request))
        return confirmed

    def send_confirmation_mail(
        self, request: HttpRequest, emailconfirmation: EmailConfirmationHMAC, signup: bool
    ) -> None:
        """Send the link that confirms an address."""
        address = emailconfirmation.email_address
        kind = "email_confirmation_signup" if signup else "email_confirmation"
        self.send_asked_for(kind, address.user, address_id=address.pk)

    def send_account_already_exists_mail(self, email: str) -> None:
        """Notify the owner of an address that somebody tried to sign up with it."""
        self.send_asked_for("account_already_exists", User.objects.filter(email=email).first())

    def send_notification_mail(
        self, template_prefix: str, user: User, context: dict[str, Any] | None = None, email: str | None = None
    ) -> None:
        """Notify a person of changes to their account; changes of the address are reported by `confirm_email`."""
        kind = template_prefix.rpartition("/")[2]
        if kind in NOTIFICATIONS - {"email_changed"}:
            send_later(kind, user, ip=client_address(self.request))

    def send_asked_for(self, kind: str, user: User | None, **details: Any) -> None:
        """Send a mail that somebody waits for; show an error when no worker will receive it."""
        try:
            send_later(kind, user, robust=False, **details)
        except QueueUnavailable as error:
            raise ImmediateHttpResponse(render(self.request, "account/mail_failed.html", status=503)) from error


def _login_in(credentials: dict[str, Any]) -> str:
    """Return the typed name."""
    return str(credentials.get("username") or credentials.get("email") or "")


class InstitutionAdapter(DefaultSocialAccountAdapter):
    """Accounts of the institution, which is trusted to identify people."""

    def is_open_for_signup(self, request: HttpRequest, sociallogin: SocialLogin) -> bool:
        """Accept everybody whom the institution knows, unless an account here has their address."""
        return not any(filter_users_by_email(address.email) for address in sociallogin.email_addresses)

    def authenticate_by_email(self, sociallogin: SocialLogin) -> tuple[User, str] | None:
        """Return the account to link: that with the address that the institution has verified.

        Not by an address that is still unconfirmed, nor one that is linked already: institutions reassign addresses.
        Nor an account that another provider gave the address unverified, by a sign-in or by SCIM: its person may not be
        the address's.
        Nor an account with any permission: access to a mailbox is not enough to become an admin.
        """
        verified = [address.email.lower() for address in sociallogin.email_addresses if address.verified]
        unlinked = User.objects.exclude(socialaccount__provider=sociallogin.account.provider)
        elsewhere = SocialAccount.objects.filter(user=OuterRef("pk"))
        provisioned = ScimUser.objects.filter(person=OuterRef("pk"))
        provisioned = provisioned.exclude(client__provider=sociallogin.account.provider)
        unverified = EmailAddress.objects.filter(user=OuterRef("pk"), email=OuterRef("email"), verified=False)
        unlinked = unlinked.exclude((Exists(elsewhere) | Exists(provisioned)) & Exists(unverified))
        without_rights = unlinked.filter(~Exists(permissions_of(OuterRef("pk"))), is_staff=False, is_superuser=False)
        user = without_rights.filter(email__in=verified).first()
        return (user, user.email) if user else None

    def list_apps(
        self, request: HttpRequest, provider: str | None = None, client_id: str | None = None
    ) -> list[SocialApp]:
        """Return the identity providers of the settings; none are in the database."""
        apps = [social_app(each) for each in identity_providers()]
        return [
            app
            for app in apps
            if provider in (None, app.provider, app.provider_id) and client_id in (None, app.client_id)
        ]

    def pre_social_login(self, request: HttpRequest, sociallogin: SocialLogin) -> None:
        """Refuse people whom the rules keep out; take over the groups of a known person, and a changed name or address.

        An account that is linked now, by its address, keeps its own.
        """
        user, account, before = sociallogin.user, sociallogin.account, sociallogin.claims_before
        if request.user == user and KEPT in request.session:  # allauth ends the present session
            sociallogin.state[KEPT] = request.session[KEPT]
        claims, provider = account.extra_data["userinfo"], provider_of(account.provider)
        if rule := why_refused(provider, claims):
            logger.warning("sign-in with %s refused: the rule about the %s", provider.id, rule)
            known = sociallogin.user if sociallogin.is_existing else None
            record_refusal(request, SignInOutcome(rule), login=sociallogin, user=known)
            context = {"rule": rule, "provider": provider}
            raise ImmediateHttpResponse(render(request, "socialaccount/refused.html", context, status=403))
        if not sociallogin.is_existing:
            if not self.is_open_for_signup(request, sociallogin):  # allauth asks again, and refuses
                record_refusal(request, SignInOutcome.ADDRESS, login=sociallogin)
            return
        if sociallogin.gives_groups:
            take_over_groups(user=user, claimed=claims["groups"], allowed=provider.can_give)
        take_over_name(user=user, claims=claims, before=before)
        if not take_over_address(user=user, claims=claims, before=before, institution=provider.title):
            del claims["email"]  # so the next sign-in finds it changed, and tries again
            if account.pk:
                account.save(update_fields=["extra_data"])

    def on_authentication_error(self, request: HttpRequest, provider: Any, *args: Any, **kwargs: Any) -> None:
        """Keep that the provider's answer was not valid."""
        record_refusal(request, SignInOutcome.ANSWER, provider=provider.sub_id)

    def save_user(self, request: HttpRequest, sociallogin: SocialLogin, form: None = None) -> User:
        """Create the account of a new person, with their groups."""
        user: User = super().save_user(request, sociallogin, form)
        provider = provider_of(sociallogin.account.provider)
        give_first_groups(user=user, names=provider.first_groups)
        if sociallogin.gives_groups:
            claimed = sociallogin.account.extra_data["userinfo"]["groups"]
            take_over_groups(user=user, claimed=claimed, allowed=provider.can_give)
        return user
