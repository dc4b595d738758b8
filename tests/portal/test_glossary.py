"""docs/glossary.md matches the code."""

import re
from pathlib import Path
from pydoc import locate

TERM = re.compile(r"^\| \*\*(?P<term>.+?)\*\* \| (?P<meaning>.+?) \|(?: `(?P<name>[\w.]+)`)? \|$")


def rows_of(path: Path) -> list[dict[str, str]]:
    """Return term, meaning and name in the code of each row; the name is empty where there is none."""
    rows = [line for line in path.read_text().splitlines() if line.startswith("| **")]
    return [found.groupdict(default="") for line in rows if (found := TERM.match(line))]


def test_every_name_in_the_glossary_is_in_the_code(repository: Path) -> None:
    rows = rows_of(repository / "docs" / "glossary.md")

    assert len(rows) > 20
    assert [row["name"] for row in rows if row["name"] and locate(row["name"]) is None] == []


def test_a_term_is_explained_once(repository: Path) -> None:
    terms = [row["term"] for row in rows_of(repository / "docs" / "glossary.md")]

    assert sorted(set(terms)) == sorted(terms)
