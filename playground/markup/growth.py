"""A text that is rendered while it grows: its finished blocks, and what the later ones must know of them.

The blocks that a text begins with are rendered once, and their source is not needed again: what they have in common
with later ones (levels of headings, definitions, numbers of pieces, time that is left) is carried in `Progress`. Where
a later line would change them, `Restart` says that the text is to be rendered from its beginning.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Final

from markdown_it.rules_core import StateCore

from playground.markup.blocks import blocks_of, finished, is_closed_fence
from playground.markup.directions import has_right_to_left
from playground.markup.pieces import TooMuch

MOST_MISSES: Final = 1000
CODE_CPU_S: Final = 0.12  # all code of a text; the rest is not highlighted
FORMULAS_CPU_S: Final = 0.12  # all formulas of a text; the rest is shown as written


class Restart(Exception):
    """A later line changes blocks that were rendered: render the text from its beginning."""


@dataclass(frozen=True, slots=True)
class Progress:
    """What the rendering of later blocks needs to know of the earlier ones."""

    has_begun: bool = False
    pieces: int = 0
    chars: int = 0  # of HTML
    headings: list[int] = field(default_factory=list)  # levels above the next heading
    is_right_to_left: bool = False  # some of the text
    code_s: float = CODE_CPU_S  # that is left
    formulas_s: float = FORMULAS_CPU_S
    references: dict[str, str] = field(default_factory=dict)  # URLs by label
    misses: list[str] = field(default_factory=list)  # labels that had no definition

    def as_json(self) -> str:
        """Return it for the rendering of the next blocks."""
        return json.dumps(asdict(self), separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> "Progress":
        """Return what `as_json` returned; without text, the beginning."""
        return cls(**json.loads(text)) if text else cls()


class References(dict[str, Mapping[str, Any]]):
    """The definitions of links, by label; remembers labels that were looked for in vain."""

    def __init__(self, known: Mapping[str, str]) -> None:
        super().__init__({label: {"href": href, "title": ""} for label, href in known.items()})
        self.misses: set[str] = set()

    def get(self, label: str, default: Any = None) -> Any:
        """Return the definition of this label."""
        if label not in self:
            self.misses.add(label)
        return super().get(label, default)


@dataclass(slots=True)
class Growth:
    """One rendering of a text that may not be complete; the core rule `keep_finished` fills in what it found."""

    progress: Progress
    following: str | None  # the begun line after the whole ones; None: the text is complete
    shown: int = 0  # characters of the finished blocks
    has_notes: bool = False
    code: tuple[str, int] | None = None  # of an open block of code: what follows its fence, where its text begins


def keep_finished(state: StateCore) -> None:
    """Keep the tokens of finished blocks only; a core rule between blocks and inline text."""
    growth: Growth = state.env["growth"]
    growth.shown = len(state.src)
    if growth.following is not None:
        _cut(state, growth)
    growth.has_notes = any(token.type == "footnote_reference_open" for token in state.tokens)
    before, references = growth.progress, state.env["references"]
    state.env["is_right_to_left"] = before.is_right_to_left or has_right_to_left(state.src + (growth.following or ""))
    changes = (
        growth.has_notes
        or state.env["is_right_to_left"] != before.is_right_to_left
        or not references.keys().isdisjoint(before.misses)
    )
    if before.has_begun and changes:
        raise Restart


def _cut(state: StateCore, growth: Growth) -> None:
    blocks = blocks_of(state)
    cut = finished(state, blocks, growth.following or "")
    lines = state.src.split("\n")
    growth.shown = sum(len(line) + 1 for line in lines[: cut.line])
    token = state.tokens[cut.tokens] if cut.blocks == len(blocks) - 1 and blocks[-1].kind == "fence" else None
    if token and token.map and not is_closed_fence(token, lines) and lines[token.map[0]].startswith(token.markup):
        growth.code = token.info, sum(len(line) + 1 for line in lines[: token.map[0] + 1])
    del state.tokens[cut.tokens :]
    references = state.env["references"]
    for label in [label for label, each in references.items() if "map" in each and each["map"][0] >= cut.line]:
        del references[label]
    notes = state.env.get("footnotes", {}).get("refs", {})
    kept = {f":{token.meta['label']}" for token in state.tokens if token.type == "footnote_reference_open"}
    for label in notes.keys() - kept:
        del notes[label]


def progress_of(env: Mapping[str, Any], html: str) -> Progress:
    """Return what later blocks need to know, after this part was rendered."""
    before: Progress = env["growth"].progress
    misses = sorted({*before.misses, *env["references"].misses})
    if len(misses) > MOST_MISSES:
        raise TooMuch
    return Progress(
        has_begun=before.has_begun or bool(html),
        pieces=env["pieces"].count,
        chars=before.chars + len(html),
        headings=env["headings"],
        is_right_to_left=env["is_right_to_left"],
        code_s=env["code_share"].left_s,
        formulas_s=env["formula_share"].left_s,
        references={label: each["href"] for label, each in env["references"].items()},
        misses=misses,
    )
