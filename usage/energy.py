"""Estimates of energy and emissions of models by EcoLogits, a published method (https://ecologits.ai).

Only for models whose provider and name EcoLogits knows: of others neither size nor data centre is known. The range is
that of the estimated size of the model and of the data centre; electricity is that of the provider's country.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import Any, Final

from usage.queries.sums import Sums

METHOD: Final = "EcoLogits"
METHOD_URL: Final = "https://ecologits.ai/latest/methodology/llm_inference/"
PROVIDERS: Final = {  # as the gateway names them, and EcoLogits
    "anthropic": "anthropic",
    "azure": "openai",
    "cohere": "cohere",
    "cohere_chat": "cohere",
    "gemini": "google_genai",
    "huggingface": "huggingface_hub",
    "mistral": "mistralai",
    "openai": "openai",
    "vertex_ai": "google_genai",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Impact:
    """Energy, and emissions with the share of the hardware's production, as lowest and highest estimate."""

    low_kwh: float = 0.0
    high_kwh: float = 0.0
    low_kg: float = 0.0  # CO2 equivalent
    high_kg: float = 0.0

    def __add__(self, other: "Impact") -> "Impact":
        return Impact(
            low_kwh=self.low_kwh + other.low_kwh,
            high_kwh=self.high_kwh + other.high_kwh,
            low_kg=self.low_kg + other.low_kg,
            high_kg=self.high_kg + other.high_kg,
        )


def impact_of(provider: str, model: str, sums: Sums) -> Impact | None:
    """Return the estimate for all answered requests of a model; None if EcoLogits does not know it.

    The estimate of one request is that of the mean one: linear in tokens and in time.
    """
    ours = PROVIDERS.get(provider)
    name = model.removeprefix(f"{provider}/")
    if ours is None or _ecologits().models.find_model(provider=ours, model_name=name) is None:
        return None
    if not sums.ok_requests:
        return Impact()
    found = _ecologits().llm_impacts(
        ours, name, sums.completion_tokens / sums.ok_requests, sums.response_s or float("inf")
    )
    (low_kwh, high_kwh), (low_kg, high_kg) = _range(found.energy.value), _range(found.gwp.value)
    return Impact(
        low_kwh=low_kwh * sums.ok_requests,
        high_kwh=high_kwh * sums.ok_requests,
        low_kg=low_kg * sums.ok_requests,
        high_kg=high_kg * sums.ok_requests,
    )


def total_impact(parts: Iterable[Impact | None]) -> Impact:
    """Return the sum of what is known."""
    return sum((part for part in parts if part), Impact())


@cache
def _ecologits() -> Any:
    """Import the package with the first report: it takes half a second, and 20 MB."""
    return import_module("ecologits.tracers.utils")


def _range(value: Any) -> tuple[float, float]:
    return (value, value) if isinstance(value, float) else (value.min, value.max)
