"""Reads a list of people to invite: pasted lines, or a file of a spreadsheet. Knows nothing of accounts.

Columns are name, e-mail, groups, supervisor, end of stay, or as a header names them, separated by commas, semicolons
or tabs. A line may also be an address alone, "Name <address>", or several of these.
"""

import codecs
import csv
import re
import unicodedata
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date, datetime
from email.utils import parseaddr
from io import StringIO
from typing import Final

from django.utils.translation import gettext as _

MAX_ROWS: Final = 500
MAX_BYTES: Final = 256 * 1024
DELIMITERS: Final = "\t;,"  # in doubt, the first
COLUMNS: Final = ("name", "email", "groups", "supervisor", "ends_on")
DAY_FORMATS: Final = ("%Y-%m-%d", "%d/%m/%Y", "%d.%m.%Y", "%d-%m-%Y")
NAMED: Final = {  # words of a header, without case, accents and punctuation
    **dict.fromkeys(("name", "nom", "fullname", "displayname", "nomcomplet", "nometprenom", "personne"), "name"),
    **dict.fromkeys(("firstname", "givenname", "prenom"), "first_name"),
    **dict.fromkeys(("lastname", "surname", "familyname", "nomdefamille"), "last_name"),
    **dict.fromkeys(
        ("email", "mail", "emailaddress", "address", "adresse", "courriel", "adresseemail", "adressemail"), "email"
    ),
    **dict.fromkeys(("group", "groups", "groupe", "groupes"), "groups"),
    **dict.fromkeys(("supervisor", "responsable", "encadrant", "encadrante", "tuteur"), "supervisor"),
    **dict.fromkeys(
        ("endofstay", "endofthestay", "stayendson", "end", "until", "findesejour", "findestage", "fin", "jusquau"),
        "ends_on",
    ),
}
EVERY_ADDRESS: Final = re.compile(r"\s*[^\s@<>]*@[^\s@<>]*\s*|[^<>@]*<[^<>@]*@[^<>@]*>\s*")


class UnreadableList(ValueError):
    """The list as a whole is unreadable; the text explains it to the person."""


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


def decode(content: bytes) -> str:
    """Return the text of a file, as spreadsheets write them. Raises UnreadableList."""
    if len(content) > MAX_BYTES:
        raise UnreadableList(_("This file is too large: at most %(size)d KB.") % {"size": MAX_BYTES // 1024})
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        encodings: tuple[str, ...] = ("utf-16",)
    else:
        encodings = ("utf-8-sig", "cp1252")
    for encoding in encodings:
        with suppress(UnicodeDecodeError):
            text = content.decode(encoding)
            if "\0" not in text:
                return text
    raise UnreadableList(_("This is not a text file. Save the spreadsheet as CSV."))


def read_list(text: str) -> list[Entry]:
    """Return the people in a list, in its order; empty lines are skipped. Raises UnreadableList."""
    text = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    entries: list[Entry] = []
    columns: Sequence[str] | None = None
    for line, cells in _rows(text):
        if columns is None and (named := _header(cells)):
            columns = named
            continue
        columns = columns or ()
        entries.extend(_entries(line, cells, columns))
        if len(entries) > MAX_ROWS:
            raise UnreadableList(_("These are too many people: at most %(most)d at once.") % {"most": MAX_ROWS})
    return entries


def _rows(text: str) -> Iterator[tuple[int, list[str]]]:
    """Yield each row that is not empty, with its first line."""
    reader = csv.reader(StringIO(text), delimiter=_delimiter_of(text), skipinitialspace=True, strict=True)
    line = 1
    try:
        for row in reader:
            cells = [" ".join(cell.split()) for cell in row]
            if any(letter.isalnum() for cell in cells for letter in cell):
                yield line, cells
            line = reader.line_num + 1
    except csv.Error as error:
        words = _("Line %(line)d cannot be read: a quotation mark is missing or too many.")
        raise UnreadableList(words % {"line": line}) from error


def _delimiter_of(text: str) -> str:
    """Return the separator of the columns on most lines; quoted text does not count."""
    lines = re.sub(r'"[^"]*"', "", text).split("\n")
    return max(DELIMITERS, key=lambda sign: sum(sign in line for line in lines))


def _header(cells: list[str]) -> list[str]:
    """Return the columns that a first row names, "" for unknown ones; [] if it is no header."""
    names = [NAMED.get(_plain(cell), "") for cell in cells]
    if "email" not in names or any("@" in cell for cell in cells):
        return []
    if "name" in names and "first_name" in names:  # "Prénom; Nom"
        names[names.index("name")] = "last_name"
    return names


def _plain(text: str) -> str:
    letters = unicodedata.normalize("NFKD", text).casefold()
    return "".join(letter for letter in letters if letter.isalpha())


def _entries(line: int, cells: list[str], columns: Sequence[str]) -> Iterator[Entry]:
    """Yield the people of one row: one, or if it has only addresses, one for each."""
    written = [cell for cell in cells if cell]
    if not columns and all(EVERY_ADDRESS.fullmatch(cell) for cell in written):
        for cell in written:
            yield _entry(line, {"email": cell})
        return
    if not columns:
        by_address = len(cells) > 1 and "@" in cells[0] and "@" not in cells[1]
        columns = ("email", "name", *COLUMNS[2:]) if by_address else COLUMNS
    values: dict[str, str] = {}
    for name, cell in zip(columns, cells, strict=False):
        if name and not values.get(name):
            values[name] = cell
    yield _entry(line, values, too_many=any(cells[len(columns) :]))


def _entry(line: int, values: dict[str, str], *, too_many: bool = False) -> Entry:
    problems = [_("The line has more columns than there are.")] if too_many else []
    name, email = values.get("name", ""), values.get("email", "")
    if "<" in email:
        written, email = parseaddr(email)
        name = name or written
    first, last = values.get("first_name", ""), values.get("last_name", "")
    if not (first or last):
        first, last = _parts_of(name)
    if any(unicodedata.category(sign) in ("Cc", "Cs") for value in values.values() for sign in value):
        problems.append(_("The line has characters that are no text."))
    ends_on = _day(values.get("ends_on", ""))
    if values.get("ends_on") and ends_on is None:
        problems.append(_("“%(day)s” is no date: write it as 2026-12-31.") % {"day": values["ends_on"][:30]})
    groups = (group.strip() for group in re.split(r"[,;|]", values.get("groups", "")))
    return Entry(
        line=line,
        email=email.strip().lower(),
        first_name=first,
        last_name=last,
        groups=tuple(dict.fromkeys(group for group in groups if group)),
        supervisor=values.get("supervisor", ""),
        ends_on=ends_on,
        problems=problems,
    )


def _parts_of(name: str) -> tuple[str, str]:
    """Return first and last name of "Ada Lovelace" or "Lovelace, Ada"."""
    if "," in name:
        last, _comma, first = name.partition(",")
    else:
        first, _space, last = name.partition(" ")
    return first.strip(), last.strip()


def _day(text: str) -> date | None:
    for form in DAY_FORMATS:
        with suppress(ValueError):
            return datetime.strptime(text, form).date()  # noqa: DTZ007  (a day, in no zone)
    return None
