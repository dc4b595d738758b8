"""Texts that are derived from SECRET_KEY and stored nowhere. Those of SECRET_KEY_FALLBACKS are still recognised."""

from collections.abc import Iterator

from django.conf import settings
from django.utils.crypto import salted_hmac


def digest_of(salt: str, value: str) -> bytes:
    """Return the digest (SHA-256) that new texts are made of."""
    return next(digests_of(salt, value))


def digests_of(salt: str, value: str) -> Iterator[bytes]:
    """Yield the digest with SECRET_KEY, then those with each of the fallbacks."""
    for secret in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS):
        yield salted_hmac(salt, value, secret=secret, algorithm="sha256").digest()
