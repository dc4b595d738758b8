"""What the pages of keys show of the use of keys. Usage counts it, a floor above: KEY_USE names who does."""

from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final, Protocol

from django.conf import settings
from django.utils.module_loading import import_string

from keys.models import Key
from keys.status import BudgetUse
from web.request import PortalRequest

NOTHING_USD: Final = Decimal(0)
WARN_SHARE: Final = Decimal("0.8")  # of a budget; from here on the owner is warned


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """A budget, and what was spent of it since it was last set back."""

    budget_usd: Decimal | None
    budget_period: str
    spent_usd: Decimal | None  # None: nobody knows when the period began
    resets_on: date | None

    @property
    def left_usd(self) -> Decimal | None:
        """What is left of the budget, never less than nothing."""
        if self.budget_usd is None or self.spent_usd is None:
            return None
        return max(NOTHING_USD, self.budget_usd - self.spent_usd)

    @property
    def bar_usd(self) -> Decimal:
        """What is spent, as much as the bar of its budget holds."""
        return max(NOTHING_USD, min(self.spent_usd or NOTHING_USD, self.budget_usd or NOTHING_USD))

    @property
    def tone(self) -> str:
        """ "bad" when the budget is used up, "warn" when nearly, else ""."""
        if self.budget_usd is None or self.spent_usd is None:
            return ""
        if self.spent_usd >= self.budget_usd:
            return "bad"
        return "warn" if self.spent_usd >= WARN_SHARE * self.budget_usd else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyUse(Spent):
    """A key and its use. `days_usd` are thirty days, oldest first, when they were asked for."""

    id: Any
    label: str
    kind: str
    state: str
    intern: Any  # the id of who uses it
    expires_at: Any
    ended_at: Any
    last_day: date | None
    as_of: Any  # when the numbers were read
    notice_id: int | None  # of its owner's newest notice that is not dismissed
    days_usd: tuple[Decimal, ...] = ()

    @property
    def recent_usd(self) -> Decimal:
        """What was spent in `days_usd`."""
        return sum(self.days_usd, NOTHING_USD)

    @property
    def is_live(self) -> bool:
        """Whether its budget still means something."""
        return self.state in Key.LIVE_STATES


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonSpent(Spent):
    """A person's budget for all keys together, and what these have spent of it, deleted ones too."""

    kept_by_gateway: bool  # if not, the portal blocks the keys itself, after a poll


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretUse:
    """What was spent with one secret of a key, since it was made."""

    last_four: str
    since: datetime
    spend_usd: Decimal
    as_of: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonUse:
    """The use of all keys of a person: each key's, by id, and of their budget for all together, where they have one."""

    by_key: dict[Any, KeyUse] = field(default_factory=dict)
    of_person: PersonSpent | None = None
    notice: str = ""  # markup, to stand at the top

    @property
    def as_of(self) -> datetime | None:
        """When the numbers were read; the same for all."""
        return next((use.as_of for use in self.by_key.values()), None)


class UseCounter(Protocol):
    """Who counts the use of keys."""

    def of_person(self, request: PortalRequest) -> PersonUse:
        """Return the use of every key of the person who asks, with its last thirty days."""

    def pressing_budget(self, key: Key) -> BudgetUse | None:
        """Return the budget that stops `key` first, if one comes to its end."""

    def of_secrets(self, key: Key, *, ended_only: bool = False) -> list[SecretUse]:
        """Return the use of the secrets that the owner may still have, or with `ended_only` of the one before."""


def use_counter() -> UseCounter:
    """Return who counts the use of keys here."""
    counter: type[UseCounter] = import_string(settings.KEY_USE)
    return counter()


def pressing_budget(use: Spent | None, kind: str, of_person: PersonSpent | None) -> BudgetUse | None:
    """Return the budget that stops a key first, if one comes to its end; keys made outside count in no person's."""
    own = _pressing(use, of_person=False)
    persons = None if kind == Key.Kind.EXTERNAL else _pressing(of_person, of_person=True)
    if persons is None or (own and own.is_used_up >= persons.is_used_up):
        return own
    return persons


def _pressing(spent: Spent | None, *, of_person: bool) -> BudgetUse | None:
    if spent is None or not spent.tone:
        return None
    return BudgetUse(is_used_up=spent.tone == "bad", resets_on=spent.resets_on, of_person=of_person)
