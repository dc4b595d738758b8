"""Renew all keys that can be renewed now: a page that lists them, then one renewal for each."""

from collections.abc import Collection
from typing import Final
from uuid import UUID

from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods

from accounts.audit import actor_of
from keys import services
from keys.models import Key
from keys.services.lifetimes import is_renewable
from keys.views.actions import limited, refuse
from keys.views.each import failed_words_of, ids_in, report
from web.pages import render_region
from web.request import PortalRequest

MOST_AT_ONCE: Final = 40  # each is a call to the gateway within the request


@require_http_methods(["GET", "HEAD", "POST"])
@limited
def renew_all(request: PortalRequest) -> HttpResponse:
    """List the keys that can be renewed now; on POST, renew those that were listed."""
    if request.method != "POST":
        keys = [key for key in _own_keys(request) if is_renewable(key)]
        context = {"listed": keys[:MOST_AT_ONCE], "left_count": max(0, len(keys) - MOST_AT_ONCE)}
        return render_region(request, "keys/renew_all.html", "panel", context)
    services.count_action(request.user, "keys:renew_all")
    keys = _own_keys(request, ids_in(request.POST.getlist("key"))[:MOST_AT_ONCE])
    if not keys:
        raise Http404
    return _renew(request, keys)


def _own_keys(request: PortalRequest, ids: Collection[UUID] | None = None) -> list[Key]:
    """Return the person's keys, or those of these that are theirs; the next to expire first."""
    keys = Key.objects.used_by_owner(request.user).filter(state=Key.State.ACTIVE)
    keys = keys.filter(pk__in=ids) if ids is not None else keys
    related = keys.select_related("owner", "intern", "override", "team__course").prefetch_related("tokens")
    return list(related.order_by("expires_at", "pk"))


def _renew(request: PortalRequest, keys: list[Key]) -> HttpResponse:
    """Renew each, and say per key what was not done; without any success with an error's status."""
    actor = actor_of(request)
    run = services.run_on_each(keys, lambda key: services.renew_key(key=key, actor=actor), words=str)
    acted = run.as_labels
    done = ngettext("%(count)d key is renewed.", "%(count)d keys are renewed.", acted.done) % {"count": acted.done}
    failed = failed_words_of(acted.failed)
    report(request, acted, done, failed)
    if acted.done:
        return redirect("keys:index")
    return refuse(request, "", status=503 if acted.failed else 409)
