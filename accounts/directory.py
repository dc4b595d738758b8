"""LDAP: finds a person, checks the password by a bind, reads attributes and groups. Knows no account.

Imported only where a directory is set up: python-ldap is an optional package.
"""

import re
import socket
import ssl
import time
from collections.abc import Iterable, Mapping
from contextlib import contextmanager, suppress
from typing import Any, Final
from urllib.parse import urlsplit

import ldap
from ldap.filter import escape_filter_chars

from accounts.identity_providers import Ldap

LDAPS_PORT: Final = 636
LONGEST_NAME: Final = 150  # characters
LOOKED_UP_AT_ONCE: Final = 50  # subjects in one query
UNKNOWN: Final = "cn=nobody-of-this-name"
REFUSED: Final = (  # a wrong password, an account that is locked or has none, a name that is no entry
    ldap.INVALID_CREDENTIALS,
    ldap.NO_SUCH_OBJECT,
    ldap.INAPPROPRIATE_AUTH,
    ldap.CONSTRAINT_VIOLATION,
    ldap.INSUFFICIENT_ACCESS,
    ldap.INVALID_DN_SYNTAX,
    ldap.UNWILLING_TO_PERFORM,
)
Entry = tuple[str, dict[str, list[str]]]  # distinguished name or subject, attributes


class DirectoryUnavailable(Exception):
    """The directory does not answer, or not as it should."""


def authenticate(provider: Ldap, username: str, password: str) -> tuple[str, dict[str, list[str]]] | None:
    """Return the subject and the attributes of the person, or None for a wrong name or password.

    A bind with an empty password is a success, whoever is named: it is refused here. For an unknown name there is a
    bind too, and a refusal takes `refused_after_s`, so that the time of the answer does not show who exists.
    """
    username = username.strip()
    if not password or "\0" in username + password or not 0 < len(username) <= LONGEST_NAME:
        return None
    began = time.monotonic()
    with _connected(provider) as connection:
        found = _read(connection, provider, username)
        dn = found[0] if found else f"{UNKNOWN},{provider.base}"
        if _is_password_of(connection, dn, password) and found:
            return _named(provider, found)
    time.sleep(max(0.0, began + provider.refused_after_s - time.monotonic()))
    return None


def look_up(provider: Ldap, username: str) -> tuple[str, dict[str, list[str]]] | None:
    """Return the subject and the attributes of the person without a password: to try the rules, for no sign-in."""
    with _connected(provider) as connection:
        found = _read(connection, provider, username)
        return _named(provider, found) if found else None


def try_bind(provider: Ldap) -> None:
    """Connect and bind as who looks people up, and find the entry of `base`. Raises DirectoryUnavailable."""
    with _connected(provider) as connection:
        connection.search_ext_s(provider.base, ldap.SCOPE_BASE, attrlist=["1.1"], timeout=provider.timeout_s)


def listed_among(provider: Ldap, subjects: Iterable[str]) -> set[str]:
    """Return those of the subjects that have an entry with which somebody could sign in, whatever its name.

    Raises DirectoryUnavailable also where only a part of the answer came.
    """
    found, wanted = set[str](), list(subjects)
    with _connected(provider) as connection:
        for first in range(0, len(wanted), LOOKED_UP_AT_ONCE):
            few = wanted[first : first + LOOKED_UP_AT_ONCE]
            query = _any_of(provider, few)
            entries = _search(connection, provider, provider.base, query, [provider.subject], most=0)
            found |= {_named(provider, entry)[0].casefold() for entry in entries}
    return {subject for subject in wanted if subject.casefold() in found}


def is_password_of(provider: Ldap, subject: str, password: str) -> bool:
    """Return whether it is the password of the entry with this subject, whatever its name is now.

    As at a sign-in, the entry must be one with which somebody could sign in. Raises DirectoryUnavailable.
    """
    if not password or "\0" in password:
        return False
    with _connected(provider) as connection:
        query = _any_of(provider, [subject])
        entries = _search(connection, provider, provider.base, query, [provider.subject], most=2)
        return len(entries) == 1 and _is_password_of(connection, entries[0][0], password)


def _any_of(provider: Ldap, subjects: Iterable[str]) -> str:
    """Return the query for the entries of these subjects with which somebody could sign in."""
    can_sign_in = provider.user_filter.replace("{username}", "*")
    can_sign_in = can_sign_in if can_sign_in.startswith("(") else f"({can_sign_in})"
    return f"(&{can_sign_in}(|{''.join(_equals(provider.subject, subject) for subject in subjects)}))"


def _equals(name: str, subject: str) -> str:
    """Return the condition that an attribute has this value, or the bytes that it has in hexadecimal."""
    as_text = f"({name}={escape_filter_chars(subject)})"
    if not re.fullmatch(r"(?:[0-9a-f]{2})+", subject):
        return as_text
    as_bytes = re.sub("(..)", r"\\\1", subject)
    return f"{as_text}({name}={as_bytes})"


def _named(provider: Ldap, found: Entry) -> Entry:
    """Return subject and attributes of an entry."""
    subject = next(iter(found[1].get(provider.subject, ())), None)
    if not subject:
        raise DirectoryUnavailable(f"an entry has no attribute {provider.subject}")
    return subject if subject.isprintable() else subject.encode().hex(), found[1]  # an objectGUID can be UTF-8 too


@contextmanager
def _connected(provider: Ldap) -> Any:
    """Connect, encrypt if it is set, and bind as who looks people up; close it at the end."""
    try:
        connection = ldap.initialize(_server_of(provider))
        for option, value in _options(provider):
            connection.set_option(option, value)
        try:
            if provider.start_tls:
                connection.start_tls_s()
            connection.simple_bind_s(provider.bind_dn, provider.bind_password)
            yield connection
        finally:
            connection.unbind_s()
    except (ldap.LDAPError, OSError) as error:
        raise DirectoryUnavailable(type(error).__name__) from error


def _server_of(provider: Ldap) -> str:
    """Return the first address where something answers; raises OSError.

    libldap with GnuTLS waits for ever for a server of ldaps:// that accepts connections and is silent, as a load
    balancer may be. Nothing is sent here; the certificate is checked by libldap's own connection.
    """
    *others, last = provider.servers
    for address in others:
        try:
            _shake_hands(address, provider.timeout_s)
        except OSError:
            continue
        return address
    _shake_hands(last, provider.timeout_s)
    return last


def _shake_hands(address: str, timeout_s: float) -> None:
    """Connect to it, with TLS for ldaps://. A handshake that fails is an answer too."""
    server = urlsplit(address)
    with_tls = server.scheme == "ldaps"
    place = server.hostname or "localhost", server.port or (LDAPS_PORT if with_tls else ldap.PORT)
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with socket.create_connection(place, timeout=timeout_s) as connection:
        if with_tls:
            with suppress(ssl.SSLError):
                context.wrap_socket(connection, server_hostname=server.hostname).close()


def _options(provider: Ldap) -> Iterable[tuple[int, Any]]:
    yield ldap.OPT_PROTOCOL_VERSION, ldap.VERSION3
    yield ldap.OPT_REFERRALS, 0  # a referral would get the password of whoever looks people up
    yield ldap.OPT_NETWORK_TIMEOUT, provider.timeout_s
    yield ldap.OPT_TIMEOUT, provider.timeout_s
    yield ldap.OPT_X_TLS_REQUIRE_CERT, ldap.OPT_X_TLS_DEMAND
    if provider.ca_file:
        yield ldap.OPT_X_TLS_CACERTFILE, provider.ca_file
    yield ldap.OPT_X_TLS_NEWCTX, 0  # last: it takes over the others


def _read(connection: Any, provider: Ldap, username: str) -> Entry | None:
    """Return the entry of the person, with their groups."""
    found = _person(connection, provider, username)
    return (found[0], _with_groups(connection, provider, username, *found)) if found else None


def _person(connection: Any, provider: Ldap, username: str) -> Entry | None:
    """Return the one entry of this name; None for none, or for several."""
    wanted = {name for what in provider.default_attributes for name in provider.attribute(what) if name}
    query = provider.user_filter.replace("{username}", escape_filter_chars(username))
    try:
        found = _search(connection, provider, provider.base, query, sorted(wanted | {provider.subject}), most=2)
    except (ldap.NO_SUCH_OBJECT, ldap.SIZELIMIT_EXCEEDED):
        return None
    return found[0] if len(found) == 1 else None


def _with_groups(
    connection: Any, provider: Ldap, username: str, dn: str, attributes: Mapping[str, list[str]]
) -> dict[str, list[str]]:
    """Return the attributes, and the names of the groups that have the person as a member.

    A folder that is not there, or a list that is cut off, is no answer: the person would lose groups.
    """
    if not provider.group_base:
        return dict(attributes)
    query = provider.group_filter.replace("{dn}", escape_filter_chars(dn))
    query = query.replace("{username}", escape_filter_chars(username))
    groups = _search(connection, provider, provider.group_base, query, ["cn"], most=0)
    names = [name for _dn, group in groups for name in group.get("cn", ())[:1]]
    return {**attributes, provider.attribute("groups")[0]: names}


def _search(connection: Any, provider: Ldap, base: str, query: str, names: list[str], *, most: int) -> list[Entry]:
    """Return the entries, with their attributes under the names that were requested, whatever their case."""
    timeout, spelt = provider.timeout_s, {name.lower(): name for name in names}
    answers = connection.search_ext_s(base, ldap.SCOPE_SUBTREE, query, names, timeout=timeout, sizelimit=most)
    return [
        (dn, {spelt.get(name.lower(), name): list(map(_text, values)) for name, values in attributes.items()})
        for dn, attributes in answers
        if dn is not None  # a referral to another server
    ]


def _text(value: bytes) -> str:
    """Return the value as a text; Active Directory's objectGUID, and other bytes, in hexadecimal."""
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.hex()


def _is_password_of(connection: Any, dn: str, password: str) -> bool:
    try:
        connection.simple_bind_s(dn, password)
    except REFUSED:
        return False
    return True
