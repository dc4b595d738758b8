"""What a sign-in would do, by the rules of its provider, without doing it."""

from collections.abc import Iterator, Mapping
from typing import Any

from allauth.socialaccount.adapter import get_adapter
from allauth.socialaccount.models import SocialAccount, SocialLogin
from django.http import HttpRequest

from accounts.claims import read_claims
from accounts.entry import why_refused
from accounts.external import login_of
from accounts.identity_providers import IdentityProvider
from accounts.services import groups_claimed


def lines(provider: IdentityProvider, subject: str, attributes: Mapping[str, Any]) -> Iterator[str]:
    """Yield what the portal reads in these attributes, and what it would do. Raises ValueError without a subject."""
    request = HttpRequest()
    sent = read_claims(provider, subject, attributes)
    login = login_of(request, get_adapter(request).get_provider(request, provider.id), sent, attributes)
    claims = login.account.extra_data["userinfo"]
    yield f"Sent: {', '.join(sorted(attributes)) or 'nothing'}"
    for name, value in sorted(claims.items()):
        shown = ", ".join(value) if isinstance(value, list) else value
        yield f"{name}: {shown}{'' if name in sent else ' (as before, not sent now)'}"
    if rule := why_refused(provider, claims):
        yield f"Refused: by the rule about the {rule}."
        return
    yield _account(request, login)
    if not login.gives_groups:
        yield "Groups: unchanged, as none are sent."
        return
    given, refused = groups_claimed(claims["groups"], provider.can_give)
    yield f"Groups: {', '.join(sorted(group.name for group in given)) or 'none'}"
    if refused:
        yield f"Not given: {', '.join(sorted(refused))}"
    if unknown := set(claims["groups"]) - {group.name for group in given} - set(refused):
        yield f"No group here: {', '.join(sorted(unknown))}"


def _account(request: HttpRequest, login: SocialLogin) -> str:
    """Say which account it would be."""
    known = SocialAccount.objects.filter(provider=login.account.provider, uid=login.account.uid).first()
    if known:
        state = "" if known.user.is_active else ", which is deactivated: refused"
        return f"Account: {known.user.username}{state}"
    adapter = get_adapter(request)
    if linked := adapter.authenticate_by_email(login):
        return f"Account: {linked[0].username}, linked by its address"
    if not adapter.is_open_for_signup(request, login):
        return "Refused: another account has the address."
    return "Account: a new one"
