"""Teams at the gateway whose keys share a budget, an end and their models: those of courses (ADR 34)."""

import uuid
from datetime import timedelta
from typing import ClassVar, Self

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from keys.models.names import ALIAS_PREFIX
from web.money import UsdField


class TeamQuerySet(models.QuerySet["Team"]):
    """Queries of teams."""

    def existing(self) -> Self:
        """Keep those that are, or will be, at the gateway."""
        return self.exclude(state=Team.State.DELETED)

    def look_again(self, team: "Team") -> None:
        """Have a team checked before its next key, and by the next run: it may be missing at the gateway."""
        self.filter(pk=team.pk, state=Team.State.WRITTEN).update(state=Team.State.UNDER_WAY, checked_at=None)


class Team(models.Model):
    """A team and the limits of its keys, as the portal wants them; `state` says whether the gateway has the team so.

    A person's own budget is another team, see PersonBudget. Budgets have no period: they are for the whole time.
    """

    SHORTEST: ClassVar = timedelta(seconds=5)  # of the rest of a key's lifetime

    class State(models.TextChoices):
        """Final: written, deleted. In progress: to be written, or written again."""

        UNDER_WAY = "under_way", _("Being set")
        WRITTEN = "written", _("Set")
        DELETED = "deleted", _("Deleted")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    budget_usd = UsdField(max_digits=10, decimal_places=4, help_text="Of all its keys together.")
    key_budget_usd = UsdField(max_digits=10, decimal_places=4, help_text="Of each key.")
    playground_budget_usd = UsdField(
        max_digits=10, decimal_places=4, null=True, help_text="Of each person in the Playground; empty: not there."
    )
    rpm_limit = models.PositiveIntegerField(null=True, help_text="Of each key.")
    tpm_limit = models.PositiveIntegerField(null=True, help_text="Of each key.")
    model_names = models.JSONField(null=True, help_text="What its keys may call; empty: all.")
    ends_at = models.DateTimeField(help_text="No key of it works longer.")
    frozen_at = models.DateTimeField(null=True, help_text="Its keys are to be blocked.")
    ended_at = models.DateTimeField(null=True, help_text="Its keys are to be deleted, then the team.")
    state = models.CharField(max_length=10, choices=State, default=State.UNDER_WAY)
    revision = models.PositiveIntegerField(
        default=0, help_text="Of the values above: the gateway may have an older one."
    )
    checked_at = models.DateTimeField(null=True, help_text="When it was last compared; empty: to be looked at soon.")
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    objects = TeamQuerySet.as_manager()

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(state__in=("under_way", "written", "deleted")), name="keys_team_state_known"
            ),
            models.CheckConstraint(
                condition=Q(budget_usd__gt=0, key_budget_usd__gt=0)
                & (Q(playground_budget_usd=None) | Q(playground_budget_usd__gt=0)),
                name="keys_team_budgets_positive",
            ),
        ]
        indexes: ClassVar = [models.Index(fields=["checked_at"], name="keys_teams_by_check")]

    def __str__(self) -> str:
        return self.gateway_id

    @property
    def gateway_id(self) -> str:
        """The id and the alias of the team at the gateway."""
        return f"{ALIAS_PREFIX}team-{self.pk.hex}"

    @property
    def is_over(self) -> bool:
        """Whether it has ended, or its end has passed."""
        return self.ended_at is not None or self.ends_at <= timezone.now() + self.SHORTEST
