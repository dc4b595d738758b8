"""Texts as vectors, and their similarity."""

import json
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass, field
from math import fsum, hypot, isfinite
from typing import Final

from gateway.django import get_gateway
from keys.models import GatewayModel
from playground.services.blocking import LONGEST_S, called, cost_of
from playground.services.chat import ChatContext
from playground.services.costs import Cost

Vector = Sequence[float]
FIRST: Final = 8  # values that are shown


@dataclass(frozen=True, slots=True, kw_only=True)
class Embedded:
    """The result for the texts."""

    model: str
    texts: Sequence[str]
    vectors: Sequence[Vector] = field(repr=False)
    tokens: int | None
    cost: Cost
    call_id: str

    def rows(self) -> list[dict[str, object]]:
        """Return each text with its vector's length and first values, and its similarity to each text."""
        alike = similarities(self.vectors)
        return [
            {"text": text, "length": len(vector), "first": [f"{number:.4f}" for number in vector[:FIRST]], "alike": row}
            for text, vector, row in zip(self.texts, self.vectors, alike, strict=True)
        ]

    def data_url(self) -> str:
        """Return all values as a JSON file that needs no further call."""
        both = zip(self.texts, self.vectors, strict=True)
        data = [{"index": index, "text": text, "embedding": vector} for index, (text, vector) in enumerate(both)]
        body = json.dumps({"model": self.model, "data": data}, ensure_ascii=False, separators=(",", ":"))
        return f"data:application/json;base64,{b64encode(body.encode()).decode('ascii')}"


def embed(context: ChatContext, model: GatewayModel, texts: Sequence[str]) -> Embedded:
    """Request the vectors. Raises AskRefused, KeyRefused, GatewayUnavailable or GatewayRejected."""
    with called(context) as secret:
        answer = get_gateway().inference.embed(secret=secret, model=model.name, texts=texts, timeout_s=LONGEST_S)
    tokens = answer.usage.prompt_tokens if answer.usage else None
    return Embedded(
        model=model.name,
        texts=texts,
        vectors=answer.vectors,
        tokens=tokens,
        cost=cost_of(answer.headers, model, tokens),
        call_id=answer.headers.call_id or "",
    )


def similarities(vectors: Sequence[Vector]) -> list[list[float | None]]:
    """Return the cosine similarity of each pair, row by row; None where there is none."""
    units = [_unit(vector) for vector in vectors]
    upper = {(i, j): _product(units[i], units[j]) for i in range(len(units)) for j in range(i, len(units))}
    return [[upper[min(i, j), max(i, j)] for j in range(len(units))] for i in range(len(units))]


def _unit(vector: Vector) -> Vector | None:
    """Return the vector at length 1; None for a zero vector."""
    length = hypot(*vector)
    return [number / length for number in vector] if length and isfinite(length) else None


def _product(one: Vector | None, other: Vector | None) -> float | None:
    if one is None or other is None or len(one) != len(other):
        return None
    return max(-1.0, min(1.0, fsum(a * b for a, b in zip(one, other, strict=True))))
