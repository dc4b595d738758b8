"""The provider of allauth for every kind of sign-in but OpenID Connect; allauth finds it by the name of this module."""

from typing import Any

from allauth.account.models import EmailAddress
from allauth.socialaccount.providers.base import Provider
from allauth.socialaccount.providers.openid_connect.provider import OpenIDConnectProviderAccount


class MappedProvider(Provider):
    """One whose answers are read by accounts.claims, which names them as OpenID Connect does."""

    id = "mapped"
    name = "Institution"
    account_class = OpenIDConnectProviderAccount

    def extract_uid(self, data: dict[str, Any]) -> str:
        """Return the identifier of the person."""
        return str(data["userinfo"]["sub"])

    def extract_common_fields(self, data: dict[str, Any]) -> dict[str, Any]:
        """Return what a new account begins with."""
        claims = data["userinfo"]
        return {
            "email": claims.get("email"),
            "username": claims.get("preferred_username"),
            "name": claims.get("name"),
            "first_name": claims.get("given_name"),
            "last_name": claims.get("family_name"),
        }

    def extract_email_addresses(self, data: dict[str, Any]) -> list[EmailAddress]:
        """Return the address, if there is one."""
        claims = data["userinfo"]
        if "email" not in claims:
            return []
        return [EmailAddress(email=claims["email"], verified=claims["email_verified"], primary=True)]


provider_classes = [MappedProvider]
