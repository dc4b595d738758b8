"""LaTeX formulas as MathML, rendered from the converter's tree: only known elements, each text escaped."""

import re
from html import escape
from typing import Final
from xml.etree.ElementTree import Element

from latex2mathml import exceptions
from latex2mathml.converter import Converter

from playground.markup.frames import MATH, Frames, filled
from playground.markup.limits import Share, TooDear
from playground.markup.macros import expanded

MOST_CHARS: Final = 2000  # of one formula
_LEAVES: Final = frozenset(("mi", "mn", "mo", "mtext", "mspace"))
_CHILDREN: Final = {  # how many an element must have; None: any
    **dict.fromkeys(("mrow", "mstyle", "mpadded", "mphantom", "menclose", "msqrt", "mtable", "mtr", "mtd"), None),
    **dict.fromkeys(("mfrac", "mroot", "msub", "msup", "munder", "mover"), 2),
    **dict.fromkeys(("msubsup", "munderover"), 3),
}
_LENGTH: Final = r"-?[0-3]?(?:\.\d{1,4})?(?:em|ex)"  # nothing may extend beyond its place
_ATTRIBUTES: Final = {
    name: re.compile(values)
    for name, values in {
        "mathvariant": "normal|bold|italic|bold-italic|monospace",
        "stretchy": "true|false",
        "fence": "true|false",
        "form": "prefix|infix|postfix",
        "accent": "true|false",
        "movablelimits": "true|false",
        "displaystyle": "true|false",
        "scriptlevel": "[0-2]",
        "linethickness": "0|0px|0em",
        "columnalign": "left|right|center",
        "notation": "box|strike",
        "minsize": _LENGTH,
        "maxsize": _LENGTH,
        "width": f"0|{_LENGTH}",
    }.items()
}
_BROKEN: Final[tuple[type[Exception], ...]] = (  # the converter's exceptions for invalid formulas
    *(each for each in vars(exceptions).values() if isinstance(each, type) and issubclass(each, Exception)),
    ArithmeticError,
    AssertionError,
    AttributeError,
    LookupError,
    RuntimeError,  # also for too deep nesting
    StopIteration,
    TypeError,
    ValueError,
)
_DEFINITION: Final = re.compile(r"\\(?:[gex]?def|let|(?:re)?newcommand|providecommand|newenvironment)(?![A-Za-z])")
_ANOTHER_LANGUAGE: Final = re.compile(r"\\begin\{(?:CD|tikz\w*|picture)\}")  # not to be rendered as a formula
_FOR_THE_CONVERTER: Final = (  # unsupported commands, by supported ones; numbers of equations would all be (1)
    (re.compile(r"\\(?:mathrm|textrm)\s*\{([A-Za-z ]+)\}"), r"\\text{\1}"),  # a word, not letters
    (re.compile(r"\\label\{[^{}]*\}|\\(?:nonumber|notag)(?![A-Za-z])"), ""),
    (re.compile(r"\\(?:begin|end)\{equation\*?\}"), ""),
    (re.compile(r"\\begin\{align(?:ed)?at\*?\}\{\d+\}"), r"\\begin{align*}"),
    (re.compile(r"\\(begin|end)\{(?:align|aligned|alignedat|alignat\*?|flalign\*?|eqnarray\*?)\}"), r"\\\1{align*}"),
    (re.compile(r"\\(begin|end)\{(?:gather|gathered|multline)\*?\}"), r"\\\1{matrix}"),
    (re.compile(r"\\(begin|end)\{dcases\}"), r"\\\1{cases}"),
    (re.compile(r"(?<!\\)\\&"), r"\\text{&}"),
)
_CHARACTER: Final = re.compile("&#x([0-9A-Fa-f]{1,6});")
_UNKNOWN: Final = re.compile(r"&|\\[A-Za-z]")


def formula_html(latex: str, *, display: bool, frames: Frames, share: Share) -> str | None:
    """Return the formula, in a region of its own if `display`; None if broken, too expensive or with macros."""
    if not latex or len(latex) > MOST_CHARS or _DEFINITION.search(latex) or _ANOTHER_LANGUAGE.search(latex):
        return None
    try:
        with share.spend():
            tree = Converter(display="block" if display else "inline").convert_to_element(_for_the_converter(latex))
            content = "".join(_written(child) for child in tree)
    except _BROKEN:
        return None
    except TooDear:
        return None
    if not display:
        return f"<math>{content}</math>"
    return filled(frames.formula, {MATH: f'<math display="block">{content}</math>'})


def _for_the_converter(latex: str) -> str:
    latex = expanded(latex)
    for pattern, known in _FOR_THE_CONVERTER:
        latex = pattern.sub(known, latex)
    return latex


def _written(element: Element) -> str:
    """Return one element as MathML; raise ValueError for one that browsers cannot show."""
    name = element.tag
    if name in _LEAVES:
        text = _CHARACTER.sub(_character, "".join(element.itertext()))
        if name != "mtext" and _UNKNOWN.match(text):
            raise ValueError(text)
        return f"<{name}{_attributes(element)}>{escape(text)}</{name}>"
    count = _CHILDREN[name]
    if count not in (None, len(element)):
        raise ValueError(name)
    text = escape(_CHARACTER.sub(_character, element.text or "")).strip()
    before = f"<mtext>{text}</mtext>" if text else ""
    return f"<{name}{_attributes(element)}>{before}{''.join(map(_written, element))}</{name}>"


def _attributes(element: Element) -> str:
    if element.attrib.get("notation", "").endswith("diagonalstrike"):  # of \cancel and its like
        element.set("notation", "strike")
    return "".join(
        f' {name}="{value}"'
        for name, value in element.attrib.items()
        if name in _ATTRIBUTES and _ATTRIBUTES[name].fullmatch(value)
    )


def _character(found: re.Match[str]) -> str:
    return chr(int(found[1], 16))
