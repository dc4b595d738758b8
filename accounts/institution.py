"""OpenID Connect with the institution: verifies the identity of a sign-in."""

from typing import Any, Final

import jwt
from allauth.socialaccount.adapter import get_adapter
from allauth.socialaccount.models import SocialApp, SocialLogin, SocialToken
from allauth.socialaccount.providers.oauth2.client import OAuth2Error
from allauth.socialaccount.providers.oauth2.views import OAuth2CallbackView
from allauth.socialaccount.providers.openid_connect.views import OpenIDConnectOAuth2Adapter
from django.http import HttpRequest, HttpResponse
from django.utils.crypto import constant_time_compare
from jwt.types import Options

from accounts.claims import read_claims
from accounts.external import login_of, provider_of

SIGNATURES: Final = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
CLOCKS_APART_S: Final = 60


class UnsupportedAnswer(ValueError):
    """The institution answers in a form that is allowed, but that the portal does not read. Its text is for admins."""


class InstitutionClient(OpenIDConnectOAuth2Adapter):
    """The exchange with the institution about one sign-in."""

    nonce = ""  # the nonce that the ID token must repeat

    def complete_login(self, request: HttpRequest, app: SocialApp, token: SocialToken, **kwargs: Any) -> SocialLogin:
        """Return the person who signs in.

        Raises OAuth2Error for an identity that is not meant for this sign-in, LookupError or ValueError for an
        invalid answer.
        """
        encoded = kwargs["response"]["id_token"]
        _refuse_encrypted(encoded, "the ID token")
        identity = self._decode_id_token(app, encoded)
        if not constant_time_compare(str(identity.get("nonce", "")), self.nonce):
            raise OAuth2Error("The ID token does not repeat the nonce.")
        userinfo = self._userinfo(app, token.token) if "userinfo_endpoint" in self.openid_config else identity
        if not isinstance(userinfo, dict) or userinfo.get("sub") != identity.get("sub"):
            raise OAuth2Error("Userinfo is about somebody else than the ID token.")
        rules = provider_of(self.provider_id)
        claims = read_claims(rules, identity.get("sub"), userinfo, identity)
        login = login_of(request, self.get_provider(), claims, [*userinfo, *identity])
        login.auth_time = identity.get("auth_time")  # when the institution asked the person, where it says so
        return login

    def _userinfo(self, app: SocialApp, access_token: str) -> Any:
        """Return the institution's claims about the person: JSON, or a JWT that it has signed."""
        with get_adapter().get_requests_session() as session:
            response = session.get(self.profile_url, headers={"Authorization": f"Bearer {access_token}"})
            response.raise_for_status()
            media_type = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
            if media_type != "application/jwt":
                return response.json()
            keys = session.get(self.openid_config["jwks_uri"])
            keys.raise_for_status()
        return self._verified_userinfo(app, response.text.strip(), keys.json())

    def _verified_userinfo(self, app: SocialApp, encoded: str, keys: dict[str, Any]) -> dict[str, Any]:
        """Return the claims of signed userinfo; issuer and audience are checked where given (Core 5.3.2)."""
        _refuse_encrypted(encoded, "userinfo")
        try:
            header = jwt.get_unverified_header(encoded)
            if header["alg"] not in SIGNATURES:
                raise UnsupportedAnswer(f"userinfo is signed by {header['alg']}; choose RS256 for this client")
            key = next(key for key in jwt.PyJWKSet.from_dict(keys).keys if header.get("kid") in (None, key.key_id))
            unchecked: Options = {"verify_aud": False, "verify_iss": False}
            claims = jwt.decode(encoded, key, [header["alg"]], options=unchecked, leeway=CLOCKS_APART_S)
        except (jwt.PyJWTError, StopIteration) as error:
            raise OAuth2Error("The signature of userinfo is not the institution's.") from error
        audience = claims.get("aud", app.client_id)
        if claims.get("iss", self.openid_config["issuer"]) != self.openid_config["issuer"] or (
            app.client_id not in (audience if isinstance(audience, list) else [audience])
        ):
            raise OAuth2Error("Userinfo is from or for somebody else.")
        return claims


def _refuse_encrypted(token: str, what: str) -> None:
    """Refuse a token of five parts, which is encrypted: the portal has no key to read it."""
    if token.count(".") == 4:
        raise UnsupportedAnswer(f"{what} is encrypted; switch encryption off for this client at the institution")


class InstitutionCallback(OAuth2CallbackView):
    """The URL to which the institution sends people back."""

    def _get_state(self, request: HttpRequest, provider: Any) -> tuple[dict[str, Any] | None, HttpResponse | None]:
        """Pass the nonce of this sign-in on to the client."""
        state, response = super()._get_state(request, provider)
        if state:
            self.adapter.nonce = state["nonce"]
        return state, response
