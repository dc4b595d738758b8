"""Choices stored in the browser, and pages that belong to no app."""

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.utils.translation import check_for_language
from django.views.decorators.http import require_POST, require_safe

from web.context import THEMES
from web.language import remember_language
from web.redirects import next_page

A_YEAR_S = 365 * 24 * 3600


@login_not_required
@require_POST
def theme(request: HttpRequest) -> HttpResponse:
    """Store the choice of colours in a cookie, so that the server renders it and nothing flashes."""
    response = HttpResponseRedirect(next_page(request, settings.PORTAL_PATH))
    chosen = request.POST.get("theme", "")
    if chosen in THEMES:
        response.set_cookie(
            settings.THEME_COOKIE_NAME,
            chosen,
            max_age=A_YEAR_S,
            path=settings.PORTAL_PATH,
            secure=settings.HTTPS,
            httponly=True,
            samesite="Lax",
        )
    else:
        response.delete_cookie(settings.THEME_COOKIE_NAME, path=settings.PORTAL_PATH)
    return response


@login_not_required
@require_POST
def language(request: HttpRequest) -> HttpResponse:
    """Store the choice of language in a cookie, and in the account if signed in; Django's drops a long `next`."""
    response = HttpResponseRedirect(next_page(request, settings.PORTAL_PATH))
    chosen = request.POST.get("language", "")
    if check_for_language(chosen):
        if request.user.is_authenticated and request.user.language != chosen:
            request.user.language = chosen
            request.user.save(update_fields=["language"])
        remember_language(request, response, chosen)
    return response


@login_not_required
@require_safe
def privacy(request: HttpRequest) -> HttpResponse:
    """Say what the portal stores about a person, and for how long."""
    context = {"kept_days": settings.PLAYGROUND_RETENTION_DAYS, "title_model": settings.PLAYGROUND_TITLE_MODEL}
    return render(request, "web/privacy.html", context)
