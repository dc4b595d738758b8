"""The result of a moderation model for a text."""

from collections.abc import Sequence
from dataclasses import dataclass

from gateway.django import get_gateway
from gateway.inference_types import Moderation
from keys.models import GatewayModel
from playground.services.blocking import LONGEST_S, called, cost_of
from playground.services.chat import ChatContext
from playground.services.costs import Cost


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """The score of a category from 0 to 1, and whether it is flagged; None: not reported."""

    category: str
    score: float | None
    flagged: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """The moderation of one text."""

    model: str
    flagged: bool
    scores: Sequence[Score]  # the highest first
    cost: Cost
    call_id: str

    @property
    def reasons(self) -> list[str]:
        """Return the flagged categories."""
        return [each.category for each in self.scores if each.flagged]


def moderate(context: ChatContext, model: GatewayModel, text: str) -> Judged | None:
    """Request the moderation; None when the gateway returned none. Raises what `embedding.embed` raises."""
    with called(context) as secret:
        answer = get_gateway().inference.moderate(secret=secret, model=model.name, texts=[text], timeout_s=LONGEST_S)
    if not answer.results:
        return None
    result = answer.results[0]
    return Judged(
        model=model.name,
        flagged=result.flagged,
        scores=_scores(result),
        cost=cost_of(answer.headers, model, None),
        call_id=answer.headers.call_id or "",
    )


def _scores(result: Moderation) -> list[Score]:
    names = sorted({*result.scores, *result.categories})
    scores = [
        Score(category=name, score=result.scores.get(name), flagged=result.categories.get(name, False))
        for name in names
    ]
    return sorted(scores, key=lambda each: -1.0 if each.score is None else each.score, reverse=True)
