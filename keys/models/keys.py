"""Keys as rows: what exists at the gateway, for whom, and which operations are in progress. No secret in any form.

A `Key` is what a person sees; its id never changes. A `Token` is one key at the gateway: a key has one that
is live, and during the grace of a rotation also the one before. Gateway calls stand between two committed states
of a token, so the sweep (services/sweep.py) recognises interrupted operations by a token that is not in a final state.
"""

import uuid
from collections.abc import Iterable
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import ClassVar, Self

from django.conf import settings
from django.db import models
from django.db.models import ExpressionWrapper, F, Q, Value
from django.db.models.functions import Coalesce, Lower
from django.db.models.lookups import LessThanOrEqual
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from gateway import log_context
from keys.models.interns import Intern
from keys.models.names import new_alias
from keys.models.teams import Team
from web.money import UsdField


class KeyQuerySet(models.QuerySet["Key"]):
    """Queries of keys."""

    def owned_by(self, user: object) -> Self:
        """Keep the keys of `user`, those that they hand out for a course too."""
        return self.filter(owner=user)

    def used_by_owner(self, user: object) -> Self:
        """Keep the keys of `user` that they use themselves, or their interns; every view starts here."""
        return self.filter(owner=user, handed_out=False)

    def used_by(self, user: object) -> Self:
        """Keep the keys that supervisors keep for `user`, an intern with an account; with their owners."""
        return self.filter(intern__account=user, state=Key.State.ACTIVE).select_related("owner").order_by("created_at")

    def live(self) -> Self:
        """Keep ours that exist, or may exist, at the gateway."""
        return self.filter(state__in=Key.LIVE_STATES).exclude(kind=Key.Kind.EXTERNAL)

    def of_people(self) -> Self:
        """Keep those that follow the policies of their owners; the others have the limits of a team."""
        return self.filter(team=None)

    def counted(self) -> Self:
        """Keep those that count against a person's number of keys: those created for programs."""
        return self.filter(state__in=Key.LIVE_STATES, kind__in=Key.COUNTED_KINDS)

    def for_programs(self) -> Self:
        """Keep live ones whose secret a person has."""
        return self.filter(state__in=Key.LIVE_STATES, kind__in=Key.KINDS_FOR_PROGRAMS)

    def listed(self, now: datetime) -> Self:
        """Keep those on My keys: live ones, ones made outside, and for a day ended or failed ones."""
        recently = Q(state__in=(Key.State.DELETED, Key.State.FAILED), ended_at__gt=now - timedelta(days=1))
        reported = recently & ~Q(problem__in=Key.REPORTED_AT_ONCE)
        return self.filter(Q(state__in=Key.LIVE_STATES) | reported)

    def to_move(self) -> Self:
        """Keep those whose intern was handed over, and that their former supervisor still owns."""
        return self.filter(state=Key.State.ACTIVE, intern__isnull=False).exclude(owner=F("intern__supervisor"))

    def ending_soon(self, now: datetime) -> Self:
        """Keep those that people should renew: within the days of renewal, in the second half of their lifetime."""
        lifetime_started_at = Coalesce("lifetime_started_at", "created_at")
        moment = Value(now, models.DateTimeField())
        return self.filter(
            state=Key.State.ACTIVE,
            kind__in=Key.COUNTED_KINDS,
            expires_at__gt=now,
            expires_at__lte=now + timedelta(days=settings.KEY_RENEW_BEFORE_DAYS),
        ).filter(
            LessThanOrEqual(
                ExpressionWrapper(F("expires_at") - moment, models.DurationField()),
                ExpressionWrapper(moment - lifetime_started_at, models.DurationField()),
            )
        )

    def newest_first(self) -> "list[Key]":
        """Return them to be shown, with interns, own limits, courses and tokens; two queries.

        The tokens are a list, `Key.listed_tokens`: for the relation Django makes a query set for each key. Sorted here:
        to compile an order, Django hashes every column of all these tables, which took 1.1 ms, half of the whole.
        """
        tokens = models.Prefetch("tokens", to_attr="listed_tokens")
        related = self.select_related("intern", "override", "team__course").prefetch_related(tokens)
        return sorted(related.order_by(), key=lambda key: (key.created_at, -key.pk.int), reverse=True)


class Key(models.Model):
    """A key as its owner sees it."""

    class Kind(models.TextChoices):
        """The purpose of a key."""

        PERSONAL = "personal", _("Personal")
        TEMPORARY = "temporary", _("Temporary")
        PLAYGROUND = "playground", _("Playground")
        COURSE = "course", pgettext_lazy("kind of key", "Course")
        EXTERNAL = "external", _("Created outside the portal")

    class State(models.TextChoices):
        """The life cycle of a key; "expired" is `active` with an end in the past, so it needs no update."""

        ISSUING = "issuing", _("Being created")
        ACTIVE = "active", _("Active")
        DELETING = "deleting", _("Being deleted")
        DELETED = "deleted", _("Deleted")
        FAILED = "failed", _("Not created")

    class Problem(models.TextChoices):
        """Why a key ended, or was not created, against its owner's intention."""

        NONE = "", ""
        UNREACHABLE = "unreachable", _("The gateway could not be reached.")
        REFUSED = "refused", _("The gateway refused to create it.")
        ANSWER_LOST = (
            "answer_lost",
            _("The gateway’s answer was lost. Nobody has seen the secret, and no such key is left."),
        )
        GONE = "gone", _("It was deleted at the gateway, not in the portal.")
        LAPSED = "lapsed", _("It expired, and was not renewed in time.")
        NO_CUSTOM = "no_custom", _("The gateway does not let the portal choose its secret.")
        REPLACED = "replaced", _("The portal’s own secret changed, so another key replaced it.")
        ANONYMISED = "anonymised", _("Its owner was anonymised.")
        COURSE_ENDED = "course_ended", _("Its course has ended.")
        COURSE_LEFT = "course_left", _("Its user is no longer in the course.")
        LEAKED = "leaked", _("Its secret was reported as leaked.")

    LIVE_STATES: ClassVar = (State.ISSUING, State.ACTIVE, State.DELETING)
    OVER_STATES: ClassVar = (State.DELETED, State.FAILED)
    COUNTED_KINDS: ClassVar = (Kind.PERSONAL, Kind.TEMPORARY)
    KINDS_FOR_PROGRAMS: ClassVar = (*COUNTED_KINDS, Kind.COURSE)  # people have their secrets
    # The result of the form:
    REPORTED_AT_ONCE: ClassVar = (Problem.UNREACHABLE, Problem.REFUSED, Problem.NO_CUSTOM)

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="keys")
    kind = models.CharField(max_length=10, choices=Kind)
    label = models.CharField(max_length=60)
    state = models.CharField(max_length=10, choices=State, default=State.ISSUING)
    problem = models.CharField(max_length=20, choices=Problem, default=Problem.NONE, blank=True)
    request_id = models.UUIDField(
        null=True, help_text="The form that asked for it: a second click makes no second key."
    )

    intern = models.ForeignKey(
        Intern, models.PROTECT, null=True, related_name="keys", help_text="Who uses it; empty: its owner."
    )

    team = models.ForeignKey(
        Team, models.PROTECT, null=True, related_name="keys", help_text="That of a course; it has the limits."
    )
    handed_out = models.BooleanField(
        default=False, help_text="A course key of somebody without an account; its owner is a teacher."
    )

    expires_at = models.DateTimeField(null=True, help_text="As the gateway reported; empty: never.")
    blocked = models.BooleanField(default=False)
    blocked_by_portal = models.BooleanField(default=False, help_text="Its owner is not active; unblocked on return.")
    blocked_for_budget = models.BooleanField(
        default=False,
        help_text="By the portal: the budget of a group is used up, or the owner’s where there are no teams.",
    )
    blocked_for_team = models.BooleanField(default=False, help_text="By the portal, since its course is frozen.")
    blocked_by_teacher = models.BooleanField(
        default=False, help_text="A teacher of its course has blocked it, if it is blocked; else nothing."
    )
    paused_at = models.DateTimeField(null=True, help_text="Its owner has paused it, if it is blocked; else nothing.")
    budget_usd = UsdField(max_digits=10, decimal_places=4, null=True)
    budget_period = models.CharField(max_length=10, blank=True, help_text="As LiteLLM spells it: 1d, 7d, 30d.")
    rpm_limit = models.PositiveIntegerField(null=True)
    tpm_limit = models.PositiveIntegerField(null=True)
    model_names = models.JSONField(null=True, help_text="What it may call; empty: all.")

    recent_usd = UsdField(default=Decimal(0), help_text="Spend of the last 30 days, as of the last poll; for lists.")
    last_used_on = models.DateField(null=True, help_text="UTC, as of the last poll; empty: never.")

    created_at = models.DateTimeField(default=timezone.now)
    given_at = models.DateTimeField(
        null=True, help_text="When it got its owner, if it was made and used outside before: all its spend is theirs."
    )
    lifetime_started_at = models.DateTimeField(
        null=True, help_text="When its present lifetime began: its last renewal; empty: its creation."
    )
    renewing_since = models.DateTimeField(null=True, help_text="A renewal was sent and its answer not yet recorded.")
    ended_at = models.DateTimeField(null=True)
    tried_at = models.DateTimeField(null=True, help_text="The last time that the sweep failed on it.")
    dismissed_of = models.DateTimeField(null=True, help_text="The end whose notice its owner dismissed.")

    objects = KeyQuerySet.as_manager()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                "owner",
                Lower("label"),
                condition=Q(state__in=("issuing", "active", "deleting"), kind__in=("personal", "temporary")),
                name="keys_label_unique_among_live",
            ),
            models.UniqueConstraint(  # also finds it: services.playground
                fields=["owner"],
                condition=Q(state__in=("issuing", "active"), kind="playground", team=None),
                name="keys_one_playground_key",
            ),
            models.UniqueConstraint(
                fields=["owner", "team", "kind"],
                condition=Q(state__in=("issuing", "active"), team__isnull=False, handed_out=False),
                name="keys_one_course_key",
            ),
            models.CheckConstraint(
                condition=(Q(team=None, handed_out=False) & ~Q(kind="course"))
                | Q(kind="course", team__isnull=False)
                | Q(kind="playground", team__isnull=False, handed_out=False),
                name="keys_course_key_has_a_team",
            ),
            models.UniqueConstraint(fields=["owner", "request_id"], name="keys_form_makes_one_key"),
            models.CheckConstraint(
                condition=Q(kind__in=("personal", "temporary", "playground", "course", "external")),
                name="keys_kind_known",
            ),
            models.CheckConstraint(
                condition=Q(state__in=("issuing", "active", "deleting", "deleted", "failed")), name="keys_state_known"
            ),
            models.CheckConstraint(
                condition=Q(
                    problem__in=(
                        "",
                        "unreachable",
                        "refused",
                        "answer_lost",
                        "gone",
                        "lapsed",
                        "no_custom",
                        "replaced",
                        "anonymised",
                        "course_ended",
                        "course_left",
                        "leaked",
                    )
                ),
                name="keys_problem_known",
            ),
            models.CheckConstraint(  # the gateway may report 0
                condition=Q(budget_usd=None) | Q(budget_usd__gte=0), name="keys_budget_not_negative"
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["owner", "-created_at"], name="keys_of_owner"),  # KeyQuerySet.newest_first
            models.Index(  # people.key_listing
                fields=["-created_at", "id", "state", "owner"], name="keys_newest_first"
            ),
            models.Index(  # people.key_search
                fields=["-recent_usd", "-created_at", "id"],
                condition=Q(state__in=("issuing", "active", "deleting")),
                name="keys_by_recent_spend",
            ),
            models.Index(  # services.ceilings
                fields=["owner"], condition=Q(blocked_for_budget=True), name="keys_blocked_for_budget"
            ),
            models.Index(  # services.sweep, services.remind
                fields=["expires_at"], condition=Q(state="active"), name="keys_by_end"
            ),
        ]

    def __str__(self) -> str:
        return self.label

    @property
    def stay_ends_on(self) -> date | None:
        """The last day (TIME_ZONE) of its intern's stay, if there is one."""
        return self.intern.stay_ends_on if self.intern else None

    @property
    def is_blocked_by_others(self) -> bool:
        """Whether an admin or a teacher has blocked it, rather than the portal or its owner."""
        by_portal = self.blocked_by_portal or self.blocked_for_budget or self.blocked_for_team
        return self.blocked and not (by_portal or self.paused_at)

    @property
    def is_kept_while_blocked(self) -> bool:
        """Whether its owner cannot delete it: a course's key, which another one would follow, that others blocked."""
        return self.team_id is not None and self.state == self.State.ACTIVE and self.is_blocked_by_others

    @property
    def is_paused(self) -> bool:
        """Whether its owner has paused it, and so can resume it."""
        return self.blocked and self.paused_at is not None

    @property
    def own_tokens(self) -> "Iterable[Token]":
        """Its tokens; no query when they were prefetched, or it was read `newest_first`."""
        listed: Iterable[Token] | None = self.__dict__.get("listed_tokens")
        return self.tokens.all() if listed is None else listed

    def in_state(self, *states: str) -> "list[Token]":
        """Return its tokens in these states, oldest first; no query when they were prefetched."""
        return sorted((t for t in self.own_tokens if t.state in states), key=lambda t: (t.created_at, t.pk))

    @property
    def live_token(self) -> "Token | None":
        """The token that works now, if any."""
        return next(iter(self.in_state(Token.State.LIVE)), None)

    @property
    def retiring(self) -> "Token | None":
        """The token before it, while a rotation's grace lasts."""
        return next(iter(self.in_state(Token.State.RETIRING)), None)

    @property
    def kind_label(self) -> str:
        """The kind in words, as `get_kind_display`, which compares all choices for each row of a list."""
        return str(self.Kind(self.kind).label)

    @property
    def last_four(self) -> str:
        """The last four characters of its newest secret; empty when there was none."""
        tokens = sorted((t for t in self.own_tokens if t.last_four), key=lambda t: (t.created_at, t.pk))
        return tokens[-1].last_four if tokens else ""


class TokenQuerySet(models.QuerySet["Token"]):
    """Queries of tokens."""

    def move(self, row: "Token", /, *, to: str, **fields: object) -> bool:
        """Change the state of a token from the one it was read in; False if another process changed it first."""
        moved = self.filter(pk=row.pk, state=row.state).update(state=to, since=timezone.now(), **fields)
        if moved:
            row.refresh_from_db()
        return bool(moved)


class Token(models.Model):
    """One key at the gateway: a secret's hash, and the operation in progress."""

    class State(models.TextChoices):
        """Final: live, retiring (until `retires_at`), deleted, gone, lost. In progress: issuing, deleting.

        Deleted: on request here. Gone: missing at the gateway; it may reappear. Lost: its secret was never
        shown.
        """

        ISSUING = "issuing", _("Being created")
        LIVE = "live", _("Works")
        RETIRING = "retiring", _("Works until the grace period ends")
        DELETING = "deleting", _("Being deleted")
        DELETED = "deleted", pgettext_lazy("secret", "Deleted")
        GONE = "gone", _("No longer at the gateway")
        LOST = "lost", _("Never used")

    key = models.ForeignKey(Key, models.PROTECT, related_name="tokens")
    alias = models.CharField(max_length=64, unique=True, null=True, default=new_alias)  # noqa: DJ001  (null: made outside)
    token = models.CharField(max_length=64, unique=True, null=True)  # noqa: DJ001  (null: not known yet)
    last_four = models.CharField(max_length=4, blank=True)
    state = models.CharField(max_length=10, choices=State, default=State.ISSUING)
    since = models.DateTimeField(default=timezone.now, help_text="When it came into this state.")
    answer_lost = models.BooleanField(default=False, help_text="Nobody waits for the gateway any more: repair it now.")
    retires_at = models.DateTimeField(null=True)
    tried_at = models.DateTimeField(null=True, help_text="The last time that the sweep failed on it.")
    in_team = models.BooleanField(default=False, help_text="Counts towards its owner’s budget; see PersonBudget.")
    created_at = models.DateTimeField(default=timezone.now)
    reference = models.CharField(max_length=64, blank=True, default=log_context.request_id)  # of its request, in logs

    objects = TokenQuerySet.as_manager()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["key"], condition=Q(state="live"), name="keys_one_live_token"),
            models.UniqueConstraint(fields=["key"], condition=Q(state="issuing"), name="keys_one_token_under_way"),
            models.UniqueConstraint(fields=["key"], condition=Q(state="retiring"), name="keys_one_retiring_token"),
            models.CheckConstraint(
                condition=Q(state__in=("issuing", "live", "retiring", "deleting", "deleted", "gone", "lost")),
                name="keys_token_state_known",
            ),
            models.CheckConstraint(
                condition=~Q(state="retiring") | Q(retires_at__isnull=False), name="keys_retiring_has_an_end"
            ),
        ]
        indexes: ClassVar = [
            models.Index(  # services.sweep: operations in progress
                fields=["since"],
                condition=Q(state__in=("issuing", "retiring", "deleting")),
                name="keys_tokens_under_way",
            ),
        ]

    def __str__(self) -> str:
        return f"…{self.last_four}"
