"""The secrets of Playground keys: derived when they are needed, so that none is stored."""

import base64
import hashlib
import hmac

from django.conf import settings

from gateway.secret import Secret
from keys.models import Token


def derived_secret(token: Token) -> Secret:
    """Return the secret of a token of a Playground key, whose key and owner are loaded.

    It depends on the alias: each token has a new one, so each secret is new to the gateway.
    """
    message = f"playground key {token.key.owner.gateway_user_id} {token.alias}".encode()
    digest = hmac.digest(settings.PLAYGROUND_KEY_SECRET.encode(), message, hashlib.sha256)
    return Secret("sk-" + base64.urlsafe_b64encode(digest).decode().rstrip("="))
