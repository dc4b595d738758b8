"""The cookie of messages for the next page."""

from django.contrib import messages
from django.contrib.sessions.backends.base import SessionBase
from django.http import HttpResponse
from django.test import RequestFactory
from pytest_django import Settings

from web.messages import NewestMessages


def test_the_cookie_comes_and_goes_at_the_path_of_the_portal(rf: RequestFactory, settings: Settings) -> None:
    settings.PORTAL_PATH = "/lab/portal/"
    request, written = rf.get("/lab/portal/"), HttpResponse()
    request.session = SessionBase()
    stored = NewestMessages(request)
    stored.add(messages.SUCCESS, "Dismissed.")
    stored.update(written)

    request.COOKIES = {name: cookie.value for name, cookie in written.cookies.items()}
    read, removed = NewestMessages(request), HttpResponse()
    assert [str(message) for message in read] == ["Dismissed."]
    read.update(removed)

    for response in (written, removed):
        assert {name: cookie["path"] for name, cookie in response.cookies.items()} == {
            settings.MESSAGES_COOKIE_NAME: "/lab/portal/"
        }
    assert removed.cookies[settings.MESSAGES_COOKIE_NAME]["max-age"] == 0
