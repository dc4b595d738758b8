"""The public keys with which GitHub signs its reports of leaked secrets: fetched when needed, and cached."""

import base64
import binascii
import json
import logging
from typing import Final

import requests
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from django.conf import settings
from django.core.cache import cache

logger = logging.getLogger(__name__)

KEPT_S: Final = 3600  # a key that GitHub withdraws counts no longer
FETCHED_EVERY_S: Final = 60  # at most, whatever identifiers strangers make up
TIMEOUT_S: Final = (3, 5)  # to connect, to read
MAX_BYTES: Final = 64 * 1024
_KEYS: Final = "leak-reports:keys"
_FETCHED: Final = "leak-reports:fetched"


class KeysUnavailable(Exception):
    """The public keys cannot be had now, so no signature can be checked."""


def is_signed_by_github(body: bytes, *, identifier: str, signature: str) -> bool:
    """Tell whether GitHub signed this body with one of its present keys. Raises KeysUnavailable."""
    pem = _key_called(identifier)
    if pem is None:
        return False
    try:
        key = load_pem_public_key(pem.encode())
        if isinstance(key, ec.EllipticCurvePublicKey):
            key.verify(base64.b64decode(signature, validate=True), body, ec.ECDSA(hashes.SHA256()))
            return True
    except (InvalidSignature, UnsupportedAlgorithm, binascii.Error, ValueError, TypeError):
        pass
    return False


def _key_called(identifier: str) -> str | None:
    """Return the key of this identifier in PEM; an unknown one may be new, so the keys are fetched once more."""
    address = settings.LEAK_REPORTS_GITHUB_KEYS_URL
    name = f"{_KEYS}:{address}"
    known: dict[str, str] | None = cache.get(name)
    if (known is None or identifier not in known) and cache.add(f"{_FETCHED}:{address}", 1, FETCHED_EVERY_S):
        try:
            known = _fetch(address)
        except (requests.RequestException, ValueError) as error:
            logger.warning("leak reports: the public keys were not fetched, %s", type(error).__name__)
        else:
            cache.set(name, known, KEPT_S)
    if known is None:
        raise KeysUnavailable
    return known.get(identifier)


def _fetch(address: str) -> dict[str, str]:
    """Return the keys by identifier. Raises RequestException, or ValueError for what is no list of keys."""
    with requests.get(address, timeout=TIMEOUT_S, allow_redirects=False, stream=True) as answer:
        answer.raise_for_status()
        body = next(answer.iter_content(MAX_BYTES + 1), b"")
    if answer.status_code != requests.codes.ok or len(body) > MAX_BYTES:
        raise ValueError("no list of keys")
    try:
        return {str(row["key_identifier"]): str(row["key"]) for row in json.loads(body)["public_keys"]}
    except (KeyError, TypeError, RecursionError) as error:
        raise ValueError("no list of keys") from error
