"""Rows as a CSV file that comes while it is made, and that no spreadsheet takes for formulas."""

import csv
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from typing import Final

from django.http import StreamingHttpResponse

FORMULA_STARTS: Final = ("=", "+", "-", "@", "\t", "\r")
LINES_AT_ONCE: Final = 500

Cell = object
Row = Sequence[Cell]


class _Pipe:
    """A file that hands each line back."""

    def write(self, line: str) -> str:
        return line


def csv_response(name: str, rows: Iterable[Row]) -> StreamingHttpResponse:
    """Answer with a file; rows are asked for as the browser takes them."""
    response = StreamingHttpResponse(_lines(rows), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def _lines(rows: Iterable[Row]) -> Iterator[str]:
    """Yield the text of the rows, some hundred at once: a chunk a row would cost more than the rows."""
    writer = csv.writer(_Pipe())
    lines: list[str] = []
    for row in rows:
        lines.append(writer.writerow([cell_text(cell) for cell in row]))
        if len(lines) == LINES_AT_ONCE:
            yield "".join(lines)
            lines.clear()
    yield "".join(lines)


def cell_text(cell: Cell) -> str:
    """Return what a cell says: amounts in full and without exponent; words that look like a formula, quoted."""
    if cell is None:
        return ""
    if isinstance(cell, Decimal):
        return f"{cell.normalize():f}"
    text = str(cell)
    return f"'{text}" if isinstance(cell, str) and text.startswith(FORMULA_STARTS) else text
