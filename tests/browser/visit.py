"""A person's visit of the portal: a browser window of their own, signed in or not."""

from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from playwright.sync_api import ConsoleMessage, Page, Request, ViewportSize, WebError

from accounts.models import User
from tests.browser.windows import Windows
from tests.conftest import signed_in

PATIENCE_MS = 30_000  # no bar: how long a busy machine may take before a test gives up
DESK: ViewportSize = {"width": 1280, "height": 800}
PHONE: ViewportSize = {"width": 390, "height": 844}
STATUS_IS_TOLD = "Failed to load resource: the server responded with a status of"


class Visit:
    """Opens pages of the portal, and writes down what the browser complains about."""

    def __init__(self, windows: Windows) -> None:
        self.windows = windows
        self.url = windows.url
        self.complaints: list[str] = []
        self._pages: list[Page] = []

    def __call__(self, path: str = "/", *, user: User | None = None, first: bool = False, **options: Any) -> Page:
        """Open `path` in a window with cookies of its own, as `user`; `options` are those of Playwright's contexts.

        `first`: in a browser that was never here, with no file kept.
        """
        viewport, scheme = options.pop("viewport", DESK), options.pop("color_scheme", "light")
        given = {"locale": "en-GB", "reduced_motion": "reduce", **options}
        page = self.windows.new(**given) if first else self.windows.lend(**given)
        self._pages.append(page)
        page.context.set_default_timeout(PATIENCE_MS)
        for event, listener in self._listeners.items():
            page.context.on(event, listener)
        if user:
            page.context.add_cookies(
                [{"name": settings.SESSION_COOKIE_NAME, "value": session_of(user), "url": self.url}]
            )
        page.set_viewport_size(viewport)
        page.emulate_media(color_scheme=scheme)
        page.goto(path)
        return page

    def leave(self) -> None:
        """Give every window back."""
        while self._pages:
            page = self._pages.pop()
            page.context.cookies()  # all that the browser has complained about is heard before its answer
            for event, listener in self._listeners.items():
                page.context.remove_listener(event, listener)
            self.windows.take_back(page)

    @property
    def _listeners(self) -> dict[Any, Any]:
        return {"console": self._note, "weberror": self._note_error, "request": self._look_where}

    def _note_error(self, error: WebError) -> None:
        self.complaints.append(str(error.error))

    def _note(self, message: ConsoleMessage) -> None:
        """Keep errors and warnings; a status other than 200 is no complaint, but for a file that is not there."""
        is_file = "/static/" in message.location["url"]
        if message.type in ("error", "warning") and (is_file or not message.text.startswith(STATUS_IS_TOLD)):
            self.complaints.append(f"{message.page.url if message.page else ''}: {message.text}")

    def _look_where(self, request: Request) -> None:
        if urlsplit(request.url).scheme != "data" and not request.url.startswith(f"{self.url}/"):
            self.complaints.append(f"asked elsewhere: {request.url}")


def session_of(user: User) -> str:
    """Return the cookie of somebody who has signed in."""
    return signed_in(user).cookies[settings.SESSION_COOKIE_NAME].value


def background(page: Page) -> str:
    """Return the colour of the page's ground, as the browser paints it."""
    return str(page.locator("body").evaluate("it => getComputedStyle(it).backgroundColor"))
