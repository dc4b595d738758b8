"""The explorer on the pages of usage: its state is the query string, its numbers are cached until a fact changes."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from django.utils.translation import gettext_lazy as _

from usage.queries.explorer import TOP, Exploration, Line, Question
from usage.queries.labels import Asked, Explored, Label
from usage.queries.metrics import METRICS, Amount, Number
from usage.views.common import FILTER_WORDS, Page

ROWS_PER_PAGE: Final = 25
MAX_PAGE_DIGITS: Final = 4
MOST_DAYS, MOST_WEEKS = 92, 740  # on the chart by day and by week
METRIC_WORDS: Final = {
    "spend": _("Spend"),
    "requests": _("Requests"),
    "failed": _("Failed requests"),
    "failed-share": _("Share of failed requests"),
    "tokens-in": _("Tokens in"),
    "tokens-out": _("Tokens out"),
    "cached": _("Tokens from the cache"),
    "response": _("Average response time"),
    "people": _("People"),
    "keys": _("Keys"),
}
SPLIT_WORDS: Final = {
    name: FILTER_WORDS[name] for name in ("model", "provider", "person", "group", "supervisor", "course", "key", "kind")
}
STEP_WORDS: Final = {"day": _("By day"), "week": _("By week"), "month": _("By month")}
DISPLAY_WORDS: Final = {
    "stacked": _("Stacked bars"),
    "lines": _("Lines"),
    "cumulative": _("Cumulative"),
    "share": _("Shares"),
}
OF_ONE: Final = ("model", "provider", "course", "key", "kind")  # splits of a page of one person
VIEW_CSV: Final = {
    "usage:index": "usage:view_csv",
    "usage:interns": "usage:interns_view_csv",
    "usage:everyone": "usage:everyone_view_csv",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """What the URL asks for; `display` as far as the metric allows it."""

    question: Question
    display: str
    number: int
    chosen: dict[str, str]  # URL parameters that are not the default

    @property
    def asked(self) -> Asked:
        """What the numbers depend on."""
        return Asked(question=self.question, limit=self.number * ROWS_PER_PAGE)

    def shown(self) -> str:
        """Return the display: only what adds up can be stacked."""
        return self.display if METRICS[self.question.metric].adds_up else "lines"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A line of the table, and of the legend."""

    label: Label
    colour: int
    value: Number | None
    share: float | None
    before: Number | None


def view_of(params: Mapping[str, str], page: Page) -> View:
    """Return what the URL asks for; what it has wrong is the default."""
    everybody = page.here == "usage:everyone"
    metric = _one_of(params, "metric", [name for name in METRICS if everybody or name != "people"], "spend")
    split = _one_of(params, "split", SPLIT_WORDS if everybody else OF_ONE, "model")
    length = page.period.length
    usual = "day" if length <= MOST_DAYS else "week" if length <= MOST_WEEKS else "month"
    step = _one_of(params, "by", list(STEP_WORDS)[list(STEP_WORDS).index(usual) :], usual)
    display = _one_of(params, "display", DISPLAY_WORDS, "stacked")
    text = params.get("rows", "")
    number = max(1, int(text)) if text.isdecimal() and text.isascii() and len(text) < MAX_PAGE_DIGITS else 1
    compare = params.get("compare") == "1"
    chosen = {"metric": metric, "split": split, "by": step, "display": display, "compare": "1" if compare else ""}
    usually = {"metric": "spend", "split": "model", "by": usual, "display": "stacked", "compare": ""}
    return View(
        question=Question(metric=metric, split=split, step=step, compare=compare),
        display=display,
        number=number,
        chosen={name: value for name, value in chosen.items() if value != usually[name]},
    )


def _one_of(params: Mapping[str, str], name: str, names: Any, usual: str) -> str:
    value = params.get(name, "")
    return value if value in names else usual


def context_of_explorer(view: View, page: Page, explored: Explored) -> dict[str, Any]:
    """Return the context of the explorer."""
    found, labels = explored.numbers, explored.labels
    start = (view.number - 1) * ROWS_PER_PAGE
    everybody = page.here == "usage:everyone"
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
        "rows_before": view.number - 1,
        "rows_after": view.number + 1 if found.count > start + ROWS_PER_PAGE else 0,
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
