"""Models: which may be called, and what is known of them."""

from decimal import Decimal
from typing import Any

from gateway.errors import GatewayUnreadable
from gateway.parsing import Body, Money, Name, Whole, read, shown, sift
from gateway.secret import Secret
from gateway.transport import Transport
from gateway.types import ModelInfo

_PER_MILLION = Decimal(10) ** 6


class Models:
    """The verbs on models."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def names(self, secret: str | None = None) -> tuple[str, ...]:
        """Return the public names that this key may call (as admin: all), in the gateway's order.

        Also the cheapest way to ask whether a key works: raises GatewayKeyRefused or GatewayOverBudget if not.
        """
        secret = None if secret is None else Secret(secret)  # so that no traceback shows it
        answer = self._transport.get("/v1/models", secret=secret)
        return tuple(row.id for row in read(answer.body, _NamesAnswer).data or ())

    def info(self, *, unreadable: list[str] | None = None) -> tuple[ModelInfo, ...]:
        """Return what is known of every model, one per public name: of several deployments, the first.

        An invalid row is skipped, and the reason goes to `unreadable`; without that list, or where no row
        is valid, it is GatewayUnreadable.
        """
        models: dict[str, ModelInfo] = {}
        problems: list[str] = []
        for row in read(self._transport.get("/model/info").body, _InfoAnswer).data or ():
            try:
                model = _model(read(row, _ModelRow))
            except GatewayUnreadable as error:
                problems.append(str(error))
            else:
                models.setdefault(model.name, model)
        if problems and (unreadable is None or not models):
            raise GatewayUnreadable(problems[0])
        if unreadable is not None:
            unreadable.extend(problems)
        return tuple(models.values())


class _NameRow(Body):
    id: Name


class _NamesAnswer(Body):
    data: tuple[_NameRow, ...] | None


class _InfoAnswer(Body):
    data: list[Any] | None  # rows, each of which may be invalid


class _ModelRow(Body):
    model_name: Name
    model_info: Any = None
    litellm_params: Any = None


class _Details(Body):
    """What is written by hand in the gateway's configuration: an invalid value is unknown."""

    mode: str | None = None
    litellm_provider: str | None = None
    max_input_tokens: Whole | None = None
    max_output_tokens: Whole | None = None
    input_cost_per_token: Money | None = None
    output_cost_per_token: Money | None = None
    supports_vision: bool | None = None
    supports_pdf_input: bool | None = None
    supports_function_calling: bool | None = None
    supports_reasoning: bool | None = None


def _model(row: _ModelRow) -> ModelInfo:
    parsed, odd = sift(row.model_info, _Details)
    prices = {"input": parsed.input_cost_per_token, "output": parsed.output_cost_per_token}
    odd_prices = {name: price for name in prices if (price := odd.get(f"{name}_cost_per_token")) is not None}
    odd_prices |= {name: price for name, price in prices.items() if price is not None and price < 0}
    return ModelInfo(
        name=row.model_name,
        mode=parsed.mode,
        provider=parsed.litellm_provider or _prefix(row.litellm_params),
        max_input_tokens=parsed.max_input_tokens,
        max_output_tokens=parsed.max_output_tokens,
        input_usd_per_million=_per_million(parsed.input_cost_per_token),
        output_usd_per_million=_per_million(parsed.output_cost_per_token),
        odd_prices={name: shown(price) for name, price in odd_prices.items()},
        supports_vision=parsed.supports_vision,
        supports_pdf=parsed.supports_pdf_input,
        supports_tools=parsed.supports_function_calling,
        supports_reasoning=parsed.supports_reasoning,
    )


def _per_million(price: Decimal | None) -> Decimal | None:
    return None if price is None or price < 0 else (price * _PER_MILLION).normalize() + 0  # + 0: 2E+1 becomes 20


def _prefix(params: object) -> str | None:
    """Return the provider that the deployment's own name starts with, as in openai/gpt-4o-mini."""
    name = params.get("model") if isinstance(params, dict) else None
    return name.split("/")[0] if isinstance(name, str) and "/" in name else None
