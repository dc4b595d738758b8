"""The audit trail of changes to keys, policies and people, which nobody edits (ADR 20)."""

import uuid
from typing import ClassVar, Self

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.audit_words import words_of
from accounts.models.people import User

MAX_LABEL_LENGTH = 100


class AuditObject(models.TextChoices):
    """The kind of object. The object itself may be deleted."""

    KEY = "key", _("key")
    POLICY = "policy", _("policy")
    PERSON = "person", _("person")
    GROUP = "group", _("group")
    INTERN = "intern", _("intern")
    COURSE = "course", _("course")
    REQUEST = "request", _("request")
    ANNOUNCEMENT = "announcement", _("announcement")
    TERMS = "terms", _("terms of use")
    MODEL = "model", _("model")
    ACCESS_TOKEN = "access_token", _("access token")
    RATE = "rate", _("exchange rate")
    SCIM_CLIENT = "scim_client", _("SCIM client")
    LEAVING_CHECK = "leaving_check", _("check for leaving accounts")
    WEBHOOK = "webhook", "webhook"


class AuditAction(models.TextChoices):
    """The action."""

    ISSUE = "issue", _("Creation")
    RENEW = "renew", _("Renewal")
    ROTATE = "rotate", _("Replacement of the secret")
    LEAK = "leak", _("Replacement of a leaked secret")
    LEAK_REPORT = "leak_report", _("Report of a leaked secret")
    END_OLD = "end_old", _("End of the old secret")
    DELETE = "delete", _("Deletion")
    RELABEL = "relabel", _("Change of label")
    STAY = "stay", _("Change of the end of a stay")
    HAND_OVER = "hand_over", _("Handover to another supervisor")
    GIVE = "give", _("Change of owner")
    BLOCK = "block", _("Blocking")
    UNBLOCK = "unblock", _("Unblocking")
    PAUSE = "pause", _("Pausing")
    RESUME = "resume", _("Resumption")
    REMIND = "remind", _("Reminder")
    LIMIT = "limit", _("Change of limits")
    SYNC = "sync", _("Change taken over from the gateway")
    SWEEP = "sweep", _("Repair")
    CHANGE = "change", _("Change")
    INVITE = "invite", _("Invitation")
    WITHDRAW = "withdraw", _("Withdrawal of the invitation")
    ACTIVATE = "activate", _("Activation of the account")
    DEACTIVATE = "deactivate", _("Deactivation of the account")
    RESET_LINK = "reset_link", _("Link to choose a new password")
    SIGN_OUT = "sign_out", _("End of all sessions")
    LINK = "link", _("Link to the institution’s account")
    UNLINK = "unlink", _("Removal of the link to the institution’s account")
    LEAVING = "leaving", _("Entry in the list of leaving accounts")
    RETURN = "return", _("Removal from the list of leaving accounts")
    KEEP = "keep", _("Keeping of a leaving account")
    ANONYMISE = "anonymise", _("Anonymisation")
    APPROVE = "approve", _("Approval")
    REFUSE = "refuse", _("Refusal")
    TAKE_BACK = "take_back", _("Withdrawal of the request")
    PUBLISH = "publish", _("Publication")
    GRANT = "grant", _("Top-up")
    END_GRANT = "end_grant", _("End of a grant")
    REVOKE = "revoke", _("Revocation")
    END_SESSION = "end_session", _("End of a session")
    ADD_FACTOR = "add_factor", _("Addition of a second factor")
    REMOVE_FACTOR = "remove_factor", _("Removal of a second factor")
    RENEW_CODES = "renew_codes", _("Renewal of the recovery codes")
    RESET_FACTOR = "reset_factor", _("Reset of the second factor")


class AuditOutcome(models.TextChoices):
    """The outcome."""

    DONE = "done", _("done")
    REFUSED = "refused", _("refused")
    FAILED = "failed", _("failed")
    UNKNOWN = "unknown", _("not confirmed")
    REPAIRED = "repaired", _("repaired")


DONE_WORDS = {
    AuditAction.ISSUE: _("Created"),
    AuditAction.RENEW: _("Renewed"),
    AuditAction.ROTATE: _("Secret replaced"),
    AuditAction.LEAK: _("Leaked secret replaced, the old one ended"),
    AuditAction.LEAK_REPORT: _("Reported as leaked"),
    AuditAction.END_OLD: _("Old secret ended"),
    AuditAction.DELETE: _("Deleted"),
    AuditAction.RELABEL: _("Label changed"),
    AuditAction.STAY: _("End of the stay changed"),
    AuditAction.HAND_OVER: _("Handed over to another supervisor"),
    AuditAction.GIVE: _("Got an owner"),
    AuditAction.BLOCK: _("Blocked"),
    AuditAction.UNBLOCK: _("Unblocked"),
    AuditAction.PAUSE: _("Paused"),
    AuditAction.RESUME: _("Resumed"),
    AuditAction.REMIND: _("Owner reminded"),
    AuditAction.LIMIT: _("Limits adjusted"),
    AuditAction.SYNC: _("Taken over from the gateway"),
    AuditAction.SWEEP: _("Repaired"),
    AuditAction.CHANGE: _("Changed"),
    AuditAction.INVITE: _("Invited"),
    AuditAction.WITHDRAW: _("Invitation taken back"),
    AuditAction.ACTIVATE: _("Account activated"),
    AuditAction.DEACTIVATE: _("Account deactivated"),
    AuditAction.RESET_LINK: _("Link to choose a new password sent"),
    AuditAction.SIGN_OUT: _("Signed out everywhere"),
    AuditAction.LINK: _("Linked to the institution’s account"),
    AuditAction.UNLINK: _("Link to the institution’s account removed"),
    AuditAction.LEAVING: _("Put on the list of leaving accounts"),
    AuditAction.RETURN: _("Removed from the list of leaving accounts"),
    AuditAction.KEEP: _("Leaving account kept for a year"),
    AuditAction.ANONYMISE: _("Anonymised"),
    AuditAction.APPROVE: _("Approved"),
    AuditAction.REFUSE: _("Refused"),
    AuditAction.TAKE_BACK: _("Request withdrawn"),
    AuditAction.PUBLISH: _("Published"),
    AuditAction.GRANT: _("Topped up"),
    AuditAction.END_GRANT: _("Grant ended"),
    AuditAction.REVOKE: _("Revoked"),
    AuditAction.END_SESSION: _("Session ended"),
    AuditAction.ADD_FACTOR: _("Second factor added"),
    AuditAction.REMOVE_FACTOR: _("Second factor removed"),
    AuditAction.RENEW_CODES: _("Recovery codes renewed"),
    AuditAction.RESET_FACTOR: _("Second factor reset"),
}


class AuditEntryQuerySet(models.QuerySet["AuditEntry"]):
    """Queries of the trail, newest first."""

    def of_object(self, kind: str, object_id: object) -> Self:
        """Return the entries about an object (a key, over all its tokens), newest first."""
        return self._newest_first().filter(object_kind=kind, object_id=str(object_id))

    def of_key(self, key_id: uuid.UUID) -> Self:
        """Return the entries about the key, over all its tokens, newest first."""
        return self.of_object(AuditObject.KEY, key_id)

    def of_subject(self, user: User) -> Self:
        """Return the entries about the person, or about their objects, by any actor, newest first."""
        return self._newest_first().filter(subject=user)

    def _newest_first(self) -> Self:
        return self.select_related("repeats", "actor").order_by("-at", "-id")


class AuditEntry(models.Model):
    """One action. Written once: the database refuses changes of it, PostgreSQL deletion too.

    Personal names in it can be blanked, and nothing else (accounts.append_only).
    """

    at = models.DateTimeField(_("when"), default=timezone.now, editable=False)
    actor = models.ForeignKey(
        User, verbose_name=_("by"), on_delete=models.PROTECT, null=True, related_name="+", editable=False
    )
    actor_name = models.CharField(_("by (name at that time)"), max_length=310, blank=True, editable=False)
    subject = models.ForeignKey(
        User,
        verbose_name=_("person concerned"),
        on_delete=models.PROTECT,
        null=True,
        related_name="audit_entries",
        db_index=False,
        editable=False,
        help_text=_("The person themselves, or the owner of the key."),
    )
    on_behalf_of = models.CharField(_("for"), max_length=200, blank=True, editable=False)
    action = models.CharField(_("action"), max_length=20, choices=AuditAction, editable=False)
    outcome = models.CharField(_("outcome"), max_length=10, choices=AuditOutcome, editable=False)
    object_kind = models.CharField(_("kind"), max_length=20, choices=AuditObject, editable=False)
    object_id = models.CharField(
        _("number"), max_length=40, editable=False, help_text=_("Of the key, the policy and so on.")
    )
    label = models.CharField(_("label"), max_length=MAX_LABEL_LENGTH, blank=True, editable=False)
    address = models.GenericIPAddressField(_("from"), null=True, editable=False)
    code = models.CharField(_("code"), max_length=60, blank=True, editable=False)
    details = models.JSONField(_("values"), default=dict, editable=False)

    objects = AuditEntryQuerySet.as_manager()

    class Meta:
        verbose_name = _("audit entry")
        verbose_name_plural = _("audit trail")
        default_permissions = ("view",)
        indexes: ClassVar = [
            models.Index(fields=["object_kind", "object_id", "-at", "-id"], name="accounts_audit_of_object"),
            models.Index(fields=["subject", "-at", "-id"], name="accounts_audit_of_subject"),  # of_subject
            models.Index(fields=["-at", "-id"], name="accounts_audit_newest"),  # the admin's list
        ]

    def __str__(self) -> str:
        return self.sentence

    @property
    def sentence(self) -> str:
        """The entry as a sentence: "Created by Staff B for Intern A from 10.0.0.1"."""
        if self.outcome == AuditOutcome.DONE:
            return self._what_by_whom(str(DONE_WORDS[AuditAction(self.action)]))
        words = {
            "sentence": self._what_by_whom(self.get_action_display()),
            "outcome": self.get_outcome_display(),
            "times": self.repeat.count if self.repeat else 1,
        }
        if words["times"] == 1:
            return gettext("%(sentence)s: %(outcome)s") % words
        return gettext("%(sentence)s: %(outcome)s, %(times)d times within the hour") % words

    @property
    def object_name(self) -> str:
        """The object's name: its label at that time, or a person's present name."""
        if self.object_kind == AuditObject.PERSON:
            return self.subject.display_name if self.subject else ""
        if self.object_kind == AuditObject.POLICY and not self.label:
            return gettext("default policy")
        return self.label

    @property
    def repeat(self) -> "AuditRepeat | None":
        """How often this was repeated within its hour; None if it happened once."""
        return getattr(self, "repeats", None)  # the relation raises an AttributeError if there is none

    @property
    def remark(self) -> str:
        """Further details, in the reader's language; "" for none."""
        via = self.details.get("via")
        codes = [self.code, f"via.{via}" if via else ""]
        return " ".join(words_of(code, self.details) for code in codes if code)

    def _what_by_whom(self, what: str) -> str:
        """Return `what` with the known names, as one sentence whose order a translation may change."""
        words = {
            "what": what,
            "who": self.actor_name or (self.actor.display_name if self.actor else gettext("the portal")),
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

    The entry in the trail is the first of them. The same means: of one actor, owner, action, outcome and code.
    """

    entry = models.OneToOneField(AuditEntry, models.CASCADE, primary_key=True, related_name="repeats", editable=False)
    actor = models.ForeignKey(User, models.PROTECT, related_name="+", db_index=False, editable=False)
    owner = models.ForeignKey(User, models.PROTECT, related_name="+", db_index=False, editable=False)
    action = models.CharField(max_length=20, editable=False)
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
