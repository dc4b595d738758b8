"""A request as code: it sends exactly this request, whatever it contains."""

import ast
import html
import inspect
import json
import re
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
from playground.as_code.pictures import in_files
from tests.keys.recorder import Recorder, recording
from tests.keys.run_code import run_code
from tests.playground.code_bodies import BODIES, EVERYTHING, IMAGES, TEXTS
from tests.sandbox_process import Sandbox

SECRET: Final = "sk-0123456789abcdefghij42"
LIGHT: Final = ("curl", "requests")  # what runs everywhere; the rest needs programs and libraries of its own
LANGUAGES: Final = [
    pytest.param(language, marks=[] if language in LIGHT else [pytest.mark.clients, pytest.mark.slow])
    for language in ("curl", "requests", "httr2", "javascript")
]
BETWEEN: Final = "--- and the next ---"
ONE_BY_ONE: Final = """
import os, runpy

for folder in {folders}:
    os.chdir(folder)
    runpy.run_path("{filename}", run_name="__main__")
    print({between!r})
"""  # the libraries take seconds to be imported, so that their snippets share a process
ADDED: Final[dict[str, dict[str, object]]] = {  # what libraries say of themselves
    "openai": {"encoding_format": "base64"},
    "langchain": {"encoding_format": "base64", "stream": False},
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


def run_all(snippets: dict[str, Snippet], folder: Path) -> list[str]:
    """Run Python snippets one after the other in one process, each in its folder; return what each prints."""
    for case, snippet in snippets.items():
        (folder / case).mkdir()
        lay_images(folder / case)
        code = re.sub(rf"\b{NO_SECRET}\b", SECRET, snippet.code, count=1)
        (folder / case / snippet.filename).write_text(code, encoding="utf-8")
    [filename] = {snippet.filename for snippet in snippets.values()}
    folders = [str(folder / case) for case in snippets]
    program = ONE_BY_ONE.format(folders=folders, filename=filename, between=BETWEEN)
    done = run_code(language="python", filename="all.py", code=program, folder=folder)
    assert done.returncode == 0, done.stderr
    assert not [*folder.rglob("pwned")]
    return done.stdout.split(BETWEEN)[:-1]


def lay_images(folder: Path) -> None:
    """Put the images that are asked about where the code looks for them."""
    for number, (suffix, data) in enumerate(IMAGES.items(), start=1):
        (folder / f"image{number}.{suffix.replace('jpeg', 'jpg')}").write_bytes(data)


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
def test_powershell_has_exactly_this_request_unless_it_has_images() -> None:
    for case, (kind, body) in BODIES.items():
        snippet = code_in("powershell", kind, body)
        if in_files(body)[1]:
            assert snippet is None
            continue
        assert snippet, case
        begin, sent, end = re.split(r"(?m)^\$body = @'\n|\n'@$", snippet.code)
        assert (begin, in_text(json.loads(sent))) == ("", in_text(body)), case
        assert "GetBytes($body)" in end
        assert "UTF8.GetString($response.RawContentStream.ToArray()) | ConvertFrom-Json\n" in end


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("case", BODIES)
def test_sends_exactly_this_request(case: str, language: str, recorder: Recorder, tmp_path: Path) -> None:
    snippet = code_in(language, *BODIES[case])
    assert snippet
    lay_images(tmp_path)

    said = run(snippet, tmp_path)

    [asked] = recorder.asked
    assert_exact(case, language, asked, said)


@pytest.mark.clients
@pytest.mark.parametrize(("language", "lacks"), [("openai", set()), ("langchain", {"completion", "moderation"})])
def test_sends_exactly_this_request_by_a_library(
    language: str, lacks: set[str], recorder: Recorder, tmp_path: Path
) -> None:
    found = {case: code_in(language, kind, body) for case, (kind, body) in BODIES.items()}
    snippets = {case: snippet for case, snippet in found.items() if snippet}
    assert found.keys() - snippets.keys() == lacks

    said = run_all(snippets, tmp_path)

    for case, asked, words in zip(snippets, recorder.asked, said, strict=True):
        assert_exact(case, language, asked, words)


def assert_exact(case: str, language: str, asked: tuple[str, dict[str, Any]], said: str) -> None:
    """Compare what came with what is meant: with the key, to the letter, and the answer printed."""
    kind, body = BODIES[case]
    authorization, received = asked
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

    assert titles == ["curl", "PowerShell", "Python requests", "OpenAI SDK", "R httr2", "JavaScript", "LangChain"]


def test_marks_address_and_key_and_escapes_the_rest(settings: Settings) -> None:
    settings.GATEWAY_PUBLIC_URL = "https://gateway.example.edu"
    for snippet in code_for("chat", EVERYTHING):
        assert set(re.findall("<mark>(.*?)</mark>", snippet.code_html)) == {"https://gateway.example.edu/v1", NO_SECRET}
        shown = re.sub("</?mark>", "", snippet.code_html)
        assert "<" not in shown
        assert html.unescape(shown) == snippet.code


def test_has_short_lines_for_long_texts() -> None:
    for snippet in code_for("chat", chat("Some words, as people write them. " * 40 + "\nAnd more.")):
        if snippet.id not in ("curl", "powershell"):  # JSON knows no text of several lines
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
def test_leaves_out_languages_that_would_send_something_else(body: dict[str, Any], missing: set[str]) -> None:
    every = {snippet.id for snippet in code_for("chat", chat())}

    assert {snippet.id for snippet in code_for("chat", body)} == every - missing


@pytest.mark.parametrize("kind", ["completion", "moderation"])
def test_offers_no_langchain_code_for_unsupported_requests(kind: Kind) -> None:
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
