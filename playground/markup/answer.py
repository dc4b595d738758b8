"""A complete text: rendered, sanitised, with our own HTML inserted."""

from typing import Final

import nh3

from playground.markup.directions import TAGS
from playground.markup.frames import Frames
from playground.markup.markdown import to_html
from playground.markup.pieces import Pieces, TooMuch

MOST_CHARS_OF_HTML: Final = 1_000_000
_DIRECTIONS: Final = {"ltr", "rtl"}
_CELL_CLASSES: Final = {"text-center", "text-end"}
CLASSES: Final = {  # of ours, by tag
    "li": {"ps-task"},
    "p": {"ps-alert-title"},
    "blockquote": {f"ps-alert-{kind}" for kind in ("note", "tip", "important", "warning", "caution")},
}
_SANITISER: Final = nh3.Cleaner(
    tags={
        *("p", "br", "hr", "h3", "h4", "h5", "h6", "ul", "ol", "li", "blockquote", "pre", "details", "summary"),
        *("table", "thead", "tbody", "tr", "th", "td"),
        *("strong", "em", "s", "u", "small", "sub", "sup", "kbd", "mark", "code", "a"),
    },
    attributes={"*": set(), "a": {"href"}, "ol": {"start"}},  # "*" would be title and lang
    tag_attribute_values={tag: {"dir": _DIRECTIONS} for tag in TAGS},
    allowed_classes={"th": _CELL_CLASSES, "td": _CELL_CLASSES, **CLASSES},
    url_schemes={"http", "https", "mailto"},
    url_relative="deny",
    link_rel="noopener noreferrer nofollow",
    set_tag_attribute_values={"a": {"target": "_blank"}},
)


def rendered(text: str, frames: Frames, mark: str) -> str:
    """Return a model's Markdown as safe HTML; all ids in it begin with `mark`, which is unpredictable.

    Raises TooMuch, RecursionError, and TooDear within a `cpu_limit`.
    """
    pieces = Pieces(mark)
    html = pieces.put_back(_SANITISER.clean(to_html(text, pieces, frames)))
    if len(html) > MOST_CHARS_OF_HTML:
        raise TooMuch
    return html
