"""The page of a link in a mail, with one button, for anybody who has the mail. GET changes nothing (ADR 31)."""

from collections.abc import Callable, Sequence
from functools import wraps
from typing import TYPE_CHECKING, Final

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from accounts.audit import Actor
from accounts.limits import is_within_limit
from gateway.errors import GatewayError
from keys import services
from keys.links import LinkAct, LinkRefused, key_of_link
from keys.models import Key
from keys.status import until
from keys.views.acts import PAUSED, RENEWED_OR_NOT, SWITCHED_OR_NOT, in_words, said_of
from web.request import client_address

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise

KeyView = Callable[[HttpRequest, Key], HttpResponse]

RATE: Final = "60/m/ip"  # a class of a hundred shares one address, and reads its mails within minutes
REFERRER_POLICY: Final = "strict-origin"  # not "no-referrer": browsers would send the form without an origin
REFUSED: Final[dict[str, tuple["_StrPromise", "_StrPromise", int]]] = {
    "wrong": (
        gettext_lazy("This link is not valid"),
        gettext_lazy("Perhaps it was not copied completely. You can also sign in and do the same in My keys."),
        404,
    ),
    "old": (
        gettext_lazy("This link has expired"),
        gettext_lazy("It worked for 7 days. Sign in to see your keys."),
        410,
    ),
    "void": (
        gettext_lazy("This link no longer works"),
        gettext_lazy(
            "A link works once, and only as long as nothing else has changed since the mail was sent. Sign in to see "
            "your keys."
        ),
        410,
    ),
    "other": (
        gettext_lazy("This link is for somebody else"),
        gettext_lazy("You are signed in, and the mail with this link was not for you. If it was, sign out first."),
        403,
    ),
}


def by_link(act: LinkAct) -> Callable[[KeyView], Callable[[HttpRequest, str], HttpResponse]]:
    """Make a key view open to a signed link, without a sign-in; a refusal reveals nothing about the key."""

    def decorate(view: KeyView) -> Callable[[HttpRequest, str], HttpResponse]:
        @login_not_required
        @never_cache
        @require_http_methods(["GET", "HEAD", "POST"])
        @wraps(view)
        def answer(request: HttpRequest, signed: str) -> HttpResponse:
            response = _answer(request, signed, act, view)
            response["Referrer-Policy"] = REFERRER_POLICY
            return response

        return answer

    return decorate


def _answer(request: HttpRequest, signed: str, act: LinkAct, view: KeyView) -> HttpResponse:
    """Count the visit, read the link, and show the page."""
    if not is_within_limit(request, "key_link", RATE):
        return render(request, "429.html", status=429)
    try:
        key = key_of_link(act, signed)
        if request.user.is_authenticated and request.user.pk != key.owner_id:
            raise LinkRefused("other")
        return view(request, key)
    except LinkRefused as refusal:
        title, sentence, status = REFUSED[refusal.why]
        return _page(request, str(title), [str(sentence)], status=status)


@by_link(LinkAct.RENEW)
def renew(request: HttpRequest, key: Key) -> HttpResponse:
    """Show the key; on POST, renew it."""
    title, button = _("Renew “%(label)s”?") % {"label": key.label}, _("Renew")
    if request.method != "POST":
        words = {"last_four": key.last_four, "until": until(key.expires_at) if key.expires_at else ""}
        expires = _("The key ending in …%(last_four)s works %(until)s.") % words
        same = _("A renewed key keeps its secret: nothing in your programs changes.")
        return _page(request, title, [expires, same], button=button)
    try:
        services.count_action(key.owner, "keys:renew_by_link")
        renewed = services.renew_key(key=key, actor=_owner_of(key, request))
    except services.KeyRefused as refusal:
        return _page(request, title, [str(refusal)], status=429 if refusal.code == "hourly" else 409)
    except GatewayError as error:
        said, status = in_words(error, nothing=_("The key’s expiry has not changed"), unknown=RENEWED_OR_NOT)
        return _page(request, title, [said], button=button, status=status)
    return _page(request, _("Renewed"), [_("Renewed: “%(label)s” works %(until)s.") % said_of(renewed)])


@by_link(LinkAct.PAUSE)
def pause(request: HttpRequest, key: Key) -> HttpResponse:
    """Say which key it is; on POST, have the gateway refuse it until its owner resumes it."""
    title, button = _("Pause “%(label)s”?") % {"label": key.label}, _("Pause this key")
    if request.method != "POST":
        words = _("The gateway refuses the key ending in …%(last_four)s until you resume it in My keys.")
        return _page(request, title, [words % {"last_four": key.last_four}], button=button)
    try:
        services.count_action(key.owner, "keys:pause_by_link")
        services.pause_key(key=key, actor=_owner_of(key, request))
    except services.KeyRefused as refusal:
        return _page(request, title, [str(refusal)], status=429 if refusal.code == "hourly" else 409)
    except GatewayError as error:
        said, status = in_words(error, nothing=_("Nothing has changed"), unknown=SWITCHED_OR_NOT)
        return _page(request, title, [said], button=button, status=status)
    return _page(request, _("Paused"), [PAUSED % {"label": key.label}])


def _owner_of(key: Key, request: HttpRequest) -> Actor:
    """Return the owner as the actor: the holder of the mail counts as the owner, and the audit entry shows it."""
    return Actor(user=key.owner, address=client_address(request), via="mail_link")


def _page(
    request: HttpRequest, title: str, sentences: Sequence[str], *, button: str = "", status: int = 200
) -> HttpResponse:
    """Render the page of all links, with a button if there is something to do."""
    context = {"title": title, "sentences": sentences, "button": button, "referrer_policy": REFERRER_POLICY}
    return render(request, "keys/link.html", context, status=status)
