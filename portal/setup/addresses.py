"""Addresses as people type them: their parts, where they have some, and what is shown of them. Knows no setting."""

import re
from typing import Final
from urllib.parse import SplitResult, parse_qs, unquote, urlsplit

from gateway.secret import redact

NO_ADDRESS: Final = (
    "This is no address. Special characters of a password are percent-encoded: "
    "%25 for %, %23 for #, %2F for /, %3F for ?, %40 for @, %3A for :"
)
BROKEN: Final = re.compile(r"%(?![0-9A-Fa-f]{2})|\s")
AUTHORITY: Final = re.compile(r"(?<=://)([^:@/]*):.*@")
PASSWORD: Final = re.compile(r"((?:^|[?&])password=)[^&#]*", re.IGNORECASE)


def parts(address: str) -> SplitResult:
    """Return its parts; those of an empty one where it is none, as every library reads it otherwise."""
    try:
        found = urlsplit(address)
        is_broken = found.port == 0 or BROKEN.search(address) or found.netloc.count("@") > 1
        _ = found.hostname and found.hostname.encode("idna")
    except ValueError:
        return urlsplit("")
    return urlsplit("") if is_broken or "#" in address else found


def without_password(address: str) -> str:
    """Return the address as it can be shown."""
    return PASSWORD.sub(r"\1…", AUTHORITY.sub(r"\1:…@", address))


def without_secrets(text: str, *addresses: str) -> str:
    """Return a library's message without the passwords of the addresses, and without keys."""
    found = [password for each in addresses if (password := parts(each).password)]
    found += [value for each in addresses for value in parse_qs(parts(each).query).get("password", [])]
    return redact(text, *found, *(unquote(each) for each in found))
