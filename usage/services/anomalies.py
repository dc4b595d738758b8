"""Numbers of the gateway that make no sense: set aside, so that the others are counted; kept as rows, and told."""

import logging
from collections.abc import Iterable, Iterator
from datetime import date
from itertools import islice
from typing import Any, Final

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import ngettext, override

from keys.alerts import alert_admins
from usage.models import MEASURES, MODEL_LENGTH, TOKEN_LENGTH, Anomaly, Fact
from usage.services.operators import PERMISSION
from usage.services.told import READ, About, ToldDay

logger = logging.getLogger(__name__)

KEPT_A_DAY: Final = 200  # rows; a gateway that spoils all of its rows would fill the table
TOKENS_AT_ONCE: Final = 500  # SQLite takes 999 values in a statement


def keep_known(told: ToldDay) -> None:
    """Give the facts of which something was set aside what is stored of it, where that is more. Changes no row."""
    spoilt: dict[tuple[str | None, str], set[str]] = {}  # measures by token (None: of any) and model
    for metric in told.invalid:
        token = None if metric.token is None else metric.token[:TOKEN_LENGTH]
        spoilt.setdefault((token, metric.model_group[:MODEL_LENGTH]), set()).add(metric.measure)
    for token, alias, user_id, model, *stored in _stored(told.day, spoilt):
        measures = spoilt.get((token, model), set()) | spoilt.get((None, model), set())
        if not measures:
            continue
        told.about.setdefault(token, About(alias, user_id))
        amounts = told.facts.setdefault((token, model), [0] * len(MEASURES))
        for place, measure in enumerate(READ):
            if measure in measures or "" in measures:
                amounts[place] = max(amounts[place], stored[place])


def _stored(day: date, spoilt: Iterable[tuple[str | None, str]]) -> Iterator[tuple[Any, ...]]:
    """Yield the stored facts of the day that may be of something that was set aside, each once."""
    names = ("source__token", "source__alias", "source__gateway_user_id", "model__name", *MEASURES)
    facts = Fact.objects.filter(day=day).values_list(*names)
    models = {model for token, model in spoilt if token is None}
    if models:
        yield from facts.filter(model__name__in=models).iterator(chunk_size=2000)
    tokens = iter({token for token, _model in spoilt if token is not None})
    while part := list(islice(tokens, TOKENS_AT_ONCE)):
        yield from facts.filter(source__token__in=part).exclude(model__name__in=models)


def record_anomalies(told: ToldDay) -> int:
    """Make the rows of a day what was set aside of it; return how many there were. The same again writes nothing."""
    found = {
        ((metric.token or "")[:TOKEN_LENGTH], metric.model_group[:MODEL_LENGTH], metric.measure): metric.reported
        for metric in told.invalid
    }
    shown = dict(sorted(found.items())[:KEPT_A_DAY])
    names = ("token", "model", "measure", "reported")
    stored = {tuple(name): reported for *name, reported in Anomaly.objects.filter(day=told.day).values_list(*names)}
    if stored != shown:
        with transaction.atomic():
            Anomaly.objects.filter(day=told.day).delete()
            Anomaly.objects.bulk_create(
                Anomaly(day=told.day, token=token, model=model, measure=measure, reported=reported[:40])
                for (token, model, measure), reported in shown.items()
            )
    return len(found)


def tell_of_anomalies(count: int) -> None:
    """Tell whoever runs the portal, once a day, that numbers were set aside."""
    if not count:
        return
    logger.warning("usage: set aside %d numbers of the gateway that make no sense", count)
    with override(settings.LANGUAGE_CODE):
        words = ngettext(
            "%(count)d number in the gateway’s usage makes no sense (a negative or an enormous one, or a text). It is "
            "not in the sums; everything else is. It is listed here:",
            "%(count)d numbers in the gateway’s usage make no sense (negative or enormous ones, or texts). They are "
            "not in the sums; everything else is. They are listed here:",
            count,
        )
        body = f"{words % {'count': count}}\n\n{settings.PORTAL_URL}/usage/runs/#usage-anomalies\n"
        alert_admins("usage-anomalies", _("Numbers at the gateway that make no sense"), body, permission=PERMISSION)
