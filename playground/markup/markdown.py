"""The Markdown that models write: CommonMark, tables, strikethrough, bare addresses, formulas. HTML in it is text."""

from collections.abc import MutableMapping, Sequence
from html import escape
from typing import Any, Final
from urllib.parse import urlsplit

from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.rules_block import StateBlock
from markdown_it.rules_core import StateCore
from markdown_it.token import Token
from markdown_it.utils import OptionsDict
from mdit_py_plugins.amsmath import amsmath_plugin
from mdit_py_plugins.dollarmath import dollarmath_plugin
from mdit_py_plugins.gfm_autolink import gfm_autolink_plugin

from playground.markup.brackets import bracket_block, bracket_inline
from playground.markup.code import code_html
from playground.markup.formulas import formula_html
from playground.markup.frames import Frames
from playground.markup.limits import Share
from playground.markup.pieces import Pieces, TooMuch

Env = MutableMapping[str, Any]
CODE_CPU_S: Final = 0.12  # all code of a text; what is over is not coloured
FORMULAS_CPU_S: Final = 0.12  # all formulas of a text; what is over is shown as written
MOST_NESTING: Final = 40  # a list in a list is two
FIRST_HEADING: Final = 3  # the page has the two above
LAST_HEADING: Final = 6
SCHEMES: Final = ("http", "https", "mailto")
_FORMULAS: Final = {  # kinds of tokens, and whether the formula stands on its own
    "math_inline": False,
    "math_inline_double": True,
    "math_block": True,
    "amsmath": True,
    "bracket_inline": False,
    "bracket_display": True,
}


def to_html(text: str, pieces: Pieces, frames: Frames) -> str:
    """Return HTML that is not yet sanitised, with words for the `pieces`; TooMuch: too many or too deep parts."""
    shares = {"code_share": Share(CODE_CPU_S), "formula_share": Share(FORMULAS_CPU_S)}
    html: str = _PARSER.render(text, {"pieces": pieces, "frames": frames, **shares})
    return html


class _Renderer(RendererHTML):
    """Where our HTML differs from the usual: methods are named after the kinds of tokens."""

    def fence(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: Env) -> str:
        """Frame a block of code."""
        token, pieces = tokens[idx], _pieces(env)
        html = code_html(token.content, token.info, pieces.new_id(), frames=env["frames"], share=env["code_share"])
        return pieces.keep(html)

    code_block = fence

    def image(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: Env) -> str:
        """Name the image and where it lies; it is not loaded, since its host would learn who reads."""
        token = tokens[idx]
        alt = self.renderInlineAsText(token.children or [], options, env)
        address = str(token.attrs["src"])
        host = urlsplit(address).hostname or ""
        words = env["frames"].named_picture if alt else env["frames"].picture
        return f'<a href="{escape(address)}">{escape(words.format(alt=alt, host=host))}</a>'

    def table_open(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: Env) -> str:
        """Let a wide table scroll."""
        return _pieces(env).keep(env["frames"].table) + "<table>"

    def table_close(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: Env) -> str:
        """Close the region, too."""
        return "</table>" + _pieces(env).keep("</div>")

    def formula(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: Env) -> str:
        """Set a formula, or show it as written where it is broken."""
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
    """Lower the headings, skipping no level, and say by classes how a table's columns are aligned."""
    above: list[int] = []
    for token in state.tokens:
        if token.type in ("heading_open", "heading_close"):
            level = int(token.markup.count("#") or "=-".index(token.markup[0]) + 1)
            while above and above[-1] >= level:
                above.pop()
            above.append(level)
            token.tag = f"h{min(FIRST_HEADING - 1 + len(above), LAST_HEADING)}"
        elif token.type in ("th_open", "td_open"):
            style = str(token.attrs.pop("style", ""))
            if style.endswith((":center", ":right")):
                token.attrs["class"] = "text-center" if style.endswith("center") else "text-end"


def _may_lead_there(address: str) -> bool:
    """Whether a link may lead to this address; else it stays text."""
    try:
        parts = urlsplit(address)
    except ValueError:
        return False
    return parts.scheme in SCHEMES and bool(parts.hostname or (parts.scheme == "mailto" and parts.path))


def _parser() -> MarkdownIt:
    parser = MarkdownIt("commonmark", {"html": False, "maxNesting": 2 * MOST_NESTING}, renderer_cls=_Renderer)
    parser.enable(["table", "strikethrough"])
    parser.use(gfm_autolink_plugin)
    parser.use(dollarmath_plugin, allow_labels=False, allow_space=False, allow_digits=False, double_inline=True)
    parser.use(amsmath_plugin)
    parser.inline.ruler.before("escape", "bracket_inline", bracket_inline)
    parser.block.ruler.before(
        "fence", "bracket_block", bracket_block, {"alt": ["paragraph", "reference", "blockquote", "list"]}
    )
    parser.block.ruler.before(
        "table", "refuse_depth", _refuse_depth, {"alt": ["paragraph", "reference", "blockquote", "list"]}
    )
    parser.core.ruler.push("fit_into_the_page", _fit_into_the_page)
    for kind in _FORMULAS:
        parser.add_render_rule(kind, _Renderer.formula)
    parser.validateLink = _may_lead_there  # type: ignore[assignment,method-assign]  # the documented way to set it
    return parser


_PARSER: Final = _parser()
