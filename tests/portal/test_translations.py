import gettext
import os
from pathlib import Path

import pytest

from portal.translations import compile_translations

PO = """
msgid ""
msgstr "Content-Type: text/plain; charset=UTF-8\\nPlural-Forms: nplurals=2; plural=n>1;\\n"

msgid "Key"
msgstr "Clé"

msgid "%d key"
msgid_plural "%d keys"
msgstr[0] "%d clé"
msgstr[1] "%d clés"

#, fuzzy
msgid "Guess"
msgstr "Peut-être"
"""


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "fr" / "LC_MESSAGES"
    folder.mkdir(parents=True)
    source = folder / "django.po"
    source.write_text(PO, encoding="utf-8")
    return source


def test_gettext_reads_the_compiled_files(tmp_path: Path, source: Path) -> None:
    [target] = compile_translations([tmp_path])

    with target.open("rb") as file:
        french = gettext.GNUTranslations(file)
    assert french.gettext("Key") == "Clé"
    assert french.ngettext("%d key", "%d keys", 2) == "%d clés"
    assert french.gettext("Guess") == "Guess"
    assert [path.name for path in sorted(source.parent.iterdir())] == ["django.mo", "django.po"]


def test_only_outdated_files_are_compiled(tmp_path: Path, source: Path) -> None:
    [target] = compile_translations([tmp_path])

    assert compile_translations([tmp_path]) == []

    source.write_text(PO.replace("Clé", "Clef"), encoding="utf-8")
    newer = target.stat().st_mtime_ns + 1
    os.utime(source, ns=(newer, newer))
    assert compile_translations([tmp_path]) == [target]
