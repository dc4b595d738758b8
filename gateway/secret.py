"""Secrets that are never displayed: in tracebacks, error pages and logs a `Secret` shows its last four characters."""

import hashlib
import re
from typing import Final

# A secret at the beginning of a word, also where an address or a repr writes something before it (%20sk-, \\nsk-), or
# in the middle of one where it is long enough to be one.
_SECRET: Final = re.compile(r"(?:(?<![^\W_])|(?<=%[0-9A-Fa-f]{2})|(?<=\\[nrtx]))sk(?:-|%2[Dd])[\w-]{4,}|sk-[\w-]{20,}")
# What a person would hardly type by chance, unlike sk-learn: long, or with several kinds of characters.
_SURELY: Final = re.compile(r"(?<![^\W_])sk-(?:(?=[\w-]*[A-Z0-9])[\w-]{12,}|[\w-]{20,})")
PAT_PREFIX: Final = "passerelle_pat_"  # of the portal's API (ADR 46)
SCIM_PREFIX: Final = "passerelle_scim_"  # of its SCIM service (ADR 50)
_ACCESS_TOKEN: Final = re.compile(rf"({PAT_PREFIX}|{SCIM_PREFIX})\w{{4,}}")
_HASH: Final = re.compile(r"\b[0-9a-f]{64}\b")
_HINT: Final = re.compile(r"\bsk-\.{2,3}[\w-]+")  # LiteLLM's name of a key: its last four characters


class Secret(str):
    """The text of a key. Formats and compares as the text; its repr hides it."""

    __slots__ = ()

    def __repr__(self) -> str:
        """Hide all but the last four characters."""
        return f"<Secret …{self[-4:]}>" if len(self) > 12 else "<Secret>"


def token_of(secret: str) -> str:
    """Return the SHA-256 hex by which the gateway, and we, know a secret."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def redact(text: str, *secrets: str) -> str:
    """Blank whatever looks like a secret, and these ones."""
    for secret in secrets:
        if secret:
            text = text.replace(secret, "…")
    return _ACCESS_TOKEN.sub(r"\1…", _SECRET.sub("sk-…", text))


def has_secret(text: str) -> bool:
    """Tell whether a typed text certainly contains a secret: a label that says “sk-learn” does not."""
    return _SURELY.search(text) is not None or _ACCESS_TOKEN.search(text) is not None


def scrub(text: str) -> str:
    """Blank secrets, hashes of secrets, and the last characters that LiteLLM names a key by."""
    return _HASH.sub("…", _HINT.sub("sk-…", redact(text)))


_ADDRESS: Final = re.compile(
    r"\b[a-z][a-z0-9+.-]{1,20}://[^\s'\"`,;)]+"  # of anything
    r"|(?<![\w.])\d{1,3}(?:\.\d{1,3}){3}(?::\d+)?(?![\w.])"
    r"|\[[0-9a-f:]*:[0-9a-f:]+\](?::\d+)?"
    r"|(?<![\w.-])(?=[\w.-]*[a-z])[\w-]+(?:\.[\w-]+)*:\d{4,5}(?!\d)"  # a name with a port
    r"|(?<![\w.-])(?:[\w-]+\.)+(?:com|net|org|edu|io|ai|fr|eu|de|uk|gov|internal|intranet|local|lan|svc|cloud)(?![\w.-]*\w)(?::\d+)?",
    re.IGNORECASE,
)


def without_addresses(text: str) -> str:
    """Blank host names: where a gateway has its database, or its provider, is for logs, not for people."""
    return _ADDRESS.sub("…", text)
