"""Every template and every file that it loads, checked as text."""

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
WORDS_OF_NO_LANGUAGE = {"Passerelle", "nbsp", "USD", "JSON"}


def text_of(name: str) -> str:
    return (TEMPLATES / name).read_text(encoding="utf-8")


def all_text() -> str:
    return "\n".join(text_of(name) for name in NAMES)


def forms_in(text: str) -> Iterator[str]:
    return (match[0] for match in re.finditer(r"<form\b.*?</form>", text, re.DOTALL))


def test_all_compile() -> None:
    for name in NAMES:
        get_template(name)


def test_none_has_what_the_content_security_policy_forbids() -> None:
    inline = r"<style|\sstyle=|\son\w+=|javascript:|hx-on|hx-vals=.js"
    elsewhere = r"(?:src|href|action)=\"(?:https?:)?//"

    def is_wrong(text: str) -> bool:
        scripts = re.findall(r"<script[^>]*>", text)
        of_ours = all(re.search(r'\bsrc="\{% static ', tag) for tag in scripts)
        return not of_ours or bool(re.search(f"{inline}|{elsewhere}", text))

    assert [name for name in NAMES if is_wrong(text_of(name))] == []


def test_all_post_with_a_csrf_token() -> None:
    posting = [(name, form) for name in NAMES for form in forms_in(text_of(name)) if 'method="post"' in form]

    assert posting
    to_public_views = ["socialaccount/send_again.html"]  # an institution's form is posted there as well
    assert [name for name, form in posting if "{% csrf_token %}" not in form] == to_public_views


def test_all_work_without_htmx() -> None:
    asking = [
        (name, tag) for name in NAMES for tag in re.findall(r"<\w+[^<>]*\shx-(?:get|post)=[^<>]*>", text_of(name))
    ]

    def works_without(name: str, tag: str) -> bool:
        verb, url = re.findall(r'\shx-(get|post)="([^"]*)"', tag)[0]
        if re.search(rf'<button class="[^"]*\bps-no-script"[^>]* formaction="{re.escape(url)}[^"]*"', text_of(name)):
            return "hx-target=" in tag  # the button sends what a script sends by itself, maybe with a query
        is_plain = re.findall(r'\s(?:href|action)="([^"]*)"', tag) == [url]
        return is_plain and (f'method="{verb}"' in tag or tag.startswith("<a ")) and "hx-target=" in tag

    assert asking
    assert [(name, tag) for name, tag in asking if not works_without(name, tag)] == []


def test_all_name_a_swapped_region_by_their_app_and_its_partial() -> None:
    region = r"\{% partialdef (\w+)(?: inline)? %\}(.*?)\{% endpartialdef"
    regions = [(name, *found) for name in NAMES for found in re.findall(region, text_of(name), re.DOTALL)]

    def root_of(body: str) -> str | None:
        root = re.search(r"<\w+[^>]*?\sid=\"([^\"]+)\"", body)
        return root and root[1]

    assert regions
    wrong = [(name, region) for name, region, body in regions if root_of(body) != f"{Path(name).parts[0]}-{region}"]
    assert wrong == []


def test_all_texts_are_translated() -> None:
    def words_in(text: str) -> set[str]:
        no_words = r"\{#.*?#\}|\{% block main_class %\}[^{]*|\{% blocktranslate.*?%\}.*?\{% endblocktranslate %\}"
        text = re.sub(no_words, " ", text, flags=re.DOTALL)
        seen = strip_tags(re.sub(r"\{[%{].*?[%}]\}", " ", text))
        spoken = re.findall(r"(?:aria-label|title|placeholder|alt|data-busy)=\"([^\"{]+)\"", text)
        return set(re.findall(r"[^\W\d_]{3,}", " ".join([seen, *spoken]))) - WORDS_OF_NO_LANGUAGE

    assert words_in('<p title="Some">words</p> {% translate "others" %}') == {"Some", "words"}
    assert {name: words for name in NAMES if (words := words_in(text_of(name)))} == {}


def test_punctuation_is_part_of_translated_texts() -> None:
    def marks_in(name: str) -> list[str]:
        text = re.sub(r"\{% blocktranslate.*?\{% endblocktranslate %\}", "{% words %}", text_of(name), flags=re.DOTALL)
        # French sets a blank there; `?` may begin a query
        return re.findall(r"[%}]\}\s*(?:[:;!»]|\?(?!\w|\{))", text)

    assert {name: marks for name in NAMES if (marks := marks_in(name))} == {}


def test_each_is_a_page_a_partial_or_standalone() -> None:
    def is_part(name: str) -> bool:
        alone = name in ("base.html", "standalone.html") or name.startswith(("account/email/", "django/forms/"))
        return alone or Path(name).name.startswith("_")

    assert [name for name in NAMES if not is_part(name) and not text_of(name).startswith("{% extends ")] == []


def test_every_swap_target_exists() -> None:
    text = all_text()

    targets = set(re.findall(r'hx-(?:target|select)="#([\w-]+)"', text))
    assert targets
    assert targets <= set(re.findall(r'\bid="([\w-]+)"', text))


def test_every_icon_is_in_the_sprite() -> None:
    sprite = set(re.findall(r'<symbol id="(\w+)"', (STATIC / "img/icons.svg").read_text(encoding="utf-8")))

    drawn = set(re.findall(r'\{% icon "(\w+)" %\}', all_text())) | {icon for _, icon, _ in WORDS.values()}
    assert drawn
    assert drawn <= sprite


def test_every_referenced_static_file_exists() -> None:
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
    folders = ("playground/markup", "usage/templatetags")  # modules that write HTML
    modules = [path for folder in folders for path in (repository / folder).glob("*.py")]
    markup = "\n".join(path.read_text(encoding="utf-8") for path in modules)
    classes = re.findall(r'class="[^"]*"|block main_class %\}[^{]*', all_text() + markup)
    used = set(re.findall(r"\bps-[\w-]+", " ".join(classes)))
    styled = set(re.findall(r"\.(ps-[\w-]+)", css))

    in_answers = set().union(*CLASSES.values())

    assert used <= styled
    assert styled <= used | in_answers | set(re.findall(r"\bps-[\w-]+", js))


def test_the_error_page_needs_neither_request_nor_database() -> None:
    page = render_to_string("500.html")

    assert "Something went wrong" in page


def test_htmx_puts_no_style_into_the_page_and_keeps_no_copy_of_one() -> None:
    config = re.search(r'name="htmx-config" content="([^"]+)"', text_of("base.html"))

    assert config
    assert {"includeIndicatorCSS:false", "defaultSettleDelay:0", "history:reload"} == set(config[1].split(", "))


@pytest.mark.parametrize("path", [f"/keys/{UNKNOWN}/", f"/keys/{UNKNOWN}/rotate/", "/usage/nothing/", "/nothing/"])
def test_the_not_found_page_marks_no_navigation_item(as_intern: Client, path: str) -> None:
    answer = as_intern.get(path)

    assertContains(answer, reverse("keys:index"), status_code=404)
    assertNotContains(answer, "aria-current", status_code=404)
