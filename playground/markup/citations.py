"""Numbers in brackets that refer to the sources of an answer: links, as small as those to footnotes."""

import re
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any, Final

from markdown_it.renderer import RendererHTML
from markdown_it.rules_inline import StateInline
from markdown_it.token import Token

NUMBER: Final = re.compile(r"\[(\d{1,3})\](?!\()", re.ASCII)
_ADDRESS: Final = re.compile(r"https?://[^\s<>\\]+")


def cited(text: str, sources: Sequence[Mapping[str, str]]) -> str:
    """Return Markdown in which [1], [2] … refer to these sources; unchanged if it has no such number.

    The definitions come first: at the end they could be within code.
    """
    numbers = set(NUMBER.findall(text)) if sources else ()
    lines = [
        f"[{number}]: <{source['url']}>"
        for number, source in enumerate(sources, start=1)
        if str(number) in numbers and _ADDRESS.fullmatch(source.get("url", ""))
    ]
    return "\n".join([*lines, "", text]) if lines else text


def citation(state: StateInline, silent: bool) -> bool:
    """Parse a number in brackets that has a definition; of [1][2] each by itself."""
    found = NUMBER.match(state.src, state.pos)
    source = state.env["references"].get(found[1]) if found else None
    if found is None or source is None or state.linkLevel:
        return False
    if not silent:
        token = state.push("citation", "", 0)
        token.content, token.attrs = found[1], {"href": source["href"]}
    state.pos = found.end()
    return True


def render_citation(_self: RendererHTML, tokens: Sequence[Token], idx: int, *_rest: Any) -> str:
    """Link to the source."""
    token = tokens[idx]
    return f'<sup><a href="{escape(str(token.attrs["href"]))}">[{token.content}]</a></sup>'
