"""Requests for more than a policy gives, and grants with an end (ADR 26)."""

import uuid
from datetime import date
from decimal import Decimal
from typing import Any, ClassVar, Final, Self

from django.contrib.auth.models import Permission
from django.db import models
from django.db.models import Exists, F, OuterRef, Q, Value
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from accounts.models.people import User
from accounts.models.policy import KeyKind, Policy
from web.money import UsdField

MOST_USD: Final = Decimal(10_000)  # of one request or grant
LONGEST_NAME: Final = 200  # of a model
LONGEST_WORDS: Final = 200
AMOUNT: Final[dict[str, Any]] = {"max_digits": 7, "decimal_places": 2, "blank": True}


class Thing(models.TextChoices):
    """What can be requested and granted."""

    BUDGET = "budget", _("more budget")
    MODEL = "model", _("a model")
    KIND = "kind", _("a kind of key")
    COURSE = "course", _("a course")


def _shape() -> Q:
    """Return the constraint of requests and grants: an amount of a budget, the name of a model, a kind of key, or both.

    Of a course, the name is its id and its own name, and the amount its budget in all.
    """
    budget = Q(thing=Thing.BUDGET, name="", amount_usd__isnull=False, amount_usd__gt=0, amount_usd__lte=MOST_USD)
    model = Q(thing=Thing.MODEL, amount_usd=None) & ~Q(name="")
    kind = Q(thing=Thing.KIND, amount_usd=None, name__in=[KeyKind.PERSONAL.value, KeyKind.PLAYGROUND.value])
    course = Q(thing=Thing.COURSE, amount_usd__isnull=False, amount_usd__gt=0, amount_usd__lte=MOST_USD) & ~Q(name="")
    return budget | model | kind | course


class AccessRequestQuerySet(models.QuerySet["AccessRequest"]):
    """Queries of requests. A supervisor decides those of their interns; people with `decide_requests`, all."""

    def of(self, person: User) -> Self:
        """Keep the requests of this person."""
        return self.filter(person=person)

    def decidable_by(self, user: User) -> Self:
        """Keep those that this person can decide, never their own; decided ones too."""
        return self.exclude(person=user).filter(Q(person__in=interns_of(user).values("pk")) | _may_decide(user))

    def addressed_to(self, user: User) -> Self:
        """Keep open ones that wait for this person: of their interns, or, with the permission, of all others.

        Requests beyond a supervisor's limits are passed on to people with the permission.
        """
        of_interns = Q(person__in=interns_of(user).values("pk"), is_passed_on=False)
        of_others = ~Q(person__in=supervised_people().values("pk")) | Q(is_passed_on=True)
        mine = of_interns | (of_others & _may_decide(user))
        open_ones = self.filter(state=AccessRequest.State.OPEN, person__is_active=True)
        return open_ones.exclude(person=user).filter(mine)


def interns_of(user: User) -> models.QuerySet[User]:
    """Return the people whose requests this person decides as a supervisor."""
    return supervised_people(internships__supervisor=user)


def supervised_people(**supervisor: User) -> models.QuerySet[User]:
    """Return the people with a current stay and an active supervisor.

    People who may have interns are nobody's intern here: otherwise two people could decide for each other.
    """
    in_stay = Q(internships__stay_ends_on=None) | Q(
        internships__stay_ends_on__gte=timezone.localdate(timezone=timezone.get_default_timezone())
    )
    people = User.objects.filter(in_stay, internships__supervisor__is_active=True, is_superuser=False, **supervisor)
    of_groups = Policy.objects.filter(group__user=OuterRef("pk"))
    by_default = ~Exists(of_groups) & Exists(Policy.objects.filter(group=None, may_name_interns=True))
    return people.exclude(Exists(of_groups.filter(may_name_interns=True)) | by_default)


def _may_decide(user: User) -> Q:
    """Return whether a person has the permission, as part of a query: `has_perm` would cost two more."""
    if user.is_superuser:
        return Q(Value(value=True))
    theirs = Permission.objects.filter(Q(user=user) | Q(group__user=user), content_type__app_label="accounts")
    return Q(Exists(theirs.filter(codename="decide_requests")))


class AccessRequest(models.Model):
    """What a person requests, why, and the decision."""

    class State(models.TextChoices):
        """Open, or one of three final states."""

        OPEN = "open", pgettext_lazy("request", "open")
        APPROVED = "approved", pgettext_lazy("request", "approved")
        REFUSED = "refused", pgettext_lazy("request", "refused")
        WITHDRAWN = "withdrawn", pgettext_lazy("request", "withdrawn")

    DECIDED: ClassVar = (State.APPROVED, State.REFUSED)

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    person = models.ForeignKey(User, models.PROTECT, related_name="access_requests", verbose_name=_("person"))
    thing = models.CharField(_("what"), max_length=10, choices=Thing)
    name = models.CharField(
        _("model or kind of key"), max_length=LONGEST_NAME, blank=True, help_text="Empty for a budget."
    )
    amount_usd = UsdField(verbose_name=_("amount, USD"), null=True, **AMOUNT)
    details = models.JSONField(default=dict, blank=True, help_text="Of a course: how large it may be.")
    ends_on = models.DateField(_("until"), help_text="The last day (TIME_ZONE) on which it is wanted.")
    why = models.CharField(_("why"), max_length=LONGEST_WORDS, blank=True)
    state = models.CharField(max_length=10, choices=State, default=State.OPEN)
    is_passed_on = models.BooleanField(default=False, help_text="More than the supervisor may give: others decide.")
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    decided_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")
    decided_at = models.DateTimeField(null=True)
    reason = models.CharField(_("reason"), max_length=LONGEST_WORDS, blank=True)
    mail_claimed_at = models.DateTimeField(null=True, help_text="Since when a process sends the mail of the decision.")
    mailed_at = models.DateTimeField(null=True, help_text="When that mail was sent, or found to have nowhere to go.")

    objects = AccessRequestQuerySet.as_manager()

    class Meta:
        verbose_name = _("request")
        verbose_name_plural = _("requests")
        default_permissions = ()
        permissions: ClassVar = [("decide_requests", _("Can decide requests for more budget or models"))]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["person", "thing", "name"], condition=Q(state="open"), name="accounts_one_open_request"
            ),
            models.CheckConstraint(condition=_shape(), name="accounts_request_shape"),
            models.CheckConstraint(
                condition=Q(state__in=("open", "withdrawn"), decided_at=None, decided_by=None)
                | Q(state__in=("approved", "refused"), decided_at__isnull=False),
                name="accounts_request_decided",
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["created_at"], condition=Q(state="open"), name="accounts_requests_open"),
            models.Index(  # approvals.services.mails
                fields=["decided_at"],
                condition=Q(state__in=("approved", "refused"), mailed_at=None),
                name="accounts_requests_to_mail",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.thing} {self.name or self.amount_usd}"


class GrantQuerySet(models.QuerySet["Grant"]):
    """Queries of grants."""

    def running(self) -> Self:
        """Keep those in force now."""
        return self.filter(ends_at__gt=timezone.now())

    def at_once(self) -> Self:
        """Keep those that nobody decided: within what the policy grants at once."""
        return self.filter(request__isnull=False, request__decided_by=None)

    def unapplied(self) -> Self:
        """Keep those that the gateway does not have yet, or still has after their end."""
        return self.filter(Q(applied_at=None) | Q(ended_at=None, ends_at__lte=timezone.now()))


class Grant(models.Model):
    """What a person has beyond their policy until it ends, on a request or given by an administrator.

    `accounts.policies` counts it in.
    """

    person = models.ForeignKey(User, models.PROTECT, related_name="grants", verbose_name=_("person"))
    request = models.OneToOneField(AccessRequest, models.PROTECT, null=True, related_name="grant")
    given_by = models.ForeignKey(
        User, models.PROTECT, null=True, related_name="+", help_text="Who gave it without a request."
    )
    reason = models.CharField(_("reason"), max_length=LONGEST_WORDS, blank=True, help_text="Without a request.")
    form_id = models.UUIDField(null=True, unique=True, help_text="The form: a second click gives nothing more.")
    thing = models.CharField(_("what"), max_length=10, choices=Thing)
    name = models.CharField(_("model or kind of key"), max_length=LONGEST_NAME, blank=True)
    amount_usd = UsdField(
        verbose_name=_("amount, USD"), null=True, help_text="On top of the budget, each period.", **AMOUNT
    )
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    ends_at = models.DateTimeField(_("ends"))
    applied_at = models.DateTimeField(null=True, help_text="When the gateway had it; empty: not yet.")
    tried_at = models.DateTimeField(null=True, help_text="The last time that the gateway did not take it, or its end.")
    ended_at = models.DateTimeField(null=True, help_text="When the gateway no longer had it.")

    objects = GrantQuerySet.as_manager()

    class Meta:
        verbose_name = _("grant")
        verbose_name_plural = _("grants")
        default_permissions = ()
        constraints: ClassVar = [
            models.CheckConstraint(condition=_shape(), name="accounts_grant_shape"),
            models.CheckConstraint(condition=Q(ends_at__gt=F("created_at")), name="accounts_grant_ends_later"),
            models.CheckConstraint(condition=Q(request=None) ^ Q(given_by=None), name="accounts_grant_has_a_source"),
        ]
        indexes: ClassVar = [
            models.Index(fields=["person", "ends_at"], name="accounts_grants_of_person"),  # accounts.policies
            models.Index(  # unapplied
                fields=["ends_at"], condition=Q(applied_at=None) | Q(ended_at=None), name="accounts_grants_unapplied"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.thing} {self.name or self.amount_usd}"

    @property
    def ends_on(self) -> date:
        """The last day (TIME_ZONE) on which it is in force."""
        return timezone.localdate(self.ends_at, timezone.get_default_timezone())


class RequestDigest(models.Model):
    """When a decider last got the mail with all open requests: at most one a day."""

    person = models.OneToOneField(User, models.CASCADE, related_name="+")
    sent_at = models.DateTimeField(null=True)
    claimed_at = models.DateTimeField(null=True, help_text="Since when a process sends the next.")

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return str(self.sent_at)
