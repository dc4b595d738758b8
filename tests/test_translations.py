"""The French catalogue: complete, without leftovers, with the same placeholders, and in French typography."""

import re
from functools import cache
from pathlib import Path

import polib
from django.conf import settings
from django.utils.html import strip_tags

from tests.french.messages import Message, hidden_names, messages, texts_in_f_strings

CATALOGUE = Path(settings.BASE_DIR) / "locale/fr/LC_MESSAGES/django.po"
PLACEHOLDER = re.compile(r"%\(\w+\)[sd]|%[sd]|\{\w+\}")
TAG = re.compile("<[^>]+>")
A_FORMAT = re.compile(r"\w+ day|day")  # the context of what is no sentence, but a format of dates
SAME_IN_BOTH = {  # words that are French too
    "%(number)s message",
    "%(number)s messages",
    "%(number)s page",
    "%(number)s pages",
    "Actions",
    "Active",
    "Messages",
    "Webhooks",
    "Admin",
    "Administration",
    "Budget",
    "Code",
    "Ctrl",
    "Description",
    "E-mail",
    "Europe",
    "Important",
    "Pages",
    "Passerelle",
    "Page",
    "Prompt",
    "Prompts",
    "Publication",
    "Question %(number)s",
    "Secrets",
    "Sources",
    "Total",
    "Version",
    "Version %(version)s",
    "Versions",
    "action",
    "budget",
    "images",
    "version",
    "description",
}


@cache
def catalogue() -> polib.POFile:
    return polib.pofile(str(CATALOGUE), wrapwidth=0)


def key_of(entry: polib.POEntry) -> Message:
    return entry.msgctxt or "", entry.msgid, entry.msgid_plural or ""


def translations_of(entry: polib.POEntry) -> list[str]:
    return list(entry.msgstr_plural.values()) if entry.msgid_plural else [entry.msgstr]


def sentences() -> list[tuple[str, str]]:
    """Return (English, French) of all that is said to people."""
    entries = [entry for entry in catalogue() if not A_FORMAT.fullmatch(entry.msgctxt or "")]
    said = [(entry.msgid, translations_of(entry)[0]) for entry in entries]
    return said + [(entry.msgid_plural, entry.msgstr_plural[1]) for entry in entries if entry.msgid_plural]


def test_has_every_text_of_the_code_and_the_templates() -> None:
    translated = {key_of(entry) for entry in catalogue() if all(translations_of(entry))}

    assert messages() - translated == set()


def test_has_no_obsolete_entry() -> None:
    assert {key_of(entry) for entry in catalogue()} - messages() == set()


def test_has_no_fuzzy_and_no_obsolete_entry() -> None:
    assert [entry.msgid for entry in catalogue() if entry.fuzzy or entry.obsolete] == []
    assert "#, fuzzy" not in CATALOGUE.read_text(encoding="utf-8")  # the header neither


def test_finds_texts_wherever_they_are() -> None:
    found = messages()

    assert ("", "My keys", "") in found  # {% translate %}
    assert ("", "%(number)s model", "%(number)s models") in found  # {% blocktranslate count %}
    assert ("secret", "Created", "") in found  # {% translate context %}
    assert ("", "Paste into R (needs {install})", "") in found  # gettext_noop
    assert ("secret", "Deleted", "") in found  # pgettext_lazy
    assert ("", "in %(days)d day", "in %(days)d days") in found  # ngettext
    assert ("", "If you no longer need it, do nothing: it stops by itself.", "") in found  # a mail


def test_every_text_is_seen_by_makemessages_too() -> None:
    assert hidden_names() == set()
    assert texts_in_f_strings() == set()


def test_keeps_placeholders_markup_and_lines() -> None:
    for said, text in sentences():
        assert sorted(PLACEHOLDER.findall(text)) == sorted(PLACEHOLDER.findall(said)), text
        assert sorted(TAG.findall(text)) == sorted(TAG.findall(said)), text
        assert text.count("\n") == said.count("\n"), text
        assert text.strip() == text


def test_translates_and_does_not_copy() -> None:
    copied = {said for said, text in sentences() if said == text and re.search(r"[a-z]{3}", PLACEHOLDER.sub("", said))}

    assert copied <= SAME_IN_BOTH


def test_follows_french_typography() -> None:
    for _, text in sentences():
        words = strip_tags(text.replace("&nbsp;", "\u00a0"))
        assert not re.search("(?<!\u00a0)[:;?!»]|«(?!\u00a0)", words), text
        assert not re.search(r"['\"“”]|\.\.\.", words), text


def test_ends_a_sentence_where_english_does() -> None:
    assert [text for said, text in sentences() if said.endswith(".") != text.endswith(".")] == []
