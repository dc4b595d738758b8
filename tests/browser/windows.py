"""Reused browser windows: a new one costs a second, to load our scripts and styles again.

What is lent out has no cookies and nothing stored, as a new one; only files that the server lets a browser keep may be
there already. Where that counts (what a first visit costs), or where a script is put into the page, ask for a new one.
"""

from collections import defaultdict
from typing import Any

from playwright.sync_api import Browser, Page

RIGHTS = ["clipboard-read", "clipboard-write"]
PLAIN = "/healthz/live"  # of the portal, with nothing that acts


class Windows:
    """Lends out windows for one portal, each a page with cookies of its own; those that come back wait."""

    def __init__(self, browser: Browser, url: str) -> None:
        self.browser = browser
        self.url = url
        self._waiting: dict[str, list[Page]] = defaultdict(list)
        self._kinds: dict[Page, str] = {}

    def new(self, **options: Any) -> Page:
        """Return one that has never been anywhere, and goes when it comes back; `options` are those of Playwright."""
        return self.browser.new_context(**options, base_url=self.url, permissions=RIGHTS).new_page()

    def lend(self, **options: Any) -> Page:
        """Return one that may have been used."""
        kind = repr(sorted(options.items()))
        if self._waiting[kind]:
            return self._waiting[kind].pop()
        page = self.new(**options)
        self._kinds[page] = kind
        return page

    def take_back(self, page: Page) -> None:
        """Empty it for the next, and close what it opened."""
        context = page.context
        if page not in self._kinds:
            context.close()
            return
        for other in context.pages:
            if other is not page:
                other.close()
        page.unroute_all(behavior="ignoreErrors")
        context.set_offline(False)
        page.emulate_media(media="null", forced_colors="null")
        page.goto(PLAIN)
        context.clear_cookies()
        page.evaluate("() => { localStorage.clear(); sessionStorage.clear(); }")
        self._waiting[self._kinds[page]].append(page)

    def close(self) -> None:
        """Close all."""
        for page in self._kinds:
            page.context.close()
