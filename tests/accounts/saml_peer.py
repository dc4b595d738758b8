"""A SAML identity provider of pysaml2: one person at a time, who is signed in there."""

from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit
from xml.sax.saxutils import escape, quoteattr

from saml2 import BINDING_HTTP_REDIRECT, class_name, saml, samlp, xmldsig
from saml2.config import IdPConfig
from saml2.saml import NAMEID_FORMAT_PERSISTENT, NAMEID_FORMAT_TRANSIENT, NameID
from saml2.server import Server
from saml2.sigver import pre_encryption_part, pre_signature_part

from accounts.identity_providers import Saml, names_of_attribute
from accounts.saml_signatures import find_xmlsec
from tests.certificates import KeyFiles

MD, DS = "urn:oasis:names:tc:SAML:2.0:metadata", "http://www.w3.org/2000/09/xmldsig#"
MDUI, SHIBMD = "urn:oasis:names:tc:SAML:metadata:ui", "urn:mace:shibboleth:metadata:1.0"
SSO, SLO = "https://idp.example.edu/sso", "https://idp.example.edu/slo"
TIME = "%Y-%m-%dT%H:%M:%SZ"


@dataclass
class Deviation:
    """How an answer differs from a good one."""

    clock: timedelta = timedelta()  # of the provider, ahead of ours
    asked: timedelta = timedelta()  # before the answer
    audience: str | None = None  # "": none
    recipient: str | None = None
    in_response_to: str | None = None
    issuer: str | None = None
    no_end: bool = False
    algorithm: str = xmldsig.SIG_RSA_SHA256
    sign: bool = True
    encrypt_for: KeyFiles | None = None
    persistent: bool = True


@dataclass
class Peer:
    """An institution with its own entity ID and key."""

    keys: KeyFiles
    entity_id: str = "https://idp.example.edu/saml"
    subject: str = "ada"
    attributes: Mapping[str, Sequence[str]] = field(default_factory=dict)
    names: Mapping[str, str] = field(default_factory=lambda: {"en": "Example University", "fr": "Université d’exemple"})
    scopes: Sequence[str] = ()
    ends_sessions: bool = False  # offers single logout
    more_certificates: Sequence[Path] = ()  # that are in the metadata, before its own

    def server(self, portal_metadata: str = "", *, signed_only: bool = False) -> Server:
        config = IdPConfig()
        config.load(
            {
                "entityid": self.entity_id,
                "xmlsec_binary": find_xmlsec(),
                "key_file": str(self.keys.key),
                "cert_file": str(self.keys.certificate),
                "metadata": {"inline": [portal_metadata] if portal_metadata else []},
                "service": {
                    "idp": {
                        "endpoints": {
                            "single_sign_on_service": [(SSO, BINDING_HTTP_REDIRECT)],
                            "single_logout_service": [(SLO, BINDING_HTTP_REDIRECT)],
                        },
                        "want_authn_requests_signed": signed_only,
                        "policy": {"default": {"lifetime": {"minutes": 5}, "attribute_restrictions": None}},
                    }
                },
            }
        )
        return Server(config=config)

    def metadata(self) -> str:
        """Return the descriptor of this institution, as a federation has it."""
        names = "".join(
            f"<mdui:DisplayName xml:lang={quoteattr(language)}>{escape(name)}</mdui:DisplayName>"
            for language, name in self.names.items()
        )
        scopes = "".join(f'<Scope xmlns="{SHIBMD}" regexp="false">{scope}</Scope>' for scope in self.scopes)
        keys = "".join(
            f'<KeyDescriptor use="signing"><ds:KeyInfo xmlns:ds="{DS}"><ds:X509Data><ds:X509Certificate>'
            f"{_body(file)}</ds:X509Certificate></ds:X509Data></ds:KeyInfo></KeyDescriptor>"
            for file in (*self.more_certificates, self.keys.certificate)
        )
        logout = f'<SingleLogoutService Binding="{BINDING_HTTP_REDIRECT}" Location="{SLO}"/>'
        return (
            f'<EntityDescriptor xmlns="{MD}" entityID={quoteattr(self.entity_id)}>'
            f'<IDPSSODescriptor protocolSupportEnumeration="{samlp.NAMESPACE}"><Extensions>{scopes}'
            f'<mdui:UIInfo xmlns:mdui="{MDUI}">{names}</mdui:UIInfo></Extensions>{keys}'
            f"{logout if self.ends_sessions else ''}"
            f'<SingleSignOnService Binding="{BINDING_HTTP_REDIRECT}" Location="{SSO}"/>'
            "</IDPSSODescriptor></EntityDescriptor>"
        )

    def answer(self, request_url: str, portal_metadata: str, deviation: Deviation | None = None) -> dict[str, str]:
        """Return what the browser posts to the portal, for the redirect with the request."""
        how = deviation or Deviation()
        query = {name: values[0] for name, values in parse_qs(urlsplit(request_url).query).items()}
        server = self.server(portal_metadata)
        request = server.parse_authn_request(
            query["SAMLRequest"],
            BINDING_HTTP_REDIRECT,
            relay_state=query["RelayState"],
            sigalg=query.get("SigAlg"),
            signature=query.get("Signature"),
        ).message
        response = self._response(server, request, how)
        return {"SAMLResponse": b64encode(response.encode()).decode(), "RelayState": query["RelayState"]}

    def logout_request(self, portal: str, portal_metadata: str, *, index: str | None = None, **how: Any) -> str:
        """Return the address to which the browser is sent to end the sessions of the person at the portal."""
        server = self.server(portal_metadata)
        name = NameID(format=NAMEID_FORMAT_PERSISTENT, text=self.subject)
        _id, message = server.create_logout_request(
            how.get("destination", portal),
            "",
            name_id=None if how.get("encrypted") else name,
            subject_id=None,
            session_indexes=[index] if index else None,
            sign=False,
        )
        issued = datetime.now(UTC) + how.get("clock", timedelta())
        message.issue_instant = issued.strftime(TIME)
        message.not_on_or_after = (issued + timedelta(minutes=1)).strftime(TIME)
        return self._redirect(server, message, portal, "kept by us", how.get("algorithm", xmldsig.SIG_RSA_SHA256))

    def logout_answer(self, request_url: str, portal_metadata: str, status: str = "", **how: Any) -> str:
        """Return the address to which the browser is sent with the answer to the portal's request."""
        server = self.server(portal_metadata, signed_only=True)
        query = {name: values[0] for name, values in parse_qs(urlsplit(request_url).query).items()}
        request = server.parse_logout_request(
            query["SAMLRequest"], BINDING_HTTP_REDIRECT, sigalg=query["SigAlg"], signature=query["Signature"]
        ).message
        assert request.name_id.text == self.subject
        assert request.session_index
        answer = server.create_logout_response(request, [BINDING_HTTP_REDIRECT], sign=False)
        if status:
            answer.status.status_code.value = status
        answer.in_response_to = how.get("in_response_to", request.id)
        return self._redirect(server, answer, answer.destination, "", xmldsig.SIG_RSA_SHA256)

    def _redirect(self, server: Server, message: Any, address: str, relay_state: str, algorithm: str) -> str:
        is_answer = isinstance(message, samlp.LogoutResponse)
        sent = server.apply_binding(
            BINDING_HTTP_REDIRECT, str(message), address, relay_state, response=is_answer, sign=True, sigalg=algorithm
        )
        return str(dict(sent["headers"])["Location"])

    def _response(self, server: Server, request: Any, how: Deviation) -> str:
        name_format = NAMEID_FORMAT_PERSISTENT if how.persistent else NAMEID_FORMAT_TRANSIENT
        response = server.create_authn_response(
            {},
            request.id,
            request.assertion_consumer_service_url,
            request.issuer.text,
            name_id=NameID(format=name_format, text=self.subject),
            authn={"class_ref": saml.AUTHN_PASSWORD_PROTECTED},
            sign_assertion=False,
            sign_response=False,
        )
        assertion = response.assertion
        _shape(assertion, how)
        if self.attributes:
            assertion.attribute_statement = [saml.AttributeStatement(attribute=_attributes(self.attributes))]
        if how.issuer is not None:
            response.issuer.text = assertion.issuer.text = how.issuer
        if how.in_response_to is not None:
            response.in_response_to = how.in_response_to
        if not how.sign:
            return str(response)
        digest = xmldsig.DIGEST_SHA1 if how.algorithm == xmldsig.SIG_RSA_SHA1 else xmldsig.DIGEST_SHA256
        assertion.signature = pre_signature_part(assertion.id, None, 1, sign_alg=how.algorithm, digest_alg=digest)
        if how.encrypt_for is None:
            return str(server.sec.sign_statement(str(response), class_name(assertion), node_id=assertion.id))
        signed = str(server.sec.sign_statement(str(assertion), class_name(assertion), node_id=assertion.id))
        response.assertion = []
        return _encrypted(server, str(response), signed.partition("?>")[2], how.encrypt_for)


def _body(certificate: Path) -> str:
    return "".join(line for line in certificate.read_text().splitlines() if "-----" not in line)


def _attributes(values: Mapping[str, Sequence[str]]) -> list[saml.Attribute]:
    return [
        saml.Attribute(
            name=name,
            name_format=saml.NAME_FORMAT_URI,
            attribute_value=[saml.AttributeValue(text=text) for text in texts],
        )
        for name, texts in values.items()
    ]


def _shape(assertion: saml.Assertion, how: Deviation) -> None:
    """Make the assertion one of a provider whose clock and addresses are such."""
    now = datetime.now(UTC) + how.clock
    end = (now + timedelta(minutes=2)).strftime(TIME)
    conditions, data = assertion.conditions, assertion.subject.subject_confirmation[0].subject_confirmation_data
    assertion.authn_statement[0].authn_instant = (now - how.asked).strftime(TIME)
    assertion.issue_instant = conditions.not_before = now.strftime(TIME)
    conditions.not_on_or_after, data.not_on_or_after = end, None if how.no_end else end
    if how.audience == "":
        conditions.audience_restriction = []
    elif how.audience is not None:
        conditions.audience_restriction[0].audience[0].text = how.audience
    if how.recipient is not None:
        data.recipient = how.recipient
    if how.in_response_to is not None:
        data.in_response_to = how.in_response_to


def _encrypted(server: Server, response: str, assertion: str, keys: KeyFiles) -> str:
    """Return the response with the assertion, encrypted for a key of the portal."""
    start, end = response[: response.rindex("</")], response[response.rindex("</") :]
    part = f'<EncryptedAssertion xmlns="{saml.NAMESPACE}">{assertion}</EncryptedAssertion>'
    template = pre_encryption_part(key_name=None, encrypt_cert=_body(keys.certificate))
    return str(server.sec.encrypt_assertion(f"{start}{part}{end}", str(keys.certificate), template))


def named(provider: Saml, sent: Mapping[str, Any]) -> dict[str, list[str]]:
    """Return attributes by object identifier, where there is one, as a federation sends them."""
    found = {}
    for what, value in sent.items():
        name = (*names_of_attribute(provider.attribute(what)[0]), provider.attribute(what)[0])[1]
        found[name] = value if isinstance(value, list) else [value]
    return found


def federation(*peers: Peer, valid_until: str = "2100-01-01T00:00:00Z") -> str:
    """Return the metadata of these institutions together, unsigned."""
    members = "".join(peer.metadata() for peer in peers)
    return (
        f'<EntitiesDescriptor xmlns="{MD}" ID="_federation" validUntil="{valid_until}">{members}</EntitiesDescriptor>'
    )


def signed_federation(keys: KeyFiles, *peers: Peer, reference: str = "_federation") -> str:
    """Return the metadata of these institutions together, signed by the federation."""
    template = pre_signature_part(reference, None, 1, sign_alg=xmldsig.SIG_RSA_SHA256, digest_alg=xmldsig.DIGEST_SHA256)
    start, end = federation(*peers).split(">", 1)
    text = f"{start}>{template}{end}"
    sec = peers[0].server().sec
    return str(sec.sign_statement(text, f"{MD}:EntitiesDescriptor", key_file=str(keys.key), node_id="_federation"))
