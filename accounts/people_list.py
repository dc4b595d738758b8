"""Reads a list of people: pasted lines, or a file of a spreadsheet. Knows nothing of accounts.

Columns are separated by commas, semicolons or tabs; a header may name them. A line may also be an address alone,
"Name <address>", or several of these.
"""

import codecs
import csv
import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from email.utils import parseaddr
from io import StringIO
from typing import Final

from django.utils.translation import gettext as _

MAX_ROWS: Final = 500
MAX_BYTES: Final = 256 * 1024
DELIMITERS: Final = "\t;,"  # in doubt, the first
NAMED: Final = {  # words of a header, without case, accents and punctuation
    **dict.fromkeys(("name", "nom", "fullname", "displayname", "nomcomplet", "nometprenom", "personne"), "name"),
    **dict.fromkeys(("firstname", "givenname", "prenom"), "first_name"),
    **dict.fromkeys(("lastname", "surname", "familyname", "nomdefamille"), "last_name"),
    **dict.fromkeys(
        ("email", "mail", "emailaddress", "address", "adresse", "courriel", "adresseemail", "adressemail"), "email"
    ),
}
EVERY_ADDRESS: Final = re.compile(r"\s*[^\s@<>]*@[^\s@<>]*\s*|[^<>@]*<[^<>@]*@[^<>@]*>\s*")


class UnreadableList(ValueError):
    """The list as a whole is unreadable; the text explains it to the person."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A person in the list; "" for missing values."""

    line: int  # its first line, counted from 1
    email: str
    first_name: str
    last_name: str
    values: Mapping[str, str]  # of all columns, by name
    problems: list[str] = field(default_factory=list)  # of unreadable values

    @property
    def name(self) -> str:
        """The name as one text."""
        return f"{self.first_name} {self.last_name}".strip()


@dataclass(frozen=True, slots=True)
class Columns:
    """The columns that a list may have: in their order without a header, and further words for them in a header."""

    order: tuple[str, ...]  # begins with name and email
    named: Mapping[str, str]


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


def read_people(text: str, columns: Columns) -> list[Row]:
    """Return the people in a list, in its order; empty lines are skipped. Raises UnreadableList."""
    text = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    found: list[Row] = []
    names: Sequence[str] | None = None
    for line, cells in read_lines(text):
        if names is None and (named := _header(cells, columns)):
            names = named
            continue
        names = names or ()
        found.extend(_people(line, cells, names, columns.order))
        if len(found) > MAX_ROWS:
            raise UnreadableList(_("These are too many people: at most %(most)d at once.") % {"most": MAX_ROWS})
    return found


def read_lines(text: str) -> Iterator[tuple[int, list[str]]]:
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


def _header(cells: list[str], columns: Columns) -> list[str]:
    """Return the columns that a first row names, "" for unknown ones; [] if it is no header."""
    named = {**NAMED, **columns.named}
    names = [named.get(_plain(cell), "") for cell in cells]
    if "email" not in names or any("@" in cell for cell in cells):
        return []
    if "name" in names and "first_name" in names:  # "Prénom; Nom"
        names[names.index("name")] = "last_name"
    return names


def _plain(text: str) -> str:
    letters = unicodedata.normalize("NFKD", text).casefold()
    return "".join(letter for letter in letters if letter.isalpha())


def _people(line: int, cells: list[str], columns: Sequence[str], order: Sequence[str]) -> Iterator[Row]:
    """Yield the people of one row: one, or if it has only addresses, one for each."""
    written = [cell for cell in cells if cell]
    if not columns and all(EVERY_ADDRESS.fullmatch(cell) for cell in written):
        for cell in written:
            yield row_of(line, {"email": cell})
        return
    if not columns:
        by_address = len(cells) > 1 and "@" in cells[0] and "@" not in cells[1]
        columns = ("email", "name", *order[2:]) if by_address else order
    values: dict[str, str] = {}
    for name, cell in zip(columns, cells, strict=False):
        if name and not values.get(name):
            values[name] = cell
    yield row_of(line, values, too_many=any(cells[len(columns) :]))


def row_of(line: int, values: dict[str, str], *, too_many: bool = False) -> Row:
    """Return a person with the values of the columns, by name."""
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
    return Row(
        line=line, email=email.strip().lower(), first_name=first, last_name=last, values=values, problems=problems
    )


def _parts_of(name: str) -> tuple[str, str]:
    """Return first and last name of "Ada Lovelace" or "Lovelace, Ada"."""
    if "," in name:
        last, _comma, first = name.partition(",")
    else:
        first, _space, last = name.partition(" ")
    return first.strip(), last.strip()
