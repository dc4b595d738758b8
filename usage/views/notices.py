"""Notices about budgets, which people dismiss."""

from django.http import HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST

from usage.models import Notice
from web.redirects import next_page
from web.request import PortalRequest

MAX_ID_DIGITS = 18  # digits


@require_POST
def seen(request: PortalRequest) -> HttpResponse:
    """Dismiss notices, and the older ones about the same budgets; somebody else's are ignored."""
    asked = [text for text in request.POST.getlist("notice") if len(text) <= MAX_ID_DIGITS and text.isdecimal()]
    mine = Notice.objects.filter(person=request.user)
    for notice in mine.filter(pk__in=asked):
        same = mine.filter(key=notice.key_id, seen_at=None)
        same.filter(made_at__lte=notice.made_at).update(seen_at=timezone.now())
    if request.htmx:
        return HttpResponse()
    return HttpResponseRedirect(next_page(request, reverse("usage:index")))
