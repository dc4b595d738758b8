"""What a batch will cost, by estimate, and what may still be spent on it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from django.db.models import Case, F, Sum, When

from keys.models import GatewayModel, Key
from keys.services import BudgetStatus, course_playground_budget, playground_budget
from playground.batch_models import Batch, BatchCall
from playground.services.chat import ChatContext
from playground.services.costs import listed_cost
from playground.services.requests import tokens_of_text

USUAL_ANSWER_TOKENS: Final = 500  # where max_tokens does not bound it further
MESSAGE_TOKENS: Final = 4  # of each message in addition to its text, as models count

State = BatchCall.State


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """The sum over calls in USD, and the models without a known price, whose calls are not in it."""

    usd: Decimal
    unpriced: list[str]


def estimated_call(prompt: str, params: Mapping[str, Any], model: GatewayModel) -> Decimal | None:
    """Return the likely cost of one call by the listed prices; None without them."""
    written = min(int(params.get("max_tokens") or USUAL_ANSWER_TOKENS), USUAL_ANSWER_TOKENS)
    texts = [prompt, *filter(None, [params.get("system")])]
    read = sum(tokens_of_text(text) + MESSAGE_TOKENS for text in texts)
    return listed_cost(model, read, written).usd


def estimate_of(batch: Batch) -> Estimate:
    """Return what the calls that wait will cost."""
    waiting = batch.calls.filter(state=State.WAITING)
    unpriced = set(waiting.filter(estimate_usd=None).values_list("model", flat=True))
    total = waiting.aggregate(total=Sum("estimate_usd"))["total"]
    return Estimate(usd=total or Decimal(0), unpriced=[name for name in batch.model_names if name in unpriced])


def committed_usd(batch: Batch) -> Decimal:
    """Return what calls have cost; those in progress, and those that may have been billed, count as estimated."""
    usd = Case(When(cost_usd=None, then=F("estimate_usd")), default=F("cost_usd"))
    begun = batch.calls.filter(state__in=(State.CALLING, State.UNKNOWN, State.COMPLETE))
    total: Decimal | None = begun.annotate(usd=usd).aggregate(total=Sum("usd"))["total"]
    return batch.retried_usd + (total or 0)


def budget_left(context: ChatContext) -> Decimal | None:
    """Return what the payer's budget has left for this person, as the gateway reports it; None: no limit.

    Raises GatewayUnavailable or GatewayRejected.
    """
    if course := context.paid_by:
        status = course_playground_budget(context.user, course.team_id)
        return _least([status] if status else [], course.team.playground_budget_usd)
    status = playground_budget(context.user)
    rule = context.allowance.rules[Key.Kind.PLAYGROUND]
    return _least([status, *([status.of_key] if status.of_key else [])] if status else [], rule.budget_usd)


def _least(reports: Iterable[BudgetStatus], unspent_usd: Decimal | None) -> Decimal | None:
    """Return the smallest rest; without a key there is no report yet, and nothing is spent."""
    found = list(reports)
    if not found:
        return unspent_usd
    return min((report.left_usd for report in found if report.budget_usd is not None), default=None)
