"""The trail of what was done to keys, which nobody edits."""

import re
import uuid
from datetime import date, datetime
from typing import ClassVar, Self

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.models.people import User
from web.templatetags.portal import day, moment

MAX_LABEL_LENGTH = 100
# Details that are data, written in words for whoever reads them:
TAKEN_OVER = re.compile(r"expires: (never|\d{4}-\d\d-\d\dT\d\d:\d\d[+-]\d\d:\d\d); blocked: (yes|no)")
STAY_DAYS = re.compile(r"(–|\d{4}-\d\d-\d\d) → (–|\d{4}-\d\d-\d\d)")


class AuditAction(models.TextChoices):
    """What was done to a key."""

    ISSUE = "issue", _("Creation")
    RENEW = "renew", _("Renewal")
    ROTATE = "rotate", _("Replacement of the secret")
    LEAK = "leak", _("Replacement of a leaked secret")
    END_OLD = "end_old", _("End of the old secret")
    DELETE = "delete", _("Deletion")
    RELABEL = "relabel", _("Change of label")
    STAY = "stay", _("Change of the end of a stay")
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
    AuditAction.ROTATE: _("Secret replaced"),
    AuditAction.LEAK: _("Leaked secret replaced, the old one ended"),
    AuditAction.END_OLD: _("Old secret ended"),
    AuditAction.DELETE: _("Deleted"),
    AuditAction.RELABEL: _("Label changed"),
    AuditAction.STAY: _("End of the stay changed"),
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
        if taken := TAKEN_OVER.fullmatch(self.detail):
            return self._taken_over(*taken.groups())
        if days := STAY_DAYS.fullmatch(self.detail):
            before, after = (day(date.fromisoformat(text)) if text != "–" else "–" for text in days.groups())
            return gettext("before: %(before)s; now: %(after)s") % {"before": before, "after": after}
        return gettext(self.detail) if self.detail else ""

    def _taken_over(self, end: str, blocked: str) -> str:
        """Say in words what was taken over from the gateway: the end of a key, and whether it is blocked."""
        words = gettext("It never expires.")
        if end != "never":
            words = gettext("It expires on %(when)s.") % {"when": moment(datetime.fromisoformat(end))}
        return " ".join([words, gettext("It is blocked.")]) if blocked == "yes" else words

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
