"""Blocks of code: their language in words, their tokens in a few classes that answers.css colours."""

from html import escape
from typing import Final

from pygments.lexers import get_lexer_by_name
from pygments.token import Comment, Generic, Keyword, Literal, Name, Number, Operator, String, _TokenType

from playground.markup.frames import CODE, CODE_ID, LANGUAGE, Frames, filled
from playground.markup.limits import Share, TooDear

MOST_CHARS: Final = 30_000  # longer code is not highlighted
MOST_CHARS_OF_A_NAME: Final = 24
_LANGUAGES: Final = {  # as people call them: Pygments' names, and others that models write
    "Python": "python py python3",
    "Python session": "pycon",
    "R": "r rscript",
    "Shell": "bash sh shell zsh",
    "Terminal": "console shell-session",
    "PowerShell": "powershell ps1 pwsh",
    "JavaScript": "javascript js node mjs jsx",
    "TypeScript": "typescript ts tsx",
    "JSON": "json jsonc json5 jsonl",
    "YAML": "yaml yml",
    "TOML": "toml",
    "INI": "ini cfg",
    "HTML": "html htm",
    "XML": "xml svg",
    "CSS": "css",
    "SQL": "sql mysql sqlite",
    "PostgreSQL": "postgresql postgres",
    "C": "c h",
    "C++": "cpp c++ cxx hpp",
    "C#": "csharp c# cs",
    "Java": "java",
    "Kotlin": "kotlin kt",
    "Swift": "swift",
    "Go": "go golang",
    "Rust": "rust rs",
    "Julia": "julia jl",
    "MATLAB": "matlab",
    "Octave": "octave",
    "Fortran": "fortran f90",
    "Haskell": "haskell hs",
    "Scala": "scala",
    "Lua": "lua",
    "PHP": "php",
    "Ruby": "ruby rb",
    "LaTeX": "latex tex",
    "Markdown": "markdown md",
    "Diff": "diff patch",
    "Dockerfile": "dockerfile docker",
    "Makefile": "make makefile",
    "Nginx": "nginx",
    "HTTP": "http",
    "Stan": "stan",
}
_BY_NAME: Final = {name: (words, names.split()[0]) for words, names in _LANGUAGES.items() for name in names.split()}
_KINDS: Final[dict[_TokenType, str]] = {  # the nearest ancestor of a token counts
    Comment: "c",
    Comment.Preproc: "k",
    Keyword: "k",
    Keyword.Constant: "n",
    Keyword.Type: "t",
    Operator.Word: "k",
    String: "s",
    String.Escape: "n",
    String.Interpol: "n",
    Literal: "n",
    Number: "n",
    Name.Function: "f",
    Name.Class: "t",
    Name.Decorator: "f",
    Name.Exception: "t",
    Name.Builtin: "t",
    Name.Tag: "k",
    Name.Attribute: "f",
    Name.Constant: "n",
    Name.Label: "f",
    Name.Namespace: "t",
    Generic.Prompt: "c",
    Generic.Output: "c",
    Generic.Heading: "k",
    Generic.Subheading: "k",
    Generic.Deleted: "d",
    Generic.Inserted: "i",
    Generic.Error: "d",
    Generic.Traceback: "d",
}


def code_html(code: str, info: str, code_id: str, *, frames: Frames, share: Share) -> str:
    """Return the code in its frame, highlighted unless that is too expensive; `info` is the text after the fence."""
    words, lexer = language_of(info)
    code = code.rstrip("\n")
    html = escape(code)
    if lexer and len(code) <= MOST_CHARS:
        try:
            with share.spend():
                html = coloured(code, lexer)
        except TooDear:
            pass
    return framed(html, words, code_id, frames)


def framed(html: str, words: str, code_id: str, frames: Frames) -> str:
    """Return code, already HTML, in its frame."""
    return filled(frames.code, {LANGUAGE: escape(words) or frames.code_word, CODE: html, CODE_ID: code_id})


def language_of(info: str) -> tuple[str, str]:
    """Return the language in words and its lexer, empty if there is none, from the text after a fence."""
    name = info.split()[0].lower() if info.split() else ""
    return _BY_NAME.get(name, (info.split()[0][:MOST_CHARS_OF_A_NAME] if name else "", ""))


def lexers() -> dict[str, str]:
    """Return the supported lexers: a name that a fence may give, and Pygments' own name of it."""
    return {words: names.split()[0] for words, names in _LANGUAGES.items()}


def coloured(code: str, lexer: str) -> str:
    """Return the code with its tokens marked; adjacent ones of a kind are merged."""
    html: list[str] = []
    now, run = "", ""
    for token, text in get_lexer_by_name(lexer, stripnl=False, handlecodeblocks=False).get_tokens(code):
        kind = _kind(token) if text.strip() else now
        if kind != now and run:
            html.append(_span(now, run))
            run = ""
        now, run = kind, run + text
    html.append(_span(now, run.rstrip("\n")))
    return "".join(html)


def _span(kind: str, text: str) -> str:
    return f'<span class="{kind}">{escape(text)}</span>' if kind else escape(text)


def _kind(token: _TokenType) -> str:
    while token not in _KINDS and token.parent is not None:
        token = token.parent
    return _KINDS.get(token, "")
