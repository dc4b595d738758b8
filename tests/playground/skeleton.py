"""The markup of a page: its elements and their attributes, without any text, to be compared with another's."""

from html.parser import HTMLParser

VOID = {"area", "br", "col", "hr", "img", "input", "link", "meta", "wbr"}


def skeleton(html: str, *, but_for: str = "ps-prose") -> list[str]:
    """Return the elements in their order, each with the names of its attributes.

    What is within elements of the classes `but_for` is left out: the tests of rendering look at Markdown.
    """
    return _Bones(html, set(but_for.split())).found


class _Bones(HTMLParser):
    def __init__(self, html: str, but_for: set[str]) -> None:
        super().__init__()
        self.found: list[str] = []
        self._but_for = but_for
        self._skipped: list[str] = []  # open elements
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if self._skipped:
            self._skipped += [] if tag in VOID else [tag]
            return
        self.found.append(" ".join([tag, *sorted(name for name, _value in attrs)]))
        if self._but_for & set((dict(attrs).get("class") or "").split()):
            self._skipped = [tag]

    def handle_endtag(self, tag: str) -> None:
        if self._skipped:
            assert self._skipped.pop() == tag
        else:
            self.found.append(f"/{tag}")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if not self._skipped:
            self.handle_starttag(tag, attrs)

    def handle_comment(self, data: str) -> None:
        self.found.append("!--")

    def handle_decl(self, decl: str) -> None:
        self.found.append("!")

    def handle_pi(self, data: str) -> None:
        self.found.append("?")
