"""Runs copied code as a person does: in an empty folder, with only the programs that the hint names."""

import json
import os
import re
import subprocess
from pathlib import Path

from keys.snippets import Snippet
from tests.keys.warm_python import run_warm

TIMEOUT_S = 60
NOBODY = "http://127.0.0.1:9"  # a proxy that is not there: code that asks another machine than this one fails
ENV_PROGRAM = """
from dotenv import load_dotenv
from openai import OpenAI

load_dotenv()
for model in OpenAI().models.list():
    print(model.id)
"""  # what people write next to a .env file
COMMANDS = {
    "r": ("Rscript", "--vanilla"),
    "javascript": ("node",),
}


def run_code(*, language: str, filename: str, code: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run `code` as it stands; files that it makes land in `folder`."""
    if filename:
        (folder / filename).write_text(code, encoding="utf-8")
    if language == "env":
        return run_code(language="python", filename="try.py", code=ENV_PROGRAM, folder=folder)
    if language == "python":
        return subprocess.CompletedProcess(filename, *run_warm(filename, folder, environment_of(folder), TIMEOUT_S))
    command = ["sh", "-c", code] if language == "shell" else [*COMMANDS[language], filename]
    return subprocess.run(
        command, cwd=folder, env=environment_of(folder), capture_output=True, text=True, timeout=TIMEOUT_S, check=False
    )


def answer_of(snippet: Snippet, folder: Path) -> str:
    """Run a snippet, and return what it says: of curl, which shows the gateway's own answer, the part that matters."""
    done = run_code(language=snippet.language, filename=snippet.filename, code=snippet.code, folder=folder)
    assert done.returncode == 0, done.stderr
    text = _out_of_json(done.stdout) if snippet.id == "curl" else done.stdout
    return " ".join(text.split())


def environment_of(folder: Path) -> dict[str, str]:
    """Return what a program gets: a home of its own, and no way to another machine."""
    local = "127.0.0.1,localhost"
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "LANG": "C.UTF-8",
        "http_proxy": NOBODY,
        "https_proxy": NOBODY,
        "no_proxy": local,
    }


def _out_of_json(answer: str) -> str:
    """Return the words of an answer or a stream, the ids of a list, the numbers of an embedding."""
    if answer.startswith("data:"):
        chunks = [json.loads(line) for line in re.findall(r"^data: (\{.*)$", answer, re.MULTILINE)]
        return "".join(choice["delta"].get("content") or "" for chunk in chunks for choice in chunk["choices"])
    rows = json.loads(answer)
    if "choices" in rows:
        return str(rows["choices"][0]["message"]["content"])
    ids = [str(row["id"]) for row in rows["data"] if "id" in row]
    return " ".join(ids) if ids else f"{len(rows['data'][0]['embedding'])} numbers, the first three:"
