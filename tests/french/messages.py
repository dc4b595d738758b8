"""Every translatable text of ours, read from the sources without gettext's programs."""

import ast
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Final

from django.conf import settings
from django.utils.translation.template import templatize

Message = tuple[str, str, str]  # context, text, plural; empty where there is none

ROOT: Final = Path(settings.BASE_DIR)
NOT_OURS_TO_TRANSLATE: Final = {"tests", "sandbox", "node_modules", "var", "bench", "docs"}
PARTS: Final = {  # what the arguments of gettext's functions are, in their order
    "gettext": "text",
    "ngettext": "text plural",
    "pgettext": "context text",
    "npgettext": "context text plural",
}
FUNCTION: Final = re.compile("(n?p?gettext)(?:_lazy|_noop)?")
CALL_IN_TEMPLATE: Final = re.compile(
    r"\b_?(n?p?gettext|_)\(((?:\s*u?(?:'(?:\\.|[^'\\])*'|\"(?:\\.|[^\"\\])*\"),?)+)", re.S
)


@cache
def messages() -> frozenset[Message]:
    """Return what the code and the templates say."""
    found = {message for path in _sources("py") for message in _in_python(path.read_text(encoding="utf-8"))}
    for suffix in ("html", "txt"):
        for path in _sources(suffix):
            found |= set(_in_template(path.read_text(encoding="utf-8")))
    return frozenset(found)


def hidden_names() -> set[str]:
    """Return the names of gettext's functions that xgettext does not know: it would drop their texts."""
    sources = (path.read_text(encoding="utf-8") for path in _sources("py"))
    named = {name for source in sources for name in _names_in(ast.parse(source))}
    return {name for name in named if name != "_" and not FUNCTION.fullmatch(name)}


def texts_in_f_strings() -> set[str]:
    """Return what is to be translated inside an f-string, where xgettext does not look: it would drop it."""
    trees = [ast.parse(path.read_text(encoding="utf-8")) for path in _sources("py")]
    f_strings = ((tree, node) for tree in trees for node in ast.walk(tree) if isinstance(node, ast.JoinedStr))
    return {text for tree, f_string in f_strings for _, text, _ in _texts_in(f_string, _names_in(tree))}


def _sources(suffix: str) -> Iterator[Path]:
    folders = (f for f in ROOT.iterdir() if f.is_dir() and f.name not in NOT_OURS_TO_TRANSLATE and f.name[0] != ".")
    return (path for folder in folders for path in folder.rglob(f"*.{suffix}"))


def _in_python(source: str) -> Iterator[Message]:
    """Yield the texts of the calls of gettext's functions, under whatever name they were imported."""
    tree = ast.parse(source)
    return _texts_in(tree, _names_in(tree))


def _texts_in(tree: ast.AST, names: Mapping[str, str]) -> Iterator[Message]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in names:
            values = [str(argument.value) for argument in node.args if isinstance(argument, ast.Constant)]
            if values:  # otherwise it has a name, and gettext_noop marks its text elsewhere
                yield _message(names[node.func.id], values)


def _names_in(tree: ast.Module) -> dict[str, str]:
    """Return under what name each of gettext's functions was imported."""
    return {
        alias.asname or alias.name: found[1]
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module == "django.utils.translation"
        for alias in node.names
        if (found := FUNCTION.fullmatch(alias.name))
    }


def _in_template(source: str) -> Iterator[Message]:
    for name, values in CALL_IN_TEMPLATE.findall(templatize(source)):
        yield _message("gettext" if name == "_" else name, ast.literal_eval(f"({values.rstrip(',')},)"))


def _message(function: str, values: Iterable[str]) -> Message:
    given = dict(zip(PARTS[function].split(), values, strict=False))
    return given.get("context", ""), given["text"], given.get("plural", "")
