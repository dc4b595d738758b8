"""My keys at size: a person's own keys within the filters of the URL, sorted and paged. Only computes."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, ClassVar, Final

from accounts.names import name_order
from keys.models import Key
from keys.rows import Row, row_with_use
from keys.services.lifetimes import is_renewable
from keys.status import NEEDS_OWNER, Status, brief_status_of
from keys.use import NOTHING_USD, PersonUse, pressing_budget
from web.listing import ListedPage, number_within

MOST_IN_FULL: Final = 10  # keys; a longer list has compact rows, and is searched, sorted and paged
KEYS_PER_PAGE: Final = 40
STATES: Final[dict[str, tuple[str, ...]]] = {
    "attention": NEEDS_OWNER,
    "active": ("active", "nearly_used", "expires_soon", "replacing", "idle"),
    "soon": ("expires_soon",),
    "expired": ("expired",),
    "paused": ("paused", "paused_by_owner", "frozen"),
    "blocked": ("blocked",),
    "outside": ("external",),
    "ended": ("deleted", "failed"),
}
ORDERS: Final = ("urgency", "label", "spend", "last", "expires", "created")
DEFAULT_ORDER: Final = "urgency"
NEVER: Final = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """The filters in the URL; "" is "any"."""

    q: str = ""  # in the label, the intern, the course; or the end of the secret
    state: str = ""  # one of STATES

    def params(self) -> dict[str, str]:
        """Return the active filters as URL parameters."""
        return {name: value for name in self.__slots__ if (value := getattr(self, name))}


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyPage(ListedPage):
    """One page of the list."""

    PER_PAGE: ClassVar = KEYS_PER_PAGE

    rows: list[Row]
    renewable_count: int  # of all keys, whatever the filters


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    """A key with its state, before it is known to be on the page."""

    key: Key
    status: Status
    use: PersonUse

    @property
    def recent_usd(self) -> Any:
        """Its spend of the last thirty days."""
        use = self.use.by_key.get(self.key.pk)
        return use.recent_usd if use else NOTHING_USD

    @property
    def last_day(self) -> date:
        """The day of its last use; the earliest possible if it was never used."""
        use = self.use.by_key.get(self.key.pk)
        return (use and use.last_day) or date.min


SORT_KEYS: Final[dict[str, Callable[[_Found], Any]]] = {
    "urgency": lambda found: _urgency(found.status.code, found.key),
    "label": lambda found: name_order(found.key.label),
    "spend": lambda found: found.recent_usd,
    "last": lambda found: found.last_day,
    "expires": lambda found: found.key.expires_at or NEVER,
    "created": lambda found: found.key.created_at,
}


def filters_of(params: Mapping[str, str]) -> Filters:
    """Return the filters that a URL names, without invalid ones."""
    state = params.get("state", "")
    return Filters(q=params.get("q", "").replace("\0", "").strip()[:200], state=state if state in STATES else "")


def order_in(params: Mapping[str, str]) -> str:
    """Return the order that a URL names, or the default."""
    order = params.get("order", "")
    return order if order.removeprefix("-") in ORDERS else DEFAULT_ORDER


def key_page(keys: Sequence[Key], use: PersonUse, filters: Filters, order: str, number: int) -> KeyPage:
    """Return a page of these keys, newest first among equals; the last one if the number is too high. No query."""
    found = [_Found(key=key, status=_brief(key, use), use=use) for key in keys]
    found = _matching(found, filters)
    found.sort(key=SORT_KEYS[order.removeprefix("-")], reverse=order.startswith("-"))
    number = number_within(number, len(found), KEYS_PER_PAGE)
    shown = found[(number - 1) * KEYS_PER_PAGE : number * KEYS_PER_PAGE]
    return KeyPage(
        rows=[row_with_use(each.key, use) for each in shown],
        number=number,
        count=len(found),
        renewable_count=sum(is_renewable(key) for key in keys),
    )


def _brief(key: Key, use: PersonUse) -> Status:
    return brief_status_of(key, pressing_budget(use.by_key.get(key.pk), key, use.of_person, use.stopped_by))


def _matching(found: Iterable[_Found], filters: Filters) -> list[_Found]:
    """Keep the keys in the state, with each word of the search."""
    codes, words = STATES.get(filters.state), name_order(filters.q.replace("…", "")).split()
    return [
        each for each in found if (codes is None or each.status.code in codes) and (not words or _has(each.key, words))
    ]


def _has(key: Key, words: Sequence[str]) -> bool:
    """Tell whether each word is in the key's texts, or is the end of its secret."""
    course = key.team.course.name if key.team and hasattr(key.team, "course") else ""
    text = name_order(f"{key.label} {key.intern.name if key.intern else ''} {course}")
    ending = key.last_four.lower()
    return all(word in text or word == ending for word in words)


def _urgency(code: str, key: Key) -> tuple[int, datetime]:
    """Return the sort key of all keys: those that need attention, the others, those that have ended."""
    if code in STATES["ended"]:
        return len(NEEDS_OWNER) + 1, NEVER
    if code not in NEEDS_OWNER:
        return len(NEEDS_OWNER), NEVER
    return NEEDS_OWNER.index(code), key.expires_at or NEVER
