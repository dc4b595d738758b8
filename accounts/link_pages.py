"""Opens a view to the signed link of a mail: for anybody who has the mail, without a sign-in (ADR 31)."""

from collections.abc import Callable, Mapping
from functools import wraps
from typing import TYPE_CHECKING, Final, TypeVar

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from accounts.audit import Actor
from accounts.limits import is_within_limit
from accounts.links import WORKS_FOR, LinkRefused
from accounts.models import User
from web.request import client_address

if TYPE_CHECKING:
    from django_stubs_ext import StrPromise

RATE: Final = "60/m/ip"  # a class of a hundred shares one address, and reads its mails within minutes
REFUSED: Final[dict[str, tuple["StrPromise", int]]] = {
    "wrong": (gettext_lazy("This link is not valid"), 404),
    "old": (gettext_lazy("This link has expired"), 410),
    "void": (gettext_lazy("This link no longer works"), 410),
    "other": (gettext_lazy("This link is for somebody else"), 403),
}
FOR_ANOTHER = gettext_lazy("You are signed in, and the mail with this link was not for you. If it was, sign out first.")
Opened = TypeVar("Opened")
Answer = Callable[[HttpRequest, str], HttpResponse]
Page = Callable[..., HttpResponse]  # renders (request, title, sentences, status=…)


def by_link(
    read: Callable[[str], tuple[User, Opened]], *, page: Page, sentences: Mapping[str, "StrPromise"]
) -> Callable[[Callable[[HttpRequest, Opened], HttpResponse]], Answer]:
    """Make a view open to signed links, which `read` returns as the person and what the link is about.

    `sentences` explain by LinkRefused.why what is wrong; they reveal nothing about what the link was about.
    """

    def decorate(view: Callable[[HttpRequest, Opened], HttpResponse]) -> Answer:
        @login_not_required
        @never_cache
        @require_http_methods(["GET", "HEAD", "POST"])
        @wraps(view)
        def answer(request: HttpRequest, signed: str) -> HttpResponse:
            if not is_within_limit(request, "mail_link", RATE):
                response = render(request, "429.html", status=429)
                response.headers["Retry-After"] = "60"  # s, as in RATE
                return response
            try:
                person, opened = read(signed)
                if request.user.is_authenticated and request.user.pk != person.pk:
                    raise LinkRefused("other")
                return view(request, opened)
            except LinkRefused as refusal:
                title, status = REFUSED[refusal.why]
                sentence = str({"other": FOR_ANOTHER, **sentences}[refusal.why])
                return page(request, str(title), [sentence % {"days": WORKS_FOR.days}], status=status)

        return answer

    return decorate


def holder_of(person: User, request: HttpRequest) -> Actor:
    """Return the person as the actor: the holder of the mail counts as them, and the audit entry shows it."""
    return Actor(user=person, address=client_address(request), via="mail_link")
