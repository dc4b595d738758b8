"""The models of the sandbox, with their prices."""

from dataclasses import dataclass

_PER_MILLION = 1_000_000  # 1 USD per million tokens is 1,000,000 pUSD per token


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """A public name and its upstream model; prices in picodollars per token."""

    name: str
    upstream: str
    mode: str = "chat"
    input_pusd: int = 0
    output_pusd: int = 0
    max_input_tokens: int | None = None
    max_output_tokens: int | None = None
    vision: bool = False
    pdf: bool = False

    @property
    def provider(self) -> str:
        """Return the part of the upstream name before the slash."""
        return self.upstream.partition("/")[0]

    def cost_pusd(self, prompt_tokens: int, completion_tokens: int) -> int:
        """Price a call."""
        return prompt_tokens * self.input_pusd + completion_tokens * self.output_pusd


def _chat(
    name: str,
    upstream: str,
    prices: tuple[float, float],
    sizes: tuple[int, int],
    vision: bool = False,
    pdf: bool = False,
) -> Model:
    return Model(
        name=name,
        upstream=upstream,
        input_pusd=round(prices[0] * _PER_MILLION),
        output_pusd=round(prices[1] * _PER_MILLION),
        max_input_tokens=sizes[0],
        max_output_tokens=sizes[1],
        vision=vision,
        pdf=pdf,
    )


MODELS: dict[str, Model] = {
    model.name: model
    for model in (
        _chat("general_nothink", "hosted_vllm/general_nothink", (0.5, 1.5), (32_768, 8_192)),
        _chat("gpt-4o-mini", "openai/gpt-4o-mini", (0.15, 0.6), (128_000, 16_384), vision=True),
        _chat("claude-3-haiku", "anthropic/claude-3-haiku", (0.25, 1.25), (200_000, 4_096), vision=True, pdf=True),
        _chat("llama-70b", "hosted_vllm/llama-70b", (0.9, 0.9), (131_072, 4_096)),
        _chat("vision", "hosted_vllm/vision", (0.3, 0.9), (65_536, 4_096), vision=True),
        Model(
            name="embedding",
            upstream="openai/embedding",
            mode="embedding",
            input_pusd=100_000,
            max_input_tokens=8_191,
        ),
        Model(name="moderation", upstream="openai/moderation", mode="moderation"),
    )
}


def models_allowed(restriction: tuple[str, ...]) -> list[Model]:
    """Return the models that a key with this list can call; an empty list means all."""
    return [model for name, model in MODELS.items() if not restriction or name in restriction]
