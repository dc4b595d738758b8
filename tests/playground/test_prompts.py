"""Messages as people see them above the answer: as typed, with code formatted as code."""

import re

import pytest

from playground.rendering import prompt_html
from tests.playground.test_rendering import text_of

PASTED = [
    "def f(x):\n    return x\n\nprint(f(1))\nprint(f(2))",
    'Traceback (most recent call last):\n  File "a.py", line 1, in <module>\nValueError: no',
    "SELECT a\nFROM b\nWHERE c = 1",
    "for (let i = 0; i < 3; i++) {\n  go(i);\n}",
    "library(dplyr)\ndf <- read.csv('a.csv')\nsummary(df)",
]
PROSE = [
    "Dear all,\nfor the first time we meet (on Monday)\nand then again.\nBest",
    "- one\n  - two\n  - three",
    "Roses are red,\nviolets are blue;\nno code here",
    "1. Import the data\n2. Return it\n3. Use it",
    "x",
]


@pytest.mark.parametrize("pasted", PASTED)
def test_pasted_code_is_formatted_as_code(pasted: str) -> None:
    html = prompt_html(f"Why does this fail?\n\n{pasted}\n\nPlease explain it to me.")

    code = "".join(re.findall("<code id=[^>]*>(.*?)</code>", html, re.DOTALL))
    assert text_of(code) == pasted
    assert "Please explain" in html.rpartition("</code>")[2]


@pytest.mark.parametrize("text", PROSE)
def test_prose_is_not_formatted_as_code(text: str) -> None:
    assert text_of(prompt_html(text)).strip() == text
    assert "<code" not in prompt_html(text)


def test_fences_and_backticks_are_taken() -> None:
    html = prompt_html("Is `a < b` right?\n```sql\n<b>\n\n  x\n```\nand\n~~~\nunclosed")

    assert "Is <code>a &lt; b</code> right?" in html
    assert re.findall(r"<code id=[^>]*>(.*?)</code>", html, re.DOTALL) == ["&lt;b&gt;\n\n  x", "unclosed"]
    assert "<span>sql</span>" in html
    assert len(set(re.findall('<code id="([^"]+)"', html))) == 2


@pytest.mark.parametrize("text", ["`" * 40_000, "```\n" * 12_000, "a(\n" * 16_000, " " * 49_000, "a = " * 12_000])
def test_hostile_messages_render_quickly(text: str) -> None:
    assert prompt_html(text)
