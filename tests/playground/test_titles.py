"""What a conversation is called before somebody renames it."""

import pytest

from playground.services.titles import title_of


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ("What is a p-value?", "What is a p-value?"),
        ("  Two\n\tlines \r\n of it ", "Two lines of it"),
        ("a" * 60, "a" * 60),
        ("a" * 61, "a" * 59 + "…"),
        ("word " * 20, ("word " * 12).strip() + "…"),
        ("w" * 50 + " and a tail of words", "w" * 50 + " and a…"),
        ("w" * 59 + " more", "w" * 59 + "…"),
        ("safe\u202egnp.exe", "safe gnp.exe"),
        ("\u0000\u200b", "New conversation"),
        ("", "New conversation"),
        ("👩\u200d🔬 lab", "👩\u200d🔬 lab"),
    ],
)
def test_is_the_first_line_with_words(text: str, title: str) -> None:
    assert title_of(text) == title


def test_reads_only_the_beginning_of_a_long_text() -> None:
    assert title_of(" " * 100_000 + "end") == "New conversation"
