"""My keys: the form for a new key and the list of keys."""

from dataclasses import replace
from typing import Any

from django.db.models import Exists, QuerySet
from django.http import HttpResponse
from django.utils import timezone
from django.views.decorators.gzip import gzip_page
from django.views.decorators.http import require_safe

from accounts.models.group_spend import month_first_day
from accounts.policies import policy_of
from keys.forms import KeyForm
from keys.models import Intern, Key
from keys.rows import grouped, row_with_use
from keys.status import group_used_up
from keys.use import PersonUse, use_counter
from web.pages import render_region
from web.request import PortalRequest


@require_safe
@gzip_page  # no secret is on it; the CSRF token has another mask each time, and the length varies (BREACH)
def index(request: PortalRequest) -> HttpResponse:
    """Show the person's keys, and the form for another: with `intern`, for that intern of theirs."""
    allowance = policy_of(request.user)
    form = KeyForm(owner=request.user, allowance=allowance, intern_id=request.GET.get("intern", ""))
    return render_panel(request, form)


def render_panel(
    request: PortalRequest, form: KeyForm | None = None, *, said: str = "", said_bad: bool = False, status: int = 200
) -> HttpResponse:
    """Render My keys; `said` is a message to the person: what was done or, with `said_bad`, why not."""
    form = form or KeyForm(owner=request.user, allowance=policy_of(request.user))
    own: QuerySet[Any] = Key.objects.used_by_owner(request.user).listed(timezone.now()).newest_first()
    keys = list(own.annotate(is_of_intern=Exists(Intern.objects.filter(account=request.user))))
    live = [key for key in keys if key.state in Key.LIVE_STATES and key.kind in Key.COUNTED_KINDS]
    use = use_counter().of_person(request) if keys else PersonUse()
    use = replace(use, stopped_by=form.allowance.stopped_by)
    context = {
        "form": form,
        "allowance": form.allowance,
        "keys": keys,
        "groups": grouped(row_with_use(key, use) for key in keys),
        "of_person": use.of_person,
        "use_as_of": use.as_of,
        "notice": use.notice,
        "stopped": use.stopped_by and group_used_up(use.stopped_by, month_first_day()),
        "from_supervisors": Key.objects.used_by(request.user) if not keys or keys[0].is_of_intern else (),
        "live_count": len(live),
        "said": said,
        "said_bad": said_bad,
    }
    return render_region(request, "keys/index.html", "panel", context, status=status)
