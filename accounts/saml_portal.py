"""How the portal is known to the SAML institutions of a provider."""

from dataclasses import dataclass

from django.urls import reverse

from accounts.identity_providers import Saml
from web.addresses import absolute


@dataclass(frozen=True, slots=True)
class Portal:
    """Its name there, and where answers and requests to sign out are sent."""

    entity_id: str
    answer_address: str
    logout_address: str


def portal_of(provider: Saml) -> Portal:
    """Return how the portal is known there; by default it is named by the address of its metadata."""
    return Portal(
        entity_id=provider.entity_id or absolute(reverse("saml_metadata", args=[provider.id])),
        answer_address=absolute(reverse("saml_answer", args=[provider.id])),
        logout_address=absolute(reverse("saml_logout", args=[provider.id])),
    )
