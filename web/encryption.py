"""Texts that the database holds encrypted: copies of it reveal no secret. Each purpose has a key of its own.

The first of ENCRYPTION_SECRETS encrypts, all decrypt, so that one can follow another; without any it is SECRET_KEY, and
its fallbacks decrypt.
"""

import base64
from functools import lru_cache

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings
from django.views.decorators.debug import sensitive_variables


class Undecryptable(ValueError):
    """It was encrypted with another secret, for another purpose, too long ago, or was changed."""


@sensitive_variables("text")
def encrypt(text: str, *, purpose: str) -> str:
    """Return the text encrypted, as ASCII; each time differently."""
    return _cipher(purpose).encrypt(text.encode()).decode()


def decrypt(token: str, *, purpose: str, max_age_s: int | None = None) -> str:
    """Return what was encrypted for this purpose, not longer ago than that. Raises Undecryptable."""
    cipher = _cipher(purpose)
    try:
        return cipher.decrypt(token, ttl=max_age_s).decode()
    except (InvalidToken, ValueError) as error:  # the second for characters beyond ASCII
        raise Undecryptable(purpose) from error


def encrypt_again(token: str, *, purpose: str) -> str:
    """Encrypt with the first secret what any of them has encrypted. Raises Undecryptable."""
    return encrypt(decrypt(token, purpose=purpose), purpose=purpose)


def _cipher(purpose: str) -> MultiFernet:
    secrets = settings.ENCRYPTION_SECRETS or [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]
    return _cipher_of(tuple(secrets), purpose)


@lru_cache(maxsize=32)
def _cipher_of(secrets: tuple[str, ...], purpose: str) -> MultiFernet:
    return MultiFernet([Fernet(base64.urlsafe_b64encode(_derive(each, purpose))) for each in secrets])


def _derive(secret: str, purpose: str) -> bytes:
    info = f"passerelle encryption {purpose}".encode()
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=info).derive(secret.encode())
