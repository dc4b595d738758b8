"""Reads the prompts of a batch: pasted lines, or a CSV file, whose first line may name the column of the prompts."""

import csv
import re
import sys
import unicodedata
from collections.abc import Sequence
from io import StringIO
from typing import Final

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import UploadedFile
from django.utils.translation import gettext as _

from playground.forms.files import MB, clean_name, refusal_of
from playground.services import extraction
from playground.services.extraction import NoText

DELIMITERS: Final = "\t;,"
NO_DELIMITER: Final = "\x1f"  # a sign that no text has
QUOTED: Final = re.compile(r'"[^"]*"')
NAMES: Final = frozenset(("prompt", "prompts", "question", "questions", "invite", "invites"))  # without case, accents

csv.field_size_limit(sys.maxsize)  # texts are limited before, and too long a prompt is refused in words


def prompts_in_file(file: "UploadedFile[bytes]") -> list[str]:
    """Return the prompts of a CSV file. Raises ValidationError."""
    name = clean_name(file.name or "")
    if (file.size or 0) > settings.PLAYGROUND_FILE_MB * MB:
        words = _("“%(name)s” is too large: a file may have %(most)d MB.")
        raise ValidationError(words, "large", {"name": name, "most": settings.PLAYGROUND_FILE_MB})
    data = file.read()
    try:
        if (kind := extraction.type_of(data)) != extraction.TEXT:
            raise ValidationError(_("“%(name)s” is no CSV file. Save the list as CSV."), "type", {"name": name})
        text = extraction.extract(data, kind, reader_id=0, until=0).text
    except NoText as problem:
        raise refusal_of(name, problem.reason) from None
    return prompts_in_table(text)


def prompts_in_lines(text: str) -> list[str]:
    """Return the prompts of pasted lines, one each; empty lines are skipped. A table with a header is read as one."""
    lines = [line.strip() for line in text.split("\n") if line.strip()]
    if lines and _column_of(_cells(lines[0], _delimiter_of(lines[0]))) is not None:
        return prompts_in_table(text)
    return _checked(lines)


def prompts_in_table(text: str) -> list[str]:
    """Return the prompts of CSV: of the named column, or of the only one. Raises ValidationError."""
    first = text.lstrip("\n").partition("\n")[0]
    delimiter = _delimiter_of(first)
    column = _column_of(_cells(first, delimiter))
    if column is None:
        _refuse_several_columns(text)
    rows = _rows(text.strip("\n"), NO_DELIMITER if column is None else delimiter)
    if column is not None:
        rows = rows[1:]
    return _checked([row[column or 0].strip() if len(row) > (column or 0) else "" for row in rows])


def _checked(prompts: Sequence[str]) -> list[str]:
    """Return the prompts, or refuse too many, an empty one, or one that is too long."""
    most, longest = settings.PLAYGROUND_BATCH_PROMPTS, settings.PLAYGROUND_PROMPT_CHARS
    if not prompts:
        raise ValidationError(_("There is no prompt in it."), "none")
    if len(prompts) > most:
        words = _("These are %(number)d prompts. %(most)d are allowed: split the list.")
        raise ValidationError(words, "many", {"number": len(prompts), "most": most})
    for number, prompt in enumerate(prompts, 1):
        if not prompt:
            words = _("Prompt %(number)d is empty. Write it, or remove its line.")
            raise ValidationError(words, "empty", {"number": number})
        if len(prompt) > longest:
            words = _("Prompt %(number)d has %(length)d characters. %(most)d are allowed: shorten it.")
            raise ValidationError(words, "long", {"number": number, "length": len(prompt), "most": longest})
    return list(prompts)


def _refuse_several_columns(text: str) -> None:
    """Refuse a table without a column that is called “prompt”: which one has the prompts?"""
    lines = [QUOTED.sub("", line) for line in text.strip("\n").split("\n")]
    for sign in DELIMITERS:
        counts = {line.count(sign) for line in lines}
        if len(lines) > 1 and len(counts) == 1 and (number := counts.pop()):
            words = _("These are %(number)d columns. Write “prompt” in the first line, above the one with the prompts.")
            raise ValidationError(words, "columns", {"number": number + 1})


def _rows(text: str, delimiter: str) -> list[list[str]]:
    reader = csv.reader(StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        return list(reader)
    except csv.Error:
        words = _("Line %(line)d cannot be read: a quotation mark is missing, or one is too many.")
        raise ValidationError(words, "csv", {"line": reader.line_num}) from None


def _cells(line: str, delimiter: str) -> list[str]:
    return next(csv.reader([line], delimiter=delimiter, skipinitialspace=True), [])


def _delimiter_of(line: str) -> str:
    """Return the separator of the columns in a header."""
    plain = QUOTED.sub("", line)
    found = max(DELIMITERS, key=plain.count)
    return found if found in plain else NO_DELIMITER


def _column_of(cells: Sequence[str]) -> int | None:
    """Return the number of the column whose name says that it has the prompts."""
    plain = [unicodedata.normalize("NFKD", cell).casefold() for cell in cells]
    names = ["".join(letter for letter in cell if letter.isalnum()) for cell in plain]
    return next((place for place, name in enumerate(names) if name in NAMES), None)
