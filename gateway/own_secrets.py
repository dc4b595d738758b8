"""Secrets that scanners recognise: a prefix, random characters, and their checksum (ADR 46, 51)."""

import secrets
import zlib
from typing import Final

from gateway.secret import Secret

ALPHABET: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
RANDOM_LENGTH: Final = 32  # 190 bits
CHECKSUM_LENGTH: Final = 6
KEY_PREFIX: Final = "sk-psl-"  # of keys at the gateway, which wants "sk-"


def new_secret(prefix: str) -> Secret:
    """Return a new secret: the prefix, 32 random characters, and their checksum."""
    text = "".join(secrets.choice(ALPHABET) for _place in range(RANDOM_LENGTH))
    return Secret(f"{prefix}{text}{checksum(text)}")


def is_well_formed(secret: str, prefix: str) -> bool:
    """Tell whether a text has the form and the checksum of a secret with this prefix."""
    if len(secret) != len(prefix) + RANDOM_LENGTH + CHECKSUM_LENGTH or not secret.startswith(prefix):
        return False
    text = secret[len(prefix) : -CHECKSUM_LENGTH]
    return text.isascii() and secret[-CHECKSUM_LENGTH:] == checksum(text)


def checksum(text: str) -> str:
    """Return the CRC-32 of a text in base 62: six characters."""
    number, digits = zlib.crc32(text.encode()), ""
    for _place in range(CHECKSUM_LENGTH):
        number, digit = divmod(number, len(ALPHABET))
        digits = ALPHABET[digit] + digits
    return digits
