"""The file for people, opened by LibreOffice in a French locale, and read back cell by cell.

Without a screen its import dialog, and what that guesses, is not there. So all of it is given as the dialog has it when
nobody touches it: UTF-8 (of the byte-order mark), semicolon, comma and tab as separators at once, no special numbers.
"""

import subprocess
from decimal import Decimal
from pathlib import Path
from typing import Final
from xml.etree import ElementTree as ET

import pytest
from django.urls import reverse

from accounts.models import User
from tests.french.conftest import in_french
from tests.usage.views.facts import day, file_of, key_of, used

AS_THE_DIALOG: Final = "CSV:59/44/9,34,76,1,,0,false,false"
OFFICE: Final = "{urn:oasis:names:tc:opendocument:xmlns:office:1.0}"
TABLE: Final = "{urn:oasis:names:tc:opendocument:xmlns:table:1.0}"
FRENCH: Final = """<?xml version="1.0" encoding="UTF-8"?>
<oor:items xmlns:oor="http://openoffice.org/2001/registry"><item oor:path="/org.openoffice.Setup/L10N">
<prop oor:name="ooSetupSystemLocale" oor:op="fuse"><value>fr-FR</value></prop></item></oor:items>"""
Value = str | Decimal | None


@pytest.mark.office
def test_libreoffice_in_french_reads_columns_accents_numbers_and_days(admin: User, tmp_path: Path) -> None:
    key = key_of(admin, "Mémoire d’été, n° 2; =1+1", intern_name="Zoé Œuvrard")
    used(key, "1234567.25", model="claude-3-haiku", days_ago=1, prompt_tokens=10**12)
    used(key, "0.000000000001", model="gpt-4o-mini")
    used(None, "-1.5", model="mistral")

    text = file_of(in_french(admin).get(reverse("usage:everyone_facts_csv"), {"for": "people"}))
    head, *rows = opened_in_french(text, tmp_path)

    assert {"Jour (UTC)", "Clé", "Dépenses (USD)", "Jetons envoyés", "Groupes", "Stagiaire", "Encadrant"} <= set(head)
    first, second, third = (dict(zip(head, row, strict=True)) for row in rows)
    assert [first["Jour (UTC)"], second["Jour (UTC)"]] == [f"day {day(1)}", f"day {day(0)}"]
    assert first["Clé"] == "Mémoire d’été, n° 2;' =1+1"
    assert [first["Type de clé"], first["Stagiaire"]] == ["Temporaire", "Zoé Œuvrard"]
    assert [first["Dépenses (USD)"], first["Jetons envoyés"]] == [Decimal("1234567.25"), Decimal(10**12)]
    assert second["Dépenses (USD)"] == Decimal("0.000000000001")
    assert [third["Dépenses (USD)"], third["Clé"]] == [Decimal("-1.5"), None]


def opened_in_french(text: str, folder: Path) -> list[list[Value]]:
    """Return the cells as LibreOffice takes them: numbers, texts, and days as "day 2026-11-28"."""
    (folder / "profile/user").mkdir(parents=True)
    (folder / "profile/user/registrymodifications.xcu").write_text(FRENCH, encoding="utf-8")
    (folder / "opened.csv").write_text(text, encoding="utf-8", newline="")
    profile = f"-env:UserInstallation={(folder / 'profile').as_uri()}"
    command = ["soffice", profile, "--headless", f"--infilter={AS_THE_DIALOG}", "--convert-to", "fods", "opened.csv"]
    subprocess.run(command, cwd=folder, check=True, capture_output=True, timeout=90)
    sheet = ET.parse(folder / "opened.fods")  # what LibreOffice wrote just now
    rows = [_cells(row) for row in sheet.iter(f"{TABLE}table-row")]
    return [row for row in rows if any(cell is not None for cell in row)]


def _cells(row: ET.Element) -> list[Value]:
    found: list[Value] = []
    for cell in row.iter(f"{TABLE}table-cell"):
        times = int(cell.get(f"{TABLE}number-columns-repeated", "1"))
        assert not cell.get(f"{TABLE}formula")
        found += [_value(cell)] * times
    return found


def _value(cell: ET.Element) -> Value:
    kind = cell.get(f"{OFFICE}value-type")
    if kind == "float":
        return Decimal(cell.attrib[f"{OFFICE}value"])
    if kind == "date":
        return f"day {cell.attrib[f'{OFFICE}date-value']}"
    return "".join(cell.itertext()).strip() or None
