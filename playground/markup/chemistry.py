r"""Formulas and reactions of chemistry as mhchem's `\ce{…}` takes them: what models write of it."""

import re
from typing import Final

_ARROWS: Final = {  # plain, and with something above or below it
    "<=>>": (r"\rightleftharpoons ", r"\xrightleftharpoons"),
    "<<=>": (r"\rightleftharpoons ", r"\xrightleftharpoons"),
    "<=>": (r"\rightleftharpoons ", r"\xrightleftharpoons"),
    "<-->": (r"\leftrightarrow ", r"\xleftrightarrow"),
    "<->": (r"\leftrightarrow ", r"\xleftrightarrow"),
    "->": (r"\longrightarrow ", r"\xrightarrow"),
    "<-": (r"\longleftarrow ", r"\xleftarrow"),
    "→": (r"\longrightarrow ", r"\xrightarrow"),
    "⇌": (r"\rightleftharpoons ", r"\xrightleftharpoons"),
}
_TOKEN: Final = re.compile(
    r"(?P<arrow><=>>|<<=>|<=>|<-->|<->|->|<-|→|⇌)(?:\[(?P<above>[^\]]*)\])?(?:\[(?P<below>[^\]]*)\])?"
    r"|(?P<gas>\s[\^v↑↓](?=\s|$))"
    r"|(?P<plus>\s\+\s)"
    r"|(?P<raised>\^(?:\{[^{}]*\}|[0-9]*[+\-−]|[0-9.]+|\\?[A-Za-z]+|\*))"
    r"|(?P<lowered>_(?:\{[^{}]*\}|[0-9]+|[A-Za-z]))"
    r"|(?P<state>\((?:aq|s|l|g|cr|ppt)\))"
    r"|(?P<math>\$[^$]*\$|\\[A-Za-z]+(?:\{[^{}]*\})?)"
    r"|(?P<letters>[A-Za-z]+)"
    r"|(?P<number>[0-9]+(?:[./][0-9]+)?)"
    r"|(?P<charge>[+\-−](?=\s|$|[)\],]|\((?:aq|s|l|g)\)))"
    r"|(?P<dot>\s*[.·*]\s*(?=[0-9A-Z]))"
    r"|(?P<bond>[=#\-−])"
    r"|(?P<space>\s+)"
    r"|(?P<other>.)",
    re.DOTALL,
)
_SPECIES: Final = ("letters", "closed", "lowered")  # what a number counts, or a sign charges


def reaction(text: str) -> str:
    """Return it as LaTeX without `\\ce`."""
    out: list[str] = []
    before = ""
    for found in _TOKEN.finditer(text):
        kind = found.lastgroup or "other"
        if found["arrow"]:
            kind = "arrow"
            out.append(_arrow(found))
        else:
            out.append(_written(kind, found[0], before))
        before = (
            "closed" if found[0] in (")", "]", "}") else "lowered" if kind == "number" and before in _SPECIES else kind
        )
    return "".join(out)


def _arrow(found: re.Match[str]) -> str:
    plain, labelled = _ARROWS[found["arrow"]]
    above, below = (_label(found[name]) for name in ("above", "below"))
    if not above and not below:
        return f" {plain}"
    return f" {labelled}[{below}]{{{above}}} " if below else f" {labelled}{{{above}}} "


def _label(text: str | None) -> str:
    if not text:
        return ""
    is_words = re.fullmatch(r"[A-Za-z ,.]*[a-z]{3}[A-Za-z ,.]*", text)
    return rf"\text{{{text}}}" if is_words else reaction(text)


def _written(kind: str, text: str, before: str) -> str:
    bare = text.strip()
    match kind:
        case "letters":
            return rf"\text{{{bare}}}"
        case "number":
            return f"_{{{bare}}}" if before in _SPECIES else _amount(bare)
        case "charge":
            return f"^{{{bare}}}"
        case "raised" | "lowered":
            inner = text[1:].strip("{}")
            base = "" if before in (*_SPECIES, "raised", "charge") else "{}"
            return f"{base}{text[0]}{{{inner}}}"
        case "gas":
            return r"\uparrow " if bare in "^↑" else r"\downarrow "
        case "plus":
            return " + "
        case "state":
            return rf"\text{{{bare}}}"
        case "math":
            return bare.strip("$")
        case "dot":
            return r"\cdot "
        case "bond":
            return {"=": "{=}", "#": r"{\equiv}"}.get(bare, r"\text{–}")
        case "space":
            return r"\ " if before in (*_SPECIES, "raised", "state") else ""
        case _:
            return bare if bare not in ("{", "}", "^", "_", "&", "%") else ""


def _amount(number: str) -> str:
    above, slash, below = number.partition("/")
    return (rf"\tfrac{{{above}}}{{{below}}}" if slash else number) + r"\,"
