"""Sessions that began with a sign-in by SAML: what the institution calls them, and how it ends them.

Imports no pysaml2, as pages need it that know nothing else of SAML.
"""

import time
from typing import Final

import msgspec
from defusedxml.ElementTree import fromstring
from django.contrib.sessions.models import Session
from django.http import HttpRequest
from django.utils import timezone

from accounts.models import SamlInstitution

IN_SESSION: Final = "saml"  # the name in the session of the SamlSession
LEFT: Final = "saml_left"  # and in that after a sign-out, of the one that the institution may still have
LEFT_S: Final = 900  # how long that is offered
MD: Final = "{urn:oasis:names:tc:SAML:2.0:metadata}"
REDIRECT: Final = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect"


class NameId(msgspec.Struct, frozen=True, kw_only=True):
    """How an institution names a person, as it was sent: a request to sign out has to repeat all of it."""

    text: str
    format: str | None = None
    name_qualifier: str | None = None
    sp_name_qualifier: str | None = None


class SamlSession(msgspec.Struct, frozen=True, kw_only=True):
    """A session of the institution's: of whom, and its number there."""

    provider: str
    institution: str  # entity ID
    name_id: NameId
    index: str | None = None


class LeftSession(msgspec.Struct, frozen=True, kw_only=True):
    """One that the person left here at a time (s since 1970), and the request to end it there, if one was sent."""

    session: SamlSession
    at: float
    request_id: str = ""


class LogoutService(msgspec.Struct, frozen=True):
    """Where an institution takes requests to sign out, and answers to its own."""

    location: str
    response_location: str


def remember(request: HttpRequest, session: SamlSession) -> None:
    """Keep in the session of a sign-in what the institution calls it."""
    request.session[IN_SESSION] = msgspec.to_builtins(session)
    request.session.pop(LEFT, None)


def take_along(request: HttpRequest) -> SamlSession | None:
    """Return the institution's session of the present one, before that ends."""
    kept = request.session.get(IN_SESSION)
    return msgspec.convert(kept, SamlSession) if kept else None


def leave(request: HttpRequest, session: SamlSession, *, request_id: str = "") -> None:
    """Keep, without anybody signed in, which session the institution may still have."""
    request.session[LEFT] = msgspec.to_builtins(LeftSession(session=session, at=time.time(), request_id=request_id))


def left_session(request: HttpRequest, provider_id: str) -> LeftSession | None:
    """Return the session at an institution of this provider that was left a short time ago."""
    kept = request.session.get(LEFT)
    left = msgspec.convert(kept, LeftSession) if kept else None
    is_offered = left and left.session.provider == provider_id and time.time() - left.at < LEFT_S
    return left if is_offered else None


def institution_of(session: SamlSession) -> SamlInstitution | None:
    """Return the institution of a session, unless its metadata has expired."""
    usable = SamlInstitution.objects.usable(session.provider)
    return usable.filter(entity_id=session.institution).first()


def logout_service(institution: SamlInstitution) -> LogoutService | None:
    """Return where the institution takes requests to sign out by a redirect; None where it takes none."""
    for one in fromstring(institution.descriptor, forbid_dtd=True).iter(f"{MD}SingleLogoutService"):
        if one.get("Binding") == REDIRECT and (location := one.get("Location")):
            return LogoutService(location, one.get("ResponseLocation") or location)
    return None


def end_sessions_of(provider_id: str, entity_id: str, name_id: str, indexes: list[str]) -> set[str]:
    """End the sessions of a name at an institution, of these numbers or all of them; return their keys.

    Goes through all sessions, as the end of an account does: nothing but the session has a name that is for it alone.
    """
    ended = set()
    for row in Session.objects.filter(expire_date__gt=timezone.now()).iterator():
        if not (kept := row.get_decoded().get(IN_SESSION)):
            continue
        session = msgspec.convert(kept, SamlSession)
        named = (session.provider, session.institution, session.name_id.text)
        if named == (provider_id, entity_id, name_id) and (
            not indexes or session.index is None or session.index in indexes
        ):
            ended.add(row.pk)
    Session.objects.filter(pk__in=ended).delete()
    return ended
