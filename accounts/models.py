"""People, what their groups may have, and the trail of what was done. Knows nothing of how keys are made."""

import uuid
from decimal import Decimal
from typing import ClassVar, Self

from django.contrib.auth.models import AbstractUser, Group
from django.contrib.auth.models import UserManager as DjangoUserManager
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models.functions import Lower
from django.db.models.lookups import IsNull
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

MAX_LIFETIME_DAYS = 3660  # ten years; more is a typing error
MAX_LABEL_LENGTH = 100
ADMINS = "Admins"  # the name of the group whose people answer for the portal; superusers count as its members


def new_gateway_user_id() -> str:
    """Return a name for a person at the gateway that nobody else can have or guess."""
    return f"passerelle-{uuid.uuid4().hex}"


class UserManager(DjangoUserManager["User"]):
    """Keeps e-mail addresses in lower case, as allauth looks them up."""

    use_in_migrations = False

    @classmethod
    def normalize_email(cls, email: str | None) -> str:
        """Return the address as it is kept; "" for none."""
        return (email or "").strip().lower()


class User(AbstractUser):
    """Somebody who may sign in. Deactivated when they leave, not deleted: the audit trail names them."""

    gateway_user_id = models.CharField(
        _("user id at the gateway"),
        max_length=64,
        unique=True,
        editable=False,
        default=new_gateway_user_id,
        help_text=_("Under this name the gateway keeps the person's keys and spend."),
    )
    institution_groups = models.ManyToManyField(
        Group,
        verbose_name=_("groups given by the institution"),
        related_name="+",
        blank=True,
        editable=False,
        help_text=_("Those of the groups that the last sign-in with the institution gave, and the next one may take."),
    )

    language = models.CharField(
        _("language"),
        max_length=10,
        blank=True,
        editable=False,
        help_text=_("That of the last sign-in, for mails. Empty: the portal’s."),
    )

    objects: ClassVar[UserManager] = UserManager()

    class Meta(AbstractUser.Meta):
        constraints: ClassVar = [
            models.UniqueConstraint(
                Lower("username"),
                name="accounts_username_unique",
                violation_error_message=_("Somebody else has this user name."),
            ),
            models.UniqueConstraint(
                Lower("email"),
                condition=~models.Q(email=""),
                name="accounts_email_unique",
                violation_error_message=_("Somebody else has this e-mail address."),
            ),
        ]

    @property
    def display_name(self) -> str:
        """The person's name, or the user name of who gave none."""
        return self.get_full_name() or self.username


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


class AuditAction(models.TextChoices):
    """What was done to a key."""

    ISSUE = "issue", _("Creation")
    RENEW = "renew", _("Renewal")
    ROTATE = "rotate", _("Rotation")
    END_OLD = "end_old", _("End of the old secret")
    DELETE = "delete", _("Deletion")
    RELABEL = "relabel", _("Change of label")
    LIMIT = "limit", _("Change of limits")
    SYNC = "sync", _("Change taken over from the gateway")
    SWEEP = "sweep", _("Repair")


class AuditOutcome(models.TextChoices):
    """How it ended."""

    DONE = "done", _("done")
    REFUSED = "refused", _("refused")
    FAILED = "failed", _("failed")
    UNKNOWN = "unknown", _("outcome unknown")
    HEALED = "healed", _("healed")


DONE_WORDS = {
    AuditAction.ISSUE: _("Created"),
    AuditAction.RENEW: _("Renewed"),
    AuditAction.ROTATE: _("Rotated"),
    AuditAction.END_OLD: _("Old secret ended"),
    AuditAction.DELETE: _("Deleted"),
    AuditAction.RELABEL: _("Label changed"),
    AuditAction.LIMIT: _("Limits brought to the policy"),
    AuditAction.SYNC: _("Taken over from the gateway"),
    AuditAction.SWEEP: _("Repaired"),
}


class AuditEntryQuerySet(models.QuerySet["AuditEntry"]):
    """The trail, newest first."""

    def of_key(self, key_id: uuid.UUID) -> Self:
        """Return what was done to the key, over all its tokens, newest first."""
        return self.filter(key_id=key_id).select_related("repeats").order_by("-at", "-id")

    def of_owner(self, user: User) -> Self:
        """Return what was done to the person's keys by anybody, newest first."""
        return self.filter(owner=user).select_related("repeats").order_by("-at", "-id")


class AuditEntry(models.Model):
    """One act on a key. Written once: the database refuses to change it, PostgreSQL also to delete it."""

    at = models.DateTimeField(_("when"), default=timezone.now, editable=False)
    actor = models.ForeignKey(
        User, verbose_name=_("by"), on_delete=models.PROTECT, null=True, related_name="+", editable=False
    )
    actor_name = models.CharField(_("by, as named then"), max_length=310, blank=True, editable=False)
    owner = models.ForeignKey(
        User,
        verbose_name=_("owner of the key"),
        on_delete=models.PROTECT,
        related_name="audit_entries",
        db_index=False,
        editable=False,
    )
    on_behalf_of = models.CharField(_("for"), max_length=200, blank=True, editable=False)
    action = models.CharField(_("action"), max_length=10, choices=AuditAction, editable=False)
    outcome = models.CharField(_("outcome"), max_length=10, choices=AuditOutcome, editable=False)
    key_id = models.UUIDField(_("key"), editable=False)
    label = models.CharField(_("label"), max_length=MAX_LABEL_LENGTH, blank=True, editable=False)
    address = models.GenericIPAddressField(_("from"), null=True, editable=False)
    detail = models.TextField(_("detail"), blank=True, editable=False)

    objects = AuditEntryQuerySet.as_manager()

    class Meta:
        verbose_name = _("audit entry")
        verbose_name_plural = _("audit trail")
        default_permissions = ("view",)
        indexes: ClassVar = [
            models.Index(fields=["key_id", "-at", "-id"], name="accounts_audit_of_key"),  # of_key
            models.Index(fields=["owner", "-at", "-id"], name="accounts_audit_of_owner"),  # of_owner
            models.Index(fields=["-at", "-id"], name="accounts_audit_newest"),  # the admin's list
        ]

    def __str__(self) -> str:
        return self.sentence

    @property
    def sentence(self) -> str:
        """What happened, for people: "Created by Staff B for Intern A from 10.0.0.1"."""
        if self.outcome == AuditOutcome.DONE:
            return self._what_by_whom(str(DONE_WORDS[AuditAction(self.action)]))
        words = {
            "told": self._what_by_whom(self.get_action_display()),
            "outcome": self.get_outcome_display(),
            "times": self.repeat.count if self.repeat else 1,
        }
        if words["times"] == 1:
            return gettext("%(told)s: %(outcome)s") % words
        return gettext("%(told)s: %(outcome)s, %(times)d times within the hour") % words

    @property
    def repeat(self) -> "AuditRepeat | None":
        """How often this was repeated within its hour; None where it happened once."""
        return getattr(self, "repeats", None)  # the relation raises an AttributeError where there is none

    @property
    def remark(self) -> str:
        """The detail in the reader's language, where it is a sentence of ours; other words stay as they were said."""
        return gettext(self.detail) if self.detail else ""

    def _what_by_whom(self, what: str) -> str:
        """Return `what` with the names that are known, as one sentence that a translation may reorder."""
        words = {
            "what": what,
            "who": self.actor_name or gettext("the portal"),
            "whom": self.on_behalf_of,
            "where": self.address,
        }
        if self.on_behalf_of and self.address:
            return gettext("%(what)s by %(who)s for %(whom)s from %(where)s") % words
        if self.on_behalf_of:
            return gettext("%(what)s by %(who)s for %(whom)s") % words
        if self.address:
            return gettext("%(what)s by %(who)s from %(where)s") % words
        return gettext("%(what)s by %(who)s") % words


class AuditRepeat(models.Model):
    """How often the same refusal or failure came within one hour (UTC): counted here, written in the trail once.

    The entry in the trail is the first of them. The same: of one actor, owner, action, outcome and code.
    """

    entry = models.OneToOneField(AuditEntry, models.CASCADE, primary_key=True, related_name="repeats", editable=False)
    actor = models.ForeignKey(User, models.PROTECT, related_name="+", db_index=False, editable=False)
    owner = models.ForeignKey(User, models.PROTECT, related_name="+", db_index=False, editable=False)
    action = models.CharField(max_length=10, editable=False)
    outcome = models.CharField(max_length=10, editable=False)
    code = models.CharField(max_length=40, editable=False, help_text="Of the refusal, or the class of the error.")
    hour = models.DateTimeField(editable=False)
    count = models.PositiveIntegerField(default=1, editable=False)
    last_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(  # audit.record_repeatable
                fields=["actor", "owner", "action", "outcome", "code", "hour"], name="accounts_one_repeat_per_hour"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.count} × {self.code}"


class HourlyCount(models.Model):
    """How much a person has done of one kind of action in the hour (UTC) of their last: quotas.consume.

    A person has one row per action, which is used again in the next hour.
    """

    user = models.ForeignKey(User, models.CASCADE, related_name="+", db_index=False, editable=False)
    action = models.CharField(max_length=40, editable=False)
    hour = models.DateTimeField(editable=False)
    amount = models.PositiveBigIntegerField(editable=False, help_text="Actions, or bytes.")

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["user", "action"], name="accounts_one_count_per_action"),
        ]

    def __str__(self) -> str:
        return f"{self.action}: {self.amount}"
