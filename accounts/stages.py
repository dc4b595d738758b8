"""What stands between a right password and being signed in."""

from allauth.account.models import EmailAddress
from allauth.account.stages import EmailVerificationStage
from django.http import HttpResponse


class SignUpVerification(EmailVerificationStage):  # type: ignore[misc]  # allauth has no types
    """Asks people who signed up by themselves to confirm their address; those whom an admin made have nothing to."""

    def handle(self) -> tuple[HttpResponse | None, bool]:
        """Return what to show instead of signing in, if anything, and whether to go on."""
        signing_up = self.login.user is None  # pretended: somebody else has the address already
        unconfirmed = EmailAddress.objects.filter(user=self.login.user, primary=True, verified=False)
        if not signing_up and not unconfirmed.exists():
            return None, True
        response, may_go_on = super().handle()
        return response, may_go_on
