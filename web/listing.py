"""Parts of long lists that the URL filters, sorts and pages: places, headers of columns, active filters as chips."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import ceil
from typing import ClassVar, Final

MAX_PAGE_DIGITS: Final = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedPage:
    """One page of a list, from the `first` to the `last` of `count`, counted from 1; there is a page `number`."""

    PER_PAGE: ClassVar[int]

    number: int
    count: int

    @property
    def first(self) -> int:
        """The place of its first one; 0 when there is none."""
        return (self.number - 1) * self.PER_PAGE + 1 if self.count else 0

    @property
    def last(self) -> int:
        """The place of its last one."""
        return min(self.number * self.PER_PAGE, self.count)

    @property
    def previous(self) -> int | None:
        """The page before it, if there is one."""
        return self.number - 1 if self.number > 1 else None

    @property
    def next(self) -> int | None:
        """The page after it, if there is one."""
        return self.number + 1 if self.last < self.count else None


def number_in(params: Mapping[str, str]) -> int:
    """Return the page number in a URL; 1 if it is invalid."""
    text = params.get("page", "")
    return int(text) if len(text) < MAX_PAGE_DIGITS and text.isdecimal() else 1


def number_within(number: int, count: int, per_page: int) -> int:
    """Return the page number, or the nearest one that a list of `count` rows has."""
    return min(max(1, number), max(1, ceil(count / per_page)))


def column_head(
    name: str,
    words: object,
    order: str,
    address: Callable[[str], str],
    *,
    from_least: bool = False,
    numeric: bool = False,
) -> dict[str, object]:
    """Return the header of a sortable column for `_column_head.html`; a second click reverses the order.

    `address` makes the URL of an order. `from_least`: the first click sorts names from A, days from the earliest.
    """
    is_sorted = order.removeprefix("-") == name
    first = name if from_least else f"-{name}"
    turned = order.removeprefix("-") if order.startswith("-") else f"-{order}"
    return {
        "name": name,
        "words": words,
        "sorted": ("descending" if order.startswith("-") else "ascending") if is_sorted else "",
        "there": address(turned if is_sorted else first),
        "numeric": numeric,
    }


def chips_of(
    params: Mapping[str, str],
    titles: Mapping[str, object],
    words: Mapping[str, object],
    address: Callable[[dict[str, str]], str],
) -> list[dict[str, object]]:
    """Return the active filters for `_filter_chips.html`: in words, each with the URL without it."""
    return [
        {
            "title": titles[name],
            "words": words[name],
            "there": address({other: value for other, value in params.items() if other != name}),
        }
        for name in params
    ]
