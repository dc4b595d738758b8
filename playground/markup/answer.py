"""A complete text: rendered, sanitised, with our own HTML inserted."""

from typing import Final, NamedTuple

import nh3

from playground.markup.directions import TAGS
from playground.markup.frames import Frames
from playground.markup.growth import Growth, Progress, progress_of
from playground.markup.markdown import environment, to_html
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


class Part(NamedTuple):
    """The HTML of blocks that are finished, and how the text goes on."""

    html: str
    shown: int  # characters of these blocks
    progress: Progress | None  # for the next part; None: that one begins at the beginning, as notes are at the end
    code: tuple[str, int] | None = None  # of an open block of code: what follows its fence, where its text begins


def rendered(text: str, frames: Frames, mark: str) -> str:
    """Return a model's Markdown as safe HTML; all ids in it begin with `mark`, which is unpredictable.

    Raises TooMuch, RecursionError, and TooDear within a `cpu_limit`.
    """
    return rendered_part(text, frames, mark, Progress(), is_last=True).html


def rendered_part(text: str, frames: Frames, mark: str, progress: Progress, *, is_last: bool) -> Part:
    """Return the blocks of a growing text that are finished; the text begins where the last part ended.

    All parts together are what `rendered` returns for the whole text. Raises Restart, too.
    """
    lines, end, following = text.rpartition("\n")
    growth = Growth(progress, None if is_last else following)
    pieces = Pieces(mark, progress.pieces)
    env = environment(pieces, frames, growth)
    html = pieces.put_back(_SANITISER.clean(to_html(text if is_last else lines + end, env)))
    if progress.chars + len(html) > MOST_CHARS_OF_HTML:
        raise TooMuch
    return Part(html, growth.shown, None if is_last or growth.has_notes else progress_of(env, html), growth.code)
