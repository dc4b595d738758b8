"""What a sign-in would do, by the rules of its provider, without doing it."""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from allauth.socialaccount.adapter import get_adapter
from allauth.socialaccount.models import SocialAccount, SocialLogin
from django.http import HttpRequest
from django.utils.translation import gettext as _

from accounts.claims import read_claims
from accounts.entry import why_refused
from accounts.external import login_of
from accounts.identity_providers import IdentityProvider, Ldap
from accounts.models import SignInOutcome
from accounts.services import groups_claimed


class NothingSent(Exception):
    """There is nothing to try the rules with. Its text is a sentence."""


class ProviderUnavailable(NothingSent):
    """The directory does not answer."""


def attributes_in(text: str, subject: str = "somebody") -> tuple[str, dict[str, Any]]:
    """Return subject and attributes of a JSON object; `subject` where it has no "sub"."""
    try:
        attributes = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise NothingSent(_("This is not valid JSON.")) from error
    if not isinstance(attributes, dict):
        raise NothingSent(_("The JSON holds no object."))
    return attributes.get("sub", subject), attributes


def entry_of(provider: Ldap, username: str) -> tuple[str, dict[str, Any]]:
    """Return subject and attributes of a person in a directory, without a password."""
    from accounts.directory import DirectoryUnavailable, look_up

    try:
        found = look_up(provider, username)
    except DirectoryUnavailable as error:
        words = _("%(name)s does not answer: %(error)s") % {"name": provider.title, "error": error}
        raise ProviderUnavailable(words) from error
    if found is None:
        raise NothingSent(_("%(name)s has no entry, or several, of this name.") % {"name": provider.title})
    return found


def lines(provider: IdentityProvider, subject: str, attributes: Mapping[str, Any]) -> Iterator[str]:
    """Yield what the portal reads in these attributes, and what it would do, in sentences.

    Raises NothingSent without a subject.
    """
    request = HttpRequest()
    try:
        sent = read_claims(provider, subject, attributes)
    except ValueError as error:
        raise NothingSent(_("The attributes name nobody: there is no valid subject.")) from error
    login = login_of(request, get_adapter(request).get_provider(request, provider.id), sent, attributes)
    claims = login.account.extra_data["userinfo"]
    yield _("Sent: %(names)s") % {"names": _joined(login.received)}
    for name, value in sorted(claims.items()):
        shown = ", ".join(value) if isinstance(value, list) else value
        words = {"name": name, "value": shown}
        yield _("%(name)s: %(value)s") % words if name in sent else _("%(name)s: %(value)s (as before)") % words
    if rule := why_refused(provider, claims):
        yield str(SignInOutcome(rule).label)
        return
    yield _account(request, login)
    if not login.gives_groups:
        yield _("Groups: unchanged, as none are sent.")
        return
    given, refused = groups_claimed(claims["groups"], provider.can_give)
    yield _("Groups: %(names)s") % {"names": _joined(group.name for group in given)}
    if refused:
        yield _("Not given: %(names)s") % {"names": _joined(refused)}
    if unknown := set(claims["groups"]) - {group.name for group in given} - set(refused):
        yield _("No group here: %(names)s") % {"names": _joined(unknown)}


def _joined(names: Iterable[str]) -> str:
    return ", ".join(sorted(names)) or "–"


def _account(request: HttpRequest, login: SocialLogin) -> str:
    """Say which account it would be."""
    known = SocialAccount.objects.filter(provider=login.account.provider, uid=login.account.uid).first()
    if known:
        if not known.user.is_active:
            return str(SignInOutcome.INACTIVE.label)
        return _("Account: %(name)s") % {"name": known.user.username}
    adapter = get_adapter(request)
    if linked := adapter.authenticate_by_email(login):
        return _("Account: %(name)s, linked by its address") % {"name": linked[0].username}
    if not adapter.is_open_for_signup(request, login):
        return str(SignInOutcome.ADDRESS.label)
    return _("Account: a new one")
