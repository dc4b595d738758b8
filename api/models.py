"""The answers to requests with an Idempotency-Key."""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.utils import timezone


class IdempotentRequest(models.Model):
    """A request that creates something, and its answer without the secret; `status` is None while it is made."""

    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, related_name="+", db_index=False, editable=False
    )
    key = models.CharField(max_length=255, editable=False)
    digest = models.CharField(max_length=64, editable=False, help_text="SHA-256 of method, path and body.")
    begun_at = models.DateTimeField(default=timezone.now, editable=False)
    status = models.PositiveSmallIntegerField(null=True, editable=False)
    answer = models.JSONField(null=True, editable=False)

    class Meta:
        default_permissions = ()
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["owner", "key"], name="api_one_answer_per_key"),
        ]
        indexes: ClassVar = [
            models.Index(fields=["begun_at"], name="api_answer_begun_at"),  # prune
        ]

    def __str__(self) -> str:
        return f"{self.owner_id} {self.key}"
