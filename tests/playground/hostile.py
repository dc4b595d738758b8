"""Texts that are expensive to render, as expressions: found by `python -m bench.fuzz_lexers` and by reading the lexers.

Code is (language, before, repeated, after), repeated until it is as long as code that is coloured may be.
"""

from collections.abc import Iterator

from playground.markup.code import MOST_CHARS as MOST_CHARS_OF_CODE
from playground.markup.code import lexers
from playground.rendering.answers import MOST_CHARS

CODE = (
    ("Python", " case", " ", "!"),
    ("Python", "", "{a[a", ""),
    ("Python", "\tmatch", " ", "!"),
    ("Python", "", " " * 500 + "\n", ""),
    ("Python session", ">>> \tmatch", " ", "!"),
    ("Python session", ">>> ", "%(a", ""),
    ("R", "'", "\\", ""),
    ("R", "", "\\a", "!"),
    ("R", "`a", "\\aa", "\0"),
    ("Shell", "<<", "a", ""),
    ("Shell", "$'", "\\\\", '"'),
    ("Shell", "<<- '\\", "a", "!"),
    ("Terminal", "$ <<- '\\", "a", "!"),
    ("PowerShell", "[[", "[", "\n"),
    ("JavaScript", "", "?a", ""),
    ("TypeScript", "super (", "?", '"'),
    ("JSON", "", "[", ""),
    ("JSON", "", "'a", ""),
    ("YAML", "", "*a", ""),
    ("YAML", "", "&-", ""),
    ("TOML", "", "=", "!"),
    ("INI", "a\t:", " ", "\0"),
    ("HTML", "", "&a", ""),
    ("HTML", "<style>", "/*a", ""),
    ("HTML", "<script>", "?a", ""),
    ("XML", "", "&a", ""),
    ("CSS", "", "/*a", ""),
    ("SQL", "", ";", "!"),
    ("PostgreSQL", "", "?a", ""),
    ("C", "\\U9A99FAfF", " ", '"'),
    ("C", "#if 0\n", "#if 0\n", ""),
    ("C++", "//", "\n", ""),
    ("C#", "", "_\n", ""),
    ("Java", "", "a] ", ""),
    ("Java", " ", "public ", "\n"),
    ("Kotlin", "", "expect ", "\0"),
    ("Swift", "", "]", "!"),
    ("Go", "", "/\\\n*a", ""),
    ("Rust", "br", "#", ""),
    ("Julia", "", "\\1", ""),
    ("MATLAB", "", "\n", "!"),
    ("Octave", "", "'", ""),
    ("Fortran", "'\\", "7", ""),
    ("Haskell", "", "\u0126.", ""),
    ("Scala", 'raw"', "\\\\", "\n"),
    ("Scala", "", "inline `a` ", ""),
    ("Lua", "", "[=", ""),
    ("PHP", "<?php ", "/*a", ""),
    ("Ruby", "", ")e", ""),
    ("LaTeX", "", "{\n", ""),
    ("Markdown", "", " [a", ""),
    ("Markdown", "", "```html\n&a&a", ""),
    ("Diff", "", "\n\n", ""),
    ("Dockerfile", "VOLUME", " ", '"'),
    ("Makefile", "", "`", "!"),
    ("Nginx", "", "*\n", ""),
    ("HTTP", "", "a", '"'),
    ("HTTP", "HTTP/1.1 200 OK\nContent-Type: text/html\n\n", "&a", ""),
    ("Stan", "", "/*a", ""),
)
MARKDOWN = (
    *("a**b", "*a_ ", "*a **b ", "[a](", "[", "[a][b] ", "![", '[a](b "', "[a](<b", "www.", "http://", "a@a.", "<a@b"),
    *(
        "`a",
        "$a",
        "$a$ ",
        "$$a ",
        "\\(",
        "\\[\n",
        "\\begin{align}\n",
        "~~a",
        "&amp;",
        "<",
        ">",
        "- a\n",
        "> a\n",
        "```\n",
    ),
    *("1. a\n", "|a|\n|-|\n", "# a\n", "a\n=\n", "a  \n", "\n", " ", "\t", "**\u6ce8\u610f\uff1a**", '"', "\\*"),
    *(
        "<details>",
        "<details>\n",
        "<details><summary>",
        "<sub>",
        "<b>*a</b>*",
        "<br>",
        "[^a]",
        "[^a]: b\n",
        "> [!NOTE]\n",
    ),
    *(
        "- ```\n",
        "1. a\n  - b\n",
        "- [ ] a\n",
        "\\begin{cases}",
        "\\begin{cases}\n",
        "$ x = ",
        "\u05d0 a\n\n",
        "**\uff09**",
    ),
    *("```py\n ```\n", "```r\n'" + "\\" * 99 + "\n```\n", "$\\frac{a}{b^2}$ "),
)
FORMULAS = (
    *(
        "{",
        "}",
        "^a",
        "_{",
        "\\frac",
        "\\sqrt[",
        "\\left(",
        "\\begin{matrix}",
        "\\\\",
        "&",
        "\\text{",
        "\\mathrm{a ",
        "''",
    ),
    *("\\abs{", "\\abs{a}", "\\ce{A->", "\\ce{H2O}", "\\dv{", "\\pdv[2]{a}{b}", "\\SI{1}{\\kilo", "\\num{1e", "\\R"),
    *("\\hline", "\\substack{", "\\label{", "\\color{", "a", "1", "\\alpha", "\\operatorname{", "\\middle|", "\\binom"),
)


def code_texts() -> Iterator[tuple[str, str]]:
    """Yield the language, and an answer of one block in it."""
    for language, before, repeated, after in CODE:
        count = (MOST_CHARS_OF_CODE - len(before + after)) // len(repeated)
        yield language, f"````{lexers()[language]}\n{before}{repeated * count}{after}\n````\n"


def markdown_texts() -> Iterator[str]:
    """Yield answers as long as they may be."""
    for repeated in MARKDOWN:
        yield repeated * (MOST_CHARS // len(repeated))
    yield "*a **b " * 5000 + "c** d* " * 5000
    yield "[" * 20_000 + "]" * 20_000
    yield "[" * 9_000 + "a" + "](b)" * 20_000
    yield "".join("`" * length + " " for length in range(1, 440))
    yield "".join(f"[a{number}]: http://x.example/{number}\n" for number in range(3_500))
    yield "|a" * 300 + "\n" + "|-" * 300 + "\n" + ("|b" * 300 + "\n") * 130
    yield "\n".join(f"{'  ' * depth}- a" for depth in range(300))
    yield "|a|b|\n|-|-|\n" + "|`a|\\(b|$c" * 8_000
    yield "".join(f"[^{number}] " for number in range(6_000)) + "".join(f"\n\n[^{n}]: a" for n in range(6_000))
    yield "<sub>" * 9_000 + "a" + "</sub>" * 9_000


def formula_texts() -> Iterator[str]:
    """Yield answers of one long formula, and of many."""
    for repeated in FORMULAS:
        formula = f"$x{repeated * (1_900 // len(repeated))}$\n\n"
        yield formula * (MOST_CHARS // 2 // len(formula))


def dearest_texts() -> Iterator[str]:
    """Yield answers that take all the time that there is: prose first, since colours are given up sooner."""
    yield from (repeated * (MOST_CHARS // len(repeated)) for repeated in MARKDOWN[:12])
    yield from (text for _, text in code_texts())
