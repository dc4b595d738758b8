"""A request as code that makes exactly this request, in the common languages.

It knows JSON and languages, and nothing of people, pages or the gateway. A language that cannot express the request
exactly is left out.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, Final

from django.views.decorators.debug import sensitive_variables

from keys.snippets import KINDS, NO_SECRET, Snippet, base_url, compose
from playground.as_code import languages
from playground.as_code.answers import Kind
from playground.as_code.pictures import in_files

TEXTS: Final = Path(__file__).parent / "texts"
PATHS: Final[Mapping[Kind, str]] = {
    "chat": "chat/completions",
    "completion": "completions",
    "embeddings": "embeddings",
    "moderation": "moderations",
}
_WRITERS: Final = {
    "curl": languages.curl,
    "powershell": languages.powershell,
    "requests": languages.requests,
    "openai": languages.openai,
    "httr2": languages.httr2,
    "javascript": languages.javascript,
    "langchain": languages.langchain,
}
_NO_TEXT_OF_R: Final = re.compile("[\0\ud800-\udfff]")
_CHANGED_BY_LANGCHAIN: Final = re.compile(r"o\d")  # renames the system role, sets a temperature


@sensitive_variables("secret")
def code_for(kind: Kind, body: Mapping[str, Any], *, secret: str | None = None) -> list[Snippet]:
    """Return the code of every language that can make this request, in the order of the tabs.

    `body` is the request's JSON for the gateway, without `stream`. Without a secret it says API_KEY.
    """
    body = _in_order(body)
    can = [language for language in _WRITERS if _CAN.get(language, _anything)(kind, body)]
    return [_snippet(language, kind, body, secret or NO_SECRET) for language in can]


def _in_order(body: Mapping[str, Any]) -> dict[str, Any]:
    """Put the role of each message first, as is customary."""
    if "messages" not in body:
        return dict(body)
    return {**body, "messages": [{"role": each["role"], **each} for each in body["messages"]]}


@sensitive_variables("key", "own")
def _snippet(language: str, kind: Kind, body: Mapping[str, Any], key: str) -> Snippet:
    of_language = next(known for known in KINDS if known.id == language)
    text, filled = _WRITERS[language](kind, *in_files(body))
    own = {"base_url": of_language.quote(base_url()), "key": of_language.quote(key), "path": PATHS[kind]}
    return compose(of_language, _text(text), {**own, **filled})


def _anything(kind: Kind, body: Mapping[str, Any]) -> bool:
    return True


def _in_powershell(kind: Kind, body: Mapping[str, Any]) -> bool:
    """Whether all of it is in the request: this language reads no images from files."""
    return not in_files(body)[1]


def _in_r(kind: Kind, body: Mapping[str, Any]) -> bool:
    """Whether R can express these values: no NUL in texts, no element without a name, numbers of 15 digits."""
    return not any(
        (isinstance(part, str) and _NO_TEXT_OF_R.search(part)) or (isinstance(part, int) and abs(part) >= 10**15)
        for part in _parts(body)
    ) and all(_names(body))


def _in_javascript(kind: Kind, body: Mapping[str, Any]) -> bool:
    return not any(isinstance(part, int) and abs(part) >= 2**53 for part in _parts(body))


def _in_langchain(kind: Kind, body: Mapping[str, Any]) -> bool:
    return kind == "embeddings" or (kind == "chat" and not _CHANGED_BY_LANGCHAIN.match(body["model"]))


_CAN: Final[Mapping[str, Callable[[Kind, Mapping[str, Any]], bool]]] = {
    "powershell": _in_powershell,
    "httr2": _in_r,
    "javascript": _in_javascript,
    "langchain": _in_langchain,
}


def _parts(value: Any) -> Iterator[Any]:
    """Yield every text and number, names included."""
    if isinstance(value, Mapping):
        yield from value
        value = list(value.values())
    if isinstance(value, Sequence) and not isinstance(value, str):
        for inner in value:
            yield from _parts(inner)
    else:
        yield value


def _names(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        yield from value
    if isinstance(value, Mapping | list | tuple):
        for inner in value.values() if isinstance(value, Mapping) else value:
            yield from _names(inner)


@cache
def _text(name: str) -> str:
    return (TEXTS / f"{name}.txt").read_text(encoding="utf-8").rstrip("\n")
