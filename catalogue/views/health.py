"""How well the models work, for people with the permission to see everyone's usage."""

from django.http import HttpResponse
from django.utils.translation import gettext as _
from django.views.decorators.gzip import gzip_page
from django.views.decorators.http import require_safe

from catalogue.failures import by_day, by_model
from catalogue.models import ModelHealth
from playground.errors.classify import AnswerError
from playground.errors.messages import words_of
from usage.models import utc_today
from usage.periods import period_of
from usage.queries.scope import Scope
from usage.views.common import context_of_period, require
from web.pages import render_region
from web.request import PortalRequest

LONGEST_NAME = 200


@require_safe
@gzip_page
def health(request: PortalRequest) -> HttpResponse:
    """List failures by kind and response times by model; of one `model`, by day."""
    access = require(request.user, lambda access: access.sees_everyone)
    period = period_of(request.GET, utc_today())
    model = request.GET.get("model", "").replace("\0", "")[:LONGEST_NAME]
    records = by_day(period, model) if model else by_model(period)
    health_now = {row.model.name: row for row in ModelHealth.objects.select_related("model")}
    context = {
        "access": access,
        "here": "catalogue:health",
        "scope": Scope(model=model),
        **context_of_period(period),
        "model": model,
        "rows": [
            {
                "name": name or _("(before the model was known)"),
                "model": name,
                "record": record,
                "health": health_now.get(str(name)),
                "kinds": [(number, kind_words(code)) for code, number in record.kinds],
            }
            for name, record in records
        ],
    }
    return render_region(request, "catalogue/health.html", "panel", context)


def kind_words(code: str) -> str:
    """Return the title of an error, as its card in the Playground has it."""
    return words_of(AnswerError(code=code))[0]
