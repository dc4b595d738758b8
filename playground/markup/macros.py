r"""Unsupported commands, expanded to supported ones: of the packages physics, siunitx and mhchem.

Also names of functions that papers define for themselves, and that models use as if they were standard.
"""

import re
from collections.abc import Callable
from typing import Final

from playground.markup.chemistry import reaction
from playground.markup.units import number_in_latex, units_in_latex

MOST_NESTING: Final = 20
_COMMAND: Final = re.compile(r"\\([A-Za-z]+)\*?")
_NAMES: Final = (  # set upright
    "tr Tr rank sgn sign erf erfc grad curl diag span supp proj dist Var Cov Corr Hom End Aut Ker lcm softmax sinc"
    " arccot arcsec arccsc arsinh arcosh artanh arcsinh arccosh arctanh sech csch argmax argmin arg"
)
_TEMPLATES: Final = {  # name: number of arguments, and replacement
    **{name: (0, rf"\operatorname{{{name}}}") for name in _NAMES.split()},
    **{name: (0, rf"\mathbb{{{name}}}") for name in "RNZQCF"},
    "laplacian": (0, r"\nabla^2"),
    "qed": (0, r"\square"),
    "celsius": (0, r"^\circ\text{C}"),
    "degreeCelsius": (0, r"^\circ\text{C}"),
    "textdegree": (0, r"^\circ"),
    "textmu": (0, r"\mu"),
    "textohm": (0, r"\Omega"),
    "ohm": (0, r"\Omega"),
    "abs": (1, r"\left|#1\right|"),
    "norm": (1, r"\left\|#1\right\|"),
    "floor": (1, r"\left\lfloor #1\right\rfloor"),
    "ceil": (1, r"\left\lceil #1\right\rceil"),
    "set": (1, r"\left\{#1\right\}"),
    "order": (1, r"\mathcal{O}\left(#1\right)"),
    "eval": (1, r"\left.#1\right|"),
    "vb": (1, r"\mathbf{#1}"),
    "va": (1, r"\vec{\mathbf{#1}}"),
    "vu": (1, r"\hat{\mathbf{#1}}"),
    "ev": (1, r"\left\langle #1\right\rangle"),
    "expval": (1, r"\left\langle #1\right\rangle"),
    "comm": (2, r"\left[#1,#2\right]"),
    "acomm": (2, r"\left\{#1,#2\right\}"),
    "ketbra": (2, r"\left|#1\right\rangle\left\langle #2\right|"),
    "dyad": (2, r"\left|#1\right\rangle\left\langle #2\right|"),
    "innerproduct": (2, r"\left\langle #1\middle|#2\right\rangle"),
    "mel": (3, r"\left\langle #1\middle|#2\middle|#3\right\rangle"),
    "mqty": (1, r"\begin{matrix}#1\end{matrix}"),
    "pmqty": (1, r"\begin{pmatrix}#1\end{pmatrix}"),
    "bmqty": (1, r"\begin{bmatrix}#1\end{bmatrix}"),
    "cancelto": (2, r"\cancel{#2}^{#1}"),
    "nicefrac": (2, r"{}^{#1}\!/_{#2}"),
    "sfrac": (2, r"{}^{#1}\!/_{#2}"),
    "longdiv": (1, r"\left)\overline{#1}\right."),
    "enclose": (2, r"\left)\overline{#2}\right."),
    "eqref": (1, r"(\text{#1})"),
    "raisebox": (2, r"{#2}"),
    "underset": (2, r"\underset{#1}{{#2}}"),
    "overset": (2, r"\overset{#1}{{#2}}"),
}
_READERS: Final[dict[str, tuple[int, Callable[..., str]]]] = {  # functions that parse the arguments themselves
    "ce": (1, reaction),
    "cf": (1, reaction),
    "pu": (1, lambda text: _quantity(*text.partition(" ")[::2])),
    "num": (1, number_in_latex),
    "ang": (1, lambda text: rf"{number_in_latex(text)}^\circ"),
    "si": (1, units_in_latex),
    "unit": (1, units_in_latex),
    "SI": (2, lambda number, units: _quantity(number, units)),
    "qty": (2, lambda number, units: _quantity(number, units)),
}
_DERIVATIVES: Final = {"dv": r"\mathrm{d}", "odv": r"\mathrm{d}", "pdv": r"\partial"}
_ORDER: Final = re.compile(r"\s*\[([A-Za-z0-9]{1,3})\]")


def expanded(latex: str, depth: int = 0) -> str:
    """Return the formula without those commands; their arguments are expanded, too."""
    if depth > MOST_NESTING or "\\" not in latex:
        return latex
    out: list[str] = []
    pos = 0
    while found := _COMMAND.search(latex, pos):
        out.append(latex[pos : found.start()])
        written, pos = _one(latex, found, depth)
        out.append(written)
    return "".join(out) + latex[pos:]


def _one(latex: str, found: re.Match[str], depth: int) -> tuple[str, int]:
    """Return the replacement of a command, and where the formula continues."""
    name, pos = found[1], found.end()
    if name in _DERIVATIVES:
        return _derivative(latex, found, depth)
    count, become = _READERS.get(name) or _TEMPLATES.get(name) or (0, "")
    groups: list[str] = []
    for _ in range(count):
        group, pos = _group(latex, pos)
        if group is None:
            return _without_braces(latex, found)
        groups.append(group)
    if callable(become):
        return f"{{{become(*groups)}}}", pos
    if not become:
        return found[0], pos
    for number, group in enumerate(groups, start=1):
        become = become.replace(f"#{number}", expanded(group, depth + 1).replace("#", ""))
    return become + (" " if not count else ""), pos


def _without_braces(latex: str, found: re.Match[str]) -> tuple[str, int]:
    r"""Return `\qty(…)` of the package physics as its parentheses, `\abs x` as it is."""
    end = found.end()
    return ("" if found[1] == "qty" and latex[end : end + 1] in ("(", "[", "|") else found[0]), end


def _derivative(latex: str, found: re.Match[str], depth: int) -> tuple[str, int]:
    sign, pos, order = _DERIVATIVES[found[1]], found.end(), ""
    if given := _ORDER.match(latex, pos):
        order, pos = f"^{{{given[1]}}}", given.end()
    first, pos = _group(latex, pos)
    if first is None:
        return found[0], found.end()
    second, end = _group(latex, pos)
    above, below, pos = (first, second, end) if second is not None else ("", first, pos)
    above, below = expanded(above, depth + 1), expanded(below, depth + 1)
    return rf"\frac{{{sign}{order} {above}}}{{{sign} {below}{order}}}", pos


def _group(latex: str, pos: int) -> tuple[str | None, int]:
    """Return the content of the braces that open here, and where they end."""
    while pos < len(latex) and latex[pos].isspace():
        pos += 1
    depth = 0
    for end in range(pos, len(latex)):
        char = latex[end]
        if char == "{" and latex[end - 1] != "\\":
            depth += 1
        elif char == "}" and latex[end - 1] != "\\":
            depth -= 1
        if depth <= 0:
            return (latex[pos + 1 : end], end + 1) if depth == 0 and end > pos else (None, pos)
    return None, pos


def _quantity(number: str, units: str) -> str:
    written = units_in_latex(units)
    return rf"{number_in_latex(number)}\,{written}" if written else number_in_latex(number)
