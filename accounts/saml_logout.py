"""SAML 2 single logout by redirects: the requests of either side, and their answers. Knows no account, no session.

A message comes in the address, with a signature of its parameters as they were sent (SAML bindings, 3.4.4.1). That is
checked here: pysaml2 would encode them anew, and not everybody's encoding is the same.
"""

import zlib
from base64 import b64decode
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, timedelta
from typing import Any, Final, NoReturn
from urllib.parse import unquote_plus

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from defusedxml.ElementTree import fromstring
from django.core.cache import cache
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from saml2 import BINDING_HTTP_REDIRECT, samlp
from saml2.client import Saml2Client
from saml2.s_utils import success_status_factory
from saml2.saml import Issuer, NameID
from saml2.sigver import SIGNER_ALGS, pem_format
from saml2.time_util import instant
from saml2.xmldsig import SIG_RSA_SHA256

from accounts.identity_providers import Saml
from accounts.models import SamlInstitution
from accounts.saml import TOLERANCE_S, digest, new_request_id, portal_config
from accounts.saml_portal import Portal
from accounts.saml_sessions import LogoutService, SamlSession
from accounts.saml_signatures import is_outdated

LONGEST_QUERY: Final = 20_000  # characters
LONGEST_MESSAGE: Final = 100_000  # bytes, inflated
VALID_FOR: Final = timedelta(seconds=TOLERANCE_S)
SIGNED: Final = ("RelayState", "SigAlg")  # with the message, in this order


class LogoutRefused(Exception):
    """The message is not valid. Its text is for the log, and names nobody."""


@dataclass(frozen=True, slots=True)
class Received:
    """A message whose signature, address and time were checked, and the institution that sent it."""

    message: Any
    institution: SamlInstitution
    relay_state: str | None


def request_address(
    provider: Saml, institution: SamlInstitution, service: LogoutService, portal: Portal, *, session: SamlSession
) -> tuple[str, str]:
    """Return where the browser is sent to end the institution's session, and the ID of the request in it."""
    client, request_id, name = Saml2Client(portal_config(provider, portal, None)), new_request_id(), session.name_id
    _id, message = client.create_logout_request(
        service.location,
        institution.entity_id,
        message_id=request_id,
        name_id=NameID(
            text=name.text,
            format=name.format,
            name_qualifier=name.name_qualifier,
            sp_name_qualifier=name.sp_name_qualifier,
        ),
        session_indexes=[session.index] if session.index else None,
        expire=(timezone.now() + VALID_FOR).strftime("%Y-%m-%dT%H:%M:%SZ"),
        sign=False,
    )
    return _signed_address(client, message, service.location, None), request_id


def answer_address(provider: Saml, received: Received, service: LogoutService, portal: Portal) -> str:
    """Return where the browser is sent with the answer that the sessions are ended."""
    client = Saml2Client(portal_config(provider, portal, None))
    message = samlp.LogoutResponse(
        id=new_request_id(),
        version="2.0",
        issue_instant=instant(),
        in_response_to=received.message.id,
        destination=service.response_location,
        issuer=Issuer(text=portal.entity_id),
        status=success_status_factory(),
    )
    return _signed_address(client, message, service.response_location, received.relay_state)


def read_request(provider: Saml, portal: Portal, query: str) -> tuple[Received, str, list[str]]:
    """Return an institution's request, whose name it has, and of which sessions (none: all). Raises LogoutRefused."""
    received = _read(provider, portal, query, "SAMLRequest", samlp.logout_request_from_string)
    message = received.message
    if message.not_on_or_after and _seconds_since(message.not_on_or_after) >= TOLERANCE_S:
        _refuse("over")
    name = (message.name_id.text or "").strip() if message.name_id else ""
    if not name:
        _refuse("without a NameID, or with an encrypted one")
    if not cache.add(f"saml:{digest(received.institution.entity_id, message.id)}", True, 2 * TOLERANCE_S):
        _refuse("used before")
    return received, name, [(one.text or "").strip() for one in message.session_index]


def check_answer(provider: Saml, portal: Portal, query: str, *, session: SamlSession, request_id: str) -> None:
    """Check that the institution has ended its session, as this request wanted. Raises LogoutRefused."""
    received = _read(provider, portal, query, "SAMLResponse", samlp.logout_response_from_string)
    if received.institution.entity_id != session.institution or received.message.in_response_to != request_id:
        _refuse("for another request")
    code = received.message.status.status_code
    if code.value != samlp.STATUS_SUCCESS:
        _refuse("that the session was not ended")


# --- Sending --------------------------------------------------------------------------------------
def _signed_address(client: Saml2Client, message: Any, location: str, relay_state: str | None) -> str:
    sent = client.apply_binding(
        BINDING_HTTP_REDIRECT,
        str(message),
        location,
        relay_state=relay_state or "",
        response=isinstance(message, samlp.LogoutResponse),
        sign=True,
        sigalg=SIG_RSA_SHA256,
    )
    return str(dict(sent["headers"])["Location"])


# --- Reading --------------------------------------------------------------------------------------
def _refuse(reason: str) -> NoReturn:
    raise LogoutRefused(reason)


def _read(provider: Saml, portal: Portal, query: str, kind: str, parse: Callable[[str], Any]) -> Received:
    """Return the message of this kind in the query of an address. Raises LogoutRefused."""
    raw = _parameters(query)
    if not {kind, "SigAlg", "Signature"} <= raw.keys():
        _refuse("not signed")
    message = _parsed(unquote_plus(raw[kind]), parse)
    issuer = (message.issuer.text or "").strip() if message.issuer else ""
    institution = SamlInstitution.objects.usable(provider.id).filter(entity_id=issuer).first()
    if institution is None:
        _refuse("of an institution that is not in the metadata")
    signed = "&".join(f"{name}={raw[name]}" for name in (kind, *SIGNED) if name in raw)
    if not _is_signed(provider, portal, institution, signed, raw):
        _refuse("not signed by the institution with SHA-256 or better")
    if message.version != "2.0" or message.destination != portal.logout_address:
        _refuse("for another address")
    if abs(_seconds_since(message.issue_instant)) >= TOLERANCE_S:
        _refuse("not of now")
    relay_state = raw.get("RelayState")
    return Received(message, institution, None if relay_state is None else unquote_plus(relay_state))


def _parameters(query: str) -> dict[str, str]:
    """Return the parameters as they were sent, each once."""
    if len(query) > LONGEST_QUERY:
        _refuse("too long")
    pairs = [part.partition("=") for part in query.split("&") if part]
    found = {name: value for name, _equals, value in pairs}
    return found if len(found) == len(pairs) else _refuse("with a parameter twice")


def _parsed(text: str, parse: Callable[[str], Any]) -> Any:
    """Return the message in a parameter: XML, deflated, in base64."""
    try:
        inflate = zlib.decompressobj(-zlib.MAX_WBITS)
        xml = inflate.decompress(b64decode(text), LONGEST_MESSAGE)
        if not inflate.eof:
            _refuse("too long, or cut")
        fromstring(xml, forbid_dtd=True)
        message = parse(xml.decode())
        is_valid = message is not None and message.verify()
    except LogoutRefused:
        raise
    except Exception as error:  # of base64, zlib, XML, or any kind of pysaml2
        raise LogoutRefused(f"not valid: {type(error).__name__}") from error
    return message if is_valid else _refuse("not a message of this kind")


def _is_signed(provider: Saml, portal: Portal, institution: SamlInstitution, signed: str, raw: dict[str, str]) -> bool:
    """Return whether a key of the institution has signed these parameters."""
    algorithm = unquote_plus(raw["SigAlg"])
    if algorithm not in SIGNER_ALGS or is_outdated(algorithm):
        return False
    try:
        signature = b64decode(unquote_plus(raw["Signature"]))
    except ValueError:
        return False
    metadata = Saml2Client(portal_config(provider, portal, institution)).metadata
    keys = [_key(certificate) for _name, certificate in metadata.certs(institution.entity_id, "idpsso", "signing")]
    verify = SIGNER_ALGS[algorithm].verify
    return any(verify(signed.encode(), signature, key) for key in keys if isinstance(key, RSAPublicKey))


def _key(certificate: str) -> object:
    try:
        return x509.load_pem_x509_certificate(pem_format(certificate)).public_key()
    except ValueError:
        return None


def _seconds_since(text: str) -> float:
    time = parse_datetime(text)
    if time is None:
        _refuse("with a time that is none")
    return (timezone.now() - (time if time.tzinfo else time.replace(tzinfo=UTC))).total_seconds()
