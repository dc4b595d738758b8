"""Facts as last reported by the gateway: by token, model and UTC day.

A fact refers to the gateway's token (`TokenRef`), never to a key or a person: only the TokenRef has its owner, so
that a later attribution changes one row.
"""

from datetime import date
from decimal import Decimal
from typing import ClassVar, Final

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

from accounts.models import COST_CENTRE_LENGTH
from keys.models import Key
from web.money import UsdField

TOKEN_LENGTH: Final = 200
MODEL_LENGTH: Final = 200
KIND_LENGTH: Final = 10  # of Key.kind; "" is a token without a key
COLOURS: Final = 12  # static/css/tokens.css has so many for models


class UsedModel(models.Model):
    """A model by its public name, as the gateway bills it; "" stands for failures before the model was known."""

    name = models.CharField(max_length=MODEL_LENGTH, unique=True)
    provider = models.CharField(max_length=80, blank=True, help_text="From the gateway's list of models.")
    colour = models.PositiveSmallIntegerField(default=0, help_text="On every page: 1 to COLOURS, given once.")

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(colour__lte=COLOURS), name="usage_colour_known"),
        ]

    def __str__(self) -> str:
        return self.name


class CostCentre(models.Model):
    """A code under which usage was ever counted: facts keep it when a person, a group or a course gets another."""

    code = models.CharField(max_length=COST_CENTRE_LENGTH, unique=True)

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return self.code


class TokenRef(models.Model):
    """A token as the gateway names it in its activity: mostly a key's hash, sometimes a hash of that, or a word.

    A token of a key that was handed over has a row for each owner: the facts of a day belong to its owner at that time,
    and on the day of the handover to both (usage.services.owners).
    """

    token = models.CharField(max_length=TOKEN_LENGTH)
    until = models.DateTimeField(null=True, help_text="When its key was handed over; empty: the owner has it now.")
    alias = models.CharField(max_length=TOKEN_LENGTH, blank=True, help_text="The gateway's name of it, last reported.")
    gateway_user_id = models.CharField(max_length=TOKEN_LENGTH, blank=True, help_text="As the gateway reports it.")
    key = models.ForeignKey(Key, models.PROTECT, null=True, related_name="token_refs")
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.PROTECT,
        null=True,
        related_name="token_refs",
        help_text="The key's owner, else whom the gateway names; empty: unattributed.",
    )
    counted_owner = models.BigIntegerField(default=0, help_text="Under whom the rollups have it; 0: nobody.")
    counted_kind = models.CharField(max_length=KIND_LENGTH, blank=True, help_text="As which kind of key.")

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["token"], condition=Q(until=None), name="usage_token_has_one_owner"),
            models.UniqueConstraint(fields=["token", "until"], name="usage_token_one_owner_at_a_time"),
        ]

    def __str__(self) -> str:
        return self.alias or self.token[:12]


class Measures(models.Model):
    """The measures; sums of these are exact."""

    spend_usd = UsdField(default=Decimal(0))
    prompt_tokens = models.BigIntegerField(default=0)
    completion_tokens = models.BigIntegerField(default=0)
    cache_read_tokens = models.BigIntegerField(default=0)
    cache_creation_tokens = models.BigIntegerField(default=0)
    ok_requests = models.BigIntegerField(default=0)
    failed_requests = models.BigIntegerField(default=0)
    response_ms = models.BigIntegerField(default=0, help_text="Summed over the successful requests.")

    class Meta:
        abstract = True


MEASURES: Final = (
    "spend_usd",
    "prompt_tokens",
    "completion_tokens",
    "cache_read_tokens",
    "cache_creation_tokens",
    "ok_requests",
    "failed_requests",
    "response_ms",
)


class Fact(Measures):
    """What one token used of one model on one UTC day."""

    day = models.DateField()
    token_ref = models.ForeignKey(TokenRef, models.PROTECT, related_name="facts", db_index=False)
    model = models.ForeignKey(UsedModel, models.PROTECT, related_name="facts", db_index=False)
    cost_centre_number = models.BigIntegerField(
        default=0, help_text="The id of the cost centre that held on this day; 0: none."
    )

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["day", "token_ref", "model"], name="usage_fact_is_one_row"),
        ]
        indexes: ClassVar = [
            models.Index(fields=["token_ref", "day"], name="usage_facts_of_token"),  # a person's pages and exports
            models.Index(fields=["model", "day"], name="usage_facts_of_model"),  # a model by person or key
            models.Index(  # the people or keys of a cost centre; most facts may have none
                fields=["cost_centre_number", "day"],
                name="usage_facts_of_cost_centre",
                condition=Q(cost_centre_number__gt=0),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.day} {self.token_ref_id} {self.model_id}"


def utc_today() -> date:
    """Return the gateway's present day."""
    return timezone.now().date()
