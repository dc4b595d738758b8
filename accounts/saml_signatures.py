"""The signature of a whole XML document, as federations sign their metadata. Uses the program xmlsec1."""

import shutil
from dataclasses import dataclass, field
from typing import Final
from xml.etree.ElementTree import Element

DS: Final = "{http://www.w3.org/2000/09/xmldsig#}"
ALLOWED_TRANSFORMS: Final = {
    "http://www.w3.org/2000/09/xmldsig#enveloped-signature",
    "http://www.w3.org/2001/10/xml-exc-c14n#",
    "http://www.w3.org/2001/10/xml-exc-c14n#WithComments",
}
OUTDATED: Final = ("sha1", "md5")  # in the names of algorithms


class SignatureRefused(Exception):
    """The document is not signed as it has to be. Its text is a sentence for operators."""


@dataclass(slots=True)
class StartOfDocument:
    """The root of a document, its first child, and how many elements have the ID of the root."""

    tag: str = ""
    attributes: dict[str, str] = field(default_factory=dict)
    first: Element | None = None
    same_id: int = 0

    def note(self, element: Element, depth: int) -> None:
        """Take an element that begins."""
        if depth == 0:
            self.tag, self.attributes = element.tag, dict(element.attrib)
        elif depth == 1 and self.first is None:
            self.first = element
        if self.attributes.get("ID") in {element.get("ID"), element.get("Id"), element.get("id")}:
            self.same_id += 1


def is_outdated(algorithm: str) -> bool:
    """Return whether an algorithm can be forged."""
    return any(name in algorithm.lower() for name in OUTDATED)


def find_xmlsec() -> str | None:
    """Return the path of the program xmlsec1."""
    return shutil.which("xmlsec1")


def verify_document(content: bytes, start: StartOfDocument, certificate_files: tuple[str, ...]) -> None:
    """Check that the whole document is signed with the key of one of the certificates. Raises SignatureRefused.

    xmlsec1 checks the first signature that it finds, of whatever that refers to; so this has to be that of the root.
    """
    from saml2.sigver import CryptoBackendXmlSec1, XmlsecError

    _check_reference(start)
    program = find_xmlsec()
    if program is None:
        raise SignatureRefused("xmlsec1 is not installed, so no signature can be checked")
    namespace, _brace, name = start.tag.removeprefix("{").partition("}")
    for file in certificate_files:
        try:
            backend = CryptoBackendXmlSec1(program)
            if backend.validate_signature(content, file, "pem", f"{namespace}:{name}", start.attributes["ID"]):
                return
        except XmlsecError:
            continue  # of another key
    raise SignatureRefused("it is not signed with the key of metadata_certificate_files")


def _check_reference(start: StartOfDocument) -> None:
    """Refuse a signature that is not that of the root alone."""
    signature, root_id = start.first, start.attributes.get("ID")
    if signature is None or signature.tag != f"{DS}Signature" or not root_id:
        raise SignatureRefused("it is not signed")
    references = signature.findall(f".//{DS}Reference")
    if [one.get("URI") for one in references] not in ([f"#{root_id}"], [""]) or start.same_id != 1:
        raise SignatureRefused("its signature is not that of the whole")
    transforms = {one.get("Algorithm") for one in signature.iter(f"{DS}Transform")}
    if not transforms <= ALLOWED_TRANSFORMS or signature.find(f"{DS}Object") is not None:
        raise SignatureRefused("its signature leaves something out")
    methods = (f"{DS}SignatureMethod", f"{DS}DigestMethod")
    if any(is_outdated(one.get("Algorithm", "")) for name in methods for one in signature.iter(name)):
        raise SignatureRefused("it is signed with SHA-1 or MD5")
