"""What the explorer shows, as a URL or a saved view names it; and its words."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from django.utils.translation import gettext_lazy as _

from usage.pages import EVERYONE, Page
from usage.queries.explorer import Question
from usage.queries.labels import Asked
from usage.queries.metrics import METRICS

FILTER_WORDS: Final = {
    "person": _("Person"),
    "group": _("Group"),
    "model": _("Model"),
    "provider": _("Provider"),
    "key": _("Key"),
    "kind": _("Kind of key"),
    "course": _("Course"),
    "supervisor": _("Supervisor"),
    "cost_centre": _("Cost centre"),
}
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
    name: FILTER_WORDS[name]
    for name in ("model", "provider", "person", "group", "supervisor", "course", "cost_centre", "key", "kind")
}
STEP_WORDS: Final = {"day": _("By day"), "week": _("By week"), "month": _("By month")}
DISPLAY_WORDS: Final = {
    "stacked": _("Stacked bars"),
    "lines": _("Lines"),
    "cumulative": _("Cumulative"),
    "share": _("Shares"),
}
OF_ONE: Final = ("model", "provider", "course", "key", "kind")  # splits of a page of one person


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


def view_of(params: Mapping[str, str], page: Page) -> View:
    """Return what the URL asks for; what it has wrong is the default."""
    everybody = page.here == EVERYONE
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
