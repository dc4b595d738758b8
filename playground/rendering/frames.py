"""The HTML that rendering processes put around code, tables and formulas: our templates, in one language."""

import hashlib
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import Final, NamedTuple

from django.template.loader import render_to_string
from django.utils.html import format_html
from django.utils.safestring import mark_safe
from django.utils.translation import gettext, override

from playground import markup
from playground.markup.frames import CODE, CODE_ID, LANGUAGE, MATH, Frames

PACKAGES: Final = ("latex2mathml", "markdown-it-py", "mdit-py-plugins", "nh3", "pygments")


class Renderer(NamedTuple):
    """Frames, and a digest of everything that affects the HTML: they, our code, the packages' versions."""

    frames: Frames
    digest: str


@lru_cache
def renderer_in(language: str | None) -> Renderer:
    """Return the frames in this language."""
    with override(language):
        code = {"language": LANGUAGE, "code_html": mark_safe(CODE), "code_id": CODE_ID}  # noqa: S308  (a constant)
        table = '<div class="ps-scroll" tabindex="0" role="group" aria-label="{}">'
        frames = Frames(
            code=render_to_string("playground/_code_block.html", code),
            code_word=gettext("Code"),
            formula=render_to_string("playground/_formula.html", {"math": MATH}),
            table=format_html(table, gettext("Table")),
            picture=gettext("Picture, not loaded ({host})"),
            named_picture=gettext("Picture, not loaded: {alt} ({host})"),
            footnote_back=gettext("Back to the text"),
            alerts={
                "NOTE": gettext("Note"),
                "TIP": gettext("Tip"),
                "IMPORTANT": gettext("Important"),
                "WARNING": gettext("Warning"),
                "CAUTION": gettext("Caution"),
            },
        )
    return Renderer(frames, hashlib.sha256(f"{_code_digest()} {frames}".encode()).hexdigest())


@lru_cache
def _code_digest() -> str:
    digest = hashlib.sha256(" ".join(version(name) for name in PACKAGES).encode())
    for path in sorted(Path(markup.__path__[0]).glob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()
