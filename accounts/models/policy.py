"""Policies: what the members of a group may have, with one rule for each kind of key (ADR 19)."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, ClassVar, Final

from django.contrib.auth.models import Group
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models, transaction
from django.db.models import Q
from django.db.models.lookups import IsNull
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from web.money import UsdField

MAX_LIFETIME_DAYS: Final = 3660  # ten years; more is a typing error
BUDGET: Final[dict[str, Any]] = {  # options of a budget field: up to 999,999.99 USD
    "max_digits": 8,
    "decimal_places": 2,
    "null": True,
    "blank": True,
    "validators": [MinValueValidator(Decimal("0.01"))],
}
NO_MODELS: Final = ("all-proxy-models", "all-team-models", "no-default-models")  # LiteLLM's names for special lists


EARLIEST_END: Final = datetime(2000, 1, 1, tzinfo=UTC)
LATEST_END: Final = datetime(2101, 1, 1, tzinfo=UTC)


class BudgetPeriod(models.TextChoices):
    """The period after which the gateway resets a budget, in its own notation."""

    DAY = "1d", _("a day")
    WEEK = "7d", _("a week")
    MONTH = "30d", _("a month")

    @property
    def days(self) -> int:
        """The length by which budgets are compared."""
        return int(self.value.removesuffix("d"))


class KeyKind(models.TextChoices):
    """The kinds of key that a policy has a rule for, in the order of the editor."""

    TEMPORARY = "temporary", _("Temporary keys")
    PERSONAL = "personal", _("Personal keys")
    PLAYGROUND = "playground", _("The Playground’s key")
    COURSE = "course", _("Courses")


DEFAULTS: Final[dict[str, dict[str, Any]]] = {  # where a new rule differs from the fields' defaults
    KeyKind.TEMPORARY: {},
    KeyKind.PERSONAL: {"allowed": False, "lifetime_days": 365},
    KeyKind.PLAYGROUND: {"budget_usd": Decimal(2)},
    KeyKind.COURSE: {"allowed": False, "max_keys": 60, "lifetime_days": 200, "budget_usd": Decimal(2)},
}


def validate_end(moment: datetime) -> None:
    """Refuse times near the limits of datetime, which other time zones and additions overflow."""
    if not EARLIEST_END <= moment < LATEST_END:
        raise ValidationError(_("Choose a time between the years 2000 and 2100."), code="not_this_century")


def validate_model_names(value: object) -> None:
    """Accept a list of names, each once."""
    if not isinstance(value, list) or not all(isinstance(name, str) and name.strip() == name != "" for name in value):
        raise ValidationError(_("Enter a list of model names."), code="not_names")
    if len(set(value)) != len(value):
        raise ValidationError(_("A model is listed twice."), code="twice")
    for name in value:
        if "*" in name:
            words = _("“%(name)s” is a pattern; patterns are not supported here. Enter model names, one per line.")
            raise ValidationError(words, code="pattern", params={"name": name})
        if name in NO_MODELS:
            words = _(
                "“%(name)s” is not a model: it has a special meaning for the gateway. Enter model names, one per line."
            )
            raise ValidationError(words, code="instruction", params={"name": name})


class PolicyQuerySet(models.QuerySet["Policy"]):
    """Queries of policies."""

    def create_with_rules(self, *, rules: dict[str, dict[str, Any]] | None = None, **fields: Any) -> "Policy":
        """Create a policy with a rule for each kind of key; values that `rules` lacks are those of a new policy."""
        with transaction.atomic():
            policy = self.create(**fields)
            for rule in new_rules(policy):
                for name, value in (rules or {}).get(rule.kind, {}).items():
                    setattr(rule, name, value)
                rule.save(force_insert=True)
        return policy


class Policy(models.Model):
    """What the members of a group may have; people without a group get the default policy."""

    group = models.OneToOneField(
        Group,
        verbose_name=_("group"),
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        help_text=_("Empty: the default policy, for people who are in no group that has a policy."),
    )
    max_live_keys = models.PositiveSmallIntegerField(
        _("live keys at once"),
        null=True,
        blank=True,
        default=1,
        help_text=_("Temporary and personal keys together. Empty: no limit."),
    )
    person_budget_usd = UsdField(
        verbose_name=_("budget per person, USD"),
        default=Decimal(5),
        help_text=_(
            "What a person may spend per period with all their keys, deleted keys and the Playground included; "
            "then all keys pause. Empty: no limit, and replacing a deleted key gives a full budget again."
        ),
        **BUDGET,
    )
    person_budget_period = models.CharField(
        _("period of the budget per person"),
        max_length=3,
        choices=BudgetPeriod.choices,
        default=BudgetPeriod.MONTH,
        help_text=_("A monthly budget resets on the first of the month (UTC)."),
    )
    course_budget_usd = UsdField(
        verbose_name=_("budget of a course in all, USD"),
        default=Decimal(100),
        help_text=_("What the students of a course may spend together, over its whole time. Empty: no limit."),
        **BUDGET,
    )
    grace_hours = models.PositiveSmallIntegerField(
        _("grace period after replacing a secret, hours"),
        default=24,
        validators=[MaxValueValidator(24 * 30)],
        help_text=_("How long the old secret keeps working along with the new one."),
    )
    group_budget_usd = UsdField(
        verbose_name=_("monthly budget of the group, USD"),
        help_text=_(
            "What all members may spend together in a month (UTC), with all their keys. Somebody in several groups "
            "counts in each. Empty: no budget of the group."
        ),
        **BUDGET,
    )
    group_warn_percent = models.PositiveSmallIntegerField(
        _("warning at, percent"),
        default=80,
        validators=[MinValueValidator(1), MaxValueValidator(99)],
        help_text=_("People who can change policies are warned once a month, and again when all of it is spent."),
    )
    group_budget_stops = models.BooleanField(
        _("stop keys when it is used up"),
        default=False,
        help_text=_(
            "The keys of all members, until the month ends or the budget is raised; those of courses and those made "
            "outside of the portal go on, though what they spend counts. If not, the budget only warns."
        ),
    )
    at_once_usd = UsdField(
        verbose_name=_("more budget without asking, USD"),
        help_text=_(
            "How much more a person gets at once when they ask for it, without a decision, in each period of their "
            "budget and until it ends. Needs a budget per person. Empty: somebody decides each request."
        ),
        **BUDGET,
    )
    on_request = models.JSONField(
        _("models on request"),
        default=list,
        blank=True,
        validators=[validate_model_names],
        help_text=_(
            "The Models page shows them with a link to ask for them, and people can ask for no other model. "
            "If none is ticked, they can ask for each model that they lack."
        ),
    )
    may_name_interns = models.BooleanField(
        _("may create keys for interns"),
        default=False,
        help_text=_("May create temporary keys for interns, and is responsible for them."),
    )

    objects = PolicyQuerySet.as_manager()

    class Meta:
        verbose_name = _("policy")
        verbose_name_plural = _("policies")
        permissions: ClassVar = [  # of the portal's own pages (ADR 28); Django's admin has permissions of its own
            ("manage_policies", _("Can manage groups and their policies")),
        ]
        constraints: ClassVar = [
            models.UniqueConstraint(
                IsNull(models.F("group"), True),
                condition=Q(group__isnull=True),
                name="accounts_one_default_policy",
                violation_error_message=_("There is already a default policy: choose a group."),
            ),
            models.CheckConstraint(
                condition=Q(person_budget_usd=None) | Q(person_budget_usd__gt=0), name="accounts_person_budget_positive"
            ),
            models.CheckConstraint(
                condition=Q(course_budget_usd=None) | Q(course_budget_usd__gt=0), name="accounts_course_budget_positive"
            ),
            models.CheckConstraint(
                condition=Q(person_budget_period__in=BudgetPeriod.values), name="accounts_person_budget_period_known"
            ),
            models.CheckConstraint(condition=Q(grace_hours__lte=24 * 30), name="accounts_grace_bounded"),
            models.CheckConstraint(
                condition=Q(group_budget_usd=None) | Q(group_budget_usd__gt=0, group__isnull=False),
                name="accounts_group_budget_is_of_a_group",
                violation_error_message=_("The default policy is of no group: choose one for a budget of a group."),
            ),
            models.CheckConstraint(
                condition=Q(group_warn_percent__gte=1, group_warn_percent__lte=99), name="accounts_group_warning"
            ),
            models.CheckConstraint(
                condition=Q(at_once_usd=None) | Q(at_once_usd__gt=0), name="accounts_at_once_positive"
            ),
            models.CheckConstraint(
                condition=Q(at_once_usd=None) | Q(person_budget_usd__isnull=False),
                name="accounts_at_once_needs_a_budget",
                violation_error_message=_("More budget without asking needs a budget per person."),
            ),
        ]

    def __str__(self) -> str:
        return self.group.name if self.group else gettext("Default policy")


class KeyRule(models.Model):
    """A policy's rule for one kind of key. A policy has one of each kind, also of kinds that it does not allow."""

    policy = models.ForeignKey(Policy, models.CASCADE, related_name="rules")
    kind = models.CharField(max_length=10, choices=KeyKind, editable=False)
    allowed = models.BooleanField(
        _("allowed"), default=True, help_text=_("If not, these settings apply only to keys that already exist.")
    )
    max_keys = models.PositiveSmallIntegerField(
        _("keys of this kind at once"),
        null=True,
        blank=True,
        validators=[MinValueValidator(1)],
        help_text=_("Empty: as many as “live keys at once” allows."),
    )
    lifetime_days = models.PositiveSmallIntegerField(
        _("lifetime, days"),
        default=30,
        validators=[MinValueValidator(1), MaxValueValidator(MAX_LIFETIME_DAYS)],
        help_text=_("A key expires after this many days. A renewal lasts as long."),
    )
    ends_at = models.DateTimeField(
        _("end date of all keys of this kind"),
        null=True,
        blank=True,
        validators=[validate_end],
        help_text=_("No key of this kind works after this time, renewed or not. Empty: only the lifetime applies."),
    )
    budget_usd = UsdField(
        verbose_name=_("budget of each key, USD"),
        default=Decimal(5),
        help_text=_("What a key may spend per period; then it pauses. Empty: no limit."),
        **BUDGET,
    )
    budget_period = models.CharField(
        _("period of the budget"),
        max_length=3,
        choices=BudgetPeriod.choices,
        default=BudgetPeriod.MONTH,
        help_text=_("A monthly budget resets on the first of the month (UTC), whenever the key was created."),
    )
    rpm_limit = models.PositiveIntegerField(
        _("requests per minute"),
        null=True,
        blank=True,
        default=60,
        validators=[MinValueValidator(1)],
        help_text=_("For each key. Empty: no limit."),
    )
    tpm_limit = models.PositiveIntegerField(
        _("tokens per minute"),
        null=True,
        blank=True,
        default=100_000,
        validators=[MinValueValidator(1)],
        help_text=_("For each key, input and output together. Empty: no limit."),
    )
    all_models = models.BooleanField(
        _("all models"), default=True, help_text=_("Including models added to the gateway later.")
    )
    model_names = models.JSONField(
        _("models"),
        default=list,
        blank=True,
        validators=[validate_model_names],
        help_text=_("Public names, as the gateway lists them. Ignored when “all models” is ticked."),
    )

    class Meta:
        verbose_name = _("rule")
        verbose_name_plural = _("rules by kind of key")
        default_permissions = ()  # those of its policy apply
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["policy", "kind"], name="accounts_one_rule_of_a_kind"),
            models.CheckConstraint(condition=Q(kind__in=KeyKind.values), name="accounts_rule_kind_known"),
            models.CheckConstraint(  # each person can have a key of at least one kind, and one for an intern
                condition=~Q(kind=KeyKind.TEMPORARY) | Q(allowed=True), name="accounts_temporary_keys_allowed"
            ),
            models.CheckConstraint(condition=Q(max_keys=None) | Q(max_keys__gte=1), name="accounts_rule_number"),
            models.CheckConstraint(
                condition=Q(lifetime_days__gte=1, lifetime_days__lte=MAX_LIFETIME_DAYS), name="accounts_rule_lifetime"
            ),
            models.CheckConstraint(
                condition=Q(budget_usd=None) | Q(budget_usd__gt=0), name="accounts_rule_budget_positive"
            ),
            models.CheckConstraint(
                condition=Q(budget_period__in=BudgetPeriod.values), name="accounts_rule_budget_period_known"
            ),
            models.CheckConstraint(condition=Q(rpm_limit=None) | Q(rpm_limit__gte=1), name="accounts_rule_requests"),
            models.CheckConstraint(condition=Q(tpm_limit=None) | Q(tpm_limit__gte=1), name="accounts_rule_tokens"),
            models.CheckConstraint(  # to the gateway an empty list means all of them
                condition=Q(all_models=True) | ~Q(model_names=[]), name="accounts_rule_names_a_model"
            ),
        ]

    def __str__(self) -> str:
        return str(KeyKind(self.kind).label)

    def clean(self) -> None:
        """Refuse an empty list of models: to the gateway it would mean all of them."""
        if not self.all_models and not self.model_names:
            raise ValidationError({"model_names": _("List at least one model, or tick “all models”.")})


def new_rules(policy: Policy) -> list[KeyRule]:
    """Return the unsaved rules of a new policy."""
    return [KeyRule(policy=policy, kind=kind, **DEFAULTS[kind]) for kind in KeyKind.values]
