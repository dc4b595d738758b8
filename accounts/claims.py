"""Reads an institution's claims, in the shapes that common providers send.

Claims come from outside. Only those named here are stored, with the type and length that the database accepts.
Aggregated and distributed claims (OpenID Connect Core 5.6.2) are not followed.
"""

import hashlib
import json
import logging
import re
import time
import unicodedata
from collections.abc import Iterator, Mapping
from typing import Any, Final, TypeGuard

from allauth.socialaccount import app_settings
from django.conf import settings

logger = logging.getLogger(__name__)
NAMES: Final = {"preferred_username": 150, "name": 300, "given_name": 150, "family_name": 150}  # claim: characters
MAX_SUBJECT_LENGTH: Final = 255  # characters, as OpenID Connect allows
DIGEST: Final = "sha256:"
MAX_GROUP_LENGTH: Final = 150  # characters, as Django's groups have
MAX_ADDRESS_LENGTH: Final = 254  # characters
NO_TEXT: Final = ("Cc", "Cs")  # Unicode categories: control characters, of which PostgreSQL refuses NUL, and surrogates
MISSING: Final = object()
WARN_EVERY_S: Final = 24 * 3600
warned_at: dict[str, float] = {}  # message -> time.monotonic()

DN: Final = re.compile(r"\s*(?:cn|ou)\s*=\s*((?:[^\\,;+]|\\.)+)", re.IGNORECASE)  # the first part: "cn=students"
BETWEEN_DNS: Final = re.compile(r"(?<!\\);|\n|(?<![,;+=\s\\])\s+(?=(?:cn|ou)\s*=)", re.IGNORECASE)
ESCAPED: Final = re.compile(r"((?:\\[0-9a-f]{2})+)|\\(.)", re.IGNORECASE)


def usable_claims(identity: Mapping[str, Any], userinfo: Mapping[str, Any]) -> dict[str, Any]:
    """Return the claims of the ID token, and of userinfo where both have one.

    Raises ValueError when they identify nobody. There is no "groups" when the institution says that they are stored
    elsewhere (Entra ID, over 200).
    """
    subject = identity.get("sub")
    if not _is_text(subject, MAX_SUBJECT_LENGTH):
        raise ValueError("The institution names nobody.")
    both = {**identity, **userinfo}
    claims: dict[str, Any] = {"sub": _short(subject)}
    for name, length in NAMES.items():
        if isinstance(both.get(name), str):
            claims[name] = "".join(sign for sign in both[name] if _is_text(sign, 1)).strip()[:length]
    source = userinfo if "email" in userinfo else identity
    if _is_text(source.get("email"), MAX_ADDRESS_LENGTH):
        claims["email"] = source["email"]
        claims["email_verified"] = _is_verified(source)
    found = next((at for at in (_find(userinfo), _find(identity)) if at is not MISSING), MISSING)
    if found is MISSING and _are_elsewhere(both):
        logger.warning("the institution names no groups, as there are too many: a person's groups stay as they are")
        return claims
    claims["groups"] = _names_in(found)
    return claims


def _short(subject: str) -> str:
    """Return the subject in the length of allauth's column: a longer one as its digest."""
    if len(subject) <= app_settings.UID_MAX_LENGTH and not subject.startswith(DIGEST):  # so that no two become the same
        return subject
    return DIGEST + hashlib.sha256(subject.encode()).hexdigest()


def _is_verified(source: Mapping[str, Any]) -> bool:
    """Return whether the institution vouches for the address: by its own claim, or else by the settings."""
    if "email_verified" not in source:
        return bool(settings.OIDC_TRUST_EMAIL)
    return source["email_verified"] is True or source["email_verified"] == "true"


# --- Groups ---------------------------------------------------------------------------------------
def _find(claims: Mapping[str, Any]) -> Any:
    """Return the claim that OIDC_GROUPS_CLAIM names, or MISSING."""
    return _follow(claims, settings.OIDC_GROUPS_CLAIM)


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


def _are_elsewhere(claims: Mapping[str, Any]) -> bool:
    """Return whether the institution says that groups exist, but not in these claims (Entra ID's "overage")."""
    path = settings.OIDC_GROUPS_CLAIM
    if path == "groups" and (
        claims.get("hasgroups") in (True, "true") or any(key.startswith("groups:src") for key in claims)
    ):
        return True
    elsewhere = claims.get("_claim_names")
    return isinstance(elsewhere, Mapping) and any(path == name or path.startswith(f"{name}.") for name in elsewhere)


def _names_in(value: Any) -> list[str]:
    """Return the names of groups in the claim, each once; warn of a claim of unknown shape."""
    if isinstance(value, str):
        names = list(_split(value.strip()))
    elif isinstance(value, list):
        names = [name for item in value for name in _named_by(item)]
    elif isinstance(value, Mapping) and all(isinstance(detail, Mapping) for detail in value.values()):
        names = [str(role) for role in value]  # Zitadel: roles, each with the organisations that grant it
    else:
        what = "missing" if value is MISSING or value is None else f"no names, but {type(value).__name__}"
        _warn_once(f"OIDC_GROUPS_CLAIM={settings.OIDC_GROUPS_CLAIM}: the claim is {what}, so it gives no groups")
        return []
    return list(dict.fromkeys(name.removeprefix("/") for name in names if _is_text(name)))  # Keycloak's have a slash


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
