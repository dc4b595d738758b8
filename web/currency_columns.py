"""Files with amounts in USD have them in the lab's currency too, in further columns after the others (ADR 42)."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from decimal import Decimal
from itertools import chain

from web.currency import Rate, present_rate
from web.money import exact_usd
from web.spreadsheet import Cell, Row

USD_COLUMN = "_usd"  # the end of its name


def with_currency(
    names: Sequence[str], rows: Iterable[Row], rate_of: Callable[[Row], Rate | None] | None = None
) -> Iterator[Row]:
    """Return rows, the first of which are the headings of the columns `names`, with further columns.

    `rate_of` returns the rate of a row, else it is that of pages.
    """
    rate = present_rate()
    places = [place for place, name in enumerate(names) if name.endswith(USD_COLUMN)]
    if rate is None or not places:
        return iter(rows)
    found, code = iter(rows), rate.currency
    header = next(found)
    more = [_heading(str(header[place]), names[place], code) for place in places]
    return chain([[*header, *more]], (_converted(row, places, rate_of(row) if rate_of else rate) for row in found))


def _heading(heading: str, name: str, code: str) -> str:
    """Return the heading of a further column: for people with the code in place of "USD", else by its name."""
    return heading.replace("USD", code) if "USD" in heading else name.removesuffix(USD_COLUMN) + f"_{code.lower()}"


def _converted(row: Row, places: Sequence[int], rate: Rate | None) -> list[Cell]:
    cells = [row[place] if place < len(row) else None for place in places]
    return [*row, *(exact_usd(rate.amount(cell)) if rate and isinstance(cell, Decimal) else None for cell in cells)]
