"""Every code example, run as it is shown."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from keys.snippets import Snippet, Task, filled
from tests.keys.recorder import recording
from tests.keys.run_code import answer_of, run_code
from tests.sandbox_process import Sandbox

CHAT, EMBEDDING = "general_nothink", "embedding"
MODELS: dict[Task, str | None] = {"models": None, "chat": CHAT, "stream": CHAT, "embeddings": EMBEDDING}
OF_WINDOWS = ("powershell", "cmd")  # no program runs them here: tests/keys/test_snippets.py reads them
LIGHT = ("curl", "requests")  # what runs everywhere; the rest needs programs and libraries of its own


def marks_of(kind: str) -> list[pytest.MarkDecorator]:
    return [] if kind in LIGHT else [pytest.mark.clients, pytest.mark.slow]


CASES = [
    pytest.param(task, snippet.id, id=f"{task}-{snippet.id}", marks=marks_of(snippet.id))
    for task in MODELS
    for snippet in filled(task, url="", model=MODELS[task])
    if snippet.id not in OF_WINDOWS
]
OTHER_TASKS: dict[Task, dict[str, str]] = {  # not all are of the sandbox: what is sent, but for the model
    "completion": {"prompt": "Once upon a time, in a library without books,"},
    "moderation": {"input": "The cat sat on the mat."},
    "image": {"prompt": "A cat on a mat, in watercolour."},
    "speech": {"input": "The cat sat on the mat.", "voice": "alloy"},
    "transcription": {"file": "A recording"},
}
MADE = {"image": ("image.png", b"Picture"), "speech": ("speech.mp3", b"Sound")}
PRINTED = {"completion": "Hello.", "moderation": "violence", "transcription": "Hello."}
KINDS = [
    pytest.param(snippet.id, id=snippet.id, marks=marks_of(snippet.id))
    for snippet in filled("chat", url="", model=CHAT)
    if snippet.id not in OF_WINDOWS
]


def snippet_of(task: Task, kind: str, *, origin: str, secret: str | None) -> Snippet:
    snippets = filled(task, url=f"{origin}/v1", model=MODELS[task], secret=secret)
    return next(snippet for snippet in snippets if snippet.id == kind)


def new_secret(origin: str, admin_key: str) -> str:
    """Make a key that may call two models."""
    body = {"key_type": "llm_api", "models": [CHAT, EMBEDDING], "duration": "10m"}
    return str(post(origin, admin_key, "/key/generate", body)["key"])


def post(origin: str, key: str, path: str, body: dict[str, Any]) -> Any:
    answer = requests.post(origin + path, headers={"Authorization": f"Bearer {key}"}, json=body, timeout=20)
    answer.raise_for_status()
    return answer.json()


def expected(task: Task, kind: str, *, origin: str, secret: str) -> str:
    """Return what a snippet should say, out of what the gateway answers to a bare call."""
    if task == "models" or kind == "env":
        return f"{CHAT} {EMBEDDING}"
    if task == "embeddings":
        rows = post(origin, secret, "/v1/embeddings", {"model": EMBEDDING, "input": ["The cat sat on the mat."]})[
            "data"
        ]
        return f"{len(rows[0]['embedding'])} numbers, the first three:"
    question = "Say hello in one sentence." if task == "chat" else "Tell me a very short story."
    body = {"model": CHAT, "messages": [{"role": "user", "content": question}], "max_tokens": 200}
    text = post(origin, secret, "/v1/chat/completions", body)["choices"][0]["message"]["content"]
    assert len(text.split()) > 3
    return " ".join(text.split())


@pytest.mark.parametrize(("task", "kind"), CASES)
def test_runs_as_shown(task: Task, kind: str, sandbox: Sandbox, tmp_path: Path) -> None:
    secret = new_secret(sandbox.url, sandbox.admin_key)

    said = answer_of(snippet_of(task, kind, origin=sandbox.url, secret=secret), tmp_path)

    assert said.startswith(expected(task, kind, origin=sandbox.url, secret=secret))


@pytest.mark.parametrize(
    "kind", [pytest.param(kind, marks=marks_of(kind)) for kind in (*LIGHT, "openai", "httr2", "javascript")]
)
def test_code_for_other_modes_sends_what_it_should_and_keeps_the_answer(kind: str, tmp_path: Path) -> None:
    (tmp_path / "recording.mp3").write_text("A recording")
    with recording() as recorder:
        for task, fields in OTHER_TASKS.items():
            [snippet] = [s for s in filled(task, url=recorder.url, model="it's", secret="sk-1") if s.id == kind]

            done = run_code(language=snippet.language, filename=snippet.filename, code=snippet.code, folder=tmp_path)

            assert done.returncode == 0, done.stderr
            assert PRINTED.get(task, "") in done.stdout
            authorization, sent = recorder.asked.pop()
            assert authorization == "Bearer sk-1"
            assert sent.items() >= {**fields, "model": "it's"}.items(), task
            if task in MADE and kind != "curl":
                file, content = MADE[task]
                assert (tmp_path / file).read_bytes() == content


@pytest.fixture(scope="module")
def real_origin() -> str:
    return os.environ["REAL_GATEWAY_URL"].rstrip("/")


@pytest.fixture(scope="module")
def real_secret(real_origin: str) -> Iterator[str]:
    """Make a key at the real gateway, and delete it in the end."""
    admin_key = os.environ["REAL_GATEWAY_ADMIN_KEY"]
    secret = new_secret(real_origin, admin_key)
    yield secret
    post(real_origin, admin_key, "/key/delete", {"keys": [secret]})


@pytest.mark.real_gateway
@pytest.mark.parametrize(("task", "kind"), CASES)
def test_runs_as_shown_against_litellm(
    task: Task, kind: str, real_origin: str, real_secret: str, tmp_path: Path
) -> None:
    said = answer_of(snippet_of(task, kind, origin=real_origin, secret=real_secret), tmp_path)

    assert said.startswith(expected(task, kind, origin=real_origin, secret=real_secret))


# Only chat: the tasks do not differ in this. Not curl: it shows the refusal as its answer.
@pytest.mark.parametrize("kind", [case for case in KINDS if case.id != "curl"])
def test_fails_loudly_without_a_key(kind: str, sandbox: Sandbox, tmp_path: Path) -> None:
    snippet = snippet_of("chat", kind, origin=sandbox.url, secret=None)

    done = run_code(language=snippet.language, filename=snippet.filename, code=snippet.code, folder=tmp_path)

    assert done.returncode != 0
    assert "401" in done.stderr
