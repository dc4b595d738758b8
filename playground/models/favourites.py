"""Models that a person chose to have first."""

from typing import ClassVar

from django.conf import settings
from django.db import models


class FavouriteModel(models.Model):
    """A model, by its name at the gateway, that is listed first for this person."""

    person = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+", db_index=False)
    name = models.CharField(max_length=200)

    class Meta:
        default_permissions = ()
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["person", "name"], name="playground_favourite_once"),
        ]

    def __str__(self) -> str:
        return self.name
