"""OpenID Connect with the institution: the checks of who signs in, and what is taken from the claims.

Claims are written by somebody else. Only those named here are kept, as the type and length that the database takes.
"""

import logging
import unicodedata
from collections.abc import Mapping
from typing import Any, Final, TypeGuard

from allauth.socialaccount import app_settings
from allauth.socialaccount.models import SocialApp, SocialLogin, SocialToken
from allauth.socialaccount.providers.oauth2.client import OAuth2Error
from allauth.socialaccount.providers.oauth2.views import OAuth2CallbackView
from allauth.socialaccount.providers.openid_connect.views import OpenIDConnectOAuth2Adapter
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils.crypto import constant_time_compare

logger = logging.getLogger(__name__)
NAMES: Final = {"preferred_username": 150, "name": 300, "given_name": 150, "family_name": 150}  # claim: characters
MAX_GROUP_LENGTH: Final = 150  # characters, as Django's groups have
NO_TEXT: Final = ("Cc", "Cs")  # Unicode categories: control characters, of which PostgreSQL refuses NUL, and surrogates


class InstitutionClient(OpenIDConnectOAuth2Adapter):  # type: ignore[misc]  # allauth has no types
    """The conversation with the institution about one sign-in."""

    nonce = ""  # what the ID token has to repeat

    def complete_login(self, request: HttpRequest, app: SocialApp, token: SocialToken, **kwargs: Any) -> SocialLogin:
        """Return who signs in.

        Raises OAuth2Error for an identity that is not meant for this sign-in, LookupError or ValueError for an answer
        that makes no sense.
        """
        identity = self._decode_id_token(app, kwargs["response"]["id_token"])
        if not constant_time_compare(str(identity.get("nonce", "")), self.nonce):
            raise OAuth2Error("The ID token does not repeat the nonce.")
        userinfo = self._fetch_user_info(token.token)
        if not isinstance(userinfo, dict) or userinfo.get("sub") != identity.get("sub"):
            raise OAuth2Error("Userinfo is about somebody else than the ID token.")
        claims = usable_claims(identity, userinfo)
        return self.get_provider().sociallogin_from_response(request, {"userinfo": claims})


class InstitutionCallback(OAuth2CallbackView):  # type: ignore[misc]  # allauth has no types
    """Where the institution sends people back to."""

    def _get_state(self, request: HttpRequest, provider: Any) -> tuple[dict[str, Any] | None, HttpResponse | None]:
        """Hand the nonce of this sign-in on to the client."""
        state, response = super()._get_state(request, provider)
        if state:
            self.adapter.nonce = state["nonce"]
        return state, response


def usable_claims(identity: Mapping[str, Any], userinfo: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is taken from the ID token and, where both have it, from userinfo.

    Raises ValueError when they name nobody. An address is verified by the same of the two that gives it. There is no
    "groups" when the institution says that there are too many to name (Entra ID, over 200).
    """
    subject = identity.get("sub")
    if not _is_text(subject, app_settings.UID_MAX_LENGTH):
        raise ValueError("The institution names nobody.")
    both = {**identity, **userinfo}
    claims: dict[str, Any] = {"sub": subject}
    for name, length in NAMES.items():
        if isinstance(both.get(name), str):
            claims[name] = "".join(sign for sign in both[name] if _is_text(sign, 1)).strip()[:length]
    source = userinfo if "email" in userinfo else identity
    if _is_text(source.get("email"), 254):
        claims["email"] = source["email"]
        claims["email_verified"] = source.get("email_verified") is True or source.get("email_verified") == "true"
    groups = _groups_in(both)
    elsewhere = both.get("_claim_names")
    if groups is None and (both.get("hasgroups") or (isinstance(elsewhere, dict) and "groups" in elsewhere)):
        logger.warning(
            "the institution names no groups, because there are too many: a person's groups stay as they are"
        )
        return claims
    names = [name for name in (groups if isinstance(groups, list) else [groups]) if _is_text(name)]
    claims["groups"] = [name.removeprefix("/") for name in names]  # Keycloak's begin with a slash
    return claims


def _groups_in(claims: Mapping[str, Any]) -> Any:
    """Return the claim of groups; its name may be a way through several, as Keycloak's realm_access.roles is."""
    path = settings.OIDC_GROUPS_CLAIM
    found: Any = claims
    for name in [path] if path in claims else path.split("."):
        found = found.get(name) if isinstance(found, Mapping) else None
    return found


def _is_text(value: object, length: int = MAX_GROUP_LENGTH) -> TypeGuard[str]:
    """Return whether it is a text of 1 to `length` characters without any that are no text."""
    if not isinstance(value, str) or not 0 < len(value) <= length:
        return False
    return all(unicodedata.category(sign) not in NO_TEXT for sign in value)
