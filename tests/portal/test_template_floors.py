"""Templates respect the layers of the import linter's contract: they use nothing from above or from a sibling."""

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
from django.conf import settings
from django.template.backends.django import get_installed_libraries
from django.template.base import Lexer, TokenType

ROOT: Final = Path(settings.BASE_DIR)
TEMPLATES: Final = ROOT / "templates"
CONTRACTS: Final = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
FLOORS: Final = [  # from the top
    [app.strip() for app in layer.split("|")]
    for layer in next(each["layers"] for each in CONTRACTS if each["name"] == "imports run downwards only")
]
APPS: Final = [app for floor in FLOORS for app in floor]
FOLDERS: Final = {**{app: app for app in APPS}, "account": "accounts", "socialaccount": "accounts"}  # allauth's names
LIBRARIES: Final = get_installed_libraries()
IN_CODE: Final = re.compile(r"""["']([\w/]+\.html)(?:#\w+)?["']""")


def may_use(app: str, other: str) -> bool:
    """Tell whether `other` is `app` itself or on a lower floor; two apps on one floor know nothing of each other."""
    floors = {each: number for number, floor in enumerate(FLOORS) for each in floor}
    return app == other or floors[app] < floors[other]


def app_of_template(name: str) -> str | None:
    """Return whose a template is; what lies in no folder is for all who render pages; None for Django's own."""
    folder, *rest = name.partition("#")[0].split("/")
    if not rest:
        return "web"
    return FOLDERS.get(rest[0] if folder == "admin" else folder)


def app_of_library(name: str) -> str | None:
    """Return whose a tag library is; None for one of a package."""
    app = LIBRARIES[name].partition(".")[0]
    return app if app in APPS else None


def uses(source: str) -> Iterator[tuple[str, str | None]]:
    """Yield (what a template uses, as it says it; whose that is)."""
    for token in Lexer(source).tokenize():
        if token.token_type != TokenType.BLOCK:
            continue
        tag, *words = token.split_contents()
        if tag == "load":
            for name in words[-1:] if "from" in words else words:
                yield f"load {name}", app_of_library(name)
        elif tag in ("include", "extends"):
            name = words[0].strip("\"'")
            assert name != words[0], f"{tag} {name}: name a template, so that it can be found"
            yield f"{tag} {name}", app_of_template(name)


def broken(app: str, source: str) -> list[str]:
    """Return what a template of `app` uses and may not."""
    return [what for what, other in uses(source) if other and not may_use(app, other)]


def test_loads_and_includes_nothing_from_above() -> None:
    found = {}
    for path in TEMPLATES.rglob("*.html"):
        name = path.relative_to(TEMPLATES).as_posix()
        found[name] = broken(app_of_template(name) or "portal", path.read_text())

    assert len(found) > 100
    assert {name: what for name, what in found.items() if what} == {}


def test_code_renders_no_template_from_above() -> None:
    found = {
        f"{path.relative_to(ROOT)}: {name}"
        for app in APPS
        for path in (ROOT / app).rglob("*.py")
        for name in IN_CODE.findall(path.read_text())
        if (other := app_of_template(name)) and not may_use(app, other)
    }

    assert found == set()


@pytest.mark.parametrize(
    ("source", "what"),
    [
        ("{% load i18n usage_words %}", "load usage_words"),
        ("{% load bars from usage_parts %}", "load usage_parts"),
        ("{% if a %}{% include 'usage/_spark.html' with days=b %}{% endif %}", "include usage/_spark.html"),
        ('{% extends "playground/index.html" %}', "extends playground/index.html"),
        ('{% include "usage/index.html#panel" %}', "include usage/index.html#panel"),
    ],
)
def test_reports_imports_from_above(source: str, what: str) -> None:
    assert broken("keys", source) == [what]
    assert "usage" not in what or broken("playground", source) == [what], "they are on one floor"


@pytest.mark.parametrize(
    "source", ["{% load i18n portal %}", '{% include "_copy.html" %}', '{% extends "account/_notice.html" %}']
)
def test_allows_imports_from_below(source: str) -> None:
    assert broken("keys", source) == []
