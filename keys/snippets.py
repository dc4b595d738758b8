"""Code examples, filled in for a person: with their base URL, key and model, ready to run.

The texts are in snippet_texts/<task>/<kind>.txt; `«base_url»`, `«key»`, `«model»` and `«prompt»` stand in them inside
string literals, and are escaped for each language: names come from the gateway, and must not become code.
"""

import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Final, Literal

from django.conf import settings
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext, gettext_noop
from django.views.decorators.debug import sensitive_variables

from keys.catalogue import default_chat_model, default_embedding_model
from keys.quoting import (
    in_cmd,
    in_cmd_json,
    in_code_points,
    in_env,
    in_json,
    in_json_of_opencode,
    in_powershell,
    in_shell,
    in_shell_json,
    in_yaml_of_continue,
    readable_in_code,
    readable_in_json,
    readable_in_shell_json,
)

Task = Literal["models", "chat", "stream", "embeddings", "completion", "moderation", "image", "speech", "transcription"]
TASK_OF_MODE: Final[Mapping[str, Task]] = {  # the modes of LiteLLM, but for those of chat
    "embedding": "embeddings",
    "completion": "completion",
    "moderation": "moderation",
    "image_generation": "image",
    "audio_speech": "speech",
    "audio_transcription": "transcription",
}
PROMPTS: Final[Mapping[str, str]] = {
    "chat": gettext_noop("Say hello in one sentence."),
    "stream": gettext_noop("Tell me a very short story."),
    "embeddings": gettext_noop("The cat sat on the mat."),
    "completion": gettext_noop("Once upon a time, in a library without books,"),
    "moderation": gettext_noop("The cat sat on the mat."),
    "image": gettext_noop("A cat on a mat, in watercolour."),
    "speech": gettext_noop("The cat sat on the mat."),
}
CONTEXT_TOKENS: Final = 32_768  # where the gateway does not say how much a model reads
TEXTS: Final = Path(__file__).parent / "snippet_texts"
NO_SECRET: Final = "API_KEY"  # noqa: S105  (the placeholder of a key)
NO_MODEL: Final = "MODEL"
MARKED: Final = ("base_url", "key")  # the person's own values
_PLACEHOLDER: Final = re.compile("«([a-z_]+)»")


@dataclass(frozen=True, slots=True, kw_only=True)
class Snippet:
    """Code in one language, as shown and as run. May contain a secret: show it once, store it nowhere."""

    id: str
    title: str
    language: str  # python, r, javascript, shell, powershell, cmd, env, yaml, json
    filename: str  # empty: not for a file
    hint: SafeString
    code: str = field(repr=False)
    code_html: SafeString = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A way to call the gateway: `hint` and what it is filled with."""

    id: str
    title: str
    language: str
    filename: str = ""
    command: str = ""
    install: str = ""
    embeddings_install: str = ""
    hint: str
    quote: Callable[[str], str]
    quote_model: Callable[[str], str] | None = None  # where it differs
    quote_prompt: Callable[[str], str] | None = None  # a text of ours, which stays readable where it can


def _python(kind_id: str, title: str, package: str, *, embeddings_package: str = "") -> Kind:
    """Return a kind that is a Python program with one package to install."""
    return Kind(
        id=kind_id,
        title=title,
        language="python",
        filename="try.py",
        command="python try.py",
        install=f"pip install {package}",
        embeddings_install=f"pip install {embeddings_package or package}",
        hint=gettext_noop("Save as {filename}, run {command} (needs {install})"),
        quote=in_code_points,
        quote_prompt=readable_in_code,
    )


KINDS: Final = (
    Kind(
        id="curl",
        title="curl",
        language="shell",
        hint=gettext_noop("Paste into a terminal (Linux, macOS, WSL)"),
        quote=in_shell,
        quote_model=in_shell_json,
        quote_prompt=readable_in_shell_json,
    ),
    Kind(
        id="powershell",
        title="PowerShell",
        language="powershell",
        hint=gettext_noop("Paste into PowerShell (Windows)"),
        quote=in_powershell,
    ),
    Kind(
        id="cmd",
        title="cmd",
        language="cmd",
        hint=gettext_noop("Paste into the command prompt (Windows 10 or newer)"),
        quote=in_cmd,
        quote_model=in_cmd_json,
        quote_prompt=in_cmd_json,
    ),
    _python("requests", "Python requests", "requests"),
    _python("openai", "OpenAI SDK", "openai"),
    Kind(
        id="httr2",
        title="R httr2",
        language="r",
        filename="try.R",
        install='install.packages(c("httr2", "jsonlite"))',
        hint=gettext_noop("Paste into R (needs {install})"),
        quote=in_code_points,
        quote_prompt=readable_in_code,
    ),
    Kind(
        id="javascript",
        title="JavaScript",
        language="javascript",
        filename="try.mjs",
        command="node try.mjs",
        hint=gettext_noop("Save as {filename}, run {command} (Node 18 or newer)"),
        quote=in_json,
        quote_prompt=readable_in_json,
    ),
    _python("langchain", "LangChain", "langchain-openai"),
    _python(
        "llamaindex",
        "LlamaIndex",
        "llama-index-llms-openai-like",
        embeddings_package="llama-index-embeddings-openai-like",
    ),
    Kind(
        id="env",
        title=".env",
        language="env",
        filename=".env",
        hint=gettext_noop("Save as {filename} next to your program; keep it out of git"),
        quote=in_env,
    ),
)
TOOLS: Final = (  # configurations, each as the tool's own documentation describes it
    Kind(  # https://docs.continue.dev/reference
        id="continue",
        title="Continue (VS Code)",
        language="yaml",
        filename="~/.continue/config.yaml",
        hint=gettext_noop("Save as {filename}"),
        quote=in_yaml_of_continue,
    ),
    Kind(  # https://docs.cline.bot/cline-cli, the README of npm's cline; an editor has a form with the same fields
        id="cline",
        title="Cline",
        language="shell",
        install="npm install -g cline",
        hint=gettext_noop(
            "Paste into a terminal (needs {install}). In an editor: provider “OpenAI Compatible” in Cline’s settings"
        ),
        quote=in_shell,
    ),
    Kind(  # https://zed.dev/docs/ai/use-api-access (OpenAI-compatible endpoints); it keeps keys out of its file
        id="zed",
        title="Zed",
        language="json",
        filename="~/.config/zed/settings.json",
        command="PASSERELLE_API_KEY",
        hint=gettext_noop("Add to {filename}; the key goes into Zed’s settings, or into the environment as {command}"),
        quote=in_json,
    ),
    Kind(  # https://jupyter-ai.readthedocs.io/en/v3/users/jupyternaut/ (traits of JupyternautExtension)
        id="jupyterai",
        title="Jupyter AI",
        language="json",
        filename="~/.jupyter/jupyter_jupyter_ai_jupyternaut_config.json",
        install="pip install 'jupyter-ai[jupyternaut]'",
        hint=gettext_noop("Save as {filename}, restart JupyterLab and write to @Jupyternaut (needs {install})"),
        quote=in_json,
    ),
    Kind(  # https://opencode.ai/docs/providers/ (custom provider)
        id="opencode",
        title="opencode",
        language="json",
        filename="opencode.json",
        hint=gettext_noop("Save as {filename} in your project; keep it out of git"),
        quote=in_json_of_opencode,
    ),
    Kind(  # https://aider.chat/docs/config/aider_conf.html, https://aider.chat/docs/llms/openai-compat.html
        id="aider",
        title="aider",
        language="yaml",
        filename="~/.aider.conf.yml",
        hint=gettext_noop("Save as {filename}"),
        quote=in_code_points,
    ),
    Kind(  # https://llm.datasette.io/en/stable/other-models.html#openai-compatible-models
        id="llm",
        title="llm",
        language="yaml",
        filename="extra-openai-models.yaml",
        command="llm -m passerelle",
        install='dirname "$(llm logs path)"',
        hint=gettext_noop(
            "Save as {filename} in the folder that {install} prints, store the key as in its first lines, run {command}"
        ),
        quote=in_code_points,
    ),
    Kind(  # https://docs.openwebui.com/getting-started/env-configuration (OPENAI_API_BASE_URL, OPENAI_API_KEY)
        id="openwebui",
        title="Open WebUI",
        language="shell",
        hint=gettext_noop("Paste into a terminal, then open port 3000 in a browser (needs Docker)"),
        quote=in_shell,
    ),
)


def base_url() -> str:
    """Return the base URL for people's programs, `/v1` included."""
    url: str = settings.GATEWAY_PUBLIC_URL.rstrip("/")
    return url if url.endswith("/v1") else f"{url}/v1"


def swagger_url() -> str:
    """Return the URL of the gateway's own API documentation."""
    return base_url().removesuffix("v1")


@sensitive_variables("secret")
def snippets_for(task: Task, *, models: Collection[str] | None, secret: str | None = None) -> list[Snippet]:
    """Return code for `task` with the first of these models (None: of all); without a secret it says API_KEY."""
    default = default_embedding_model if task == "embeddings" else default_chat_model
    model = default(models)
    return filled(task, url=base_url(), model=model.name if model else None, secret=secret)


@sensitive_variables("secret")
def filled(task: Task, *, url: str, model: str | None, secret: str | None = None) -> list[Snippet]:
    """Return the code of every kind that supports `task`, in the order of the tabs.

    Without a secret it says API_KEY, without a model MODEL.
    """
    more = {"prompt": gettext(PROMPTS[task])} if task in PROMPTS else {}
    return _filled(KINDS, task, url=url, model=model, secret=secret, more=more)


@sensitive_variables("secret")
def filled_tools(
    *, url: str, model: str | None, context_tokens: int | None = None, secret: str | None = None
) -> list[Snippet]:
    """Return the configuration of every tool, in the order of the tabs."""
    more = {"context_tokens": str(context_tokens or CONTEXT_TOKENS)}
    return _filled(TOOLS, "tools", url=url, model=model, secret=secret, more=more)


@sensitive_variables("secret", "values")
def _filled(
    kinds: Sequence[Kind], folder: str, *, url: str, model: str | None, secret: str | None, more: Mapping[str, str]
) -> list[Snippet]:
    values = {
        "base_url": _printable(url),
        "key": _printable(secret) if secret else NO_SECRET,
        "model": model or NO_MODEL,
        "model_text": model or NO_MODEL,  # where it is not in JSON
        **more,
    }
    return [_fill(kind, folder, values) for kind in kinds if _text(folder, kind.id)]


@sensitive_variables("values", "quoted")
def _fill(kind: Kind, task: str, values: dict[str, str]) -> Snippet:
    quoting = {"model": kind.quote_model or kind.quote, "prompt": kind.quote_prompt or kind.quote}
    quoted = {name: quoting.get(name, kind.quote)(value) for name, value in values.items()}
    install = kind.embeddings_install if task == "embeddings" else kind.install
    return compose(kind, _text(task, kind.id), quoted, install=install)


@sensitive_variables("quoted", "pieces")
def compose(kind: Kind, text: str, quoted: Mapping[str, str], *, install: str = "") -> Snippet:
    """Return `text` with its «placeholders» replaced by values that are already escaped for its language."""
    pieces = list(_pieces(text, quoted))
    return Snippet(
        id=kind.id,
        title=kind.title,
        language=kind.language,
        filename=kind.filename,
        hint=_hint(kind, install or kind.install),
        code="".join(text for _, text in pieces),
        code_html=format_html_join(
            "", "{}", ((format_html("<mark>{}</mark>", text) if marked else text,) for marked, text in pieces)
        ),
    )


@sensitive_variables("quoted")
def _pieces(text: str, quoted: Mapping[str, str]) -> Iterator[tuple[bool, str]]:
    """Yield (is it the person's own value?, text) from beginning to end."""
    for number, part in enumerate(_PLACEHOLDER.split(text)):
        if number % 2:  # split() puts the placeholders' names between the texts
            yield part in MARKED, quoted[part]
        elif part:
            yield False, part


def _hint(kind: Kind, install: str) -> SafeString:
    """Say in the person's language where the code goes and what it needs."""
    words = {"filename": kind.filename, "command": kind.command, "install": install}
    return format_html(gettext(kind.hint), **{name: format_html("<code>{}</code>", w) for name, w in words.items()})


@cache
def _text(task: str, kind_id: str) -> str:
    """Return the code with its placeholders; empty if this kind does not support the task."""
    path = TEXTS / task / f"{kind_id}.txt"
    return path.read_text(encoding="utf-8").rstrip("\n") if path.exists() else ""


def _printable(text: str) -> str:
    """Remove characters that are invalid in URLs and keys, so that a line of code stays one line."""
    return "".join(character for character in text if character.isprintable())
