"""Reads the metadata of SAML institutions and federations, checks its signature, and keeps what sign-ins need of it.

A federation has thousands of institutions, so a task reads the file, and a sign-in only the row of its institution.
"""

import hashlib
import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit
from xml.etree.ElementTree import Element, ParseError, SubElement, tostring

import requests
from defusedxml import DefusedXmlException
from defusedxml.ElementTree import iterparse
from django.db import transaction
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from accounts.checks import LOOPBACK
from accounts.identity_providers import Saml, identity_providers
from accounts.models import SamlInstitution, SamlMetadata
from accounts.names import name_order
from accounts.saml_signatures import SignatureRefused, StartOfDocument, verify_document

logger = logging.getLogger(__name__)
REFRESH_EVERY: Final = timedelta(hours=2)
TIMEOUT_S: Final = (10, 60)  # to connect, and between two parts of the answer
MAX_BYTES: Final = 300 * 1024 * 1024  # eduGAIN has about 100
LONGEST_NAME: Final = 200  # characters
LONGEST_ID: Final = 500  # characters
ROWS: Final = 200  # written at once
MD: Final = "{urn:oasis:names:tc:SAML:2.0:metadata}"
MDUI: Final = "{urn:oasis:names:tc:SAML:metadata:ui}"
ATTRIBUTE: Final = "{urn:oasis:names:tc:SAML:2.0:assertion}Attribute"
SCOPE: Final = "{urn:mace:shibboleth:metadata:1.0}Scope"
LANGUAGE: Final = "{http://www.w3.org/XML/1998/namespace}lang"
PROTOCOL: Final = "urn:oasis:names:tc:SAML:2.0:protocol"
REDIRECT: Final = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect"
CATEGORY: Final = "http://macedir.org/entity-category"
HIDDEN: Final = "http://refeds.org/category/hide-from-discovery"
NEEDED: Final = {f"{MD}{name}" for name in ("KeyDescriptor", "SingleSignOnService", "SingleLogoutService")}


class MetadataRefused(Exception):
    """The metadata cannot be had or trusted. Its text is a sentence for operators."""


@dataclass(frozen=True, slots=True)
class Source:
    """Metadata as it was read; `version` changes with it."""

    content: bytes
    version: str


def saml_providers() -> list[Saml]:
    """Return the SAML providers of the settings."""
    return [each for each in identity_providers() if isinstance(each, Saml)]


def refresh_due() -> int:
    """Read the metadata that is due, or was not valid the last time; return how many have been read.

    What cannot be read changes nothing: what was valid stays until it expires.
    """
    SamlMetadata.objects.exclude(provider__in=[each.id for each in saml_providers()]).delete()
    SamlInstitution.objects.exclude(provider__in=[each.id for each in saml_providers()]).delete()
    tried = dict(SamlMetadata.objects.filter(tried_at__isnull=False).values_list("pk", "tried_at"))
    never = datetime.min.replace(tzinfo=UTC)
    by_turn = sorted(saml_providers(), key=lambda each: tried.get(each.id) or never)  # one that hangs delays no other
    return sum(_is_refreshed(each) for each in by_turn if _is_due(each))


def _is_due(provider: Saml) -> bool:
    """Return whether to read it. A file is looked at every time, as it is at hand."""
    state = SamlMetadata.objects.filter(pk=provider.id, error="", source=_settings_of(provider)).first()
    if state is None or state.loaded_at is None or provider.metadata_file:
        return True
    return timezone.now() - state.loaded_at >= REFRESH_EVERY


def _is_refreshed(provider: Saml) -> bool:
    try:
        refresh(provider)
    except MetadataRefused as error:
        logger.error("the metadata of %s is not read: %s", provider.id, error)
        return False
    return True


def refresh(provider: Saml) -> int:
    """Read the metadata of the provider; return how many institutions it has. Raises MetadataRefused."""
    now = timezone.now()
    state, _is_new = SamlMetadata.objects.get_or_create(pk=provider.id)
    SamlMetadata.objects.filter(pk=provider.id).update(tried_at=now)
    try:
        known = state.version if state.source == _settings_of(provider) else ""
        source = _read_file(provider, known) if provider.metadata_file else _fetch(provider, known)
        if source is None:
            _check_unexpired(provider)
            SamlMetadata.objects.filter(pk=provider.id).update(loaded_at=now, tried_at=now, error="")
            return state.count
        found = read_metadata(provider, source.content)
    except MetadataRefused as error:
        SamlMetadata.objects.filter(pk=provider.id).update(tried_at=now, error=str(error)[:300])
        raise
    _store(provider, source, found, now)
    return len(found)


def _check_unexpired(provider: Saml) -> None:
    """Refuse what is the same as the last time, and has expired since."""
    if not SamlInstitution.objects.usable(provider.id).exists():
        raise MetadataRefused("it has expired, and is the same as the last time")


def _settings_of(provider: Saml) -> str:
    """Return a digest of the settings: what was read by other ones is read anew."""
    certificates = [_bytes_of(file) for file in provider.metadata_certificate_files]
    return hashlib.sha256(repr((provider, certificates)).encode()).hexdigest()


def _bytes_of(file: str) -> bytes:
    try:
        return Path(file).read_bytes()
    except OSError:
        return b""


def _read_file(provider: Saml, known: str) -> Source | None:
    """Return the content of the file, or None if it is the known one."""
    try:
        status = Path(provider.metadata_file).stat()
        version = f"{status.st_mtime_ns} {status.st_size}"
        return None if version == known else Source(Path(provider.metadata_file).read_bytes(), version)
    except OSError as error:
        raise MetadataRefused(f"{provider.metadata_file} cannot be read: {error.strerror}") from error


def _fetch(provider: Saml, known: str) -> Source | None:
    """Return what the URL answers, or None if it is the known version."""
    headers = {"If-None-Match": known} if known else {}
    try:
        with requests.get(provider.metadata_url, headers=headers, timeout=TIMEOUT_S, stream=True) as answer:
            if answer.status_code == requests.codes.not_modified:
                return None
            answer.raise_for_status()
            check_addresses(provider, [one.url for one in (*answer.history, answer)])
            content = bytearray()
            for part in answer.iter_content(1024 * 1024):
                content += part
                if len(content) > MAX_BYTES:
                    raise MetadataRefused(f"it has more than {MAX_BYTES} bytes")
    except requests.RequestException as error:
        raise MetadataRefused(
            f"{provider.metadata_url} does not answer as it should: {type(error).__name__}"
        ) from error
    return Source(bytes(content), answer.headers.get("ETag", "")[:200])


def check_addresses(provider: Saml, addresses: Iterable[str]) -> None:
    """Refuse a redirect from https to plain http, where nothing but https says whose metadata it is."""
    if provider.metadata_certificate_files or not provider.metadata_url.startswith("https:"):
        return
    if not all(each.startswith("https:") for each in addresses):
        raise MetadataRefused("its address redirects to one without https")


# --- Reading --------------------------------------------------------------------------------------
def read_metadata(provider: Saml, content: bytes) -> list[SamlInstitution]:
    """Return the institutions of the metadata that can sign people in here. Raises MetadataRefused."""
    start = StartOfDocument()
    try:
        entities = list(_entities(content, start))
        if provider.metadata_certificate_files:
            verify_document(content, start, provider.metadata_certificate_files)
    except (ParseError, DefusedXmlException, ValueError) as error:
        raise MetadataRefused(f"it is not valid XML, or has entities: {type(error).__name__}") from error
    except SignatureRefused as error:
        raise MetadataRefused(str(error)) from error
    expires = _expiry(start.attributes)
    if expires and expires <= timezone.now():
        raise MetadataRefused(f"it has expired: {expires:%Y-%m-%d %H:%M} UTC")
    found = {}
    for each in entities:
        each.valid_until = min((time for time in (expires, each.valid_until) if time), default=None)
        if not provider.institutions or each.entity_id in provider.institutions:
            each.provider = provider.id
            found[each.entity_id] = each
    if not found:
        raise MetadataRefused("it has no institution that can sign people in with SAML 2")
    return list(found.values())


def _entities(content: bytes, start: StartOfDocument) -> Iterator[SamlInstitution]:
    """Yield the institutions, and note how the document starts. Each is dropped once read: there are thousands."""
    parents: list[Element] = []
    for event, element in iterparse(BytesIO(content), events=("start", "end"), forbid_dtd=True):
        if event == "start":
            start.note(element, len(parents))
            parents.append(element)
            continue
        parents.pop()
        if element.tag != f"{MD}EntityDescriptor":
            continue
        if found := _institution(element):
            yield found
        if parents:
            parents[-1].remove(element)


def _institution(entity: Element) -> SamlInstitution | None:
    """Return the institution, unless it is none that we can send people to."""
    for one in entity.findall(f"{MD}IDPSSODescriptor"):
        _drop_unsafe(one)
    role = next((one for one in entity.findall(f"{MD}IDPSSODescriptor") if _speaks_saml_2(one)), None)
    entity_id = entity.get("entityID", "").strip()
    if role is None or not 0 < len(entity_id) <= LONGEST_ID or not entity_id.isprintable():
        return None
    names = _by_language(role.iterfind(f".//{MDUI}DisplayName"))
    names = names or _by_language(entity.iterfind(f"{MD}Organization/{MD}OrganizationDisplayName"))
    scopes = [
        one.text.strip().lower() for one in role.iter(SCOPE) if one.text and one.get("regexp") not in ("true", "1")
    ]
    keywords = [one.text or "" for one in role.iter(f"{MDUI}Keywords")]
    return SamlInstitution(
        entity_id=entity_id,
        name=names.get("en") or next(iter(names.values()), entity_id)[:LONGEST_NAME],
        names=names,
        search=name_order("\n".join([*names.values(), *keywords, *scopes, entity_id])).replace("\0", ""),
        scopes=list(dict.fromkeys(scopes)),
        is_hidden=any(value.text == HIDDEN for value in _values_of(entity, CATEGORY)),
        descriptor=_descriptor(entity_id, role),
        valid_until=min((time for time in (_expiry(entity.attrib), _expiry(role.attrib)) if time), default=None),
    )


def _drop_unsafe(role: Element) -> None:
    """Remove the services that no browser is sent to: elsewhere than https, or http on this machine."""
    for service in [one for one in role if "Location" in one.attrib]:
        addresses = [service.get(name) for name in ("Location", "ResponseLocation")]
        if not all(_is_safe(address) for address in addresses if address is not None):
            role.remove(service)


def _is_safe(address: str) -> bool:
    try:
        parts = urlsplit(address)
        is_local = parts.scheme == "http" and parts.hostname in LOOPBACK
        return bool(parts.hostname) and (parts.scheme == "https" or is_local)
    except ValueError:
        return False


def _speaks_saml_2(role: Element) -> bool:
    if PROTOCOL not in role.get("protocolSupportEnumeration", "").split():
        return False
    return any(one.get("Binding") == REDIRECT for one in role.findall(f"{MD}SingleSignOnService"))


def _by_language(elements: Iterable[Element]) -> dict[str, str]:
    """Return the first name of each language."""
    found: dict[str, str] = {}
    for one in elements:
        text = " ".join((one.text or "").split())[:LONGEST_NAME]
        if text and text.isprintable():
            found.setdefault(one.get(LANGUAGE, "en").partition("-")[0].lower()[:8], text)
    return found


def _values_of(entity: Element, name: str) -> Iterator[Element]:
    """Yield the values of an attribute of the institution itself."""
    for attribute in entity.iterfind(f"{MD}Extensions//{ATTRIBUTE}"):
        if attribute.get("Name") == name:
            yield from attribute


def _descriptor(entity_id: str, role: Element) -> str:
    """Return what a sign-in needs: keys and addresses."""
    short = Element(f"{MD}EntityDescriptor", {"entityID": entity_id})
    kept = SubElement(short, role.tag, {name: value for name, value in role.attrib.items() if name != "ID"})
    kept.extend(one for one in role if one.tag in NEEDED)
    return tostring(short, encoding="unicode")


def _expiry(attributes: dict[str, str]) -> datetime | None:
    """Return the time of `validUntil`; raises ValueError for one that is none."""
    if not (text := attributes.get("validUntil")):
        return None
    if (found := parse_datetime(text)) is None:
        raise ValueError(text)
    return found if found.tzinfo else found.replace(tzinfo=UTC)


# --- Storing --------------------------------------------------------------------------------------
def _store(provider: Saml, source: Source, found: list[SamlInstitution], now: datetime) -> None:
    """Replace the institutions of the provider by these; those that are the same as before are not written."""
    rows = SamlInstitution.objects.filter(provider=provider.id)
    columns = [field.name for field in SamlInstitution._meta.concrete_fields if field.name not in ("id", "entity_id")]
    with transaction.atomic():
        before = {row["entity_id"]: row for row in rows.values("entity_id", *columns).iterator(ROWS)}
        changed = [each for each in found if before.get(each.entity_id) != _as_row(each, columns)]
        gone = before.keys() - {each.entity_id for each in found}
        for start in range(0, len(gone), ROWS):
            rows.filter(entity_id__in=sorted(gone)[start : start + ROWS]).delete()
        SamlInstitution.objects.bulk_create(
            changed,
            batch_size=ROWS,
            update_conflicts=True,
            unique_fields=["provider", "entity_id"],
            update_fields=[name for name in columns if name != "provider"],
        )
        SamlMetadata.objects.filter(pk=provider.id).update(
            version=source.version,
            source=_settings_of(provider),
            loaded_at=now,
            tried_at=now,
            error="",
            count=len(found),
        )


def _as_row(institution: SamlInstitution, columns: list[str]) -> dict[str, object]:
    return {name: getattr(institution, name) for name in ("entity_id", *columns)}
