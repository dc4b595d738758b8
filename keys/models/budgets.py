"""Budgets of people, as kept by their teams at the gateway."""

from datetime import date
from decimal import Decimal
from typing import ClassVar, Self

from django.conf import settings
from django.db import models
from django.db.models import Exists, OuterRef, Q
from django.utils.translation import gettext_lazy as _

from accounts.models import BudgetPeriod, User
from keys.models.keys import Key
from web.money import UsdField


class PersonBudgetQuerySet(models.QuerySet["PersonBudget"]):
    """Queries of people's budgets."""

    def look_again(self, owner: User) -> None:
        """Have a person's team checked before the next key is created, and by the next sweep: it may be missing."""
        self.filter(owner=owner, budget_usd__isnull=False).update(state=PersonBudget.State.UNDER_WAY, checked_at=None)

    def to_forget(self) -> Self:
        """Keep those of anonymised people without keys, who need no team any more."""
        keys = Key.objects.filter(owner=OuterRef("owner"), state__in=Key.LIVE_STATES)
        return self.filter(~Exists(keys), owner__anonymised_at__isnull=False)


class PersonBudget(models.Model):
    """What a person may spend with all keys together, as last written to their own team at the gateway.

    The team counts the spend of all its keys, also those that are deleted later (ADR 10).
    """

    class State(models.TextChoices):
        """Final: written, without_teams (the gateway has none). In progress: to be written, or written again."""

        UNDER_WAY = "under_way", _("Being set")
        WRITTEN = "written", _("Set")
        WITHOUT_TEAMS = "no_teams", _("Not kept by the gateway")

    owner = models.OneToOneField(settings.AUTH_USER_MODEL, models.PROTECT, related_name="person_budget")
    budget_usd = UsdField(max_digits=10, decimal_places=4, null=True, help_text="Empty: no limit.")
    budget_period = models.CharField(max_length=10, blank=True, help_text="As LiteLLM spells it: 1d, 7d, 30d.")
    state = models.CharField(max_length=10, choices=State, default=State.UNDER_WAY)
    checked_at = models.DateTimeField(null=True, help_text="When it was last compared; empty: to be looked at soon.")
    uncounted_usd = UsdField(
        default=Decimal(0),
        help_text="Spent in this period and not counted by the team; negative: counted by it, and not of this period.",
    )
    uncounted_until = models.DateField(null=True, help_text="The UTC day on which the next period begins.")
    recount_at = models.DateTimeField(
        null=True,
        help_text="When `uncounted_usd` is computed again; empty: two counts in a row agreed, or none was needed.",
    )

    LEAST_USD: ClassVar = Decimal("0.000001")  # of a team's budget: none would mean no limit

    objects = PersonBudgetQuerySet.as_manager()

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(state__in=("under_way", "written", "no_teams")), name="keys_person_budget_state_known"
            ),
            models.CheckConstraint(
                condition=Q(budget_usd=None) | Q(budget_usd__gt=0), name="keys_person_budget_positive"
            ),
            models.CheckConstraint(
                condition=Q(budget_usd=None, budget_period="")
                | Q(budget_usd__isnull=False, budget_period__in=BudgetPeriod.values),
                name="keys_person_budget_has_a_period",
            ),
            models.CheckConstraint(
                condition=Q(uncounted_usd=0) | Q(uncounted_until__isnull=False, budget_usd__isnull=False),
                name="keys_uncounted_spend_has_an_end",
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["checked_at"], name="keys_budgets_by_check")
        ]  # services.person_budget

    def __str__(self) -> str:
        return f"{self.budget_usd} {self.budget_period}"

    @property
    def team_budget_usd(self) -> Decimal | None:
        """The team's budget, set so that it refuses when the person's is used up."""
        return None if self.budget_usd is None else max(self.LEAST_USD, self.budget_usd - self.uncounted_usd)

    def is_over(self, today: date) -> bool:
        """Tell whether the period with uncounted spend has ended, so that the team gets the whole budget."""
        return self.uncounted_until is not None and self.uncounted_until <= today
