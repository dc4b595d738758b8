"""The steps between a correct password and the session."""

from allauth.account.models import EmailAddress
from allauth.account.stages import EmailVerificationStage, LoginStage
from django.http import HttpResponse
from django.shortcuts import redirect

from accounts.second_factor import has_second_factor


class SignUpVerification(EmailVerificationStage):
    """Asks people who signed up by themselves to confirm their address; accounts created by an admin need not."""

    def handle(self) -> tuple[HttpResponse | None, bool]:
        """Return the response to show instead of signing in, if any, and whether to go on."""
        signing_up = self.login.user is None  # a pretended sign-up: another account has the address already
        unconfirmed = EmailAddress.objects.filter(user=self.login.user, primary=True, verified=False)
        if not signing_up and not unconfirmed.exists():
            return None, True
        response, may_go_on = super().handle()
        return response, may_go_on


class SecondFactor(LoginStage):
    """Asks for the second factor of people who have one, unless their institution vouches for them."""

    key = urlname = "mfa_authenticate"

    def handle(self) -> tuple[HttpResponse | None, bool]:
        """Return the response to show instead of signing in, if any, and whether to go on."""
        by_institution = "sociallogin" in (self.login.signal_kwargs or {})
        if self.login.user is None or by_institution or not has_second_factor(self.login.user):
            return None, True
        return redirect(self.urlname), True
