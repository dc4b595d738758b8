"""Rows as a CSV file that is generated while it is sent, and in which no spreadsheet finds formulas.

For people it is written as the spreadsheet of their language opens it by a double click: with a byte-order mark, in
French with semicolons and decimal commas. For programs it is always the same: commas, points, no mark.
"""

import csv
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from typing import Final, Literal

from django.http import StreamingHttpResponse
from django.utils import formats

from gateway.secret import Secret
from web.request import PortalRequest

BYTE_ORDER_MARK: Final = "\ufeff"
# The possible starts of a cell, also with other separators, and the characters that make it a formula there
_FORMULA: Final = re.compile(r"^(?=[\t\r\n]|\s*[=+\-@＝＋－＠])|(?<=[,;\t\r\n])(?=[^\S\t\r\n]*[=+\-@＝＋－＠])")
LINES_AT_ONCE: Final = 500

Cell = object
Row = Sequence[Cell]


@dataclass(frozen=True, slots=True, kw_only=True)
class Format:
    """How a file is written. All cells are quoted, so that no program takes a decimal comma for a separator."""

    for_people: bool = False
    delimiter: str = ","
    decimal_point: str = "."
    quoting: Literal[0, 1] = csv.QUOTE_MINIMAL


FOR_PROGRAMS: Final = Format()


def format_of(request: PortalRequest) -> Format:
    """Return the format that the URL requests: "?for=people", in their language; otherwise that for programs."""
    return for_people() if request.GET.get("for") == "people" else FOR_PROGRAMS


def for_people() -> Format:
    """Return the format for the spreadsheets of the active language."""
    point = str(formats.get_format("DECIMAL_SEPARATOR"))
    return Format(for_people=True, delimiter=";" if point == "," else ",", decimal_point=point, quoting=csv.QUOTE_ALL)


class _Pipe:
    """A file that returns each line."""

    def write(self, line: str) -> str:
        return line


def csv_response(
    name: str, rows: Iterable[Row], form: Format = FOR_PROGRAMS, *, at_once: int = LINES_AT_ONCE
) -> StreamingHttpResponse:
    """Respond with a file; rows are generated as the browser reads them, and sent `at_once` so many."""
    response = StreamingHttpResponse(_lines(rows, form, at_once), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def _lines(rows: Iterable[Row], form: Format, at_once: int) -> Iterator[str]:
    """Yield the text of the rows in batches: a chunk for each row would cost more than the rows."""
    writer = csv.writer(_Pipe(), delimiter=form.delimiter, quoting=form.quoting)
    lines = [BYTE_ORDER_MARK] if form.for_people else []
    for row in rows:
        lines.append(writer.writerow([cell_text(cell, form.decimal_point) for cell in row]))
        if len(lines) >= at_once:
            yield "".join(lines)
            lines.clear()
    yield "".join(lines)


def cell_text(cell: Cell, decimal_point: str = ".") -> str:
    """Return a cell's text: amounts in full and without exponent; text that looks like a formula, quoted."""
    if cell is None:
        return ""
    if isinstance(cell, Secret):
        return cell  # begins no formula, and must not be remembered
    if isinstance(cell, str):
        return _harmless(cell)
    if isinstance(cell, Decimal):
        return f"{cell.normalize():f}".replace(".", decimal_point)
    return str(cell).replace(".", decimal_point) if isinstance(cell, float) else str(cell)


@lru_cache(maxsize=4096)  # names of models, keys and people repeat
def _harmless(text: str) -> str:
    """Return the text with an apostrophe wherever a spreadsheet would begin a formula."""
    return _FORMULA.sub("'", text)
