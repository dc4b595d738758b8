"""The use of keys, for pages. The usage app, a layer above, counts it: the setting KEY_USE names the class."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final, Protocol
from uuid import UUID

from django.conf import settings
from django.utils.module_loading import import_string

from keys.models import Key, Team, Token
from keys.status import BudgetUse
from web.request import PortalRequest

NOTHING_USD: Final = Decimal(0)
WARN_SHARE: Final = Decimal("0.8")  # of a budget; from here on the owner is warned


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """A budget, and what was spent of it since its last reset."""

    budget_usd: Decimal | None
    budget_period: str
    spent_usd: Decimal | None  # None: the start of the period is unknown
    resets_on: date | None
    warn_share: Decimal = WARN_SHARE
    used_up_on: date | None = None  # at this pace, before it resets; only where it was asked for

    @property
    def left_usd(self) -> Decimal | None:
        """What is left of the budget, never negative."""
        if self.budget_usd is None or self.spent_usd is None:
            return None
        return max(NOTHING_USD, self.budget_usd - self.spent_usd)

    @property
    def bar_usd(self) -> Decimal:
        """The spend, limited to the length of the budget's bar."""
        return max(NOTHING_USD, min(self.spent_usd or NOTHING_USD, self.budget_usd or NOTHING_USD))

    @property
    def tone(self) -> str:
        """ "bad" if the budget is used up, "warn" if nearly, otherwise ""."""
        if self.budget_usd is None or self.spent_usd is None:
            return ""
        if self.spent_usd >= self.budget_usd:
            return "bad"
        return "warn" if self.spent_usd >= self.warn_share * self.budget_usd else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyUse(Spent):
    """A key and its use. `days_usd` are thirty days, oldest first, where they were asked for."""

    id: Any
    label: str
    kind: str
    state: str
    intern: Any  # the id of its user
    expires_at: Any
    ended_at: Any
    last_day: date | None
    as_of: Any  # when the numbers were read
    recent_usd: Decimal  # in the last thirty days
    days_usd: tuple[Decimal, ...]

    @property
    def is_live(self) -> bool:
        """Whether its budget still matters."""
        return self.state in Key.LIVE_STATES


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonSpent(Spent):
    """A person's budget for all keys together, and their spend, deleted keys included."""

    kept_by_gateway: bool  # if not, the portal blocks the keys itself, after a poll


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretUse:
    """The spend of one secret of a key, since its creation."""

    last_four: str
    since: datetime
    spend_usd: Decimal
    as_of: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonUse:
    """The use of all keys of a person: each key's, by id, and their budget for all together, if they have one."""

    by_key: dict[Any, KeyUse] = field(default_factory=dict)
    of_person: PersonSpent | None = None
    notice: str = ""  # markup for the top of the page
    stopped_by: str = ""  # the group whose budget is used up, and stops all keys

    @property
    def as_of(self) -> datetime | None:
        """When the numbers were read; the same for all."""
        return next((use.as_of for use in self.by_key.values()), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class TeamUse:
    """The spend of all keys of a team, deleted ones included, and of one of them; since their creation."""

    spent_usd: Decimal
    key_spent_usd: Decimal
    as_of: datetime | None


class UseCounter(Protocol):
    """Counts the use of keys."""

    def of_person(
        self, request: PortalRequest, keys: Sequence[Key] | None = None, *, by_day: bool = False
    ) -> PersonUse:
        """Return the use of every key of the person, or of `keys`, read with its budget; `by_day`: of thirty days."""

    def pressing_budget(self, key: Key) -> BudgetUse | None:
        """Return the budget that stops `key` first, if one is used up or nearly."""

    def of_teams(self, team_ids: Collection[UUID]) -> dict[UUID, Decimal]:
        """Return what the keys of each of these teams have spent, deleted ones too; a team without spend is missing."""

    def of_secrets(self, key: Key, *, ended_only: bool = False) -> list[SecretUse]:
        """Return the use of the secrets that the owner may still have, or with `ended_only` of the one before."""

    def of_secret_since(self, token: Token, day: date) -> Decimal:
        """Return the spend with one secret from this UTC day on, as of the last poll."""

    def budget_picture(self, use: KeyUse) -> str:
        """Return markup: the spend of a key's budget, with a forecast; "" without a budget for a week or a month."""

    def of_team(self, team: Team, key: Key | None = None) -> TeamUse:
        """Return the spend of a team, and of `key` in it."""


def use_counter() -> UseCounter:
    """Return the configured counter."""
    counter: type[UseCounter] = import_string(settings.KEY_USE)
    return counter()


def pressing_budget(
    use: Spent | None, key: Key, of_person: PersonSpent | None, stopped_by: str = ""
) -> BudgetUse | None:
    """Return the budget that stops a key first, if one is used up or nearly.

    Keys made outside, and those of courses, count in no person's, and no group stops them.
    `stopped_by`: the group of the owner whose budget is used up, if there is one.
    """
    is_of_person = key.kind != Key.Kind.EXTERNAL and key.team_id is None
    if stopped_by and is_of_person:
        return BudgetUse(is_used_up=True, resets_on=None, of_person=False, group=stopped_by)
    own = _pressing(use, of_person=False)
    persons = _pressing(of_person, of_person=True) if is_of_person else None
    if persons is None or (own and own.is_used_up >= persons.is_used_up):
        return own
    return persons


def _pressing(spent: Spent | None, *, of_person: bool) -> BudgetUse | None:
    if spent is None or not spent.tone:
        return None
    return BudgetUse(is_used_up=spent.tone == "bad", resets_on=spent.resets_on, of_person=of_person)
