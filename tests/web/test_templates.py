"""What holds for every template and every file that it loads, read as text."""

import re
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import pytest
from django.conf import settings
from django.contrib.staticfiles import finders
from django.template.loader import get_template, render_to_string
from django.test import Client
from django.urls import reverse
from django.utils.html import strip_tags
from pytest_django.asserts import assertContains, assertNotContains

from keys.status import WORDS
from playground.markup.answer import CLASSES

TEMPLATES = Path(settings.BASE_DIR) / "templates"
STATIC = Path(settings.BASE_DIR) / "static"
NAMES = sorted(str(path.relative_to(TEMPLATES)) for path in TEMPLATES.rglob("*.html"))
UNKNOWN = UUID(int=1)
WORDS_OF_NO_LANGUAGE = {"Passerelle", "nbsp"}


def text_of(name: str) -> str:
    return (TEMPLATES / name).read_text(encoding="utf-8")


def all_text() -> str:
    return "\n".join(text_of(name) for name in NAMES)


def forms_in(text: str) -> Iterator[str]:
    return (match[0] for match in re.finditer(r"<form\b.*?</form>", text, re.DOTALL))


@pytest.mark.parametrize("name", NAMES)
def test_compiles(name: str) -> None:
    get_template(name)


@pytest.mark.parametrize("name", NAMES)
def test_has_nothing_that_the_content_security_policy_forbids(name: str) -> None:
    text = text_of(name)

    assert not re.search(r"<style|\sstyle=|\son\w+=|javascript:|hx-on|hx-vals=.js", text)
    assert all(re.search(r'\bsrc="\{% static ', tag) for tag in re.findall(r"<script[^>]*>", text))
    assert not re.search(r"(?:src|href|action)=\"(?:https?:)?//", text)


@pytest.mark.parametrize("name", NAMES)
def test_posts_with_a_csrf_token(name: str) -> None:
    posting = [form for form in forms_in(text_of(name)) if 'method="post"' in form]

    assert all("{% csrf_token %}" in form for form in posting)


@pytest.mark.parametrize("name", NAMES)
def test_works_without_htmx(name: str) -> None:
    asking = re.findall(r"<\w+[^<>]*\shx-(?:get|post)=[^<>]*>", text_of(name))

    for tag in asking:
        verb, url = re.findall(r'\shx-(get|post)="([^"]*)"', tag)[0]
        plain = re.findall(r'\s(?:href|action)="([^"]*)"', tag)
        assert plain == [url]
        assert f'method="{verb}"' in tag or tag.startswith("<a ")
        assert "hx-target=" in tag


@pytest.mark.parametrize("name", NAMES)
def test_names_a_swapped_region_by_its_app_and_its_partial(name: str) -> None:
    for region, body in re.findall(
        r"\{% partialdef (\w+)(?: inline)? %\}(.*?)\{% endpartialdef", text_of(name), re.DOTALL
    ):
        root = re.search(r"<\w+[^>]*?\sid=\"([^\"]+)\"", body)
        assert root
        assert root[1] == f"{Path(name).parts[0]}-{region}"


@pytest.mark.parametrize("name", NAMES)
def test_leaves_no_word_untranslated(name: str) -> None:
    no_words = r"\{#.*?#\}|\{% block main_class %\}[^{]*|\{% blocktranslate.*?%\}.*?\{% endblocktranslate %\}"
    text = re.sub(no_words, " ", text_of(name), flags=re.DOTALL)
    seen = strip_tags(re.sub(r"\{[%{].*?[%}]\}", " ", text))
    spoken = re.findall(r"(?:aria-label|title|placeholder|alt|data-busy)=\"([^\"{]+)\"", text)

    words = set(re.findall(r"[^\W\d_]{3,}", " ".join([seen, *spoken])))
    assert words <= WORDS_OF_NO_LANGUAGE | {"USD"}


@pytest.mark.parametrize("name", NAMES)
def test_leaves_the_mark_behind_a_word_to_the_translator(name: str) -> None:
    text = re.sub(r"\{% blocktranslate.*?\{% endblocktranslate %\}", "{% words %}", text_of(name), flags=re.DOTALL)

    assert not re.search(r"[%}]\}\s*(?:[:;!»]|\?(?!\w|\{))", text)  # French sets a blank there; `?` may begin a query


@pytest.mark.parametrize("name", NAMES)
def test_is_a_page_a_part_or_stands_alone(name: str) -> None:
    is_part = (
        Path(name).name.startswith("_") or name in ("base.html", "standalone.html") or name.startswith("account/email/")
    )

    assert is_part or text_of(name).startswith("{% extends ")


def test_every_target_of_a_swap_is_somewhere() -> None:
    text = all_text()

    targets = set(re.findall(r'hx-(?:target|select)="#([\w-]+)"', text))
    assert targets
    assert targets <= set(re.findall(r'\bid="([\w-]+)"', text))


def test_every_icon_is_in_the_sprite() -> None:
    sprite = set(re.findall(r'<symbol id="(\w+)"', (STATIC / "img/icons.svg").read_text(encoding="utf-8")))

    drawn = set(re.findall(r'\{% icon "(\w+)" %\}', all_text())) | {icon for _, icon, _ in WORDS.values()}
    assert drawn
    assert drawn <= sprite


def test_every_static_file_that_is_named_is_there() -> None:
    named = set(re.findall(r"\{% static '([^']+)' %\}", all_text()))

    assert named
    assert not [name for name in named if finders.find(name) is None]


def test_every_module_is_loaded() -> None:
    modules = {module.name: module.read_text(encoding="utf-8") for module in (STATIC / "js").glob("*.js")}
    text = all_text()

    named = {name for name in modules if f"js/{name}" in text}
    imported = {name for source in modules.values() for name in re.findall(r'from "\./([\w-]+\.js)"', source)}
    assert modules.keys() - named - imported == set()


def test_every_class_of_ours_is_in_the_style_sheets_and_used(repository: Path) -> None:
    css = "\n".join(path.read_text(encoding="utf-8") for path in (STATIC / "css").glob("*.css"))
    js = "\n".join(path.read_text(encoding="utf-8") for path in (STATIC / "js").glob("*.js"))
    markup = "\n".join(path.read_text(encoding="utf-8") for path in (repository / "playground/markup").glob("*.py"))
    classes = re.findall(r'class="[^"]*"|block main_class %\}[^{]*', all_text() + markup)
    used = set(re.findall(r"\bps-[\w-]+", " ".join(classes)))
    styled = set(re.findall(r"\.(ps-[\w-]+)", css))

    in_answers = set().union(*CLASSES.values())

    assert used <= styled
    assert styled <= used | in_answers | set(re.findall(r"\.(ps-[\w-]+)", js))


def test_the_page_for_our_own_failures_needs_neither_request_nor_database() -> None:
    page = render_to_string("500.html")

    assert "Something broke on our side" in page


def test_htmx_puts_no_style_into_the_page_and_keeps_no_copy_of_one() -> None:
    config = re.search(r'name="htmx-config" content="([^"]+)"', text_of("base.html"))

    assert config
    assert {"includeIndicatorCSS:false", "defaultSettleDelay:0", "history:reload"} == set(config[1].split(", "))


@pytest.mark.parametrize("path", [f"/keys/{UNKNOWN}/", f"/keys/{UNKNOWN}/rotate/", "/usage/nothing/", "/nothing/"])
def test_a_page_that_is_not_there_is_at_no_place_of_the_navigation(as_intern: Client, path: str) -> None:
    answer = as_intern.get(path)

    assertContains(answer, reverse("keys:index"), status_code=404)
    assertNotContains(answer, "aria-current", status_code=404)
