"""Read-only pages about one key: check it, read its history."""

import uuid
from dataclasses import replace
from datetime import UTC, datetime

from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from django.views.decorators.http import require_POST, require_safe

from accounts.audit import entries_of_key, entries_of_keys_of
from accounts.policies import policy_of
from gateway.secret import Secret
from keys import services
from keys.models import Key, Token
from keys.rows import row_with_use
from keys.services.key_limits import chosen_now
from keys.use import use_counter
from keys.views.actions import own_key
from web.pages import render_region
from web.request import PortalRequest

ENTRIES_A_PAGE = 50
NO_KEY = _("This is not a key.")
NO_KEY_HINT = _("A key begins with sk-. Copy it whole, without quotes.")
NOT_YOURS = _("This is none of your keys.")
NOT_YOURS_HINT = _("It may be somebody else’s, or its secret was replaced before the portal knew it.")


@require_POST
@never_cache
@sensitive_post_parameters("secret")
@sensitive_variables("secret")
def check(request: PortalRequest) -> HttpResponse:
    """Check a secret, of the page that showed it or pasted later; it is used for two calls and stored nowhere."""
    secret = Secret(request.POST.get("secret", "").strip())  # redacted in error pages
    try:
        services.count_action(request.user, "keys:check")
        if not secret.startswith("sk-"):  # as LiteLLM demands of every key
            return _checked(request, services.Check(ok=False, sentence=NO_KEY, hint=NO_KEY_HINT), status=422)
        result = services.check_secret(owner=request.user, secret=secret)
    except Token.DoesNotExist:
        return _checked(request, services.Check(ok=False, sentence=NOT_YOURS, hint=NOT_YOURS_HINT), status=404)
    except services.TooManyActions as refusal:
        return _checked(request, services.Check(ok=False, sentence=str(refusal)), status=429)
    return _checked(request, result)


def _checked(request: PortalRequest, result: services.Check, *, status: int = 200) -> HttpResponse:
    return render_region(request, "keys/check.html", "result", {"check": result}, status=status)


@require_safe
def detail(request: PortalRequest, key_id: uuid.UUID) -> HttpResponse:
    """Show a key with its spend by day, limits and what is left, its secrets' last characters and its history."""
    key = own_key(request, key_id)
    use = use_counter().of_person(request, [key], by_day=True)
    if key.blocked_for_budget:
        use = replace(use, stopped_by=policy_of(request.user).stopped_by)
    row = row_with_use(key, use)
    context = {
        "key": key,
        "row": row,
        "use": row.use,
        "of_person": use.of_person if key.kind != Key.Kind.EXTERNAL and key.team_id is None else None,
        "chosen": chosen_now(key, getattr(key, "override", None)),  # an AttributeError where none was set
        "today": datetime.now(UTC).date(),
        "tokens": sorted(key.tokens.all(), key=lambda token: token.created_at, reverse=True),
        "budget_picture": use_counter().budget_picture(row.use) if row.use else "",
        "entries": entries_of_key(key.pk)[:ENTRIES_A_PAGE],
    }
    return render(request, "keys/detail.html", context)


@require_safe
def history(request: PortalRequest) -> HttpResponse:
    """Show the history of the person's keys, by any actor, newest first."""
    pages = Paginator(entries_of_keys_of(request.user), ENTRIES_A_PAGE)
    return render(request, "keys/history.html", {"entries": pages.get_page(request.GET.get("page"))})
