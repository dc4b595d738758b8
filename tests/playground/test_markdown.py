"""Markdown as models write it: GitHub's, with common mistakes; harmless tags; right-to-left scripts."""

import re

import pytest

from playground.rendering import answer_html
from tests.playground.test_rendering import Reader, inner, text_of

pytestmark = pytest.mark.django_db


def items(html: str) -> str:
    """Return the tags of lists, in their order."""
    return " ".join(re.findall(r"</?[ou]l|<li", html)).replace("<", "").replace("/", "-")


@pytest.mark.parametrize("row", ["| a<br>b | c |", "| a<br/>b | c |", "| a<BR />b | c |"])
def test_breaks_a_line_in_a_cell(row: str) -> None:
    assert re.search(r"<td>a<br>\s*b</td>", answer_html(f"| x | y |\n|---|---|\n{row}"))


def test_allows_the_harmless_tags() -> None:
    html = inner("H<sub>2</sub>O, x<sup>n</sup>, <kbd>Ctrl</kbd>, <mark>m</mark>, <b>b *i*</b>, <u>u</u>, <del>d</del>")

    assert html == (
        "<p>H<sub>2</sub>O, x<sup>n</sup>, <kbd>Ctrl</kbd>, <mark>m</mark>, "
        "<strong>b <em>i</em></strong>, <u>u</u>, <s>d</s></p>"
    )


@pytest.mark.parametrize(
    "text",
    [
        "<sub>never closed",
        "never opened</kbd>",
        "<b>a <i>b</b> c</i>",
        "**a <mark>b** c</mark>",
        "<kbd class=x>a</kbd>",
        "<font>a</font>",
        "<ul><li>a</li></ul>",
        "<video>",
        "<!-- a -->",
    ],
)
def test_shows_every_other_tag_as_text(text: str) -> None:
    html = answer_html(text)

    assert Reader(html).wrong == []
    assert text_of(html).strip() in (text.replace("**", ""), "<b>a b</b> c")


def test_folds_details_wherever_they_stand() -> None:
    html = inner("- a\n\n  <details open><summary>**More**</summary>\n\n  - b\n\n  </details>\n\n- c")

    assert "<summary><strong>More</strong></summary>" in html
    assert items(html) == "ul li ul li -ul li -ul"
    assert html.count("<details>") == html.count("</details>") == 1


@pytest.mark.parametrize(
    "text", ["<details>\n<summary>s</summary>\n\nbody", "<details><summary>s</summary>body</details>"]
)
def test_keeps_the_content_of_details(text: str) -> None:
    assert text_of(answer_html(f"before\n\n{text}")).split() == ["before", "s", "body"]


def test_lists_in_a_cell_are_lists() -> None:
    assert "<td><ul><li>a</li><li>b</li></ul></td>" in answer_html("| x |\n|---|\n| <ul><li>a</li><li>b</li></ul> |")


@pytest.mark.parametrize(
    "row", ["| 1 | 2 | 3 | 4 |", "| `a || b` | 2 |", "| $P(A|B)$ | 2 |", "| 1 | x | y", "1 | 2 | 3", r"| \(|x|\) | 4 |"]
)
def test_loses_no_cell(row: str) -> None:
    html = answer_html(f"Text:\n| a | b |\n|:-:|--:|\n{row}")

    cells = re.findall("<td.*?>(.*?)</td>", html)
    assert len(cells) == 2
    assert re.sub(r"[^\w]", "", text_of("".join(cells))) == re.sub(r"[^\w]|\\[()]", "", row)


def test_takes_tables_without_outer_pipes_and_without_a_blank_line() -> None:
    html = answer_html("Text:\na | b\n--- | ---\n1 | 2\n\nAfter")

    assert "<p>Text:</p>" in html
    assert re.findall("<t[hd]>(.)", html) == ["a", "b", "1", "2"]


def test_ticks_boxes() -> None:
    html = answer_html("- [x] done\n- [ ] **open**\n\n1. [X] loose\n\n2. no [ ] box")

    assert text_of(html).split() == ["☑", "done", "☐", "open", "☑", "loose", "no", "[", "]", "box"]
    assert html.count('<li class="ps-task">') == 3


@pytest.mark.parametrize("kind", ["NOTE", "TIP", "IMPORTANT", "WARNING", "CAUTION"])
def test_sets_alerts(kind: str) -> None:
    html = inner(f"> [!{kind}]\n> Read *this*.")

    assert html.startswith(
        f'<blockquote class="ps-alert-{kind.lower()}">\n<p class="ps-alert-title">{kind.capitalize()}</p>'
    )
    assert "<p>Read <em>this</em>.</p>" in html


def test_footnotes_link_both_ways() -> None:
    html = answer_html("One[^a], two[^b], one again[^a].\n\n[^a]: *First*\n[^b]: Second")

    targets = set(re.findall('id="([^"]+)"', html))
    links = re.findall('href="#([^"]+)"', html)
    assert len(links) == 5
    assert targets == set(links)
    assert "[^" not in text_of(html)


@pytest.mark.parametrize("indent", [2, 3, 4])
def test_points_under_a_number_belong_to_it(indent: int) -> None:
    html = answer_html(f"1. a\n{' ' * indent}- b\n{' ' * indent}- c\n2. d\n{' ' * indent}* e\n3. f")

    assert items(html) == "ol li ul li li -ul li ul li -ul li -ol"


def test_a_list_of_its_own_stays_one() -> None:
    assert items(answer_html("1. a\n2. b\n\n- c\n\n1. d")) == "ol li li -ol ul li -ul ol li -ol"


@pytest.mark.parametrize(
    "text",
    [
        "- a\n  ```py\n  x = 1\n```\n- b\n\n**c**",
        "1. a\n   ```py\nx = 1\n   ```\n2. b\n\n**c**",
        "- a\n  ```py\n  x = 1\n  ```\n- b\n\n**c**",
    ],
)
def test_code_in_a_list_ends_where_its_fence_is(text: str) -> None:
    html = answer_html(text)

    assert re.sub("<.*?>", "", re.findall("<code.*?</code>", html, re.DOTALL)[0]) == "x = 1"
    assert html.count("<code") == 1
    assert html.count("<li") == 2
    assert "<strong>c</strong>" in html


@pytest.mark.parametrize(
    ("text", "bold"),
    [
        ("**注意：**请先备份。", "注意："),
        ("请看**“重点”**部分", "“重点”"),
        ("使用**API(接口)**调用", "API(接口)"),
        ("**「大切」**な点", "「大切」"),
        ("これは**強調（きょうちょう）**です", "強調（きょうちょう）"),
        ("**마크다운(Markdown)**은 쉽다", "마크다운(Markdown)"),
        ("값은 **100%**입니다", "100%"),
        ("a **b** c", "b"),
    ],
)
def test_bold_next_to_east_asian_letters(text: str, bold: str) -> None:
    assert f"<strong>{bold}</strong>" in answer_html(text)


@pytest.mark.parametrize("text", ["a ** b ** c", "2**3**4是", "x = a**b"])
def test_other_asterisks_stay(text: str) -> None:
    assert "<strong> " not in answer_html(text)


def test_breaks_lines_where_the_model_did() -> None:
    assert (
        inner("Roses are red\nviolets\n- a\n  b") == "<p>Roses are red<br>\nviolets</p>\n<ul>\n<li>a<br>\nb</li>\n</ul>"
    )


def test_blocks_follow_the_direction_of_their_script() -> None:
    html = answer_html(
        "שלום `x` עולם\n\nHello\n\n1. مرحبا\n2. two\n\n| الاسم | b |\n|---|---|\n| `نص` | 3 |\n\n> # عنوان"
    )

    assert re.findall(r"<(\w+)[^>]* dir=\"(\w+)\"", html) == [
        ("p", "rtl"),
        ("p", "ltr"),
        ("ol", "rtl"),
        ("li", "rtl"),
        ("li", "ltr"),
        ("table", "rtl"),
        ("th", "rtl"),
        ("th", "ltr"),
        ("blockquote", "rtl"),
        ("h3", "rtl"),
    ]


def test_sets_no_direction_where_all_blocks_agree() -> None:
    assert "dir=" not in answer_html("# a\n\nÉté, 你好, привет\n\n- b")
