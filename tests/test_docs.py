"""The documentation: links lead somewhere, code can be read, pictures are there, small and described."""

import json
import re
import subprocess
import sys
import textwrap
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from portal.command import OWN, management_commands

ROOT = Path(__file__).resolve().parent.parent
TEXTS = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md")), ROOT / "cli" / "README.md"]
TEXTS = [text for text in TEXTS if "site" not in text.relative_to(ROOT).parts]  # the site's own has links of the site
LINK = re.compile(r"(?<!!)\[(?:[^\[\]]|\[[^\]]*\])*\]\(([^)\s]+)\)")
PICTURE = re.compile(r"!\[([^\]]*)\]\(([^)\s]+)\)|<img src=\"([^\"]+)\"[^>]* alt=\"([^\"]*)\"")
FENCED = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)
INDENTED = re.compile(r"(?<=\n\n)(?: {4}.*\n|\n(?= {4}))+")
COMMANDS = re.compile(
    r"(?:sudo |[A-Z_]+=\S+ )*"
    r"(?:curl|git|make|export|pip|pipx|psql|pg_dump|openssl|systemctl|journalctl|passerelle\S*|bin/\S+|\.venv/\S+|python3?|npm|redis-cli"
    r"|docker|podman|helm|kubectl|apt-get|tar|cp|ln|install) "
)
ELSEWHERE = re.compile(r"/root/|pypi\.org|registry\.npmjs|files\.pythonhosted|deb\.debian\.org")
OURS = re.compile(r"(?:^ {4}|^|`)(?:sudo )?passerelle(?:-manage)? ([a-z][a-z-]*)", re.MULTILINE)  # commands
MOST_BYTES = 150 * 1024  # of a picture


def headings_of(text: str) -> set[str]:
    """Return the anchors of a text, as GitHub makes them."""
    titles = re.findall(r"^#+ (.+)$", re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL), re.MULTILINE)
    plain = (re.sub(r"\[([^\]]*)\]\([^)]*\)|[`*]", r"\1", title) for title in titles)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in plain}


def test_each_link_leads_to_a_file_and_a_heading() -> None:
    wrong = []
    for text in TEXTS:
        for target in LINK.findall(text.read_text()):
            path, _, anchor = target.partition("#")
            if "://" in target or target.startswith("mailto:"):
                continue
            there = (text.parent / path).resolve() if path else text
            is_there = there.exists() and (not anchor or anchor in headings_of(there.read_text()))
            wrong += [] if is_there else [f"{text.name}: {target}"]

    assert wrong == []


def test_each_picture_is_there_small_and_described() -> None:
    used, wrong = set[Path](), []
    for text in [*TEXTS, ROOT / "docs" / "site" / "index.md"]:
        home = ROOT / "docs" if "site" in text.parts else text.parent
        for words, path, html_path, html_words in PICTURE.findall(text.read_text()):
            picture = (home / (path or html_path)).resolve()
            used.add(picture)
            if not picture.is_file() or picture.stat().st_size > MOST_BYTES or len(words or html_words) < 20:
                wrong.append(f"{text.name}: {path or html_path}")

    assert wrong == []
    assert used == set((ROOT / "docs" / "img").iterdir())


def blocks() -> Iterator[tuple[str, str, str]]:
    """Yield text, language and code of each block; of those without a language, those that begin with a command."""
    for text in TEXTS:
        content = text.read_text()
        for language, code in FENCED.findall(content):
            yield text.name, language, code
        for block in INDENTED.findall(content):
            code = textwrap.dedent(block)
            if COMMANDS.match(code):
                yield text.name, "sh", code


def problem_of(language: str, code: str) -> str:
    """Return why code cannot be read, or nothing."""
    code = code.replace("…", "x")  # stands for what readers fill in
    try:
        match language:
            case "sh" | "bash":
                return subprocess.run(["bash", "-n"], input=code, text=True, capture_output=True, check=False).stderr
            case "python":
                compile(code, "block", "exec")
            case "json":
                json.loads(code)
            case "yaml":
                yaml.safe_load(code)
            case "toml":
                tomllib.loads(code)
    except (SyntaxError, ValueError, yaml.YAMLError) as error:
        return str(error)
    return ""


def test_code_can_be_read_by_its_language() -> None:
    found = list(blocks())

    assert len(found) > 20
    assert [(text, problem) for text, language, code in found if (problem := problem_of(language, code))] == []


def test_each_command_of_the_portal_exists() -> None:
    texts = {text.name: text.read_text() for text in TEXTS if "adr" not in text.parts}
    named = {(name, command) for name, text in texts.items() for command in OURS.findall(text)}
    known = {*OWN, *(name.replace("_", "-") for name in management_commands())}

    assert len(named) > 20
    assert {(name, command) for name, command in named if command not in known} == set()


def test_names_no_registry_and_no_folder_of_this_machine() -> None:
    assert [text.name for text in TEXTS if ELSEWHERE.search(text.read_text())] == []


@pytest.mark.docs
@pytest.mark.slow
def test_the_site_is_built_without_a_warning_and_needs_no_other_host(tmp_path: Path) -> None:
    command = [sys.executable, "bin/build_docs.py", str(tmp_path)]
    built = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)

    assert (built.returncode, built.stderr) == (0, "")
    pages = list((tmp_path / "site").rglob("*.html"))
    assert len(pages) > 60
    loaded = re.compile(r"<(?:script|link|img|iframe)[^>]*(?:src|href)=\"(?:https?:)?//[^\"]*\"")
    assert [page.name for page in pages if loaded.search(page.read_text())] == []
    fonts = [sheet.name for sheet in (tmp_path / "site").rglob("*.css") if re.search(r"url\(.?http", sheet.read_text())]
    assert fonts == []
    reference = (tmp_path / "site" / "reference.html").read_text()
    assert "/me/keys" in reference
    assert 'href="#keyout"' in reference  # a type, with its fields on the same page
