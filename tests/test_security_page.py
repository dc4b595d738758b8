"""docs/security.md names tests that exist."""

import re
from pathlib import Path

CHAPTERS = 17  # of ASVS 5.0


def test_every_test_that_the_page_names_exists(repository: Path) -> None:
    page = (repository / "docs" / "security.md").read_text()
    named = re.findall(r"`(tests/[\w/]+(?:\.py)?)(?:::(\w+))?[/`]", page)

    missing = [f"{path}::{test}" for path, test in named if not _exists(repository / path, test)]

    assert len(named) > 50
    assert missing == []


def _exists(path: Path, test: str) -> bool:
    return path.exists() and (not test or re.search(rf"^def {test}\(", path.read_text(), re.MULTILINE) is not None)


def test_every_chapter_says_what_is_not_met(repository: Path) -> None:
    _top, *chapters = re.split(r"^## V", (repository / "docs" / "security.md").read_text(), flags=re.MULTILINE)

    assert [int(chapter.partition(" ")[0]) for chapter in chapters] == list(range(1, CHAPTERS + 1))
    assert [chapter[:10] for chapter in chapters[:-1] if "\n- Not met: " not in chapter] == []
