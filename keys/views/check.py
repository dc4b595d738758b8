"""Read-only pages about one key: check it, read its history."""

import uuid

from django.core.paginator import Paginator
from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from django.views.decorators.http import require_POST, require_safe

from accounts.audit import entries_of_key, entries_of_keys_of
from gateway.secret import Secret
from keys import services
from keys.models import Token
from keys.rows import row_of
from keys.use import use_counter
from keys.views.acts import own_key
from web.pages import render_region
from web.request import PortalRequest

ENTRIES_A_PAGE = 50


@require_POST
@never_cache
@sensitive_post_parameters("secret")
@sensitive_variables("secret")
def check(request: PortalRequest) -> HttpResponse:
    """Check the secret that the page sends back; it is used for two calls and stored nowhere."""
    secret = Secret(request.POST.get("secret", ""))  # redacted in error pages
    try:
        services.count_action(request.user, "keys:check")
        result = services.check_secret(owner=request.user, secret=secret)
    except Token.DoesNotExist as error:
        raise Http404 from error
    except services.TooManyActions as refusal:
        limited = {"check": services.Check(ok=False, sentence=str(refusal))}
        return render_region(request, "keys/check.html", "result", limited, status=429)
    return render_region(request, "keys/check.html", "result", {"check": result})


@require_safe
def detail(request: PortalRequest, key_id: uuid.UUID) -> HttpResponse:
    """Show a key with its secrets' last characters and its history."""
    key = own_key(request, key_id)
    context = {
        "key": key,
        "row": row_of(key, use_counter().pressing_budget(key)),
        "tokens": sorted(key.tokens.all(), key=lambda token: token.created_at, reverse=True),
        "entries": entries_of_key(key.pk)[:ENTRIES_A_PAGE],
    }
    return render(request, "keys/detail.html", context)


@require_safe
def history(request: PortalRequest) -> HttpResponse:
    """Show the history of the person's keys, by any actor, newest first."""
    pages = Paginator(entries_of_keys_of(request.user), ENTRIES_A_PAGE)
    return render(request, "keys/history.html", {"entries": pages.get_page(request.GET.get("page"))})
