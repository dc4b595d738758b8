"""How allauth behaves here: who may make an account, and what the institution tells of a person."""

import logging
from typing import Any, ClassVar

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.internal.userkit import filter_users_by_email
from allauth.account.models import EmailAddress
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from allauth.socialaccount.models import SocialLogin
from django.conf import settings
from django.contrib import messages
from django.db.models import Exists, OuterRef
from django.http import HttpRequest
from django.shortcuts import render
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from accounts.rights import permissions_of
from accounts.services import take_over_groups
from web.redirects import is_ours
from web.request import client_address
from web.turns import aside

logger = logging.getLogger(__name__)
MISMATCH = _("This user name and this password do not go together.")


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]  # allauth has no types
    """Local accounts."""

    error_messages: ClassVar = {
        **DefaultAccountAdapter.error_messages,
        "username_password_mismatch": MISMATCH,
        "email_password_mismatch": MISMATCH,
        "too_many_login_attempts": _("Too many attempts with this name. Wait five minutes, then try again."),
        "enter_current_password": _("This is not your present password."),
    }

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """Return whether anybody may make an account."""
        return bool(settings.SIGNUP_OPEN)

    def get_login_stages(self) -> list[str]:
        """Return what stands between a right password and being signed in."""
        return ["accounts.stages.SignUpVerification"]

    def is_safe_url(self, url: str | None) -> bool:
        """Return whether `url` is a page of ours."""
        return bool(url) and is_ours(self.request, str(url))

    def get_client_ip(self, request: HttpRequest) -> str:
        """Return whom the rate limits count; those without an address count as one."""
        return client_address(request) or "unknown"

    def confirm_email(self, request: HttpRequest, email_address: EmailAddress) -> bool:
        """Make a confirmed address count, unless somebody else here has it."""
        others = User.objects.exclude(pk=email_address.user_id)
        if others.filter(email=email_address.email).exists():
            template = "account/messages/email_confirmation_failed.txt"
            self.add_message(request, messages.ERROR, template, {"email": email_address.email})
            return False
        return bool(super().confirm_email(request, email_address))

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        """Send a mail; tell the person when the mail server does not take it."""
        try:
            with aside():
                super().send_mail(template_prefix, email, context)
        except OSError as error:
            logger.warning("mail not sent: %s %s", template_prefix, type(error).__name__)
            raise ImmediateHttpResponse(render(self.request, "account/mail_failed.html", status=503)) from error


class InstitutionAdapter(DefaultSocialAccountAdapter):  # type: ignore[misc]  # allauth has no types
    """Accounts of the institution, which is trusted to say who somebody is."""

    def is_open_for_signup(self, request: HttpRequest, sociallogin: SocialLogin) -> bool:
        """Let in whom the institution knows, unless somebody here has their address."""
        return not any(filter_users_by_email(address.email) for address in sociallogin.email_addresses)

    def authenticate_by_email(self, sociallogin: SocialLogin) -> tuple[User, str] | None:
        """Return the account to link: that with the address that the institution has verified.

        Not by an address that somebody is only changing to, nor one that is linked already: addresses are given anew.
        Nor an account with rights of any kind: a mailbox is not enough to become an admin.
        """
        verified = [address.email.lower() for address in sociallogin.email_addresses if address.verified]
        unlinked = User.objects.exclude(socialaccount__provider=sociallogin.account.provider)
        without_rights = unlinked.filter(~Exists(permissions_of(OuterRef("pk"))), is_staff=False, is_superuser=False)
        user = without_rights.filter(email__in=verified).first()
        return (user, user.email) if user else None

    def pre_social_login(self, request: HttpRequest, sociallogin: SocialLogin) -> None:
        """Take over the groups of somebody whom we know."""
        if sociallogin.is_existing:
            take_over_groups(user=sociallogin.user, claimed=sociallogin.account.extra_data["userinfo"]["groups"])

    def save_user(self, request: HttpRequest, sociallogin: SocialLogin, form: None = None) -> User:
        """Make the account of somebody who is new, with their groups."""
        user: User = super().save_user(request, sociallogin, form)
        take_over_groups(user=user, claimed=sociallogin.account.extra_data["userinfo"]["groups"])
        return user
