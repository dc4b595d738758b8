"""Requests by the hour, which the gateway does not report: what its days grew by between two polls (ADR 34)."""

from typing import ClassVar

from django.db import models
from django.db.models import Q

from gateway.failure_log import FailureKind
from keys.models import Key


class KeyHour(models.Model):
    """What a key of a course used in an hour; all rows of a UTC day add up to its facts. Kept for eight weeks."""

    key = models.ForeignKey(Key, models.CASCADE, related_name="hours", db_index=False)
    hour = models.DateTimeField(help_text="Its start, a full hour in UTC.")
    is_late = models.BooleanField(
        default=False, help_text="Read too late to know the hour; it is then the last one of the day."
    )
    ok_requests = models.BigIntegerField(default=0)
    failed_requests = models.BigIntegerField(default=0)
    explained_requests = models.BigIntegerField(
        default=0, help_text="How many had failed when the reasons of this hour were last read."
    )

    class Meta:
        default_permissions = ()
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["key", "hour", "is_late"], name="usage_key_hour_is_one_row"),
            models.CheckConstraint(
                condition=Q(ok_requests__gte=0, failed_requests__gte=0), name="usage_key_hour_not_negative"
            ),
        ]
        indexes: ClassVar = [models.Index(fields=["hour", "key"], name="usage_keys_of_hour")]  # the poll's day

    def __str__(self) -> str:
        return f"{self.hour:%Y-%m-%d %H} {self.key_id}"


class HourFailure(models.Model):
    """How many calls of a key of a course failed in an hour for one reason, from the gateway's log (ADR 34)."""

    key = models.ForeignKey(Key, models.CASCADE, related_name="hour_failures", db_index=False)
    hour = models.DateTimeField(help_text="Its start, a full hour in UTC.")
    kind = models.CharField(max_length=10, choices=[(kind.value, kind.value) for kind in FailureKind])
    requests = models.PositiveIntegerField()
    is_partial = models.BooleanField(default=False, help_text="The log was longer than what is read of it.")

    class Meta:
        default_permissions = ()
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["key", "hour", "kind"], name="usage_hour_failure_is_one_row"),
            models.CheckConstraint(condition=Q(kind__in=tuple(map(str, FailureKind))), name="usage_failure_kind_known"),
        ]
        indexes: ClassVar = [models.Index(fields=["hour", "key"], name="usage_failures_of_hour")]  # as KeyHour

    def __str__(self) -> str:
        return f"{self.hour:%Y-%m-%d %H} {self.key_id}: {self.kind}"
