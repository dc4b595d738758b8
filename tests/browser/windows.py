"""Windows of the browser that are lent out again: a new one costs a second, to read our scripts and styles anew.

What is lent out has no cookies and nothing stored, as a new one; only files that the server lets a browser keep may be
there already. Where that counts (what a first visit costs), ask for a new one.
"""

from collections import defaultdict
from typing import Any

from playwright.sync_api import Browser, BrowserContext, Page

RIGHTS = ["clipboard-read", "clipboard-write"]


class Windows:
    """Lends out windows for one portal; those that come back wait, each with a page that keeps its process alive."""

    def __init__(self, browser: Browser, url: str) -> None:
        self.browser = browser
        self.url = url
        self._anchors: dict[BrowserContext, Page] = {}
        self._waiting: dict[str, list[BrowserContext]] = defaultdict(list)
        self._kinds: dict[BrowserContext, str] = {}

    def new(self, **options: Any) -> BrowserContext:
        """Return one that has never been anywhere, and goes when it comes back; `options` are those of Playwright."""
        return self.browser.new_context(**options, base_url=self.url, permissions=RIGHTS)

    def lend(self, **options: Any) -> BrowserContext:
        """Return one that may have been used."""
        kind = repr(sorted(options.items()))
        if self._waiting[kind]:
            return self._waiting[kind].pop()
        context = self.new(**options)
        self._kinds[context] = kind
        self._anchors[context] = context.new_page()
        self._anchors[context].goto("/static/img/favicon.svg")
        return context

    def take_back(self, context: BrowserContext) -> None:
        """Close its pages, and empty it for the next."""
        if context not in self._kinds:
            context.close()
            return
        anchor = self._anchors[context]
        for page in context.pages:
            if page is not anchor:
                page.close()
        context.set_offline(False)
        context.clear_cookies()
        anchor.evaluate("localStorage.clear()")
        self._waiting[self._kinds[context]].append(context)

    def close(self) -> None:
        """Close all."""
        for context in self._kinds:
            context.close()
