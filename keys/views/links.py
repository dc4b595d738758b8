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
from keys.links import WORKS_FOR, LinkAct, LinkRefused, key_of_link
from keys.models import Key
from keys.services.lifetimes import is_expired
from keys.status import distance
from keys.views.acts import PAUSED, in_words, said_of, wait
from web.request import client_address
from web.templatetags.portal import day

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise

KeyView = Callable[[HttpRequest, Key], HttpResponse]

RATE: Final = "60/m/ip"  # a class of a hundred shares one address, and reads its mails within minutes
REFUSED: Final[dict[str, tuple["_StrPromise", "_StrPromise", int]]] = {
    "wrong": (
        gettext_lazy("This link is not valid"),
        gettext_lazy("Perhaps it was not copied completely. You can also sign in and do the same in My keys."),
        404,
    ),
    "old": (
        gettext_lazy("This link has expired"),
        gettext_lazy("It worked for %(days)d days. Sign in to see your keys."),
        410,
    ),
    "void": (
        gettext_lazy("This link no longer works"),
        gettext_lazy(
            "Perhaps the key was already renewed. A link works once, and only as long as nothing else has changed "
            "since the mail was sent. Sign in to see your keys."
        ),
        410,
    ),
    "other": (
        gettext_lazy("This link is for somebody else"),
        gettext_lazy("You are signed in, and the mail with this link was not for you. If it was, sign out first."),
        403,
    ),
}
DONE_OR_NOT = gettext_lazy(
    "The gateway’s answer was lost. We do not know yet whether it was done; we will ask the gateway %(soon)s. After "
    "that, open the link of the mail again."
)


def by_link(act: LinkAct) -> Callable[[KeyView], Callable[[HttpRequest, str], HttpResponse]]:
    """Make a key view open to a signed link, without a sign-in; a refusal reveals nothing about the key."""

    def decorate(view: KeyView) -> Callable[[HttpRequest, str], HttpResponse]:
        @login_not_required
        @never_cache
        @require_http_methods(["GET", "HEAD", "POST"])
        @wraps(view)
        def answer(request: HttpRequest, signed: str) -> HttpResponse:
            return _answer(request, signed, act, view)

        return answer

    return decorate


def _answer(request: HttpRequest, signed: str, act: LinkAct, view: KeyView) -> HttpResponse:
    """Count the visit, read the link, and show the page."""
    if not is_within_limit(request, "key_link", RATE):
        response = render(request, "429.html", status=429)
        response.headers["Retry-After"] = "60"  # s, as in RATE
        return response
    try:
        key = key_of_link(act, signed)
        if request.user.is_authenticated and request.user.pk != key.owner_id:
            raise LinkRefused("other")
        return view(request, key)
    except LinkRefused as refusal:
        title, sentence, status = REFUSED[refusal.why]
        return _page(request, str(title), [str(sentence) % {"days": WORKS_FOR.days}], status=status)


@by_link(LinkAct.RENEW)
def renew(request: HttpRequest, key: Key) -> HttpResponse:
    """Show the key; on POST, renew it."""
    title, button = _("Renew “%(label)s”?") % {"label": key.label}, _("Renew")
    if request.method != "POST":
        try:
            services.check_renewable(key)
        except services.KeyRefused as refusal:
            return _page(request, key.label, [_end_of(key), str(refusal)])
        same = _("A renewed key keeps its secret: nothing in your programs changes.")
        return _page(request, title, [_end_of(key), same], button=button)
    try:
        services.count_action(key.owner, "keys:renew_by_link")
        renewed = services.renew_key(key=key, actor=_owner_of(key, request))
    except services.KeyRefused as refusal:
        return _refused(request, title, refusal)
    except GatewayError as error:
        said, status = in_words(error, nothing=_("The key’s expiry has not changed"), unknown=DONE_OR_NOT)
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
        return _refused(request, title, refusal)
    except GatewayError as error:
        said, status = in_words(error, nothing=_("Nothing has changed"), unknown=DONE_OR_NOT)
        return _page(request, title, [said], button=button, status=status)
    return _page(request, _("Paused"), [PAUSED % {"label": key.label}])


def _end_of(key: Key) -> str:
    """Say when a key expires, or has expired."""
    away = distance(key.expires_at) if key.expires_at else ""
    words = {"last_four": key.last_four, "day": day(key.expires_at), "distance": away}
    if is_expired(key):
        return _("The key ending in …%(last_four)s expired on %(day)s, %(distance)s.") % words
    return _("The key ending in …%(last_four)s expires on %(day)s, %(distance)s.") % words


def _refused(request: HttpRequest, title: str, refusal: services.KeyRefused) -> HttpResponse:
    """Say why nothing was done, and after too many actions when the next is possible."""
    if isinstance(refusal, services.TooManyActions):
        return wait(_page(request, title, [str(refusal)], status=429), refusal)
    return _page(request, title, [str(refusal)], status=409)


def _owner_of(key: Key, request: HttpRequest) -> Actor:
    """Return the owner as the actor: the holder of the mail counts as the owner, and the audit entry shows it."""
    return Actor(user=key.owner, address=client_address(request), via="mail_link")


def _page(
    request: HttpRequest, title: str, sentences: Sequence[str], *, button: str = "", status: int = 200
) -> HttpResponse:
    """Render the page of all links, with a button if there is something to do."""
    context = {"title": title, "sentences": sentences, "button": button}
    return render(request, "keys/link.html", context, status=status)
