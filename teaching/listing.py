"""The students of a course with their keys and their use: filtered, sorted, paged.

All students are read in one query, and the use of all keys in another, which is cached until a fact changes; a course
has two thousand students at most. Names are compared in Python, without case and accents, since databases differ.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from math import ceil
from typing import Any, ClassVar, Final
from uuid import UUID

from accounts.names import name_order
from courses.models import Course, Student
from keys.models import Key
from keys.use import NOTHING_USD
from usage.models import UsageState
from usage.queries.cached import key_totals_of
from usage.queries.courses import KeyTotal
from usage.queries.sums import Sums
from web.listing import ListedPage

STUDENTS_PER_PAGE: Final = 50
STATES: Final = ("invited", "no_key", "playground", "unused", "used", "used_up", "blocked", "left")
DEFAULT_ORDER: Final = "name"
_FIELDS: Final = (
    *("pk", "name", "email", "number", "joined_at", "left_at", "account", "account__first_name", "account__last_name"),
    *("account__username", "account__email", "account__last_login", "key", "key__state", "key__blocked"),
    *("key__blocked_for_team", "key__budget_usd", "key__handed_out"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A student in the table."""

    id: UUID
    name: str
    email: str
    number: str
    account: int | None
    key: UUID | None
    has_key: bool  # that works, may be blocked
    is_blocked: bool  # other than by a frozen course
    state: str  # one of STATES
    budget_usd: Decimal | None  # of the present key
    spent_usd: Decimal  # of it, also with former keys
    sums: Sums  # of all keys in the course, the former ones and that of the Playground too
    last_day: date | None
    joined_at: datetime

    @property
    def bar_usd(self) -> Decimal:
        """The spend, limited to the length of the budget's bar."""
        return max(NOTHING_USD, min(self.spent_usd, self.budget_usd or NOTHING_USD))


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """The filters in the URL; "" is "any"."""

    q: str = ""  # in name, address or student number
    state: str = ""  # one of STATES; "" leaves out those who left

    def params(self) -> dict[str, str]:
        """Return the active filters as URL parameters."""
        return {name: value for name in self.__slots__ if (value := getattr(self, name))}


ORDERS: Final[dict[str, Callable[[Line], Any]]] = {
    "name": lambda line: (name_order(line.name), line.number),
    "state": lambda line: STATES.index(line.state),
    "spend": lambda line: line.sums.spend_usd,
    "requests": lambda line: line.sums.requests,
    "failed": lambda line: line.sums.failed_requests,
    "last": lambda line: line.last_day or date.min,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class StudentPage(ListedPage):
    """One page of the table."""

    PER_PAGE: ClassVar = STUDENTS_PER_PAGE

    lines: tuple[Line, ...]
    states: Mapping[str, int]  # how many students of the course are in each state, whatever the filters

    @property
    def students(self) -> int:
        """The number of students in the course."""
        return sum(count for state, count in self.states.items() if state != "left")


def filters_of(params: Mapping[str, str]) -> Filters:
    """Return the filters that a URL names, without invalid ones."""
    state = params.get("state", "")
    q = params.get("q", "").replace("\0", "").strip()[:200]
    return Filters(q=q, state=state if state in STATES else "")


def student_page(course: Course, filters: Filters, order: str, number: int, state: UsageState) -> StudentPage:
    """Return a page of the students; the last one if the number is too high. Two queries at most."""
    everybody = all_lines(course, state)
    counts: dict[str, int] = defaultdict(int)
    for line in everybody:
        counts[line.state] += 1
    found = in_order(found_lines(everybody, filters), order)
    pages = max(1, ceil(len(found) / STUDENTS_PER_PAGE))
    number = min(max(1, number), pages)
    lines = found[(number - 1) * STUDENTS_PER_PAGE : number * STUDENTS_PER_PAGE]
    return StudentPage(lines=tuple(lines), number=number, count=len(found), states=dict(counts))


def found_lines(lines: list[Line], filters: Filters) -> list[Line]:
    """Return the lines within the filters."""
    words = name_order(filters.q).split()
    return [
        line
        for line in lines
        if (line.state == filters.state if filters.state else line.state != "left")
        and all(word in name_order(f"{line.name} {line.email} {line.number}") for word in words)
    ]


def in_order(lines: list[Line], order: str) -> list[Line]:
    """Return the lines by one of ORDERS, "-" before it for the largest first; ties by name."""
    by_name = sorted(lines, key=ORDERS["name"])
    return sorted(by_name, key=ORDERS[order.removeprefix("-")], reverse=order.startswith("-"))


def all_lines(course: Course, state: UsageState) -> list[Line]:
    """Return all students of a course, former ones included; two queries at most."""
    totals = key_totals_of(course.team_id, state)
    by_account: dict[int | None, list[KeyTotal]] = defaultdict(list)
    for total in totals.values():
        if not total.handed_out:
            by_account[total.owner].append(total)
    rows = Student.objects.filter(course=course).order_by().values(*_FIELDS)
    return [_line(row, totals, by_account) for row in rows]


def _line(row: dict[str, Any], totals: dict[UUID, KeyTotal], by_account: dict[int | None, list[KeyTotal]]) -> Line:
    own = totals.get(row["key"])
    all_of_it = by_account.get(row["account"], []) if row["account"] else []
    if own and own not in all_of_it:  # handed out
        all_of_it = [*all_of_it, own]
    of_course = [total for total in all_of_it if total.kind == Key.Kind.COURSE]  # a new key continues the budget
    spent_usd = sum((total.sums.spend_usd for total in of_course), NOTHING_USD)
    sums = sum((total.sums for total in all_of_it), Sums())
    has_key = row["key__state"] in (Key.State.ACTIVE, Key.State.ISSUING)
    is_blocked = bool(has_key and row["key__blocked"] and not row["key__blocked_for_team"])
    is_playground = all(total.kind == Key.Kind.PLAYGROUND for total in all_of_it)
    name = row["name"] or f"{row['account__first_name'] or ''} {row['account__last_name'] or ''}".strip()
    return Line(
        id=row["pk"],
        name=name or row["account__username"] or row["email"] or row["number"],
        email=row["account__email"] or row["email"],
        number=row["number"],
        account=row["account"],
        key=row["key"],
        has_key=has_key,
        is_blocked=is_blocked,
        state=_state(row, sums, spent_usd, has_key=has_key, is_blocked=is_blocked, is_playground=is_playground),
        budget_usd=row["key__budget_usd"] if has_key else None,
        spent_usd=spent_usd,
        sums=sums,
        last_day=max((total.last_day for total in all_of_it if total.last_day), default=None),
        joined_at=row["joined_at"],
    )


def _state(
    row: dict[str, Any], sums: Sums, spent_usd: Decimal, *, has_key: bool, is_blocked: bool, is_playground: bool
) -> str:
    """Return one of STATES; `is_playground`: all use was in the Playground."""
    if row["left_at"]:
        return "left"
    if is_blocked:
        return "blocked"
    if has_key and row["key__budget_usd"] is not None and spent_usd >= row["key__budget_usd"]:
        return "used_up"
    if sums.requests:
        return "used" if has_key else "playground" if is_playground else "no_key"
    if has_key:
        return "unused"
    return "invited" if row["account"] and row["account__last_login"] is None else "no_key"
