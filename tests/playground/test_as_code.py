"""A request as code: it sends exactly this request, whatever is written in it."""

import ast
import html
import inspect
import json
import re
from base64 import b64encode
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any, Final

import pytest
from pytest_django import Settings

from keys.snippets import NO_SECRET, Snippet
from playground.as_code import code_for
from playground.as_code.answers import Kind
from playground.as_code.languages import LANGCHAIN_ARGUMENTS, LONG, OPENAI_ARGUMENTS
from playground.as_code.literals import text_pieces
from tests.keys.recorder import Recorder, recording
from tests.keys.run_code import run_code
from tests.playground.xss import STORABLE
from tests.sandbox_process import Sandbox

SECRET: Final = "sk-0123456789abcdefghij42"
LIGHT: Final = ("curl", "requests")  # what runs everywhere; the rest needs programs and libraries of its own
LANGUAGES: Final = [
    pytest.param(language, marks=[] if language in LIGHT else [pytest.mark.clients])
    for language in ("curl", "requests", "openai", "httr2", "javascript", "langchain")
]
ADDED: Final[dict[str, dict[str, object]]] = {  # what libraries say of themselves
    "openai": {"encoding_format": "base64"},
    "langchain": {"encoding_format": "base64", "stream": False},
}
ACTING: Final = [
    "it's \"quoted\" \\ and \\' \\\\ \\n",
    "$(touch pwned) `touch pwned` ${HOME} $HOME !! !touch %s {0} «key» «base_url» «body»",
    "'; touch pwned; '",
    '"; touch pwned; "',
    "\nJSON\ntouch pwned\n",
    "'\nJSON\ntouch pwned\n{ cat <<'JSON'\n",
    '"); open("pwned", "w"); ("',
    '"""\nopen("pwned", "w")\n"""',
    '"); file.create("pwned"); c("',
    ')"; file.create("pwned"); r"(',
    '"}); require("fs").writeFileSync("pwned", ""); ({x: "',
    '`${require("fs").writeFileSync("pwned", "")}`',
    "#{touch} @pwned <(touch pwned) | touch pwned && touch pwned",
    "two\nlines\r\n\tand a tab\n\n\nand more  \n  touch pwned\n",
    "é à ß 漢字 \u202egnp.exe\u2028\u2029\u00a0\u200b \U0001f600 👩\u200d🔬 \U000e0041 e\u0301",
    "\x01\x08\x0b\x0c\x1b[31m\x7f\x85",
    "\nimage1.png\n",
    "API_KEYS, 'true', NULL, NA, None",
    "",
    " ",
    "\n",
    "l'été " * 60 + "x" * 300 + "\n" * 3 + "fin",
]
TEXTS: Final = [*ACTING, *STORABLE]
NAMES: Final = [
    "it's",
    'a"b\\',
    "function",
    "if",
    "NULL",
    "a.b",
    "..1",
    "__proto__",
    "constructor",
    "$x",
    "é\n",
    "_",
    "T",
]
TOOL: Final = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": 'It\'s for `places` in "quotes".',
        "parameters": {
            "type": "object",
            "properties": {name: {"type": "string", "enum": ["one"]} for name in NAMES} | {"none": {}},
            "required": ["if"],
            "additionalProperties": False,
            "examples": [],
            "default": None,
            "minimum": 1e-7,
            "maximum": 100000,
        },
    },
}
EVERYTHING: Final[dict[str, Any]] = {
    "model": "general_nothink'\"",
    "messages": [
        {"role": "system", "content": "You're kind.\nBe short."},
        *({"role": "user" if at % 2 else "assistant", "content": text} for at, text in enumerate(TEXTS)),
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [
                {"id": "c1", "type": "function", "function": {"name": "weather", "arguments": '{"it\'s": "é"}'}}
            ],
        },
        {"role": "tool", "tool_call_id": "c1", "content": "It's 20 °C."},
        {"role": "user", "content": "So?"},
    ],
    "temperature": 0.2,
    "top_p": 0.95,
    "n": 2,
    "max_tokens": 100000,
    "stop": ["\n"],
    "presence_penalty": -1.5,
    "frequency_penalty": 1.9,
    "logit_bias": {"50256": -100, "7": 1.5},
    "seed": 2147483648,
    "user": "o'neil",
    "tools": [TOOL],
    "tool_choice": "auto",
    "parallel_tool_calls": False,
    "response_format": {"type": "json_object"},
    "reasoning_effort": "low",
    "metadata": {name: f"{name}'s" for name in NAMES},
}
IMAGES: Final = {"png": bytes(range(256)) * 9, "jpeg": bytes(range(255, -1, -1)) * 500}
SEEING: Final[dict[str, Any]] = {
    "model": "sees",
    "n": 2,
    "messages": [
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "What's this?"},
                *(
                    {"type": "image_url", "image_url": {"url": f"data:image/{kind};base64,{b64encode(data).decode()}"}}
                    for kind, data in IMAGES.items()
                ),
                {"type": "image_url", "image_url": {"url": "data:image/gif;base64,R0lGODlhAQABAAAAACw="}},
            ],
        }
    ],
}
COMPLETING: Final[dict[str, Any]] = {
    "model": "old",
    "prompt": "Once upon a time,\nit's said,",
    "n": 2,
    "stop": ["END", "'"],
    "logit_bias": {"50256": -100},
    "max_tokens": 5,
}
BODIES: Final[dict[str, tuple[Kind, dict[str, Any]]]] = {
    "plain": ("chat", {"model": "m", "messages": [{"role": "user", "content": "Say hello."}]}),
    "everything": ("chat", EVERYTHING),
    "images": ("chat", SEEING),
    "completion": ("completion", COMPLETING),
    "embeddings": ("embeddings", {"model": "embedding", "input": ["It's", "one\ntwo"]}),
    "moderation": ("moderation", {"model": "moderation", "input": ["It's", "one\ntwo"]}),
}
SAID: Final = {"chat": "Hello.", "completion": "Hello.", "embeddings": "0.75", "moderation": "violence"}


@pytest.fixture
def recorder(settings: Settings) -> Iterator[Recorder]:
    with recording() as server:
        settings.GATEWAY_PUBLIC_URL = server.url
        yield server


def chat(text: str = "Say hello.", **more: Any) -> dict[str, Any]:
    return {"model": "general_nothink", "messages": [{"role": "user", "content": text}], **more}


def code_in(language: str, kind: Kind, body: dict[str, Any]) -> Snippet | None:
    return next((snippet for snippet in code_for(kind, body) if snippet.id == language), None)


def run(snippet: Snippet, folder: Path) -> str:
    """Run the code with a key in it, and return what it prints."""
    code = re.sub(rf"\b{NO_SECRET}\b", SECRET, snippet.code, count=1)
    done = run_code(language=snippet.language, filename=snippet.filename, code=code, folder=folder)
    assert done.returncode == 0, done.stderr
    assert not (folder / "pwned").exists()
    return done.stdout


def as_meant(body: dict[str, Any]) -> dict[str, Any]:
    """Return the body with the arguments of tools as what they mean: LangChain writes their JSON in its own way."""
    messages = [
        {**m, "tool_calls": [json.loads(c["function"]["arguments"]) for c in m["tool_calls"]]}
        if "tool_calls" in m
        else m
        for m in body.get("messages", [])
    ]
    return {**body, "messages": messages}


def in_text(body: dict[str, Any]) -> str:
    """Return the body as one text, so that neither 1 and true nor 100000 and 1e+05 are taken for the same."""
    return json.dumps(body, sort_keys=True)


# --- They send exactly this ---------------------------------------------------------------------------
@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("case", BODIES)
def test_sends_exactly_this_request(case: str, language: str, recorder: Recorder, tmp_path: Path) -> None:
    kind, body = BODIES[case]
    snippet = code_in(language, kind, body)
    for number, (suffix, data) in enumerate(IMAGES.items(), start=1):
        (tmp_path / f"image{number}.{suffix.replace('jpeg', 'jpg')}").write_bytes(data)
    if snippet is None:
        assert (language, kind) in {("langchain", "completion"), ("langchain", "moderation")}
        return

    said = run(snippet, tmp_path)

    [(authorization, received)] = recorder.asked
    assert authorization == f"Bearer {SECRET}"
    added = {name: value for name, value in received.items() if name not in body}
    assert added.items() <= ADDED.get(language, {}).items()
    exactly = as_meant if language == "langchain" else dict
    assert in_text(exactly({name: received[name] for name in received if name not in added})) == in_text(exactly(body))
    several = 1 if language == "langchain" else body.get("n", 1)
    assert said.count(SAID[kind]) >= several


@pytest.mark.parametrize("language", ["curl", "requests"])
@pytest.mark.parametrize(
    ("kind", "body", "answer"),
    [
        ("chat", chat("[echo] it's"), "it's"),
        ("embeddings", {"model": "embedding", "input": ["a", "b"]}, "0."),
    ],
)
def test_prints_what_the_gateway_answers(
    language: str, kind: Kind, body: dict[str, Any], answer: str, sandbox: Sandbox, tmp_path: Path
) -> None:
    secret = sandbox.call("POST", "/key/generate", body={"key_type": "llm_api"}).json()["key"]
    snippet = code_in(language, kind, body)
    assert snippet
    code = snippet.code.replace(NO_SECRET, secret)

    done = run_code(language=snippet.language, filename=snippet.filename, code=code, folder=tmp_path)

    assert done.returncode == 0, done.stderr
    assert answer in done.stdout
    assert '"error"' not in done.stdout


def test_runs_a_prompt_that_is_too_long_for_an_argument(recorder: Recorder, tmp_path: Path) -> None:
    body = chat("a \n" * LONG)
    snippet = code_in("curl", "chat", body)
    assert snippet
    (tmp_path / "try.sh").write_text(snippet.code)

    done = run_code(language="shell", filename="", code="sh try.sh", folder=tmp_path)

    assert done.returncode == 0, done.stderr
    assert recorder.asked[0][1] == body


# --- They read well -----------------------------------------------------------------------------------
def test_is_laid_out_for_reading(settings: Settings) -> None:
    settings.GATEWAY_PUBLIC_URL = "https://gateway.example.edu"
    body = chat("Explique l'été.\nEn une phrase.", temperature=0.2, stop=["\n"])
    body["messages"] = [dict(reversed(body["messages"][0].items()))]  # the gateway does not care; people do

    codes = {snippet.id: snippet.code for snippet in code_for("chat", body)}

    assert (
        codes["openai"]
        == """\
from openai import OpenAI

client = OpenAI(base_url="https://gateway.example.edu/v1", api_key="API_KEY")
answer = client.chat.completions.create(
    model="general_nothink",
    messages=[
        {
            "role": "user",
            "content": (
                "Explique l'été.\\n"
                "En une phrase."
            ),
        },
    ],
    temperature=0.2,
    stop=["\\n"],
)
print(answer.choices[0].message.content)"""
    )
    assert 'stop = list("\\n")' in codes["httr2"]
    assert (
        codes["curl"]
        == """\
curl 'https://gateway.example.edu/v1/chat/completions' \\
  -H 'Authorization: Bearer API_KEY' \\
  -H 'Content-Type: application/json' \\
  -d @- <<'JSON'
{
  "model": "general_nothink",
  "messages": [{"role": "user", "content": "Explique l'été.\\nEn une phrase."}],
  "temperature": 0.2,
  "stop": ["\\n"]
}
JSON"""
    )


def test_offers_the_languages_in_the_order_of_the_tabs() -> None:
    titles = [snippet.title for snippet in code_for("chat", chat())]

    assert titles == ["curl", "Python requests", "OpenAI SDK", "R httr2", "JavaScript", "LangChain"]


def test_marks_address_and_key_and_escapes_the_rest(settings: Settings) -> None:
    settings.GATEWAY_PUBLIC_URL = "https://gateway.example.edu"
    for snippet in code_for("chat", EVERYTHING):
        assert set(re.findall("<mark>(.*?)</mark>", snippet.code_html)) == {"https://gateway.example.edu/v1", NO_SECRET}
        shown = re.sub("</?mark>", "", snippet.code_html)
        assert "<" not in shown
        assert html.unescape(shown) == snippet.code


def test_has_short_lines_for_long_texts() -> None:
    for snippet in code_for("chat", chat("Some words, as people write them. " * 40 + "\nAnd more.")):
        if snippet.id != "curl":  # JSON knows no text of several lines
            assert max(map(len, snippet.code.splitlines())) <= 120


@pytest.mark.parametrize("text", TEXTS)
def test_cuts_a_text_without_losing_anything(text: str) -> None:
    pieces = text_pieces(text)

    assert "".join(pieces) == text
    assert not any("\n" in piece[:-1] for piece in pieces)


# --- What a language cannot say -----------------------------------------------------------------------
@pytest.mark.parametrize(
    ("body", "missing"),
    [
        (chat(seed=10**15), {"httr2"}),
        (chat(seed=2**53), {"httr2", "javascript"}),
        (chat("a\0b"), {"httr2"}),
        (chat(metadata={"": "nameless"}), {"httr2"}),
        ({**chat(), "model": "o3-mini"}, {"langchain"}),
    ],
)
def test_leaves_out_what_would_send_something_else(body: dict[str, Any], missing: set[str]) -> None:
    every = {snippet.id for snippet in code_for("chat", chat())}

    assert {snippet.id for snippet in code_for("chat", body)} == every - missing


@pytest.mark.parametrize("kind", ["completion", "moderation"])
def test_has_no_langchain_for_what_langchain_cannot_ask_for(kind: Kind) -> None:
    assert code_in("langchain", kind, {"model": "m", "prompt": "a", "input": ["a"]}) is None


def test_every_kind_of_python_is_python() -> None:
    for kind, body in BODIES.values():
        for snippet in code_for(kind, body):
            if snippet.language == "python":
                ast.parse(snippet.code)


@pytest.mark.clients
def test_langchain_sends_models_of_openai_the_same(recorder: Recorder, tmp_path: Path) -> None:
    body = {
        **chat(temperature=0.2),
        "model": "gpt-5-pro",
    }  # it would leave out the one, and ask elsewhere for the other
    snippet = code_in("langchain", "chat", body)
    assert snippet

    run(snippet, tmp_path)

    assert recorder.asked[0][1] == {**body, "stream": False}


@pytest.mark.clients
@pytest.mark.parametrize(
    ("kind", "module", "name"),
    [
        ("chat", "openai.resources.chat.completions", "Completions"),
        ("completion", "openai.resources.completions", "Completions"),
        ("embeddings", "openai.resources.embeddings", "Embeddings"),
        ("moderation", "openai.resources.moderations", "Moderations"),
    ],
)
def test_names_arguments_that_the_sdk_has(kind: Kind, module: str, name: str) -> None:
    create = getattr(import_module(module), name).create

    assert OPENAI_ARGUMENTS[kind] <= set(inspect.signature(create).parameters)


@pytest.mark.clients
def test_names_arguments_that_langchain_has() -> None:
    fields = import_module("langchain_openai").ChatOpenAI.model_fields

    names = {name for key, field in fields.items() for name in (key, field.alias)}
    assert names >= LANGCHAIN_ARGUMENTS
