"""What the metadata of SAML federations says: who can sign people in, and how current it is (accounts.saml_metadata).

A copy: it can be deleted, and is read again. Which federation is trusted is a setting.
"""

from typing import ClassVar, Self

from django.db import models
from django.db.models.functions import Now
from django.utils.translation import get_language


class SamlInstitutionQuerySet(models.QuerySet["SamlInstitution"]):
    """Queries of institutions."""

    def usable(self, provider_id: str) -> Self:
        """Keep those of a provider of the settings whose metadata has not expired."""
        valid = models.Q(valid_until=None) | models.Q(valid_until__gt=Now())
        return self.filter(valid, provider=provider_id)

    def listed(self) -> Self:
        """Keep those that want to be found, by name."""
        return self.filter(is_hidden=False).order_by("name", "entity_id").defer("descriptor", "search")

    def matching(self, words: list[str]) -> Self:
        """Keep those that have every word in a name, a keyword, a domain or the entity ID."""
        return self.filter(models.Q(*(models.Q(search__contains=word) for word in words)))


class SamlInstitution(models.Model):
    """An identity provider of a federation."""

    provider = models.CharField(max_length=40, editable=False, help_text="The id in IDENTITY_PROVIDERS.")
    entity_id = models.CharField(max_length=500, editable=False)
    name = models.CharField(max_length=200, editable=False, help_text="In English, or else in some language.")
    names = models.JSONField(default=dict, editable=False, help_text="By language.")
    search = models.TextField(editable=False, help_text="Names, keywords, domains; in lower case, without accents.")
    scopes = models.JSONField(default=list, editable=False, help_text="The domains that it speaks for.")
    is_hidden = models.BooleanField(default=False, editable=False, help_text="Wants not to be listed.")
    descriptor = models.TextField(editable=False, help_text="Its keys and addresses, as XML.")
    valid_until = models.DateTimeField(null=True, editable=False)

    objects = SamlInstitutionQuerySet.as_manager()

    class Meta:
        default_permissions = ()
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["provider", "entity_id"], name="accounts_saml_institution"),
        ]

    def __str__(self) -> str:
        return self.entity_id

    @property
    def title(self) -> str:
        """Its name in the language of the page."""
        return str(self.names.get((get_language() or "").partition("-")[0], self.name))


class SamlMetadata(models.Model):
    """How current the metadata of a provider is."""

    provider = models.CharField(primary_key=True, max_length=40, editable=False)
    version = models.CharField(max_length=200, editable=False, help_text="Of the file, or ETag; unchanged: not read.")
    source = models.CharField(max_length=64, editable=False, help_text="SHA-256 of the settings that were used.")
    loaded_at = models.DateTimeField(null=True, editable=False, help_text="Last time that it was valid.")
    tried_at = models.DateTimeField(null=True, editable=False)
    error = models.CharField(max_length=300, editable=False, help_text="Of the last try; empty: none.")
    count = models.PositiveIntegerField(default=0, editable=False, help_text="Of institutions.")

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return self.provider
