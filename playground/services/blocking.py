"""A call with a complete response, under the same limits as a stream; nothing of it is stored."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from decimal import Decimal
from typing import Final

from django.db import DatabaseError, connection, transaction

from gateway.errors import GatewayError, GatewayKeyRefused, GatewayNotFound
from gateway.secret import Secret
from gateway.types import Headers
from keys.models import GatewayModel
from keys.services import playground_secret, recheck_playground_key
from playground.models import Answer
from playground.services.chat import ChatContext
from playground.services.costs import A_MILLION, Cost
from playground.services.limits import end_call, start_call

LONGEST_S: Final = 25.0  # shorter than playground.models.STALE_AFTER: such a call has no heartbeat


@contextmanager
def called(context: ChatContext) -> Iterator[Secret]:
    """Provide the person's secret for one call, without holding a connection to the database meanwhile.

    Raises AskRefused, KeyRefused, GatewayUnavailable or GatewayRejected before the call.
    """
    secret = playground_secret(owner=context.user, actor=context.actor, allowance=context.allowance)
    with transaction.atomic():
        call = start_call(context.user)
    if not connection.in_atomic_block:  # not within a test's transaction
        connection.close()
    try:
        yield secret
    except (GatewayKeyRefused, GatewayNotFound):
        with suppress(GatewayError, DatabaseError):  # so that the next call creates or renews the key, or its team
            recheck_playground_key(context.user)
        raise
    finally:
        end_call(call.pk)


def cost_of(headers: Headers, model: GatewayModel, tokens: int | None) -> Cost:
    """Return the cost that the gateway reported, or else the cost of the input tokens by its price list."""
    if headers.cost_usd is not None:
        return Cost(usd=headers.cost_usd, source=Answer.CostSource.REPORTED)
    if model.input_usd_per_million is None or tokens is None:
        return Cost()
    return Cost(usd=Decimal(tokens) * model.input_usd_per_million / A_MILLION, source=Answer.CostSource.LISTED)
