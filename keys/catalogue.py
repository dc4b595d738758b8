"""The gateway's models and state, as last read by a task; pages read them from our own tables.

An unavailable gateway, or an invalid answer, deletes nothing: known models stay, and the state says since when.
"""

import logging
from collections.abc import Collection, Iterable
from contextlib import suppress
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from enum import StrEnum
from typing import Any, Final

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext, override

from gateway import parsing
from gateway.client import Gateway
from gateway.django import get_gateway
from gateway.errors import GatewayError, GatewayKeyRefused, GatewayUnavailable
from gateway.types import ModelInfo, Readiness
from keys.alerts import alert_admins
from keys.identity import GatewayChanged, identify_gateway
from keys.models import GatewayModel, GatewayState

logger = logging.getLogger(__name__)

CHAT_MODES: Final = ("chat", "responses", "")  # a missing mode is nearly always chat
EMBEDDING_MODES: Final = ("embedding",)
LARGEST_COUNT: Final = 2**31 - 1  # of a column; anything larger is a mistake in the gateway's configuration
LARGEST_USD: Final = Decimal(10) ** 6
PRICE_STEP_USD: Final = Decimal("0.000001")
NAME_LENGTH: Final = 200
DETAILS: Final = (
    "mode",
    "provider",
    "max_input_tokens",
    "max_output_tokens",
    "input_usd_per_million",
    "output_usd_per_million",
    "odd_prices",
    "features",
    "position",
)


class Problem(StrEnum):
    """A problem of the gateway, as `GatewayState.problem` stores it."""

    NONE = ""
    UNREACHABLE = "unreachable"  # it does not answer, or the answer is unreadable
    KEY_REFUSED = "key_refused"  # it does not accept the portal's own key
    REFUSED = "refused"  # it refuses to list its models
    NO_MODELS = "no_models"  # its list is empty, as for a moment while it starts
    MODELS_UNREAD = "models_unread"  # it answers, but its list of models is unreadable
    OTHER_GATEWAY = "other_gateway"  # it is not the gateway that the portal knows, or was restored from an older copy
    UNHEALTHY = "unhealthy"  # it answers, and reports that it, or its database, is unhealthy


def models_named(names: Collection[str] | None) -> QuerySet[GatewayModel]:
    """Return the models that a person, or a key, can call, in the gateway's order; None: all."""
    everything = GatewayModel.objects.all()
    return everything if names is None else everything.filter(name__in=names)


def default_chat_model(names: Collection[str] | None) -> GatewayModel | None:
    """Return the first of these models for chat: the gateway's operator lists the best first choice first."""
    return models_named(names).filter(mode__in=CHAT_MODES).first()


def default_embedding_model(names: Collection[str] | None) -> GatewayModel | None:
    """Return the first of these models that makes embeddings."""
    return models_named(names).filter(mode__in=EMBEDDING_MODES).first()


def gateway_state() -> GatewayState:
    """Return the last known state of the gateway; before the first check, an empty state."""
    return GatewayState.objects.filter(pk=1).first() or GatewayState(pk=1)


def refresh_models() -> int:
    """Read the gateway's health and models; return the number of models written or deleted.

    Idempotent: only changes are written. Raises nothing that the gateway can cause.
    """
    state, now = gateway_state(), timezone.now()
    state.checked_at = now
    changed, answered = 0, False
    try:
        state.problem = _read_health(get_gateway(), state)
        answered = True
        identify_gateway()
        unreadable: list[str] = []
        offered = _usable(get_gateway().models.info(unreadable=unreadable))
    except GatewayError as error:
        state.problem = _problem_of(error, answered=answered)
        logger.log(
            logging.ERROR if state.problem == Problem.KEY_REFUSED else logging.WARNING,
            "models: not refreshed, %s",
            error,
        )
    else:
        if offered:
            changed = _keep(offered, keep_others=bool(unreadable))
            state.models_at = now
            _report_unreadable(len(unreadable))
        else:
            state.problem = Problem.NO_MODELS
    _note_times(state, now)
    state.save()  # the whole row, since one check wrote all of it
    return changed


def _read_health(gateway: Gateway, state: GatewayState) -> Problem:
    """Record the gateway's version, and whether it is the sandbox; return the problem that it reports."""
    reported = _readiness(gateway)
    state.version = (reported.version or state.version)[:40]
    state.sandbox = reported.headers.sandbox
    well = reported.status == "healthy" and reported.db in (None, "connected")
    return Problem.NONE if well else Problem.UNHEALTHY


def _readiness(gateway: Gateway) -> Readiness:
    """Read the health, with the version if the gateway reports it: an older one, or one that refuses us, does not."""
    reported = gateway.health.readiness()
    with suppress(GatewayError):
        reported = gateway.health.details()
    return reported


def _problem_of(error: GatewayError, *, answered: bool) -> Problem:
    if isinstance(error, GatewayChanged):
        return Problem.OTHER_GATEWAY
    if isinstance(error, GatewayUnavailable):
        return Problem.MODELS_UNREAD if answered else Problem.UNREACHABLE
    return Problem.KEY_REFUSED if isinstance(error, GatewayKeyRefused) else Problem.REFUSED


def _note_times(state: GatewayState, now: datetime) -> None:
    """Record since when it does not answer; a gateway that answers is not down, though it may have problems."""
    if state.problem == Problem.UNREACHABLE:
        state.down_since = state.down_since or now
        return
    state.down_since = None
    if not state.problem:
        state.ok_at = now


def _usable(reported: Iterable[ModelInfo]) -> dict[str, dict[str, Any]]:
    """Return the details of each model with a usable name, by name, in the gateway's order."""
    names = [model for model in reported if model.name.isprintable() and len(model.name) <= NAME_LENGTH]
    return {model.name: _details(model, position) for position, model in enumerate(names)}


def _details(model: ModelInfo, position: int) -> dict[str, Any]:
    """Return what we store of a model; invalid values are unknown."""
    features = {
        "vision": model.supports_vision,
        "pdf": model.supports_pdf,
        "tools": model.supports_tools,
        "reasoning": model.supports_reasoning,
    }
    return {
        "mode": (model.mode or "")[:40],
        "provider": (model.provider or "")[:80],
        "max_input_tokens": _count(model.max_input_tokens),
        "max_output_tokens": _count(model.max_output_tokens),
        "input_usd_per_million": _price(model.input_usd_per_million),
        "output_usd_per_million": _price(model.output_usd_per_million),
        "odd_prices": _odd_prices(model),
        "features": [name for name, has_it in features.items() if has_it],
        "position": position,
    }


def _count(reported: int | None) -> int | None:
    return reported if reported is not None and 0 <= reported <= LARGEST_COUNT else None


def _price(reported: Decimal | None) -> Decimal | None:
    """Return a price to the millionth of a dollar, as the column stores it."""
    if reported is None or not 0 <= reported < LARGEST_USD:
        return None
    return reported.quantize(PRICE_STEP_USD, rounding=ROUND_HALF_UP)


def _odd_prices(model: ModelInfo) -> dict[str, str]:
    """Return invalid prices, and prices that exceed the column, to be shown to people."""
    prices = {"input": model.input_usd_per_million, "output": model.output_usd_per_million}
    too_high = {name: parsing.shown(usd) for name, usd in prices.items() if usd is not None and _price(usd) is None}
    return {**model.odd_prices, **too_high}


@transaction.atomic
def _keep(offered: dict[str, dict[str, Any]], *, keep_others: bool) -> int:
    """Update our table to the gateway's list; return the number of rows created, changed or deleted.

    With `keep_others` none is deleted: a model that is missing may be one whose row was unreadable.
    """
    known = {model.name: model for model in GatewayModel.objects.all()}
    gone = set() if keep_others else known.keys() - offered.keys()
    if gone:
        GatewayModel.objects.filter(name__in=gone).delete()
    written = GatewayModel.objects.bulk_create(
        [
            GatewayModel(name=name, **details)
            for name, details in offered.items()
            if name not in known or any(getattr(known[name], field) != reported for field, reported in details.items())
        ],
        update_conflicts=True,
        unique_fields=["name"],
        update_fields=DETAILS,
    )
    return len(gone) + len(written)


def _report_unreadable(count: int) -> None:
    """Report skipped models, to the log and to the administrators."""
    if not count:
        return
    logger.warning("models: passed over %d that make no sense", count)
    with override(settings.LANGUAGE_CODE):
        words = ngettext(
            "%(count)d model in the gateway’s configuration has no readable name. It was skipped; all others are "
            "offered, and none is withdrawn.",
            "%(count)d models in the gateway’s configuration have no readable names. They were skipped; all "
            "others are offered, and none is withdrawn.",
            count,
        )
        alert_admins("models-unreadable", _("Some models of the gateway cannot be read"), words % {"count": count})
