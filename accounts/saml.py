"""SAML 2: the request that starts a sign-in, and whom the answer is about. Knows no account.

Imported only where somebody signs in by SAML. pysaml2 checks signatures with the program xmlsec1.
"""

import hashlib
import logging
import unicodedata
from base64 import b64decode
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC
from typing import Any, Final
from urllib.parse import quote

from defusedxml.ElementTree import fromstring
from django.core.cache import cache
from django.utils import timezone
from django.utils.crypto import get_random_string
from django.utils.dateparse import parse_datetime
from saml2 import BINDING_HTTP_POST, BINDING_HTTP_REDIRECT, class_name
from saml2.client import Saml2Client
from saml2.config import SPConfig
from saml2.metadata import entity_descriptor
from saml2.saml import NAMEID_FORMAT_PERSISTENT, NAMEID_FORMAT_TRANSIENT, SCM_BEARER

from accounts.identity_providers import Saml, names_of_attribute
from accounts.models import SamlInstitution
from accounts.saml_portal import Portal
from accounts.saml_sessions import NameId, SamlSession
from accounts.saml_signatures import find_xmlsec, is_outdated

logging.getLogger("saml2").setLevel(logging.CRITICAL)  # it logs whole answers; ours says what is wrong
TOLERANCE_S: Final = 300  # of clocks
REPLAY_S: Final = 24 * 3600  # a state is valid for ten minutes, so no answer is accepted later
ENCRYPTED: Final = "{http://www.w3.org/2001/04/xmlenc#}EncryptedData"
MOST_ENCRYPTED: Final = 10
ID_NAMES: Final = ("ID", "Id", "id", "{http://www.w3.org/XML/1998/namespace}id")
LONGEST_SUBJECT: Final = 255  # characters, as the database has
SCOPED: Final = (
    "eduPersonPrincipalName",
    "eduPersonScopedAffiliation",
    "eduPersonUniqueId",
    "subject-id",
    "pairwise-id",
)


class AnswerRefused(Exception):
    """The answer is not valid. Its text is for the log, and names nobody."""


@dataclass(frozen=True, slots=True)
class SignedIn:
    """Whom an institution has signed in, with the attributes under the names that were sent."""

    subject: str
    attributes: dict[str, list[str]]
    asked_at: float | None  # when it asked who they are (s since 1970)
    session: SamlSession | None  # that can be ended there; None: it has sent no name


def new_request_id() -> str:
    """Return the identifier of a request; XML wants a letter or _ first."""
    return f"_{get_random_string(32)}"


def sign_in_address(
    provider: Saml,
    institution: SamlInstitution,
    portal: Portal,
    *,
    request_id: str,
    relay_state: str,
    asks_again: bool,
) -> str:
    """Return where the browser is sent to sign in; `asks_again`: also somebody who has a session there."""
    client = Saml2Client(portal_config(provider, portal, institution))
    address = client.sso_location(institution.entity_id, BINDING_HTTP_REDIRECT)
    persistent = NAMEID_FORMAT_PERSISTENT if provider.subject == "name_id" else None
    _id, message = client.create_authn_request(
        address,
        message_id=request_id,
        sign=False,
        nameid_format=persistent,
        allow_create="true" if persistent else None,
        force_authn="true" if asks_again else None,
    )
    sent = client.apply_binding(
        BINDING_HTTP_REDIRECT, str(message), address, relay_state=relay_state, sign=bool(provider.keys)
    )
    return str(dict(sent["headers"])["Location"])


def portal_metadata(provider: Saml, portal: Portal) -> str:
    """Return the portal's own metadata, with all of its keys."""
    return str(entity_descriptor(portal_config(provider, portal, None)))


def read_answer(
    provider: Saml, institution: SamlInstitution, portal: Portal, *, request_id: str, answer: str
) -> SignedIn:
    """Return whom the institution has signed in. Raises AnswerRefused.

    It has to be signed by the institution, for this portal and this request, now and once.
    """
    client = Saml2Client(portal_config(provider, portal, institution))
    try:
        sent = fromstring(b64decode(answer), forbid_dtd=True)  # xmlsec1 would expand entities
        if sum(1 for _part in sent.iter(ENCRYPTED)) > MOST_ENCRYPTED:
            raise AnswerRefused("with too many encrypted parts")  # a process would decrypt each
        found = client.parse_authn_request_response(answer, BINDING_HTTP_POST, outstanding={request_id: "/"})
    except AnswerRefused:
        raise
    except Exception as error:  # pysaml2 raises all kinds, Exception itself too
        raise AnswerRefused(f"not valid: {type(error).__name__}: {_words_of(error)}") from error
    if found is None or len(found.assertions) != 1:
        raise AnswerRefused("not an answer to this address with one assertion")
    [assertion] = found.assertions
    _check_signature(client, assertion, found.xmlstr)
    _check_assertion(assertion, institution, portal, request_id)
    if found.response.in_response_to != request_id:
        raise AnswerRefused("for another request")
    attributes = _attributes(assertion, provider, institution)
    name_id = assertion.subject.name_id or found.name_id
    subject = _subject(provider, name_id, attributes)
    if not cache.add(f"saml:{digest(institution.entity_id, assertion.id)}", True, REPLAY_S):
        raise AnswerRefused("used before")
    session = _session(provider, institution, name_id, assertion)
    return SignedIn(_global_subject(institution, subject), attributes, _asked_at(assertion), session)


def trusts_address(provider: Saml, institution: SamlInstitution, attributes: Mapping[str, list[str]]) -> bool:
    """Return whether to take the address for verified: an institution of many speaks for its own domains alone."""
    if not provider.trust_email or not (institution.scopes or _is_alone(institution)):
        return False
    sent = next((attributes[name] for name in provider.attribute("email") if name in attributes), [])
    domain = sent[0].rpartition("@")[2].lower() if sent else ""
    return not institution.scopes or any(
        domain == scope or domain.endswith(f".{scope}") for scope in institution.scopes
    )


def _is_alone(institution: SamlInstitution) -> bool:
    return SamlInstitution.objects.filter(provider=institution.provider).count() == 1


def portal_config(provider: Saml, portal: Portal, institution: SamlInstitution | None) -> SPConfig:
    """Return the portal, and the institution if there is one, as pysaml2 knows them."""
    pairs = [{"key_file": pair.key_file, "cert_file": pair.certificate_file} for pair in provider.keys]
    endpoints = {"assertion_consumer_service": [(portal.answer_address, BINDING_HTTP_POST)]}
    if pairs:  # what is sent from there has to be signed
        endpoints["single_logout_service"] = [(portal.logout_address, BINDING_HTTP_REDIRECT)]
    options: dict[str, Any] = {
        "entityid": portal.entity_id,
        "xmlsec_binary": find_xmlsec(),
        "accepted_time_diff": TOLERANCE_S,
        "allow_unknown_attributes": True,
        "metadata": {"inline": [institution.descriptor] if institution else []},
        "service": {
            "sp": {
                "endpoints": endpoints,
                "want_assertions_signed": True,
                "want_response_signed": False,
                "allow_unsolicited": False,
                "authn_requests_signed": bool(pairs),
            }
        },
    }
    if pairs:
        options |= {
            **pairs[0],
            "encryption_keypairs": pairs,
            "additional_cert_files": [pair["cert_file"] for pair in pairs[1:]],
        }
    config = SPConfig()
    config.load(options)
    return config


# --- Checks ---------------------------------------------------------------------------------------
def _check_signature(client: Saml2Client, assertion: Any, xml: str) -> None:
    """Check the signature once more, in the decrypted document: pysaml2 skips one that a later decryption shows."""
    same_id = [one for one in fromstring(xml, forbid_dtd=True).iter() if assertion.id in map(one.get, ID_NAMES)]
    if not assertion.signature or len(same_id) != 1:
        raise AnswerRefused("without a signature of the assertion, or with its ID twice")
    try:
        client.sec.check_signature(assertion, class_name(assertion), xml, must=True)
    except Exception as error:
        raise AnswerRefused(f"not signed by the institution: {type(error).__name__}: {_words_of(error)}") from error


def _check_assertion(assertion: Any, institution: SamlInstitution, portal: Portal, request_id: str) -> None:
    """Refuse what pysaml2 accepts if it is missing: audience, end, request, a signature that cannot be forged."""
    if assertion.issuer is None or (assertion.issuer.text or "").strip() != institution.entity_id:
        raise AnswerRefused("of another institution")
    signed = assertion.signature.signed_info if assertion.signature else None
    if signed is None:
        raise AnswerRefused("without a signature of the assertion")
    methods = [signed.signature_method, *(one.digest_method for one in signed.reference)]
    if any(is_outdated(method.algorithm) for method in methods):
        raise AnswerRefused("signed with SHA-1 or MD5")
    restrictions = assertion.conditions.audience_restriction if assertion.conditions else []
    audiences = [{(one.text or "").strip() for one in each.audience} for each in restrictions]
    if not audiences or any(portal.entity_id not in each for each in audiences):
        raise AnswerRefused("for another portal")
    bearers = [one for one in assertion.subject.subject_confirmation if one.method == SCM_BEARER]
    if not any(_confirms(one.subject_confirmation_data, portal, request_id) for one in bearers):
        raise AnswerRefused("not for this address, this request and now")


def _confirms(data: Any, portal: Portal, request_id: str) -> bool:
    """Return whether a confirmation of the subject is for this address, this request and now."""
    if data is None or data.recipient != portal.answer_address or data.in_response_to != request_id:
        return False
    end = parse_datetime(data.not_on_or_after or "")
    if end is None:
        return False
    end = end if end.tzinfo else end.replace(tzinfo=UTC)
    return (timezone.now() - end).total_seconds() < TOLERANCE_S


def _asked_at(assertion: Any) -> float | None:
    """Return when the institution asked the person who they are (s since 1970)."""
    times = [parse_datetime(each.authn_instant or "") for each in assertion.authn_statement]
    found = [each if each.tzinfo else each.replace(tzinfo=UTC) for each in times if each]
    return min(found).timestamp() if found else None


def _session(provider: Saml, institution: SamlInstitution, name_id: Any, assertion: Any) -> SamlSession | None:
    """Return what the institution calls the session that it has begun."""
    if name_id is None or not (text := (name_id.text or "").strip()):
        return None
    indexes = [each.session_index for each in assertion.authn_statement if each.session_index]
    return SamlSession(
        provider=provider.id,
        institution=institution.entity_id,
        name_id=NameId(
            text=text,
            format=name_id.format,
            name_qualifier=name_id.name_qualifier,
            sp_name_qualifier=name_id.sp_name_qualifier,
        ),
        index=indexes[0] if indexes else None,
    )


def _words_of(error: Exception) -> str:
    """Return what an error of pysaml2 says; its details may have the whole answer."""
    details = error.args[0] if error.args else ""
    words = details.get("message", "") if isinstance(details, dict) else details if type(error) is Exception else ""
    return str(words).partition("\n")[0][:80]


# --- What is sent ---------------------------------------------------------------------------------
def _attributes(assertion: Any, provider: Saml, institution: SamlInstitution) -> dict[str, list[str]]:
    """Return the attributes under the names that were sent, without what the institution cannot speak for."""
    found: dict[str, list[str]] = {}
    for statement in assertion.attribute_statement:
        for attribute in statement.attribute:
            values = [value.text.strip() for value in attribute.attribute_value if (value.text or "").strip()]
            found.setdefault(attribute.name, []).extend(values)
    found.pop("email_verified", None)  # this is for the settings and the metadata to say
    if institution.scopes or not _is_alone(institution):
        for name in _scoped_names(provider):
            if name in found:
                found[name] = [value for value in found[name] if _is_within(value, institution)]
    return found


def _scoped_names(provider: Saml) -> Iterator[str]:
    """Yield the names of attributes whose values have a domain of the institution."""
    for name in SCOPED:
        yield from names_of_attribute(name)
    yield from provider.attribute("affiliation")


def _is_within(value: str, institution: SamlInstitution) -> bool:
    _name, at, domain = value.rpartition("@")
    return not at or domain.lower() in institution.scopes


def _subject(provider: Saml, name_id: Any, attributes: Mapping[str, list[str]]) -> str:
    """Return what identifies the person at the institution."""
    if provider.subject != "name_id":
        values = [value for name in names_of_attribute(provider.subject) for value in attributes.get(name, ())]
        if not values:
            raise AnswerRefused(f"without {provider.subject}")
        return values[0]
    if name_id is None or not (name_id.text or "").strip():
        raise AnswerRefused("without a NameID")
    if name_id.format == NAMEID_FORMAT_TRANSIENT:
        raise AnswerRefused("with a transient NameID: set `subject` to an attribute")
    return str(name_id.text.strip())


def _global_subject(institution: SamlInstitution, subject: str) -> str:
    """Return an identifier that no other institution can send."""
    if any(unicodedata.category(sign) == "Cc" for sign in subject):
        raise AnswerRefused("with control characters in what identifies the person")
    found = f"{quote(institution.entity_id, safe=':/?=&')}!{subject}"
    return found if len(found) <= LONGEST_SUBJECT else f"saml:{digest(institution.entity_id, subject)}"


def digest(*parts: str) -> str:
    """Return a short name for a text of an institution's, for the cache or a column."""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()
