"""What an answer cost: as the gateway tells it, else worked out as well as can be, and marked as an estimate."""

from contextlib import suppress
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import Final

from gateway.django import get_gateway
from gateway.errors import GatewayError
from keys.models import GatewayModel
from playground.models import Answer
from playground.services.draft import Draft

CHARACTERS_A_TOKEN: Final = 4  # about, in English; only for what the gateway did not count
A_MILLION: Final = 1_000_000
STEP_USD: Final = Decimal(1).scaleb(-10)  # of the column


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """USD, and who says so."""

    usd: Decimal | None = None
    source: str = Answer.CostSource.UNKNOWN


def told_cost(draft: Draft) -> Cost:
    """Return what the stream told at its end, if it did."""
    if draft.usage is None or draft.usage.cost_usd is None:
        return Cost()
    return Cost(usd=_rounded(draft.usage.cost_usd), source=Answer.CostSource.TOLD)


def estimated_cost(*, model: str, prompt_characters: int, draft: Draft, ask: bool) -> Cost:
    """Work the cost out from the tokens, by asking the gateway (`ask`) or from the prices that it lists."""
    read = draft.usage.prompt_tokens if draft.usage else -(-prompt_characters // CHARACTERS_A_TOKEN)
    written = draft.usage.completion_tokens if draft.usage else draft.count
    if ask:
        with suppress(GatewayError):
            usd = get_gateway().usage.calculate_cost(model=model, prompt_tokens=read, completion_tokens=written)
            return Cost(usd=_rounded(usd), source=Answer.CostSource.CALCULATED)
    return _by_list(model, read, written)


def _by_list(model: str, read: int, written: int) -> Cost:
    """Multiply tokens by listed prices; unknown where the model has none."""
    listed = GatewayModel.objects.filter(name=model).first()
    if listed is None or listed.input_usd_per_million is None or listed.output_usd_per_million is None:
        return Cost()
    usd = (listed.input_usd_per_million * read + listed.output_usd_per_million * written) / A_MILLION
    return Cost(usd=_rounded(usd), source=Answer.CostSource.LISTED)


def _rounded(usd: Decimal) -> Decimal | None:
    """Return the amount as the column keeps it; nothing for what is no cost."""
    return usd.quantize(STEP_USD, rounding=ROUND_HALF_UP) if 0 <= usd < A_MILLION else None
