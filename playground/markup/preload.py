"""Imported once by the server that forks rendering processes: everything is built before, and shared by them."""

import gc
import signal

from pygments.lexers import get_lexer_by_name

from playground.markup.answer import rendered
from playground.markup.code import lexers
from playground.markup.frames import Frames
from playground.markup.process import serve

__all__ = ["serve"]

EVERYTHING = """# a\n\n- *b* **c** ~~d~~ `e` [f](https://x.example) ![g](https://x.example) $x^2$ \\(y\\)\n
| a | b |\n|--:|:-:|\n| 1 | 2 |\n\n> h\n\n1. i\n\n\\[\\frac{1}{2}\\]\n\n$$\n\\begin{pmatrix} a & b \\end{pmatrix}\n$$\n
> [!NOTE]\n> l[^1]<br>\\(\\ce{H2O}\\)\n\n[^1]: m\n
```py\nprint("j")  # k\n```\n"""

for name in lexers().values():
    list(get_lexer_by_name(name).get_tokens("a\n"))  # builds its tables
WORDS = dict.fromkeys(("code", "code_word", "formula", "table", "picture", "named_picture", "footnote_back"), "")
rendered(EVERYTHING, Frames(**WORDS, alerts={"NOTE": ""}), "mark")
signal.signal(
    signal.SIGTERM, signal.SIG_IGN
)  # systemd signals all: we end with the web process, which has answers to finish
gc.collect()
gc.freeze()  # existing objects are not traversed, and so not copied, by forked processes
