"""Reads what an identity provider sends about a person, in the shapes that common ones send: claims or attributes.

It comes from outside. Only what is named here is stored, with the type and length that the database accepts.
What it means for the account is in accounts.entry.
Aggregated and distributed claims (OpenID Connect Core 5.6.2) are not followed.
"""

import hashlib
import json
import logging
import re
import time
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, TypeGuard

from allauth.socialaccount import app_settings

from accounts.identity_providers import IdentityProvider, OpenIDConnect

logger = logging.getLogger(__name__)
NAMES: Final = {  # as they are stored: what it is, characters
    "preferred_username": ("username", 150),
    "name": ("name", 300),
    "given_name": ("given_name", 150),
    "family_name": ("family_name", 150),
    "supervisor": ("supervisor", 255),
}
MAX_SUBJECT_LENGTH: Final = 255  # characters, as OpenID Connect allows
DIGEST: Final = "sha256:"
MAX_GROUP_LENGTH: Final = 150  # characters, as Django's groups have
MAX_VALUE_LENGTH: Final = 255  # characters, of affiliations and entitlements
MAX_ADDRESS_LENGTH: Final = 254  # characters
NO_TEXT: Final = ("Cc", "Cs")  # Unicode categories: control characters, of which PostgreSQL refuses NUL, and surrogates
MISSING: Final = object()
WARN_EVERY_S: Final = 24 * 3600
warned_at: dict[str, float] = {}  # message -> time.monotonic()

DN: Final = re.compile(r"\s*(?:cn|ou)\s*=\s*((?:[^\\,;+]|\\.)+)", re.IGNORECASE)  # the first part: "cn=students"
BETWEEN_DNS: Final = re.compile(r"(?<!\\);|\n|(?<![,;+=\s\\])\s+(?=(?:cn|ou)\s*=)", re.IGNORECASE)
ESCAPED: Final = re.compile(r"((?:\\[0-9a-f]{2})+)|\\(.)", re.IGNORECASE)


def read_claims(provider: IdentityProvider, subject: object, *sources: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the provider sends about a person, under the names of OpenID Connect; the first source counts.

    "groups", "affiliation" and "entitlement" are lists of names. What is not sent is missing, groups too when the
    provider says that they are stored elsewhere (Entra ID, over 200). Raises ValueError without a subject.
    """
    if not _is_text(subject, MAX_SUBJECT_LENGTH):
        raise ValueError("The institution names nobody.")
    claims: dict[str, Any] = {"sub": _short(subject)}
    for name, (what, length) in NAMES.items():
        value = _one(provider, _find(provider, what, sources)[0])
        if isinstance(value, str):
            claims[name] = "".join(sign for sign in value if _is_text(sign, 1)).strip()[:length]
    address, source = _find(provider, "email", sources)
    if _is_address(address := _one(provider, address)):
        claims["email"] = address
        claims["email_verified"] = _is_verified(provider, source)
    for what in ("affiliation", "entitlement"):
        value = _find(provider, what, sources)[0]
        if value is not MISSING and value is not None:
            claims[what] = _names_in(value, what, MAX_VALUE_LENGTH)
    return claims | _groups(provider, sources)


def _find(provider: IdentityProvider, what: str, sources: Sequence[Mapping[str, Any]]) -> tuple[Any, Mapping[str, Any]]:
    """Return the value of the name, the address and so on, and the source that has it; or MISSING."""
    for name in provider.attribute(what):
        for source in sources:
            if (found := _follow(source, name)) is not MISSING:
                return found, source
    return MISSING, {}


def _one(provider: IdentityProvider, value: Any) -> Any:
    """Return the first value of a directory's attribute, which is always a list; a claim of OpenID Connect is none."""
    if isinstance(value, list) and not isinstance(provider, OpenIDConnect):
        return next(iter(value), None)
    return value


def _is_address(value: object) -> TypeGuard[str]:
    """Return whether it may be an address. Other letters are refused: the Kelvin sign in lower case is a "k"."""
    return _is_text(value, MAX_ADDRESS_LENGTH) and value.isascii()


def _short(subject: str) -> str:
    """Return the subject in the length of allauth's column: a longer one as its digest."""
    if len(subject) <= app_settings.UID_MAX_LENGTH and not subject.startswith(DIGEST):  # so that no two become the same
        return subject
    return DIGEST + hashlib.sha256(subject.encode()).hexdigest()


def _is_verified(provider: IdentityProvider, source: Mapping[str, Any]) -> bool:
    """Return whether the provider vouches for the address: by its own claim, or else by the settings."""
    if "email_verified" not in source:
        return provider.trust_email
    return source["email_verified"] is True or source["email_verified"] == "true"


# --- Groups ---------------------------------------------------------------------------------------
def _groups(provider: IdentityProvider, sources: Sequence[Mapping[str, Any]]) -> dict[str, list[str]]:
    """Return the names of groups as "groups"; nothing if they are not sent, unless that means none."""
    found = _find(provider, "groups", sources)[0]
    if found is not MISSING and found is not None:
        return {"groups": _names_in(found, "groups")}
    names = provider.attribute("groups")
    if any(_are_elsewhere(names, source) for source in sources):
        logger.warning("the institution names no groups, as there are too many: a person's groups stay as they are")
        return {}
    if provider.remove_missing_groups:
        _warn_once(f"{provider.id}: {', '.join(names)} is missing, so it gives no groups")
        return {"groups": []}
    if names:
        _warn_once(f"{provider.id}: {', '.join(names)} is missing: a person's groups stay as they are")
    return {}


def _follow(claims: Any, path: str) -> Any:
    """Return the value at a dotted path, or MISSING; names along it may contain dots themselves."""
    if not isinstance(claims, Mapping):
        return MISSING
    if path in claims:
        return claims[path]
    for dot in reversed([match.start() for match in re.finditer(r"\.", path)]):
        if path[:dot] in claims and (found := _follow(claims[path[:dot]], path[dot + 1 :])) is not MISSING:
            return found
    return MISSING


def _are_elsewhere(paths: Sequence[str], claims: Mapping[str, Any]) -> bool:
    """Return whether the institution says that groups exist, but not in these claims (Entra ID's "overage")."""
    if "groups" in paths and (
        claims.get("hasgroups") in (True, "true") or any(key.startswith("groups:src") for key in claims)
    ):
        return True
    elsewhere = claims.get("_claim_names")
    return isinstance(elsewhere, Mapping) and any(
        path == name or path.startswith(f"{name}.") for name in elsewhere for path in paths
    )


def _names_in(value: Any, what: str, length: int = MAX_GROUP_LENGTH) -> list[str]:
    """Return the names in the claim, each once; warn of a claim of unknown shape."""
    if isinstance(value, str):
        names = list(_split(value.strip()))
    elif isinstance(value, list):
        names = [name for item in value for name in _named_by(item)]
    elif isinstance(value, Mapping) and all(isinstance(detail, Mapping) for detail in value.values()):
        names = [str(role) for role in value]  # Zitadel: roles, each with the organisations that grant it
    else:
        _warn_once(f"{what} of a sign-in are no names, but {type(value).__name__}, so they give none")
        return []
    return list(dict.fromkeys(name.removeprefix("/") for name in names if _is_text(name, length)))  # Keycloak's /


def _named_by(item: object) -> Iterator[str]:
    """Yield the names in one entry of a list: nothing in it is a separator."""
    if isinstance(item, Mapping):
        item = item.get("name") or item.get("display")
    if isinstance(item, str):
        yield _common_name(item) or item


def _split(text: str) -> Iterator[str]:
    """Yield the names in a text: JSON, "[a, b]", distinguished names, or separated by commas, semicolons or spaces."""
    if text.startswith("[") and text.endswith("]"):
        try:
            items = json.loads(text)
        except (ValueError, RecursionError):
            items = text[1:-1].split(",")
        for item in items:
            yield from _named_by(item.strip() if isinstance(item, str) else item)
    elif DN.match(text):
        for name in BETWEEN_DNS.split(text):
            yield from _named_by(name.strip())
    elif parts := re.findall(r"[^,;\n]+", text) if re.search(r"[,;\n]", text) else []:
        yield from (part.strip() for part in parts)
    elif text:
        yield from [text, *text.split()]  # Shibboleth joins values by spaces; a single name may contain some


def _common_name(name: str) -> str | None:
    """Return "students" of the distinguished name cn=students,ou=groups,dc=example, or None for any other text."""
    if not (match := DN.match(name)):
        return None
    return ESCAPED.sub(_unescape, match[1]).strip()


def _unescape(match: re.Match[str]) -> str:
    """Return the characters that an escape of a distinguished name stands for (RFC 4514): \\2C or \\, is a comma."""
    if match[1]:
        return bytes.fromhex(match[1].replace("\\", "")).decode(errors="replace")
    return match[2]


def _warn_once(message: str) -> None:
    """Log it, once a day for each process: every sign-in would cause it."""
    now = time.monotonic()
    if now - warned_at.get(message, -WARN_EVERY_S) >= WARN_EVERY_S:
        warned_at[message] = now
        logger.warning(message)


def _is_text(value: object, length: int = MAX_GROUP_LENGTH) -> TypeGuard[str]:
    """Return whether it is a text of 1 to `length` printable characters."""
    if not isinstance(value, str) or not 0 < len(value) <= length:
        return False
    return all(unicodedata.category(sign) not in NO_TEXT for sign in value)
