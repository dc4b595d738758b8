"""The setup checklist of a new portal: done and missing steps, computed from the present state."""

from dataclasses import dataclass

from allauth.socialaccount.models import SocialAccount
from django.conf import settings
from django.urls import reverse
from django.utils.translation import gettext as _

from accounts.identity_providers import identity_providers
from accounts.models import Invitation, SetupState, User
from keys.catalogue import gateway_state
from keys.models import GatewayModel
from web.amounts import usd_limit
from web.templatetags.portal import day


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A step of the setup. `sentence` says its state, or what is missing; `address` is where to do it."""

    id: str
    title: str
    is_done: bool
    sentence: str
    address: str = ""
    link: str = ""


def steps(setup: SetupState) -> list[Step]:
    """Return all steps in order; seven queries."""
    return [_gateway(), _models(), _mail(setup), _sign_in(), _budget(), _policy(setup), _invitation()]


def _gateway() -> Step:
    state = gateway_state()
    answers = state.ok_at is not None and not (state.is_outdated or state.is_down or state.problem)
    if answers:
        sentence = _("It answers at %(address)s.") % {"address": settings.GATEWAY_URL}
    elif state.checked_at is None or state.is_outdated:
        sentence = _("It is not checked: start the worker and beat.")
    else:
        sentence = _("It does not answer as expected at %(address)s: check GATEWAY_URL and GATEWAY_ADMIN_KEY.")
        sentence %= {"address": settings.GATEWAY_URL}
    return Step(
        id="gateway",
        title=_("The gateway answers"),
        is_done=answers,
        sentence=sentence,
        address=reverse("keys:status"),
        link=_("Gateway status"),
    )


def _models() -> Step:
    number = GatewayModel.objects.count()
    sentence = (
        _("Models: %(number)d.") % {"number": number}
        if number
        else _("None yet. They are read every minute once the gateway answers.")
    )
    return Step(
        id="models",
        title=_("The models are read"),
        is_done=number > 0,
        sentence=sentence,
        address=reverse("catalogue:index"),
        link=_("Models"),
    )


def _mail(setup: SetupState) -> Step:
    if setup.mail_received_at:
        sentence = _("Received on %(day)s.") % {"day": day(setup.mail_received_at)}
    elif setup.mail_sent_at:
        sentence = _("The mail server took a test mail. Follow the link in it to confirm that it was received.")
    else:
        sentence = _("Send a test mail to yourself. The mail server is set by EMAIL_URL.")
    return Step(id="mail", title=_("Mails arrive"), is_done=setup.mail_received_at is not None, sentence=sentence)


def _sign_in() -> Step:
    if providers := identity_providers():
        is_done = SocialAccount.objects.exists()
        sentence = (
            _("People sign in with %(name)s.")
            if is_done
            else _("Set up for %(name)s. Nobody has signed in with it yet: sign out and try it.")
        )
        sentence %= {"name": ", ".join(each.title for each in providers)}
    else:
        is_done = User.objects.filter(is_superuser=False).exclude(last_login=None).exists()
        sentence = (
            _("People sign in with a password. For the institution’s sign-in, set OIDC_ISSUER.")
            if is_done
            else _("No person has signed in yet. For the institution’s sign-in, set OIDC_ISSUER.")
        )
    return Step(
        id="sign-in",
        title=_("People can sign in"),
        is_done=is_done,
        sentence=sentence,
        address=reverse("people:index"),
        link=_("People"),
    )


def _budget() -> Step:
    amount = settings.PORTAL_BUDGET_USD
    sentence = (
        _("%(amount)s a month; you get a mail at 80 %% and at 100 %%.") % {"amount": usd_limit(amount)}
        if amount
        else _("None yet: set PORTAL_BUDGET_USD. It warns and stops nothing.")
    )
    return Step(
        id="budget",
        title=_("A monthly budget is set"),
        is_done=amount is not None,
        sentence=sentence,
        address=reverse("usage:everyone"),
        link=_("Usage of everyone"),
    )


def _policy(setup: SetupState) -> Step:
    return Step(
        id="policy",
        title=_("The default policy is read"),
        is_done=setup.policy_read_at is not None,
        sentence=_("It says what everybody may have who is in no group with a policy."),
        address=reverse("people:default_policy"),
        link=_("Default policy"),
    )


def _invitation() -> Step:
    is_done = Invitation.objects.exists()
    return Step(
        id="invitation",
        title=_("The first person is invited"),
        is_done=is_done,
        sentence="" if is_done else _("One address, or a list from a spreadsheet."),
        address=reverse("people:invite"),
        link=_("Invite people"),
    )
