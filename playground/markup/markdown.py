"""The Markdown that models write: GitHub's, formulas, and a few harmless tags. Other HTML in it is text."""

from collections.abc import MutableMapping, Sequence
from html import escape
from typing import Any, Final
from urllib.parse import urlsplit

from markdown_it import MarkdownIt
from markdown_it.ruler import RuleOptionsType
from markdown_it.rules_block import StateBlock
from markdown_it.rules_core import StateCore
from markdown_it.token import Token
from markdown_it.utils import OptionsDict
from mdit_py_plugins.footnote import footnote_plugin
from mdit_py_plugins.gfm_autolink import gfm_autolink_plugin

from playground.markup.blocks import note_block
from playground.markup.brackets import bracket_block, bracket_inline
from playground.markup.citations import citation, render_citation
from playground.markup.code import code_html
from playground.markup.directions import set_directions
from playground.markup.dollars import dollar_block, dollar_inline
from playground.markup.environments import environment_block, environment_inline
from playground.markup.fences import fence_block
from playground.markup.footnotes import FOOTNOTES, FootnoteRenderer
from playground.markup.formulas import formula_html
from playground.markup.frames import Frames
from playground.markup.growth import Growth, References, keep_finished
from playground.markup.inline import EastAsianInline
from playground.markup.limits import Share
from playground.markup.lists import nest_lists, tick_boxes
from playground.markup.pieces import Pieces, TooMuch
from playground.markup.tables import table_block
from playground.markup.tags import details_block, inline_tag, pair_tags

Env = MutableMapping[str, Any]
MOST_NESTING: Final = 40  # a list in a list counts as two
FIRST_HEADING: Final = 3  # the page has the two above
LAST_HEADING: Final = 6
SCHEMES: Final = ("http", "https", "mailto")
_FORMULAS: Final = {  # kinds of tokens, and whether the formula is a block
    "math_inline": False,
    "math_inline_double": True,
    "math_block": True,
    "environment": True,
    "bracket_inline": False,
    "bracket_display": True,
}


def environment(pieces: Pieces, frames: Frames, growth: Growth) -> Env:
    """Return what the rules share during the rendering of one text."""
    before = growth.progress
    return {
        "pieces": pieces,
        "frames": frames,
        "growth": growth,
        "headings": [*before.headings],
        "references": References(before.references),
        "code_share": Share(before.code_s),
        "formula_share": Share(before.formulas_s),
    }


def to_html(text: str, env: Env) -> str:
    """Return HTML that is not yet sanitised, with words for its pieces.

    Raises TooMuch (too many or too deep parts), and Restart.
    """
    html: str = _PARSER.render(text, env)
    return html


class _Renderer(FootnoteRenderer):
    """The differences to the usual HTML: methods are named after the kinds of tokens."""

    def fence(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: Env) -> str:
        """Frame a block of code."""
        token, pieces = tokens[idx], _pieces(env)
        html = code_html(token.content, token.info, pieces.new_id(), frames=env["frames"], share=env["code_share"])
        return pieces.keep(html)

    code_block = fence

    def image(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: Env) -> str:
        """Name the image and its host; it is not loaded, since the host would learn who reads."""
        token = tokens[idx]
        alt = self.renderInlineAsText(token.children or [], options, env)
        address = str(token.attrs["src"])
        host = urlsplit(address).hostname or ""
        words = env["frames"].named_picture if alt else env["frames"].picture
        return f'<a href="{escape(address)}">{escape(words.format(alt=alt, host=host))}</a>'

    def softbreak(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: Env) -> str:
        """Break the line where the model did, but not next to a formula on lines of its own."""
        if any(_FORMULAS.get(token.type) for token in tokens[max(idx - 1, 0) : idx + 2]):
            return "\n"
        return super().softbreak(tokens, idx, options, env)

    def list_item_open(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: Env) -> str:
        """Begin a list item; the box of a task is part of its text."""
        return self.renderToken(tokens, idx, options, env)

    def table_open(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: Env) -> str:
        """Make a wide table scroll."""
        return _pieces(env).keep(env["frames"].table) + self.renderToken(tokens, idx, options, env)

    def table_close(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: Env) -> str:
        """Close the region, too."""
        return "</table>" + _pieces(env).keep("</div>")

    def formula(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: Env) -> str:
        """Render a formula, or show it as written if it is broken."""
        token = tokens[idx]
        html = formula_html(
            token.content.strip(),
            display=_FORMULAS[token.type],
            frames=env["frames"],
            share=env["formula_share"],
        )
        return _pieces(env).keep(html) if html else f"<code>{escape(_as_written(token))}</code>"


def _as_written(token: Token) -> str:
    closing = {r"\(": r"\)", r"\[": r"\]"}.get(token.markup, token.markup)
    return f"{token.markup}{token.content.strip()}{closing}"


def _pieces(env: Env) -> Pieces:
    pieces: Pieces = env["pieces"]
    return pieces


def _refuse_depth(state: StateBlock, startLine: int, endLine: int, silent: bool) -> bool:  # noqa: N803  (called by name)
    if state.level >= MOST_NESTING:
        raise TooMuch
    return False


def _fit_into_the_page(state: StateCore) -> None:
    """Lower the headings, skipping no level, and translate alerts."""
    above: list[int] = state.env["headings"]
    for index, token in enumerate(state.tokens):
        if token.type in ("heading_open", "heading_close"):
            level = int(token.markup.count("#") or "=-".index(token.markup[0]) + 1)
            while above and above[-1] >= level:
                above.pop()
            above.append(level)
            token.tag = f"h{min(FIRST_HEADING - 1 + len(above), LAST_HEADING)}"
        elif token.type == "alert_open":
            _set_alert(token, state.tokens[index + 1], state.tokens[index + 2], state.env["frames"])
        elif token.type == "alert_close":
            token.tag = "blockquote"


def _set_alert(alert: Token, title: Token, words: Token, frames: Frames) -> None:
    """Make it a quote with the kind of alert in the reader's language."""
    alert.tag, alert.attrs = "blockquote", {"class": f"ps-alert-{alert.info.lower()}"}
    title.attrs = {"class": "ps-alert-title"}
    words.children = [Token("text", "", 0, content=frames.alerts[alert.info])]


def _may_lead_there(address: str) -> bool:
    """Whether a link may point to this URL; otherwise it stays text."""
    try:
        parts = urlsplit(address)
    except ValueError:
        return False
    return parts.scheme in SCHEMES and bool(parts.hostname or (parts.scheme == "mailto" and parts.path))


def _parser() -> MarkdownIt:
    options = {"html": False, "maxNesting": 2 * MOST_NESTING, "breaks": True, "tasklists": True, "alerts": True}
    parser = MarkdownIt("commonmark", options, renderer_cls=_Renderer)
    parser.inline = EastAsianInline()
    parser.configure("commonmark", options)  # for the new inline parser, too
    parser.enable(["table", "strikethrough"])
    parser.use(gfm_autolink_plugin)
    parser.use(footnote_plugin, inline=False)
    _add_inline_rules(parser)
    _add_block_rules(parser)
    for name, rule in (("pair_tags", pair_tags), ("nest_lists", nest_lists), ("tick_boxes", tick_boxes)):
        parser.core.ruler.push(name, rule)
    parser.core.ruler.after("block", "keep_finished", keep_finished)
    parser.core.ruler.push("fit_into_the_page", _fit_into_the_page)
    parser.core.ruler.push("set_directions", set_directions)
    for kind in _FORMULAS:
        parser.add_render_rule(kind, _Renderer.formula)
    for kind in FOOTNOTES:  # the plugin has set its own
        parser.add_render_rule(kind, getattr(_Renderer, kind))
    parser.validateLink = _may_lead_there  # type: ignore[assignment,method-assign]  # the documented way to set it
    return parser


def _add_inline_rules(parser: MarkdownIt) -> None:
    parser.inline.ruler.before("escape", "math_inline", dollar_inline)
    parser.inline.ruler.before("escape", "bracket_inline", bracket_inline)
    parser.inline.ruler.before("escape", "environment_inline", environment_inline)
    parser.inline.ruler.before("autolink", "inline_tag", inline_tag)
    parser.inline.ruler.before("link", "citation", citation)
    parser.add_render_rule("citation", render_citation)


def _add_block_rules(parser: MarkdownIt) -> None:
    anywhere: RuleOptionsType = {"alt": ["paragraph", "reference", "blockquote", "list", "footnote_def"]}
    parser.block.ruler.at("table", table_block, {"alt": ["paragraph", "reference"]})
    parser.block.ruler.at("fence", fence_block, anywhere)
    parser.block.ruler.before("fence", "math_block", dollar_block, anywhere)
    parser.block.ruler.before("fence", "bracket_block", bracket_block, anywhere)
    parser.block.ruler.before("blockquote", "environment_block", environment_block, anywhere)
    parser.block.ruler.before("blockquote", "details_block", details_block, anywhere)
    parser.block.ruler.before("table", "refuse_depth", _refuse_depth, anywhere)
    parser.block.ruler.before("refuse_depth", "note_block", note_block)


_PARSER: Final = _parser()
