"""Every tool whose configuration we show, started with it: it answers from the sandbox, and reaches nothing else.

They are heavy, and their versions move: `bin/install-tools FOLDER`, then `TOOLS_FOLDER=FOLDER` (docs/testing.md). Zed
and Open WebUI are on no registry of Python or npm; tests/keys/test_snippets.py reads their files.
"""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from keys.snippets import filled_tools
from tests.keys.run_code import environment_of
from tests.sandbox_process import Sandbox

pytestmark = [pytest.mark.tools, pytest.mark.slow, pytest.mark.only_on("sqlite")]
MODEL = "general_nothink"
PROMPT = "Say hello in one sentence."
ANSWER = "You asked about"
TIMEOUT_S = 240
JUPYTER = """
import asyncio
from jupyter_server.serverapp import ServerApp

app = ServerApp()
app.initialize(argv=["--no-browser", "--port=0", "--allow-root"], new_httpserver=False)
from jupyter_ai_jupyternaut.jupyternaut.chat_models import ChatLiteLLM

manager = app.web_app.settings["jupyternaut.config_manager"]

async def chat():
    model = ChatLiteLLM(**manager.chat_model_args, model=manager.chat_model, streaming=True)
    async for piece in model.astream("{prompt}"):
        print(piece.content, end="")

asyncio.run(chat())
"""  # what its chat does with the settings, without a browser
CONTINUE = """
import {{ configYamlSchema }} from "{folder}/node_modules/@continuedev/config-yaml/dist/index.js";
import {{ parse }} from "{folder}/node_modules/yaml/dist/index.js";
import {{ readFileSync }} from "node:fs";

console.log("{answer}", configYamlSchema.parse(parse(readFileSync("config.yaml", "utf8"))).models[0].apiBase);
"""  # an editor's extension: its own schema reads the file


def folder() -> Path:
    return Path(os.environ["TOOLS_FOLDER"]).resolve()


def npm(name: str) -> str:
    return str(folder() / "node_modules" / ".bin" / name)


def aider(home: Path, code: str) -> list[str]:
    (home / ".aider.conf.yml").write_text(code)
    quiet = ["--yes-always", "--no-git", "--no-check-update", "--no-show-model-warnings", "--analytics-disable"]
    return [str(folder() / "aider-chat" / "bin" / "aider"), *quiet, "--message", PROMPT]


def cline(home: Path, code: str) -> list[str]:
    script = code.replace("cline", npm("cline"), 1)
    return ["sh", "-c", f"{script} && {npm('cline')} '{PROMPT}'"]


def continue_(home: Path, code: str) -> list[str]:
    (home / "config.yaml").write_text(code)
    (home / "read.mjs").write_text(CONTINUE.format(folder=folder(), answer=ANSWER))
    return ["node", "read.mjs"]


def jupyterai(home: Path, code: str) -> list[str]:
    (home / ".jupyter").mkdir()
    (home / ".jupyter" / "jupyter_jupyter_ai_jupyternaut_config.json").write_text(code)
    return [str(folder() / "jupyter-ai" / "bin" / "python"), "-c", JUPYTER.format(prompt=PROMPT)]


def llm(home: Path, code: str) -> list[str]:
    program = str(folder() / "llm" / "bin" / "llm")
    (home / "extra-openai-models.yaml").write_text(code)
    setting, secret = (line.removeprefix("# ") for line in code.splitlines()[:2])
    place = f'cp extra-openai-models.yaml "$(dirname "$({program} logs path)")"'
    key = f"{setting.replace('llm', program, 1)} --value {secret}"
    return ["sh", "-c", f"{key} && {place} && {program} -m passerelle '{PROMPT}'"]


def opencode(home: Path, code: str) -> list[str]:
    (home / "opencode.json").write_text(code)
    return [npm("opencode"), "run", PROMPT]


@pytest.mark.parametrize(
    ("tool", "prepare"),
    [
        ("aider", aider),
        ("cline", cline),
        ("continue", continue_),
        ("jupyterai", jupyterai),
        ("llm", llm),
        ("opencode", opencode),
    ],
)
def test_answers_with_the_configuration_as_shown(
    tool: str, prepare: Callable[[Path, str], list[str]], sandbox: Sandbox, tmp_path: Path
) -> None:
    key = sandbox.call("POST", "/key/generate", body={"key_type": "llm_api"}).json()["key"]
    shown = {each.id: each.code for each in filled_tools(url=f"{sandbox.url}/v1", model=MODEL, secret=key)}

    command = prepare(tmp_path, shown[tool])
    done = subprocess.run(
        command,
        cwd=tmp_path,
        env={**environment_of(tmp_path), "LITELLM_LOCAL_MODEL_COST_MAP": "True"},  # else it waits for a list of prices
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert ANSWER in done.stdout
