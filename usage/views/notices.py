"""What people were told about budgets: they put it away."""

from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST

from usage.models import Notice
from web.redirects import next_page
from web.request import PortalRequest


@require_POST
def seen(request: PortalRequest, notice_id: int) -> HttpResponse:
    """Put a notice away, with what was told about the same budget before it; somebody else's is not there."""
    notice = Notice.objects.filter(pk=notice_id, person=request.user).first()
    if notice is None:
        raise Http404
    same = Notice.objects.filter(person=request.user, key=notice.key_id, seen_at=None)
    same.filter(made_at__lte=notice.made_at).update(seen_at=timezone.now())
    if request.htmx:
        return HttpResponse()
    return HttpResponseRedirect(next_page(request, reverse("usage:index")))
