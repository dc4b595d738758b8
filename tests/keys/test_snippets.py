"""Code examples: the person's base URL, key and model, escaped so that names cannot become code."""

import ast
import html
import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
import yaml
from django.utils.translation import override
from dotenv import dotenv_values
from pytest_django import Settings

from accounts.policies import policy_of
from keys.models import GatewayModel
from keys.snippets import NO_MODEL, NO_SECRET, Snippet, Task, base_url, filled, filled_tools, snippets_for, swagger_url
from tests.factories import make_intern, make_policy, make_user
from tests.keys.recorder import Recorder, recording
from tests.keys.run_code import run_code

URL = "https://gateway.example.edu/olla/litellm/v1"
SECRET = "sk-0123456789abcdefghij42"
NASTY = [
    pytest.param("it's \"quoted\" \\ and \\'", id="quotes"),
    pytest.param(
        "$(touch pwned) `touch pwned` ${HOME} $HOME !! %s {0} «key» {env:HOME} {file:f} ${{ secrets.A }}",
        id="substitutions",
    ),
    pytest.param("'; touch pwned; '", id="end-of-string-shell"),
    pytest.param('"); open("pwned", "w"); ("', id="end-of-string-python"),
    pytest.param('"); file.create("pwned"); c("', id="end-of-string-r"),
    pytest.param('"}); require("fs").writeFileSync("pwned", ""); ({x: "', id="end-of-string-javascript"),
    pytest.param("two\nlines\r\n\ttouch pwned\n", id="lines"),
    pytest.param("</code><script>alert(1)</script>&amp;", id="html"),
    pytest.param("é\u202egnp.exe\u2028 \U0001f600 \U000e0041", id="unicode"),
]


def every(**given: Any) -> list[Snippet]:
    options = {"url": URL, "model": "general_nothink", "secret": SECRET, **given}
    return [snippet for task in get_args(Task) for snippet in filled(task, **options)]


def one(kind: str, **given: Any) -> Snippet:
    options = {"url": URL, "model": "general_nothink", "secret": SECRET, **given}
    return next(snippet for snippet in filled("chat", **options) if snippet.id == kind)


# --- What they say ----------------------------------------------------------------------------------
def test_offers_every_kind_for_chat_in_the_order_of_the_tabs() -> None:
    titles = [snippet.title for snippet in filled("chat", url=URL, model="m")]

    assert titles == [
        "curl",
        "PowerShell",
        "cmd",
        "Python requests",
        "OpenAI SDK",
        "R httr2",
        "JavaScript",
        "LangChain",
        "LlamaIndex",
        ".env",
    ]


def test_each_says_whose_address_and_key() -> None:
    for snippet in every():
        assert URL in snippet.code
        assert SECRET in snippet.code
        assert "«" not in snippet.code


def test_uses_placeholders_for_missing_key_and_model() -> None:
    for snippet in every(secret=None, model=None):
        assert NO_SECRET in snippet.code
    assert f'"{NO_MODEL}"' in one("requests", model=None).code


def test_marks_address_and_key_and_escapes_the_rest() -> None:
    for snippet in every(model="<b>&"):
        marked = re.findall("<mark>(.*?)</mark>", snippet.code_html)
        assert set(marked) == {URL, SECRET}
        assert "<b>" not in snippet.code_html
        shown = re.sub("</?mark>", "", snippet.code_html)
        assert "<" not in shown
        assert html.unescape(shown) == snippet.code


def test_never_shows_the_secret_in_its_repr() -> None:
    assert not [snippet for snippet in every() if SECRET in repr(snippet)]


def test_says_where_the_code_goes_in_the_language_of_the_person() -> None:
    assert (
        one("requests").hint == "Save as <code>try.py</code>, run <code>python try.py</code>"
        " (needs <code>pip install requests</code>)"
    )
    embeddings = {snippet.id: snippet.hint for snippet in filled("embeddings", url=URL, model="m")}
    assert "llama-index-embeddings-openai-like" in embeddings["llamaindex"]
    with override("fr"):
        assert "<code>try.py</code>" in one("requests").hint


@pytest.mark.parametrize(
    ("public", "shown"),
    [
        ("https://gw.example.edu", "https://gw.example.edu/v1"),
        ("https://gw.example.edu/", "https://gw.example.edu/v1"),
        ("https://gw.example.edu/v1", "https://gw.example.edu/v1"),
        ("https://gw.example.edu/olla/litellm/v1/", "https://gw.example.edu/olla/litellm/v1"),
    ],
)
def test_the_base_url_ends_in_v1(settings: Settings, public: str, shown: str) -> None:
    settings.GATEWAY_PUBLIC_URL = public

    assert base_url() == shown
    assert f"{swagger_url()}v1" == shown


@pytest.mark.django_db
def test_takes_a_model_that_the_person_may_call() -> None:
    GatewayModel.objects.create(name="not-for-you", mode="chat", position=0)
    GatewayModel.objects.create(name="for-you", mode="chat", position=2)
    GatewayModel.objects.create(name="vectors", mode="embedding", position=1)
    make_policy("Few", all_models=False, model_names=["for-you", "vectors"])
    few = policy_of(make_user(groups=("Few",))).models

    assert '"for-you"' in snippets_for("chat", models=few)[0].code
    assert '"vectors"' in snippets_for("embeddings", models=few)[0].code
    assert '"not-for-you"' in snippets_for("chat", models=policy_of(make_intern()).models)[0].code


# --- Names stay names -------------------------------------------------------------------------------
@pytest.fixture
def recorder() -> Iterator[Recorder]:
    with recording() as server:
        yield server


@pytest.mark.parametrize("name", NASTY)
@pytest.mark.parametrize(
    "kind",
    [
        "curl",
        "requests",
        pytest.param("httr2", marks=pytest.mark.clients),
        pytest.param("javascript", marks=pytest.mark.clients),
    ],
)
def test_a_hostile_model_name_arrives_as_it_is(kind: str, name: str, recorder: Recorder, tmp_path: Path) -> None:
    snippet = one(kind, url=recorder.url, model=name)

    done = run_code(language=snippet.language, filename=snippet.filename, code=snippet.code, folder=tmp_path)

    assert done.returncode == 0, done.stderr
    [(authorization, body)] = recorder.asked
    assert body["model"] == name
    assert authorization == f"Bearer {SECRET}"
    assert not (tmp_path / "pwned").exists()


@pytest.mark.parametrize("name", NASTY)
def test_a_hostile_name_is_one_string_in_every_kind_of_python(name: str) -> None:
    naming = [snippet for task in ("chat", "stream", "embeddings") for snippet in filled(task, url=URL, model=name)]
    for snippet in naming:
        if snippet.language == "python":
            texts = {node.value for node in ast.walk(ast.parse(snippet.code)) if isinstance(node, ast.Constant)}
            assert name in texts


@pytest.mark.parametrize("secret", ["sk-it's $(touch pwned) `touch pwned` \"\\", "sk-two\nlines: touch pwned"])
@pytest.mark.parametrize("kind", ["curl", "requests"])
def test_a_hostile_secret_stays_in_its_header(kind: str, secret: str, recorder: Recorder, tmp_path: Path) -> None:
    snippet = one(kind, url=recorder.url, secret=secret)

    done = run_code(language=snippet.language, filename=snippet.filename, code=snippet.code, folder=tmp_path)

    assert done.returncode == 0, done.stderr
    assert recorder.asked[0][0] == f"Bearer {secret}".replace("\n", "")
    assert not (tmp_path / "pwned").exists()


@pytest.mark.parametrize(
    "secret", [SECRET, 'sk-it\'s "quoted" \\ #no-comment', "sk-two\nOPENAI_BASE_URL=http://127.0.0.1:9"]
)
def test_a_hostile_secret_stays_in_its_line_of_the_env_file(secret: str, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(one("env", secret=secret).code)

    assert dotenv_values(tmp_path / ".env") == {
        "OPENAI_BASE_URL": URL,
        "OPENAI_API_KEY": secret.replace("\n", ""),
    }


# --- Configurations of tools, read as the tools read them ------------------------------------------------
def tool(tool_id: str, **given: Any) -> str:
    options = {"url": URL, "model": "general_nothink", "secret": SECRET, **given}
    return next(each.code for each in filled_tools(**options) if each.id == tool_id)


@pytest.mark.parametrize("name", ["general_nothink", *NASTY])
def test_tools_read_address_key_and_model_from_their_files(name: str) -> None:
    written = yaml.safe_load(tool("continue", model=name))
    assert {"name", "version", "schema", "models"} <= written.keys()
    assert written["schema"] == "v1"
    (model,) = written["models"]
    assert (model["provider"], model["model"], model["apiBase"], model["apiKey"]) == ("openai", name, URL, SECRET)
    assert set(model["roles"]) <= {"chat", "autocomplete", "embed", "rerank", "edit", "apply", "summarize"}

    assert "${{" not in tool("continue", model=name)
    assert not re.search("{(?:env|file):", tool("opencode", model=name))
    written = json.loads(tool("opencode", model=name))
    provider = written["provider"]["passerelle"]
    assert provider["npm"] == "@ai-sdk/openai-compatible"
    assert provider["options"] == {"baseURL": URL, "apiKey": SECRET}
    assert list(provider["models"]) == [name]
    assert written["model"] == f"passerelle/{name}"

    written = yaml.safe_load(tool("aider", model=name))
    assert written == {"openai-api-base": URL, "openai-api-key": SECRET, "model": f"openai/{name}"}

    # crates/settings_content/src/language_model.rs in zed-industries/zed: OpenAiCompatibleSettingsContent
    written = json.loads(re.sub("^  //.*", "", tool("zed", model=name, context_tokens=8191), flags=re.MULTILINE))
    provider = written["language_models"]["openai_compatible"]["Passerelle"]
    model = {"name": name, "display_name": name, "max_tokens": 8191}
    assert provider == {"api_url": URL, "available_models": [model]}
    assert written["agent"]["default_model"] == {"provider": "Passerelle", "model": name}

    # jupyter_ai_jupyternaut/extension_app.py in jupyter-ai-jupyternaut: its traits
    written = json.loads(tool("jupyterai", model=name))["JupyternautExtension"]
    assert written["initial_language_model"] == f"openai/{name}"
    assert written["model_parameters"] == {f"openai/{name}": {"api_base": URL, "api_key": SECRET}}

    (entry,) = yaml.safe_load(tool("llm", model=name))
    about = {"model_id": "passerelle", "model_name": name, "api_base": URL, "api_key_name": "passerelle"}
    assert entry == about


@pytest.mark.parametrize("name", NASTY)
def test_a_hostile_name_and_secret_are_words_of_the_command_of_cline(name: str) -> None:
    secret = "sk-it's $(touch pwned) `touch pwned` \"\\"

    words = shlex.split(tool("cline", model=name, secret=secret))

    options = dict(zip(words[2::2], words[3::2], strict=True))
    assert options == {
        "--provider": "openai-compatible",
        "--baseurl": URL,
        "--modelid": name,
        "--apikey": secret,
    }


def test_keys_are_in_comments_of_files_that_have_no_place_for_them() -> None:
    assert f"  // PASSERELLE_API_KEY={SECRET}\n" in tool("zed")
    assert tool("llm").startswith(f"# llm keys set passerelle\n# {SECRET}\n")
    assert '"max_tokens": 32768' in tool("zed")


def test_prompts_are_in_the_language_of_the_person() -> None:
    with override("fr"):
        french = {task: filled(task, url=URL, model="m") for task in get_args(Task)}
    codes = {task: {snippet.id: snippet.code for snippet in snippets} for task, snippets in french.items()}
    for kind in ("curl", "powershell", "requests", "openai", "httr2", "javascript"):
        assert "Dites bonjour en une phrase." in codes["chat"][kind]
        assert "Le chat était assis sur le tapis." in codes["embeddings"][kind]
    assert "Le chat \\u00e9tait assis" in codes["embeddings"]["cmd"]
    english = re.compile("Say hello|Tell me|The cat|Once upon|A cat")
    assert not [code for of_task in codes.values() for code in of_task.values() if english.search(code)]


def test_a_hostile_secret_stays_in_the_environment_of_open_webui() -> None:
    secret = "sk-it's $(touch pwned) `touch pwned` \"\\"

    words = shlex.split(tool("openwebui", secret=secret))

    given = dict(word.split("=", 1) for flag, word in zip(words, words[1:], strict=False) if flag == "-e")
    assert given == {"OPENAI_API_BASE_URL": URL, "OPENAI_API_KEY": secret}


# --- Windows: no such shell is here, so the quoting is read by its rules ------------------------------------
@pytest.mark.parametrize("name", NASTY)
def test_a_hostile_name_is_one_string_on_windows(name: str) -> None:
    code = one("powershell", model=name).code
    (quoted,) = re.findall(r"model = '((?:[^'‘’‚‛]|(?:['‘’‚‛]){2})*)'\n  max_tokens", code)
    assert re.sub("(['‘’‚‛])\\1", r"\1", quoted) == name

    line = one("cmd", model=name).code.splitlines()[-1]
    body = line.removeprefix('  -d "').removesuffix('"').replace('\\"', '"')
    assert json.loads(body)["model"] == name
    assert not re.search("[%^&|<>!`$]", line)
    assert one("cmd", secret='sk-a"b&c%d').code.count("sk-abcd") == 1


def test_windows_reads_answers_as_utf_8() -> None:
    tasks: tuple[Task, ...] = ("chat", "completion")
    for task in tasks:
        codes = {snippet.id: snippet.code for snippet in filled(task, url=URL, model="m")}
        assert "UTF8.GetString($response.RawContentStream.ToArray()) | ConvertFrom-Json\n" in codes["powershell"]


def test_a_model_for_recordings_keeps_its_name_in_cmd() -> None:
    codes = {snippet.id: snippet.code for snippet in filled("transcription", url=URL, model="it's whisper (EU), #2")}

    assert codes["cmd"].endswith('--form-string "model=it\'s whisper (EU), #2"')
