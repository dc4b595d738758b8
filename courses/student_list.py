"""Reads a list of students: name, e-mail, student number. Knows nothing of accounts."""

from typing import Final

from django.utils.translation import gettext as _

from accounts.people_list import Columns, Row, read_people

MAX_NAME: Final = 100
MAX_NUMBER: Final = 40
COLUMNS: Final = Columns(
    order=("name", "email", "number"),
    named=dict.fromkeys(
        (
            *("number", "studentnumber", "studentid", "id", "matriculationnumber", "matricule", "numero"),
            *("numeroetudiant", "netudiant", "noetudiant", "numetudiant", "codeetudiant"),
        ),
        "number",
    ),
)


def read_students(text: str) -> list[Row]:
    """Return the students in a list, in its order. Raises UnreadableList."""
    return read_people(text, COLUMNS)


def number_of(row: Row) -> str:
    """Return the student number; "" for none."""
    return row.values.get("number", "")


def why_not_lengths(row: Row) -> list[str]:
    """Refuse a name or a number that is too long for a course."""
    too_long = [_("The name is too long.")] if len(row.name) > MAX_NAME else []
    return too_long + ([_("The student number is too long.")] if len(number_of(row)) > MAX_NUMBER else [])
