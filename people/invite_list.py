"""Reads a list of people to invite: name, e-mail, groups, supervisor, end of stay. Knows nothing of accounts."""

import re
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Final

from django.utils.translation import gettext as _

from accounts.people_list import Columns, Row, read_people

DAY_FORMATS: Final = ("%Y-%m-%d", "%d/%m/%Y", "%d.%m.%Y", "%d-%m-%Y")
COLUMNS: Final = Columns(
    order=("name", "email", "groups", "supervisor", "ends_on"),
    named={
        **dict.fromkeys(("group", "groups", "groupe", "groupes"), "groups"),
        **dict.fromkeys(("supervisor", "responsable", "encadrant", "encadrante", "tuteur"), "supervisor"),
        **dict.fromkeys(
            ("endofstay", "endofthestay", "stayendson", "end", "until", "findesejour", "findestage", "fin", "jusquau"),
            "ends_on",
        ),
    },
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A person in the list; "" and () for missing values."""

    line: int  # its first line, counted from 1
    email: str
    first_name: str = ""
    last_name: str = ""
    groups: tuple[str, ...] = ()
    supervisor: str = ""
    ends_on: date | None = None
    problems: list[str] = field(default_factory=list)  # of unreadable values

    @property
    def name(self) -> str:
        """The name as one text."""
        return f"{self.first_name} {self.last_name}".strip()


def read_list(text: str) -> list[Entry]:
    """Return the people in a list, in its order; empty lines are skipped. Raises UnreadableList."""
    return [_entry(row) for row in read_people(text, COLUMNS)]


def _entry(row: Row) -> Entry:
    values, problems = row.values, list(row.problems)
    ends_on = _day(values.get("ends_on", ""))
    if values.get("ends_on") and ends_on is None:
        problems.append(_("“%(day)s” is no date: write it as 2026-12-31.") % {"day": values["ends_on"][:30]})
    groups = (group.strip() for group in re.split(r"[,;|]", values.get("groups", "")))
    return Entry(
        line=row.line,
        email=row.email,
        first_name=row.first_name,
        last_name=row.last_name,
        groups=tuple(dict.fromkeys(group for group in groups if group)),
        supervisor=values.get("supervisor", ""),
        ends_on=ends_on,
        problems=problems,
    )


def _day(text: str) -> date | None:
    for form in DAY_FORMATS:
        with suppress(ValueError):
            return datetime.strptime(text, form).date()  # noqa: DTZ007  (a day, in no zone)
    return None
