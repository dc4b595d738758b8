"""Footnotes: links both ways, with generated ids."""

from collections.abc import MutableMapping, Sequence
from typing import Any, Final

from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from markdown_it.utils import OptionsDict

Env = MutableMapping[str, Any]
FOOTNOTES: Final = tuple(f"footnote_{kind}" for kind in ("ref", "block_open", "block_close", "open", "close", "anchor"))


class FootnoteRenderer(RendererHTML):
    """Methods are named after the kinds of tokens."""

    def footnote_ref(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: Env) -> str:
        """Link to the note; the first link of a note can be returned to."""
        pieces, note = env["pieces"], tokens[idx].meta
        number = note["id"] + 1
        own_id = "" if note.get("subId") else f' id="{pieces.mark}-r{number}"'
        html: str = pieces.keep(
            f'<sup class="ps-note-number"><a{own_id} href="#{pieces.mark}-n{number}">{number}</a></sup>'
        )
        return html

    def footnote_block_open(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: Env) -> str:
        """Begin the notes."""
        opening: str = env["pieces"].keep('<div class="ps-notes">')
        return f"{opening}<ol>\n"

    def footnote_block_close(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: Env) -> str:
        """End the notes."""
        closing: str = env["pieces"].keep("</div>")
        return f"</ol>{closing}\n"

    def footnote_open(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: Env) -> str:
        """Begin a note, the target of its link."""
        pieces = env["pieces"]
        target = f'<span id="{pieces.mark}-n{tokens[idx].meta["id"] + 1}"></span>'
        return f"<li>{pieces.keep(target)}"

    def footnote_close(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: Env) -> str:
        """End it."""
        return "</li>\n"

    def footnote_anchor(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: Env) -> str:
        """Link back to the text, once."""
        pieces, note, label = env["pieces"], tokens[idx].meta, env["frames"].footnote_back
        if note.get("subId"):
            return ""
        html: str = pieces.keep(f' <a href="#{pieces.mark}-r{note["id"] + 1}" aria-label="{label}">↩</a>')
        return html
