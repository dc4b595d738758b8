"""The page of a link in a mail, with one button, for anybody who has the mail. GET changes nothing (ADR 31)."""

from collections.abc import Sequence
from functools import partial

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.link_pages import by_link, holder_of
from gateway.errors import GatewayError
from keys import services
from keys.links import LinkAction, key_of_link
from keys.models import Key
from keys.services.lifetimes import is_expired
from keys.status import distance
from keys.views.actions import PAUSED, in_words, label_and_end, wait
from web.templatetags.portal import day

REFUSED = {
    "wrong": gettext_lazy("Perhaps it was not copied completely. You can also sign in and do the same in My keys."),
    "old": gettext_lazy("It worked for %(days)d days. Sign in to see your keys."),
    "void": gettext_lazy(
        "Perhaps the key was already renewed. A link works once, and only as long as nothing else has changed "
        "since the mail was sent. Sign in to see your keys."
    ),
}
DONE_OR_NOT = gettext_lazy(
    "The gateway’s answer was lost. We do not know yet whether it was done; we will ask the gateway %(soon)s. After "
    "that, open the link of the mail again."
)


def _page(
    request: HttpRequest, title: str, sentences: Sequence[str], *, button: str = "", status: int = 200
) -> HttpResponse:
    """Render the page of all links, with a button if there is something to do."""
    context = {"title": title, "sentences": sentences, "button": button}
    return render(request, "keys/link.html", context, status=status)


@by_link(partial(key_of_link, LinkAction.RENEW), page=_page, sentences=REFUSED)
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
        renewed = services.renew_key(key=key, actor=holder_of(key.owner, request))
    except services.KeyRefused as refusal:
        return _refused(request, title, refusal)
    except GatewayError as error:
        alert, status = in_words(error, nothing=_("The key’s expiry has not changed"), unknown=DONE_OR_NOT)
        return _page(request, title, [alert], button=button, status=status)
    return _page(request, _("Renewed"), [_("Renewed: “%(label)s” works %(until)s.") % label_and_end(renewed)])


@by_link(partial(key_of_link, LinkAction.PAUSE), page=_page, sentences=REFUSED)
def pause(request: HttpRequest, key: Key) -> HttpResponse:
    """Say which key it is; on POST, have the gateway refuse it until its owner resumes it."""
    title, button = _("Pause “%(label)s”?") % {"label": key.label}, _("Pause this key")
    if request.method != "POST":
        words = _("The gateway refuses the key ending in …%(last_four)s until you resume it in My keys.")
        return _page(request, title, [words % {"last_four": key.last_four}], button=button)
    try:
        services.count_action(key.owner, "keys:pause_by_link")
        services.pause_key(key=key, actor=holder_of(key.owner, request))
    except services.KeyRefused as refusal:
        return _refused(request, title, refusal)
    except GatewayError as error:
        alert, status = in_words(error, nothing=_("Nothing has changed"), unknown=DONE_OR_NOT)
        return _page(request, title, [alert], button=button, status=status)
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
