"""The differences between languages: the program around the request, and how it is passed.

Each returns the name of a template in texts/ and its values, quoted for its language.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from playground.as_code.answers import Kind, show
from playground.as_code.literals import JAVASCRIPT, JSON, PYTHON, R
from playground.as_code.pictures import Picture

Filled = tuple[str, dict[str, str]]

LONG: Final = 50_000  # characters; a shell passes no argument much longer than 100 KB
_CUT: Final = re.compile(r"\n(image\d+\.\w+)\n")
_METHODS: Final[Mapping[Kind, str]] = {
    "chat": "chat.completions.create",
    "completion": "completions.create",
    "embeddings": "embeddings.create",
    "moderation": "moderations.create",
}
_OF_COMPLETIONS: Final = frozenset(
    (
        "model",
        "temperature",
        "top_p",
        "n",
        "max_tokens",
        "stop",
        "presence_penalty",
        "frequency_penalty",
        "logit_bias",
        "seed",
        "user",
    )
)
OPENAI_ARGUMENTS: Final[Mapping[Kind, frozenset[str]]] = {  # arguments of the SDK
    "chat": _OF_COMPLETIONS
    | {
        "messages",
        "tools",
        "tool_choice",
        "parallel_tool_calls",
        "response_format",
        "reasoning_effort",
        "metadata",
    },
    "completion": _OF_COMPLETIONS | {"prompt"},
    "embeddings": frozenset(("model", "input", "dimensions", "user")),
    "moderation": frozenset(("model", "input")),
}
# Arguments that ChatOpenAI sends as they are. It would rename max_tokens, and not send metadata.
LANGCHAIN_ARGUMENTS: Final = frozenset(
    (
        "model",
        "temperature",
        "top_p",
        "n",
        "stop",
        "presence_penalty",
        "frequency_penalty",
        "seed",
        "reasoning_effort",
    )
)
_OF_THE_CALL: Final = ("tools", "tool_choice")  # of LangChain


def curl(kind: Kind, body: Mapping[str, Any], pictures: Sequence[Picture]) -> Filled:
    """Return a command; its JSON comes from a heredoc if it is too long for an argument."""
    text = JSON.write(body)
    if pictures:
        between = "\nJSON\nbase64 < {}\ncat <<'JSON'\n"
        return "curl_files", {"body": _CUT.sub(lambda cut: between.format(cut[1]), text)}
    if "'" in text or len(text) > LONG:
        return "curl_stdin", {"body": text}
    return "curl", {"body": text}


def powershell(kind: Kind, body: Mapping[str, Any], pictures: Sequence[Picture]) -> Filled:
    """Return commands with the JSON between quotes of several lines: no line of it can begin with the end of those."""
    return "powershell", {"body": JSON.write(body), "show": show("powershell", kind, body)}


def requests(kind: Kind, body: Mapping[str, Any], pictures: Sequence[Picture]) -> Filled:
    """Return a program with the request as one literal."""
    filled = {"body": PYTHON.write(body, depth=1, used=len("json=")), "show": show("requests", kind, body)}
    return "requests", {**filled, **_read_in_python(pictures)}


def openai(kind: Kind, body: Mapping[str, Any], pictures: Sequence[Picture]) -> Filled:
    """Return a program with an argument for each field; fields unknown to OpenAI go into extra_body."""
    arguments = _arguments(_with_extra(body, OPENAI_ARGUMENTS[kind]))
    filled = {"method": _METHODS[kind], "body": arguments, "show": show("openai", kind, body)}
    return "openai", {**filled, **_read_in_python(pictures)}


def langchain(kind: Kind, body: Mapping[str, Any], pictures: Sequence[Picture]) -> Filled:
    """Return a program for chat or embeddings."""
    if kind == "embeddings":
        return "langchain_embeddings", {
            "settings": _arguments({"model": body["model"]}),
            "body": PYTHON.write(body["input"], used=len("for vector in model.embed_documents():")),
        }
    call = "".join(f"\n    {_arguments({name: body[name]})}" for name in _OF_THE_CALL if name in body)
    filled = {
        "settings": _arguments(_langchain_settings(body)),
        "body": f"{PYTHON.write(body['messages'], depth=1)},{call}",
        "show": show("langchain", kind, body),
    }
    return "langchain", {**filled, **_read_in_python(pictures)}


def _langchain_settings(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return the model's arguments; for some names of models LangChain changes what it sends."""
    name = str(body["model"]).lower()
    known = LANGCHAIN_ARGUMENTS - {"temperature"} if name.startswith("gpt-5") else LANGCHAIN_ARGUMENTS
    settings = {field: value for field, value in body.items() if field not in ("messages", *_OF_THE_CALL)}
    elsewhere = {"use_responses_api": False} if name.startswith("gpt-") or "tools" in body else {}
    return {**_with_extra(settings, known), **elsewhere}


def httr2(kind: Kind, body: Mapping[str, Any], pictures: Sequence[Picture]) -> Filled:
    """Return a program with lists: a vector of length one would become a single value."""
    read = (
        'image{number} <- readBin("{file}", "raw", file.size("{file}"))\n'
        'image{number} <- paste0("{head}", gsub("\\n", "", jsonlite::base64_enc(image{number})))'
    )
    images = [read.format(number=p.number, head=p.head, file=p.file) for p in pictures]
    return "httr2", {
        "body": R.write(body, depth=1),
        "images": _paragraph(images, "#"),
        "show": show("httr2", kind, body),
    }


def javascript(kind: Kind, body: Mapping[str, Any], pictures: Sequence[Picture]) -> Filled:
    """Return a module."""
    images = [f'const image{p.number} = "{p.head}" + readFileSync("{p.file}", "base64");' for p in pictures]
    first = 'import { readFileSync } from "node:fs";\n\n' if pictures else ""
    return "javascript", {
        "body": JAVASCRIPT.write(body, depth=1),
        "images": first + _paragraph(images, "//"),
        "show": show("javascript", kind, body),
    }


def _with_extra(body: Mapping[str, Any], known: frozenset[str]) -> dict[str, Any]:
    extra = {name: value for name, value in body.items() if name not in known}
    named = {name: value for name, value in body.items() if name in known}
    return {**named, "extra_body": extra} if extra else named


def _arguments(values: Mapping[str, Any]) -> str:
    rows = [f"{name}={PYTHON.write(value, depth=1, used=len(name) + 1)}," for name, value in values.items()]
    return "\n    ".join(rows)


def _read_in_python(pictures: Sequence[Picture]) -> dict[str, str]:
    read = 'image{number} = "{head}" + b64encode(Path("{file}").read_bytes()).decode()'
    images = [read.format(number=picture.number, head=picture.head, file=picture.file) for picture in pictures]
    return {
        "imports": "from base64 import b64encode\nfrom pathlib import Path\n\n" if pictures else "",
        "images": _paragraph(images, "#"),
    }


def _paragraph(images: list[str], comment: str) -> str:
    """Return the lines that read the images, with a comment on what to do for it."""
    return "\n".join([f"{comment} Put the images next to this program.", *images, "", ""]) if images else ""
