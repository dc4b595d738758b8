"""Invalid numbers of the gateway: left out, so that the others are counted; stored as rows, and reported to admins."""

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
from usage.services.day_reader import ROW_FIELDS, DayUsage, TokenInfo
from usage.services.operators import PERMISSION

logger = logging.getLogger(__name__)

MAX_ROWS_PER_DAY: Final = 200  # rows; a gateway whose every row is invalid would fill the table
TOKENS_AT_ONCE: Final = 500  # SQLite takes 999 values in a statement


def restore_stored_amounts(day_usage: DayUsage) -> None:
    """Give facts with an invalid number the stored one, if that is larger. Changes no row."""
    invalid: dict[tuple[str | None, str], set[str]] = {}  # measures by token (None: of any) and model
    for metric in day_usage.invalid:
        token = None if metric.token is None else metric.token[:TOKEN_LENGTH]
        invalid.setdefault((token, metric.model_group[:MODEL_LENGTH]), set()).add(metric.measure)
    for (token, model), (alias, user_id, stored) in _by_token(_stored(day_usage.day, invalid)).items():
        measures = invalid.get((token, model), set()) | invalid.get((None, model), set())
        if not measures:
            continue
        day_usage.token_info.setdefault(token, TokenInfo(alias, user_id))
        amounts = day_usage.facts.setdefault((token, model), [0] * len(MEASURES))
        for place, measure in enumerate(ROW_FIELDS):
            if measure in measures or "" in measures:
                amounts[place] = max(amounts[place], stored[place])


def _by_token(rows: Iterable[tuple[Any, ...]]) -> dict[tuple[str, str], tuple[str, str, list[Any]]]:
    """Add up the facts of a token and a model: on the day of a handover two people have some."""
    found: dict[tuple[str, str], tuple[str, str, list[Any]]] = {}
    for token, alias, user_id, model, *stored in rows:
        _, _, sums = found.get((token, model), ("", "", [0] * len(MEASURES)))
        found[token, model] = alias, user_id, [one + other for one, other in zip(sums, stored, strict=True)]
    return found


def _stored(day: date, invalid: Iterable[tuple[str | None, str]]) -> Iterator[tuple[Any, ...]]:
    """Yield the stored facts of the day that an invalid number may concern, each once."""
    names = ("token_ref__token", "token_ref__alias", "token_ref__gateway_user_id", "model__name", *MEASURES)
    facts = Fact.objects.filter(day=day).values_list(*names)
    models = {model for token, model in invalid if token is None}
    if models:
        yield from facts.filter(model__name__in=models).iterator(chunk_size=2000)
    tokens = iter({token for token, _model in invalid if token is not None})
    while part := list(islice(tokens, TOKENS_AT_ONCE)):
        yield from facts.filter(token_ref__token__in=part).exclude(model__name__in=models)


def record_anomalies(day_usage: DayUsage) -> int:
    """Store the invalid numbers of a day; return how many there were. Repeating writes nothing."""
    found = {
        ((metric.token or "")[:TOKEN_LENGTH], metric.model_group[:MODEL_LENGTH], metric.measure): metric.reported
        for metric in day_usage.invalid
    }
    shown = dict(sorted(found.items())[:MAX_ROWS_PER_DAY])
    names = ("token", "model", "measure", "reported")
    stored = {
        tuple(name): reported for *name, reported in Anomaly.objects.filter(day=day_usage.day).values_list(*names)
    }
    if stored != shown:
        with transaction.atomic():
            Anomaly.objects.filter(day=day_usage.day).delete()
            Anomaly.objects.bulk_create(
                Anomaly(day=day_usage.day, token=token, model=model, measure=measure, reported=reported[:40])
                for (token, model, measure), reported in shown.items()
            )
    return len(found)


def report_anomalies(count: int) -> None:
    """Alert the administrators, once a day, that numbers were left out."""
    if not count:
        return
    logger.warning("usage: left out %d numbers of the gateway that make no sense", count)
    with override(settings.LANGUAGE_CODE):
        words = ngettext(
            "%(count)d number in the gateway’s usage is invalid (negative, far too large, or not a number). It "
            "is not in the totals; everything else is. It is listed here:",
            "%(count)d numbers in the gateway’s usage are invalid (negative, far too large, or not numbers). "
            "They are not in the totals; everything else is. They are listed here:",
            count,
        )
        body = f"{words % {'count': count}}\n\n{settings.PORTAL_URL}/usage/runs/#usage-anomalies\n"
        alert_admins("usage-anomalies", _("The gateway reports invalid numbers"), body, permission=PERMISSION)
