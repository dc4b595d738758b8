"""The explorer on the pages of usage: its numbers are cached until a fact changes."""

from dataclasses import dataclass
from typing import Any, Final

from usage.explorer_view import DISPLAY_WORDS, METRIC_WORDS, OF_ONE, ROWS_PER_PAGE, SPLIT_WORDS, STEP_WORDS, View
from usage.pages import EVERYONE, INTERNS, MINE, Page
from usage.queries.explorer import TOP, Exploration, Line
from usage.queries.labels import Explored, Label
from usage.queries.metrics import Amount, Number

VIEW_CSV: Final = {
    MINE: "usage:view_csv",
    INTERNS: "usage:interns_view_csv",
    EVERYONE: "usage:everyone_view_csv",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A line of the table, and of the legend."""

    label: Label
    colour: int
    value: Number | None
    share: float | None
    before: Number | None


def context_of_explorer(view: View, page: Page, explored: Explored) -> dict[str, Any]:
    """Return the context of the explorer."""
    found, labels = explored.numbers, explored.labels
    number = min(view.number, max(0, found.count - 1) // ROWS_PER_PAGE + 1)
    start = (number - 1) * ROWS_PER_PAGE
    everybody = page.here == EVERYONE
    metrics = [(name, words) for name, words in METRIC_WORDS.items() if everybody or name != "people"]
    question = view.question
    return {
        "view": view,
        "view_csv": VIEW_CSV[page.here],
        "picture_name": f"{question.metric}-by-{question.split}-{page.period.first_day}-to-{page.period.last_day}.png",
        "view_params": view.chosen,
        "explored": found,
        "legend": [_row(found, line, labels[line.part], at) for at, line in enumerate(found.top)],
        "rows": [
            _row(found, line, labels[line.part], start + at)
            for at, line in enumerate(found.lines[start : start + ROWS_PER_PAGE])
        ],
        "first_row": start + 1,
        "rows_before": number - 1,
        "rows_after": number + 1 if found.count > start + ROWS_PER_PAGE else 0,
        "metric_words": METRIC_WORDS[view.question.metric],
        "split_words": SPLIT_WORDS[view.question.split],
        "metrics": metrics,
        "splits": [(name, SPLIT_WORDS[name]) for name in (SPLIT_WORDS if everybody else OF_ONE)],
        "steps": list(STEP_WORDS.items()),
        "displays": list(DISPLAY_WORDS.items()),
    }


def _row(found: Exploration, line: Line, label: Label, at: int) -> Row:
    share = None
    if found.metric.adds_up and found.total.top:
        share = float(line.amount.top) / float(found.total.top)
    return Row(
        label=label,
        colour=(label.colour or at % 12 + 1) if at < TOP else 0,
        value=found.value(line.amount),
        share=share,
        before=None if line.before is None else found.value(line.before or Amount()),
    )
