"""Sums of facts, and whose they were when they were summed. services/rollups.py keeps them."""

from typing import ClassVar, Final

from django.conf import settings
from django.db import models

from usage.models.facts import KIND_LENGTH, Measures, TokenRef, UsedModel

ALL_MODELS: Final = 0  # in place of the id of a model
ALL_CENTRES: Final = -2  # of a cost centre; -1 stands for unknown ones in filters


class DayModel(Measures):
    """The facts of a UTC day by model and kind of key: everybody's pages."""

    day = models.DateField()
    model = models.ForeignKey(UsedModel, models.PROTECT, related_name="days")
    kind = models.CharField(max_length=KIND_LENGTH, blank=True, help_text="Empty: of tokens without a key.")

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["day", "model", "kind"], name="usage_day_model_is_one_row")
        ]

    def __str__(self) -> str:
        return f"{self.day} {self.model_id} {self.kind}"


class DayGroup(Measures):
    """The facts of a UTC day by group of their owners, model and kind of key; somebody in two groups counts in both."""

    day = models.DateField()
    group_number = models.BigIntegerField(help_text="The id of a group, which may be deleted; 0: owners in none.")
    model = models.ForeignKey(UsedModel, models.PROTECT, related_name="+")
    kind = models.CharField(max_length=KIND_LENGTH, blank=True, help_text="Empty: of tokens without a key.")

    class Meta:
        default_permissions = ()
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["day", "group_number", "model", "kind"], name="usage_day_group_is_one_row")
        ]

    def __str__(self) -> str:
        return f"{self.day} {self.group_number} {self.model_id} {self.kind}"


class DayCostCentre(Measures):
    """The facts of a UTC day by cost centre, model and kind of key (ADR 42)."""

    day = models.DateField()
    cost_centre_number = models.BigIntegerField(help_text="The id of a cost centre; 0: none.")
    model = models.ForeignKey(UsedModel, models.PROTECT, related_name="+")
    kind = models.CharField(max_length=KIND_LENGTH, blank=True, help_text="Empty: of tokens without a key.")

    class Meta:
        default_permissions = ()
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["day", "cost_centre_number", "model", "kind"], name="usage_day_cost_centre_is_one_row"
            )
        ]

    def __str__(self) -> str:
        return f"{self.day} {self.cost_centre_number} {self.model_id} {self.kind}"


class DayPerson(Measures):
    """The facts of a UTC day by owner and cost centre: people in the order of their spend."""

    day = models.DateField()
    person_number = models.BigIntegerField(help_text="The id of the owner; 0: unattributed.")
    cost_centre_number = models.BigIntegerField(default=0, help_text="The id of a cost centre; 0: none.")

    class Meta:
        default_permissions = ()
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["day", "person_number", "cost_centre_number"], name="usage_day_person_is_one_row"
            )
        ]

    def __str__(self) -> str:
        return f"{self.day} {self.person_number}"


class DaySet(models.Model):
    """The people and the tokens with facts on a UTC day, as bits (usage.bitsets): their unions count.

    There is a row for each model, each cost centre, each pair of them, and one for the whole day.
    """

    day = models.DateField()
    model_number = models.BigIntegerField(help_text="The id of a model; 0: all models.")
    cost_centre_number = models.BigIntegerField(help_text="The id of a cost centre; 0: none; -2: all.")
    people = models.BinaryField(help_text="The ids of the owners, as bits.")
    tokens = models.BinaryField(help_text="The ids of the tokens, as bits.")

    class Meta:
        default_permissions = ()
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["day", "cost_centre_number", "model_number"], name="usage_day_set_is_one_row"
            )
        ]

    def __str__(self) -> str:
        return f"{self.day} {self.model_number} {self.cost_centre_number}"


class DayToken(Measures):
    """The facts of a UTC day by token; the last day of a token is its last use."""

    day = models.DateField()
    token_ref = models.ForeignKey(TokenRef, models.PROTECT, related_name="days", db_index=False)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["token_ref", "day"], name="usage_day_token_is_one_row")
        ]
        indexes: ClassVar = [models.Index(fields=["day", "token_ref"], name="usage_tokens_of_day")]  # everybody's pages

    def __str__(self) -> str:
        return f"{self.day} {self.token_ref_id}"


class WeekToken(Measures):
    """The facts of a week by token: to rank people and keys over a month without its 30 days."""

    week = models.DateField(help_text="Its Monday, UTC.")
    token_ref = models.ForeignKey(TokenRef, models.PROTECT, related_name="+", db_index=False)

    class Meta:
        default_permissions = ()
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["week", "token_ref"], name="usage_week_token_is_one_row")
        ]
        indexes: ClassVar = [models.Index(fields=["token_ref", "week"], name="usage_weeks_of_token")]

    def __str__(self) -> str:
        return f"{self.week} {self.token_ref_id}"


class ModelGrowth(models.Model):
    """By how much the facts of today grew in an interval (web.intervals), by model: the calls of the last hour."""

    at = models.DateTimeField(help_text="The beginning of the interval in which a poll read them.")
    model = models.ForeignKey(UsedModel, models.PROTECT, related_name="+")
    ok_requests = models.BigIntegerField(default=0)
    failed_requests = models.BigIntegerField(default=0)
    response_ms = models.BigIntegerField(default=0, help_text="Summed over the successful requests.")

    class Meta:
        default_permissions = ()
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["at", "model"], name="usage_model_growth_is_one_row"),
        ]

    def __str__(self) -> str:
        return f"{self.at} {self.model_id}"


class CountedMember(models.Model):
    """Somebody in a group, as the rollups have counted them; the next poll counts anew what differs."""

    person = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+")
    group_number = models.BigIntegerField(help_text="The id of a group.")

    class Meta:
        default_permissions = ()
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["person", "group_number"], name="usage_member_counted_once")
        ]

    def __str__(self) -> str:
        return f"{self.person_id} {self.group_number}"
