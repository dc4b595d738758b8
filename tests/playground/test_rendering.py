"""Models' answers as HTML: their markup, what is forbidden in it, and its cost."""

import re
from html.parser import HTMLParser
from itertools import pairwise
from time import thread_time

import pytest
from django.template import Context, Template
from django.utils import translation

from playground.rendering import answer_html, prompt_html
from playground.rendering.answers import MOST_CHARS
from tests.playground.xss import CORPUS

pytestmark = pytest.mark.django_db  # what is rendered is kept in the cache

TEXT_TAGS = set("p br hr h3 h4 h5 h6 strong em s code pre blockquote ul ol li a".split())  # noqa: SIM905
TEXT_TAGS |= {"sub", "sup", "kbd", "mark", "u", "small", "details", "summary"}
TEXT_TAGS |= {"table", "thead", "tbody", "tr", "th", "td", "div", "span", "button", "svg", "use"}
MATH_TAGS = {"math", "mrow", "mi", "mn", "mo", "mtext", "mspace", "mfrac", "msqrt", "mroot", "msub", "msup", "msubsup"}
MATH_TAGS |= {"munder", "mover", "munderover", "mtable", "mtr", "mtd", "mstyle", "mpadded", "mphantom", "menclose"}
FRAME = {"tabindex": "0", "role": "group", "aria-label": r".{1,24}"}
COPY = {"type": "button", "data-copy": r"code-\w+-\d+", "data-copied": "Copied", "data-selected": "Selected: .+"}
DIRECTION = {"dir": "ltr|rtl"}
ATTRIBUTES = {  # as they may be, in full; ids are of our own making
    "a": {
        "href": r"(?:https?://|mailto:)[^<>\s\x00-\x1f]+|#code-\w+-[nr]\d+",
        "target": "_blank",
        "rel": "noopener noreferrer nofollow",
        "id": r"code-\w+-r\d+",
        "aria-label": "Back to the text",
    },
    "ol": {"start": r"\d{1,9}", **DIRECTION},
    "li": {"class": "ps-task", **DIRECTION},
    "th": {"class": "text-(?:center|end)", **DIRECTION},
    "td": {"class": "text-(?:center|end)", **DIRECTION},
    "p": {"class": "ps-alert-title", **DIRECTION},
    "blockquote": {"class": "ps-alert-[a-z]+", **DIRECTION},
    **dict.fromkeys(("h3", "h4", "h5", "h6", "ul", "table", "details", "summary"), DIRECTION),
    "sup": {"class": "ps-note-number"},
    "div": {"class": "ps-prose|ps-prose ps-as-written|ps-code|ps-code-head|ps-scroll|ps-notes", **FRAME},
    "span": {"class": "[a-z]|ps-formula", "id": r"code-\w+-n\d+", **FRAME},
    "pre": FRAME,
    "code": {"id": r"code-\w+-\d+"},
    "button": {"class": "btn btn-sm btn-quiet ps-script", **COPY},
    "svg": {"class": "icon", "aria-hidden": "true"},
    "use": {"href": r"/static/img/icons\.svg#copy"},
}
MATH_ATTRIBUTES = re.compile("display|mathvariant|stretchy|fence|form|accent|movablelimits|displaystyle|scriptlevel")
MORE_MATH_ATTRIBUTES = re.compile("linethickness|columnalign|notation|minsize|maxsize|width")
MATH_VALUE = re.compile(r"-?[a-z0-9.-]{1,12}")
VOID = {"br", "hr"}


class Reader(HTMLParser):
    """Collects what is wrong with a piece of HTML, and its text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.wrong: list[str] = []
        self.words: list[str] = []
        self.open: list[str] = []
        self.feed(html)
        self.close()
        self.wrong += [f"<{tag}> stays open" for tag in self.open]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in TEXT_TAGS | MATH_TAGS:
            self.wrong.append(f"<{tag}>")
        for name, value in attrs:
            if not may_have(tag, name, value or ""):
                self.wrong.append(f"<{tag} {name}={value!r}>")
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.wrong.append(f"</{tag}>")

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    def handle_comment(self, data: str) -> None:
        self.wrong.append(f"<!--{data}-->")

    def handle_decl(self, decl: str) -> None:
        self.wrong.append(f"<!{decl}>")

    def unknown_decl(self, data: str) -> None:
        self.wrong.append(f"<![{data}]>")

    def handle_pi(self, data: str) -> None:
        self.wrong.append(f"<?{data}>")


def may_have(tag: str, name: str, value: str) -> bool:
    if tag in MATH_TAGS:
        known = MATH_ATTRIBUTES.fullmatch(name) or MORE_MATH_ATTRIBUTES.fullmatch(name)
        return bool(known and MATH_VALUE.fullmatch(value))
    allowed = ATTRIBUTES.get(tag, {})
    return name in allowed and re.fullmatch(allowed[name], value) is not None


def text_of(html: str) -> str:
    return "".join(Reader(html).words)


def inner(markdown: str) -> str:
    html = answer_html(markdown).strip()
    return html.removeprefix('<div class="ps-prose">').removesuffix("</div>").strip()


@pytest.mark.parametrize("text", CORPUS)
def test_allows_no_active_markup(text: str) -> None:
    assert Reader(answer_html(text)).wrong == []
    assert Reader(prompt_html(text)).wrong == []


@pytest.mark.parametrize(
    "frame", ["> {}", "- a\n- {}", "| a |\n|---|\n| {} |", "**{}**", "[{}](https://x.example)", "# {}"]
)
def test_allows_no_active_markup_in_nested_text(frame: str) -> None:
    for text in CORPUS:
        assert Reader(answer_html(frame.format(text))).wrong == []


def test_allows_no_active_markup_in_truncated_text() -> None:
    for text in CORPUS:
        for end in range(1, len(text), 3):
            assert Reader(answer_html(text[:end])).wrong == []


@pytest.mark.parametrize("html", ["<i>x</i>", "<p onclick='x'>x</p>", '<a href="/x">x</a>', "<!-- x -->", "<p>x"])
def test_the_check_notices_active_markup(html: str) -> None:
    assert Reader(html).wrong


def test_has_no_tag_in_an_attribute_either() -> None:
    for text in CORPUS:  # htmx looks for its own tags before any parser does
        assert "<hx-" not in answer_html(text)
        assert "<hx-" not in prompt_html(text)


def test_shows_html_as_text() -> None:
    assert text_of(answer_html("a <form>c</form> &lt;d&gt; {{ 7*7 }}")).strip() == "a <form>c</form> <d> {{ 7*7 }}"


def test_sets_paragraphs_lists_and_quotes() -> None:
    assert inner("a *b* **c** ~~d~~ `e`\n\n> f\n\n3. g\n4. h") == (
        "<p>a <em>b</em> <strong>c</strong> <s>d</s> <code>e</code></p>\n<blockquote>\n<p>f</p>\n</blockquote>\n"
        '<ol start="3">\n<li>g</li>\n<li>h</li>\n</ol>'
    )


def test_shifts_headings_and_skips_no_level() -> None:
    html = answer_html("## a\n\n#### b\n\n###### c\n\nd\n=\n\n# e\n\n## f\n\n# g #h")

    levels = [int(level) for level in re.findall("<h([1-6])>", html)]
    assert levels == [3, 4, 5, 3, 3, 4, 3]
    assert all(after <= before + 1 for before, after in pairwise(levels))
    assert levels == [int(level) for level in re.findall("</h([1-6])>", html)]


def test_lets_wide_tables_scroll_and_aligns_without_styles() -> None:
    html = inner("| a | b | c |\n|:--|:-:|--:|\n| 1 | 2 | 3 |")

    assert html.startswith('<div class="ps-scroll" tabindex="0" role="group" aria-label="Table"><table>')
    assert '<th>a</th>\n<th class="text-center">b</th>\n<th class="text-end">c</th>' in html
    assert "style=" not in html


def test_frames_code_with_its_language_and_a_button_that_copies_it() -> None:
    html = answer_html("```py\nif x:\n    print('<b>')  # why\n```")

    assert "<span>Python</span>" in html
    source = re.search('data-copy="([^"]+)"', html)
    assert source
    code = re.search(f'<code id="{source[1]}">(.*?)</code>', html, re.DOTALL)
    assert code
    assert text_of(code[1]) == "if x:\n    print('<b>')  # why"
    assert '<span class="k">if </span>' in code[1]
    assert '<span class="c"># why</span>' in code[1]


@pytest.mark.parametrize(
    ("info", "shown"), [("", "Code"), ("R", "R"), ("brainfuck", "brainfuck"), ("sh title=x", "Shell")]
)
def test_names_the_language(info: str, shown: str) -> None:
    html = answer_html(f"```{info}\n<x>\n```")

    assert f"<span>{shown}</span>" in html
    assert "&lt;x" in html


def test_keeps_an_indented_block_and_an_unfinished_one() -> None:
    assert "    b</code>" in answer_html("Text:\n\n    a\n        b\n")
    assert '<span class="k">let </span>x' in answer_html("```js\nlet x")


def test_gives_every_block_of_code_an_id_of_its_own() -> None:
    blocks = "```\na\n```\n```\nb\n```"

    ids = re.findall('<code id="([^"]+)"', answer_html(blocks) + answer_html(blocks))
    assert len(set(ids)) == 4


def test_links_open_externally_without_a_referrer() -> None:
    links = re.findall("<a .*?</a>", answer_html("[a](https://x.example) <mailto:a@x.example> http://y.example/z."))

    out = ' target="_blank" rel="noopener noreferrer nofollow">'
    assert links == [
        f'<a href="https://x.example"{out}a</a>',
        f'<a href="mailto:a@x.example"{out}mailto:a@x.example</a>',
        f'<a href="http://y.example/z"{out}http://y.example/z</a>',
    ]


def test_an_image_is_a_link_that_says_where_it_lies() -> None:
    html = answer_html("![a *tree*](https://x.example/a.png) ![](http://y.example/b.png) ![c](data:image/png;base64,x)")

    assert "<img" not in html
    assert ">Picture, not loaded: a tree (x.example)</a>" in html
    assert ">Picture, not loaded (y.example)</a>" in html
    assert "![c](data:image/png;base64,x)" in html


@pytest.mark.parametrize("text", ["$x^2$", r"\(x^2\)", "a $x^2$, b"])
def test_sets_formulas_in_the_line(text: str) -> None:
    assert "<math><mrow><msup><mi>x</mi><mn>2</mn></msup></mrow></math>" in answer_html(text)


@pytest.mark.parametrize(
    "text",
    [
        "$$x^2$$",
        "$$\nx^2\n$$",
        r"\[x^2\]",
        "a:\n\\[\nx^2\n\\]\nb",
        "- a\n  $$x^2$$",
        "\\begin{equation}\nx^2\n\\end{equation}",
    ],
)
def test_sets_formulas_on_their_own(text: str) -> None:
    html = answer_html(text)

    assert '<span class="ps-formula" tabindex="0" role="group" aria-label="Formula"><math display="block">' in html
    assert "<msup><mi>x</mi><mn>2</mn></msup>" in html


def test_begins_no_list_within_a_formula() -> None:
    html = answer_html("\\[\na\n+ b\n- c\n\\]")

    assert "<li>" not in html
    assert "<mi>c</mi>" in html


@pytest.mark.parametrize(
    "environment", ["aligned", "align", "align*", "gather*", "cases", "dcases", "pmatrix", "split"]
)
def test_sets_formulas_of_several_lines(environment: str) -> None:
    html = answer_html(rf"\[\begin{{{environment}}} a &= b \\ c &= d \end{{{environment}}}\]")

    assert html.count("<mtr>") == 2
    assert "&amp;" not in html


def test_keeps_words_in_formulas_together_and_escaped() -> None:
    html = answer_html(r"$\mathrm{softmax}(x) \text{ if } a < b, \text{<i>}$")

    assert "<mtext>softmax</mtext>" in html
    assert "<mo>&lt;</mo>" in html
    assert "&lt;i&gt;" in html


@pytest.mark.parametrize(
    "text", [r"$\frac{1$", r"$\nosuchthing x$", r"\[\left( x\]", r"$\def\a{x}\a$", rf"${'x' * 2001}$"]
)
def test_shows_a_formula_as_written_where_it_is_none(text: str) -> None:
    html = answer_html(text)

    assert "<math" not in html
    assert f"<code>{text}</code>" in html


@pytest.mark.parametrize("text", ["It costs $5 or $10.", "$ 5 and 6 $", r"\$5$", "US$5-$6", r"\( \)"])
def test_a_price_is_no_formula(text: str) -> None:
    assert "<math" not in answer_html(text)


def test_a_formula_ends_with_its_paragraph() -> None:
    html = answer_html(r"$\hspace{99em}\rule{50em}{50em}\kern-40em\color{red}x$")

    assert "<mi>x</mi>" in html
    assert not re.search("99|50|40|red|black", html)


def test_shows_a_prompt_as_it_was_typed() -> None:
    html = prompt_html("# a\n  *b* <i>\n\n$x$ ")

    assert html.strip() == '<div class="ps-prose ps-as-written"># a\n  *b* &lt;i&gt;\n\n$x$ </div>'


@pytest.mark.parametrize("text", ["", " ", "\n\n"])
def test_renders_an_empty_text_as_nothing(text: str) -> None:
    assert text_of(answer_html(text)).strip() == ""
    assert text_of(prompt_html(text)).strip() == ""


def test_cached_markup_is_in_the_language_of_the_page() -> None:
    text = "```\nlanguages\n```"
    assert 'aria-label="Code"' in answer_html(text)
    with translation.override("fr"):
        french = answer_html(text)

    assert ">Copier<" in french
    assert ">Copy<" in answer_html(text)


def test_is_available_as_a_template_tag() -> None:
    template = Template("{% load playground %}{% answer_html text %}{{ text|prompt_html }}")

    html = template.render(Context({"text": "*a* <b>"}))
    assert "<em>a</em> &lt;b&gt;" in html
    assert "*a* &lt;b&gt;" in html


HOSTILE = {
    **{char: char * MOST_CHARS for char in "[*$>`<_~&|\\-#"},
    **{each: each * (MOST_CHARS // len(each)) for each in ("\\(", "\\[\n", "![", "[a](", "$a$ ", "```\n", "- a\n  ")},
    "environments": "\\begin{align}\n" * 6000,
    "formulas": r"$\frac{a}{b^2}$ " * 1000,
    "a deep formula": f"${'{' * 900}x{'}' * 900}$",
    "deep lists": "\n".join(f"{'  ' * depth}- a" for depth in range(400)),
    "deep quotes": ">" * 3000 + " a",
    "a wide table": "|a" * 300 + "\n" + "|-" * 300 + "\n" + ("|b" * 300 + "\n") * 100,
    "quotes in code": "```python\n" + "'''" * 9000 + "\n```",
    "heredocs in code": "```sh\n" + "<<a" * 9000 + "\n```",
    "tags in code": "```html\n" + "<a " * 9000 + "\n```",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_renders_any_text_quickly(name: str) -> None:
    began = thread_time()
    html = answer_html(HOSTILE[name])

    assert thread_time() - began < 4  # it takes 1 s at most, where nothing else runs
    assert html.count('<div class="ps-prose') == 1


def test_shows_what_is_too_long_or_too_much_as_written() -> None:
    as_written = '<div class="ps-prose ps-as-written">'

    assert as_written in answer_html("*a* " * (MOST_CHARS // 4 + 1))
    assert as_written in answer_html("[" * MOST_CHARS)
    assert as_written in answer_html("```\na\n```\n" * 2000)
    assert as_written in answer_html(">" * 100 + " a")
    assert as_written not in answer_html("*a* " * 100 + "\n" + ">" * 10 + " a")


def test_renders_a_usual_answer_at_once() -> None:
    text = "Here is **how**, with `code`, $x^2$ and a [link](https://x.example).\n\n- one\n- two\n\n" * 20
    text += "```python\n" + "for each in range(10):\n    print(f'{each}')  # why\n" * 40 + "```\n"
    answer_html(text)

    spent = []
    for number in range(5):
        began = thread_time()
        answer_html(f"{text}{number}")
        spent.append(thread_time() - began)
    assert min(spent) < 0.05  # it takes 8 ms, where nothing else runs
