"""The secrets of Playground keys: derived when they are needed, so that none is stored."""

import base64
import hashlib
import hmac

from django.conf import settings

from gateway.secret import Secret, token_of
from keys.models import Key, Token


def chosen_secret(token: Token) -> Secret | None:
    """Return the secret that we choose for a new token, of a Playground key only; None: the gateway generates one."""
    return _derived(token, settings.PLAYGROUND_KEY_SECRET) if token.key.kind == Key.Kind.PLAYGROUND else None


def derived_secret(token: Token) -> Secret | None:
    """Return the secret of a token of a Playground key, whose key and owner are loaded, as the gateway knows it.

    None where neither PLAYGROUND_KEY_SECRET nor a former one makes it.
    """
    secrets = (_derived(token, each) for each in [settings.PLAYGROUND_KEY_SECRET, *former_secrets()])
    return next((secret for secret in secrets if token_of(secret) == token.token), None)


def is_outdated(token: Token) -> bool:
    """Tell whether a former PLAYGROUND_KEY_SECRET makes the token's secret."""
    return any(token_of(_derived(token, each)) == token.token for each in former_secrets())


def former_secrets() -> list[str]:
    """Return PLAYGROUND_KEY_SECRET_FALLBACKS, without the one in use."""
    return [each for each in settings.PLAYGROUND_KEY_SECRET_FALLBACKS if each != settings.PLAYGROUND_KEY_SECRET]


def _derived(token: Token, secret: str) -> Secret:
    """Derive it. It depends on the alias: each token has a new one, so each secret is new to the gateway."""
    message = f"playground key {token.key.owner.gateway_user_id} {token.alias}".encode()
    digest = hmac.digest(secret.encode(), message, hashlib.sha256)
    return Secret("sk-" + base64.urlsafe_b64encode(digest).decode().rstrip("="))
