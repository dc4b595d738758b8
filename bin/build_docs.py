"""Build the documentation as a site: `make docs`. It reads docs/ and the texts next to README, and the API's schema.

On GitHub the texts link to each other by their places in the repository. The site has one folder, so links are adapted
in copies: to texts of the site, to copies of other files, and of folders only their name is left.
"""

import os
import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import django

ROOT: Final = Path(__file__).resolve().parent.parent
TEXTS: Final = ("CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md", "cli/README.md")  # of the site, though not in docs/
LINK: Final = re.compile(r"(!?)\[((?:[^\[\]]|\[[^\]]*\])*)\]\(([^)\s]+)\)")


def main(folder: Path) -> int:
    """Write sources and site below `folder`; return Sphinx' exit code, where a warning is an error."""
    from sphinx.cmd.build import main as build

    source, site = folder / "source", folder / "site"
    for old in (source, site):
        shutil.rmtree(old, ignore_errors=True)
    write_sources(source)
    return int(build(["-W", "--keep-going", "-q", "-b", "html", "-d", str(folder / "kept"), str(source), str(site)]))


def write_sources(source: Path) -> None:
    """Write the texts as Sphinx reads them."""
    shutil.copytree(ROOT / "docs", source, ignore=shutil.ignore_patterns("site"))
    shutil.copytree(ROOT / "docs" / "site", source, dirs_exist_ok=True)
    for name in TEXTS:
        (source / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, source / name)
    for text in source.rglob("*.md"):
        name = text.relative_to(source)
        home = ROOT if str(name) in TEXTS else ROOT / "docs"
        text.write_text(adapt_links(text.read_text(), home / name, source), encoding="utf-8")
    index = source / "index.md"
    named = set(index.read_text().split())
    others = [text.stem for text in sorted(source.glob("*.md")) if text.stem not in named | {"index"}]
    index.write_text(index.read_text().replace("OTHERS", "\n".join(others)), encoding="utf-8")
    decisions = sorted((source / "adr").glob("*.md"))
    (source / "decisions.md").write_text("\n".join(decision_list(decisions)), encoding="utf-8")
    (source / "reference.md").write_text("\n".join(api_reference()), encoding="utf-8")


def adapt_links(text: str, place: Path, source: Path) -> str:
    """Return a text whose links are those of the site; `place`: where it is in the repository."""

    def adapted(link: re.Match[str]) -> str:
        sign, words, target = link.groups()
        path, mark, anchor = target.partition("#")
        there = (place.parent / path).resolve()
        if not path or "://" in target or target.startswith("mailto:") or not there.is_relative_to(ROOT):
            return link[0]
        name = there.relative_to(ROOT)
        if there.is_dir():
            return f"{sign}{words}"
        if str(name) in TEXTS:
            new = name
        elif there.is_relative_to(ROOT / "docs"):
            new = there.relative_to(ROOT / "docs")
        else:
            new = Path("files") / name
            (source / new).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(there, source / new)
        here = place.relative_to(ROOT) if str(place.relative_to(ROOT)) in TEXTS else place.relative_to(ROOT / "docs")
        words = "" if words == target else words  # the name of a file: Sphinx puts the title of the text
        return f"{sign}[{words}]({os.path.relpath(new, here.parent)}{mark}{anchor})"

    return LINK.sub(adapted, text)


def decision_list(decisions: list[Path]) -> Iterator[str]:
    """Yield the lines of the page that lists the records of decisions."""
    yield from ("# Decisions", "", "What was decided, and why. The number of a record never changes.", "")
    yield from ("```{toctree}", ":maxdepth: 1", "", *(f"adr/{decision.stem}" for decision in decisions), "```", "")


def api_reference() -> Iterator[str]:
    """Yield the lines of the reference of the API, from its schema."""
    os.environ |= {"EMBEDDED": "1", "DJANGO_SETTINGS_MODULE": "portal.settings", "VAR_DIR": str(ROOT / "var" / "lint")}
    sys.path.insert(0, str(ROOT))
    django.setup()
    from api.v1 import api
    from api.views.documentation import operations

    yield from ("# API reference", "", "Each operation of `/api/v1`; how to begin: [The API for scripts](api.md).", "")
    for operation in operations():
        yield from (f"## {operation['summary']}", "", f"`{operation['method']} {operation['path']}`", "")
        yield from (operation["description"], "")
        yield from field_table("Parameters", operation["parameters"])
        answers = [{**field, "required": False} for field in operation["answers"]]
        yield from field_table("Answer", answers)
    yield from ("## Types", "", "Objects that parameters and answers contain.", "")
    for name, schema in api.get_openapi_schema()["components"]["schemas"].items():
        fields = [{"name": field, "schema": found} | found for field, found in schema.get("properties", {}).items()]
        yield from field_table(name, [{**field, "required": False} for field in fields])


def field_table(title: str, fields: list[dict[str, Any]]) -> Iterator[str]:
    """Yield a section with the fields of a request or an answer; nothing without fields."""
    if fields:
        yield from (f"### {title}", "", "| name | type | description |", "|---|---|---|", *map(field_row, fields), "")


def field_row(field: dict[str, Any]) -> str:
    """Return a row of a table of fields."""
    needed = "required. " if field.get("required") else ""
    words = f"{needed}{field.get('description') or ''}".replace("|", "\\|").strip()
    return f"| `{field['name']}` | {type_of(field['schema'])} | {words} |"


def type_of(schema: dict[str, Any]) -> str:
    """Return the type of a field in words."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f"[`{name}`](#{name.lower()})"
    if "enum" in schema:
        return " or ".join(f"`{value}`" for value in schema["enum"])
    if choices := schema.get("anyOf") or schema.get("allOf"):
        return " or ".join(type_of(choice) for choice in choices)
    if schema.get("type") == "array":
        return f"list of {type_of(schema.get('items', {}))}"
    return str(schema.get("format") or schema.get("type") or "any")


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
