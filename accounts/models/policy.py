"""What the people of a group may have."""

from decimal import Decimal
from typing import ClassVar

from django.contrib.auth.models import Group
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models.lookups import IsNull
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

MAX_LIFETIME_DAYS = 3660  # ten years; more is a typing error
NO_MODELS = ("all-proxy-models", "all-team-models", "no-default-models")  # LiteLLM's words in lists of models


class BudgetPeriod(models.TextChoices):
    """After how long the gateway sets a budget back, in its own notation."""

    DAY = "1d", _("a day")
    WEEK = "7d", _("a week")
    MONTH = "30d", _("a month")

    @property
    def days(self) -> int:
        """The length by which budgets are compared."""
        return int(self.value.removesuffix("d"))


def validate_model_names(value: object) -> None:
    """Accept a list of names, each once."""
    if not isinstance(value, list) or not all(isinstance(name, str) and name.strip() == name != "" for name in value):
        raise ValidationError(_("Give a list of model names."), code="not_names")
    if len(set(value)) != len(value):
        raise ValidationError(_("A model is named twice."), code="twice")
    for name in value:
        if "*" in name:
            words = _("“%(name)s” is a pattern, which lists of models cannot follow. Write the names, one a line.")
            raise ValidationError(words, code="pattern", params={"name": name})
        if name in NO_MODELS:
            words = _("“%(name)s” is not a model: the gateway takes it as an instruction. Write the names, one a line.")
            raise ValidationError(words, code="instruction", params={"name": name})


class Policy(models.Model):
    """What the people of a group may have; the defaults here are what a person without a group gets."""

    group = models.OneToOneField(
        Group,
        verbose_name=_("group"),
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        help_text=_("Empty: the default policy, for people who are in no group that has a policy."),
    )
    temporary_lifetime_days = models.PositiveSmallIntegerField(
        _("lifetime of temporary keys, days"),
        default=30,
        validators=[MinValueValidator(1), MaxValueValidator(MAX_LIFETIME_DAYS)],
        help_text=_("A temporary key ends after so many days, and can be renewed for as many."),
    )
    personal_keys = models.BooleanField(
        _("may have personal keys"), default=False, help_text=_("If not, they make temporary keys only.")
    )
    personal_lifetime_days = models.PositiveSmallIntegerField(
        _("lifetime of personal keys, days"),
        default=365,
        validators=[MinValueValidator(1), MaxValueValidator(MAX_LIFETIME_DAYS)],
        help_text=_("Counts only for those who may have personal keys."),
    )
    max_live_keys = models.PositiveSmallIntegerField(
        _("live keys at once"), null=True, blank=True, default=1, help_text=_("Empty: as many as they like.")
    )
    person_budget_usd = models.DecimalField(
        _("budget of a person, USD"),
        max_digits=10,
        decimal_places=2,
        null=True,
        blank=True,
        default=Decimal(5),
        validators=[MinValueValidator(Decimal("0.01"))],
        help_text=_(
            "What a person may spend in one period with all keys together, deleted ones and the Playground included; "
            "then all of them pause. Empty: no limit, and whoever replaces a deleted key has its whole budget again."
        ),
    )
    person_budget_period = models.CharField(
        _("period of a person’s budget"),
        max_length=3,
        choices=BudgetPeriod.choices,
        default=BudgetPeriod.MONTH,
        help_text=_("A monthly budget is whole again on the first of the month (UTC)."),
    )
    budget_usd = models.DecimalField(
        _("budget of each key, USD"),
        max_digits=10,
        decimal_places=2,
        null=True,
        blank=True,
        default=Decimal(5),
        validators=[MinValueValidator(Decimal("0.01"))],
        help_text=_("What a key may spend in one period; then it pauses. Empty: no limit."),
    )
    budget_period = models.CharField(
        _("period of the budget"),
        max_length=3,
        choices=BudgetPeriod.choices,
        default=BudgetPeriod.MONTH,
        help_text=_("A monthly budget is whole again on the first of the month (UTC), whenever the key was made."),
    )
    rpm_limit = models.PositiveIntegerField(
        _("requests a minute"),
        null=True,
        blank=True,
        default=60,
        validators=[MinValueValidator(1)],
        help_text=_("With each key. Empty: no limit."),
    )
    tpm_limit = models.PositiveIntegerField(
        _("tokens a minute"),
        null=True,
        blank=True,
        default=100_000,
        validators=[MinValueValidator(1)],
        help_text=_("With each key, read and written together. Empty: no limit."),
    )
    all_models = models.BooleanField(
        _("all models"), default=True, help_text=_("Those that come to the gateway later included.")
    )
    model_names = models.JSONField(
        _("models"),
        default=list,
        blank=True,
        validators=[validate_model_names],
        help_text=_("Public names as the gateway lists them. Counts only without “all models”."),
    )
    grace_hours = models.PositiveSmallIntegerField(
        _("grace of a rotation, hours"),
        default=24,
        validators=[MaxValueValidator(24 * 30)],
        help_text=_("So long the old secret works beside the new one."),
    )
    may_name_interns = models.BooleanField(
        _("may name interns"),
        default=False,
        help_text=_("May make temporary keys for interns, whom they answer for."),
    )
    playground = models.BooleanField(
        _("may use the Playground"),
        default=True,
        help_text=_("Each person has one Playground key, made by the portal and not counted among their keys."),
    )
    playground_budget_usd = models.DecimalField(
        _("budget of the Playground key, USD"),
        max_digits=10,
        decimal_places=2,
        null=True,
        blank=True,
        default=Decimal(2),
        validators=[MinValueValidator(Decimal("0.01"))],
        help_text=_("What a person may spend there in one period; then the Playground pauses. Empty: no limit."),
    )
    playground_budget_period = models.CharField(
        _("period of that budget"), max_length=3, choices=BudgetPeriod.choices, default=BudgetPeriod.MONTH
    )
    playground_own_models = models.BooleanField(
        _("models of its own"),
        default=False,
        help_text=_("If not, the Playground has the models of the person’s keys."),
    )
    playground_model_names = models.JSONField(
        _("models of the Playground"),
        default=list,
        blank=True,
        validators=[validate_model_names],
        help_text=_("Public names as the gateway lists them. Counts only with “models of its own”."),
    )

    class Meta:
        verbose_name = _("policy")
        verbose_name_plural = _("policies")
        constraints: ClassVar = [
            models.UniqueConstraint(
                IsNull(models.F("group"), True),
                condition=models.Q(group__isnull=True),
                name="accounts_one_default_policy",
                violation_error_message=_("There is a default policy already: choose a group."),
            ),
        ]

    def __str__(self) -> str:
        return self.group.name if self.group else gettext("Default policy")

    def clean(self) -> None:
        """Refuse an empty list of models: to the gateway it would mean all of them."""
        if not self.all_models and not self.model_names:
            raise ValidationError({"model_names": _("Name at least one model, or tick “all models”.")})
        if self.playground_own_models and not self.playground_model_names:
            words = _("Name at least one model, or leave the Playground those of the keys.")
            raise ValidationError({"playground_model_names": words})
