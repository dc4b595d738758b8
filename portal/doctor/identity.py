"""Identity providers: can people sign in with them?"""

import json
from collections.abc import Iterator
from typing import Any, Final

import requests
from django.utils import timezone

from accounts.identity_providers import Cas, IdentityProvider, Ldap, OpenIDConnect, Saml, identity_providers
from accounts.models import SamlInstitution, SamlMetadata
from portal.doctor.certificates import days_left_in
from portal.doctor.report import Findings, Result, in_one_line, ok, problem, warning
from web.commands import command

TIMEOUT_S: Final = (3, 8)  # to connect, and to answer
NEEDED: Final = ("authorization_endpoint", "token_endpoint", "jwks_uri")
SOON_DAYS: Final = 21


def identity_providers_answer() -> Iterator[Result]:
    """Check every provider of the settings; local accounts need none."""
    providers = identity_providers()
    if not providers:
        yield ok("People sign in with local accounts: no identity provider is set up.")
    for provider in providers:
        yield from _provider(provider)


def _provider(provider: IdentityProvider) -> Findings:
    match provider:
        case OpenIDConnect():
            return _openid(provider)
        case Saml():
            return _saml(provider)
        case Ldap():
            return _ldap(provider)
        case Cas():
            return _cas(provider)
    return [ok(f"{provider.title} is not checked.")]


def _openid(provider: OpenIDConnect) -> Iterator[Result]:
    """Read the description of the provider, and its keys."""
    try:
        found = _read(f"{provider.issuer.rstrip('/')}/.well-known/openid-configuration")
        missing = [name for name in NEEDED if not isinstance(found.get(name), str)]
        if missing:
            yield problem(f"{provider.title} does not name its {', '.join(missing)}.", "Is it an OpenID provider?")
            return
        if str(found.get("issuer", "")).rstrip("/") != provider.issuer.rstrip("/"):
            advice = "Set the issuer exactly as it calls itself; tokens are checked for that name."
            yield problem(f"{provider.title} calls itself {found.get('issuer')}, not {provider.issuer}.", advice)
            return
        keys = _read(found["jwks_uri"]).get("keys")
    except (requests.RequestException, ValueError) as error:
        advice = "Correct the issuer (OIDC_ISSUER), or let this machine reach it."
        yield problem(f"{provider.title} does not answer: {in_one_line(error)}", advice)
        return
    if keys:
        yield ok(f"{provider.title} answers, and has {len(keys)} keys that sign tokens.")
    else:
        yield problem(f"{provider.title} has no keys that sign tokens.", "Ask who runs it: nobody can sign in.")


def _read(url: str) -> dict[str, Any]:
    answer = requests.get(url, timeout=TIMEOUT_S)
    answer.raise_for_status()
    found = json.loads(answer.content)
    if not isinstance(found, dict):
        raise ValueError(f"{url} holds no JSON object")
    return found


def _saml(provider: Saml) -> Iterator[Result]:
    """Look at the metadata as it was read last, which is what sign-ins use, and at our certificates."""
    state = SamlMetadata.objects.filter(pk=provider.id).first()
    read = f"Run: {command('refresh_saml_metadata')}"
    if state is None or not state.tried_at:
        yield warning(f"The metadata of {provider.title} has not been read yet.", f"The worker does so. {read}")
    elif state.error:
        yield problem(f"The metadata of {provider.title} cannot be read: {state.error}", f"Correct it. {read}")
    elif not SamlInstitution.objects.usable(provider.id).exists():
        yield problem(f"The metadata of {provider.title} has expired.", read)
    else:
        age_h = (timezone.now() - (state.loaded_at or state.tried_at)).total_seconds() / 3600
        yield ok(f"The metadata of {provider.title} has {state.count} institutions, and was read {age_h:.0f} h ago.")
    for pair in provider.keys:
        try:
            days = days_left_in(pair.certificate_file)
        except (OSError, ValueError) as error:
            advice = "Name a PEM file that the portal may read."
            yield problem(f"{pair.certificate_file} cannot be read: {in_one_line(error)}", advice)
            continue
        if days < SOON_DAYS:
            advice = "Put a new pair first in `keys`, and give the new metadata to the federation."
            yield warning(f"The certificate {pair.certificate_file} ends in {days} days.", advice)


def _ldap(provider: Ldap) -> Iterator[Result]:
    """Connect to the directory, and bind as who looks people up."""
    from accounts.directory import DirectoryUnavailable, try_bind  # needs python-ldap

    try:
        try_bind(provider)
    except DirectoryUnavailable as error:
        advice = "Correct server, ca_file, bind_dn or bind_password, or let this machine reach it."
        yield problem(f"{provider.title} does not answer as it should: {error}", advice)
        return
    yield ok(f"{provider.title} answers, and lets the portal look people up.")


def _cas(provider: Cas) -> Iterator[Result]:
    """Open the page of the CAS server where people sign in."""
    url = f"{provider.server.rstrip('/')}/login"
    try:
        requests.get(url, timeout=TIMEOUT_S).raise_for_status()
    except requests.RequestException as error:
        advice = "Correct its address, or let this machine reach it."
        yield problem(f"{provider.title} does not answer: {in_one_line(error)}", advice)
        return
    yield ok(f"{provider.title} answers.")
