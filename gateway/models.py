"""Models: what may be called, and what is known of them."""

from decimal import Decimal

from gateway import reading
from gateway.errors import GatewayUnreadable
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
        body = reading.fields(answer.body, "answer")
        return tuple(reading.text(reading.fields(row, "model"), "id") for row in reading.rows(body, "data"))

    def info(self, *, unreadable: list[str] | None = None) -> tuple[ModelInfo, ...]:
        """Return what is known of every model, one per public name: of several deployments, the first.

        A row that makes no sense is passed over, and why goes to `unreadable`; without that list, or where no row
        makes sense, it is GatewayUnreadable.
        """
        body = reading.fields(self._transport.get("/model/info").body, "answer")
        models: dict[str, ModelInfo] = {}
        problems: list[str] = []
        for row in reading.rows(body, "data"):
            try:
                model = _model(reading.fields(row, "model"))
            except GatewayUnreadable as error:
                problems.append(str(error))
            else:
                models.setdefault(model.name, model)
        if problems and (unreadable is None or not models):
            raise GatewayUnreadable(problems[0])
        if unreadable is not None:
            unreadable.extend(problems)
        return tuple(models.values())


def _model(row: reading.Fields) -> ModelInfo:
    """Read a model. Its details are written by hand in the gateway's configuration: what makes no sense is unknown."""
    info = row.get("model_info")
    told = info if isinstance(info, dict) else {}
    return ModelInfo(
        name=reading.text(row, "model_name"),
        mode=reading.lenient(reading.optional_text, told, "mode"),
        provider=reading.lenient(reading.optional_text, told, "litellm_provider") or _prefix(row.get("litellm_params")),
        max_input_tokens=reading.lenient(reading.optional_whole, told, "max_input_tokens"),
        max_output_tokens=reading.lenient(reading.optional_whole, told, "max_output_tokens"),
        input_usd_per_million=_per_million(told, "input_cost_per_token"),
        output_usd_per_million=_per_million(told, "output_cost_per_token"),
        odd_prices={name: odd for name in ("input", "output") if (odd := _odd_price(told, f"{name}_cost_per_token"))},
        supports_vision=_told(told, "supports_vision"),
        supports_tools=_told(told, "supports_function_calling"),
        supports_reasoning=_told(told, "supports_reasoning"),
    )


def _per_million(told: reading.Fields, name: str) -> Decimal | None:
    price = reading.lenient(reading.optional_money, told, name)
    return None if price is None or price < 0 else (price * _PER_MILLION).normalize() + 0  # + 0: 2E+1 becomes 20


def _odd_price(told: reading.Fields, name: str) -> str:
    """Return what is there instead of a price; "" where a price is, or nothing."""
    odd = told.get(name) is not None and _per_million(told, name) is None
    return reading.shown(told[name]) if odd else ""


def _told(told: reading.Fields, name: str) -> bool | None:
    value = told.get(name)
    return value if isinstance(value, bool) else None


def _prefix(params: object) -> str | None:
    """Return the provider that the deployment's own name starts with, as in openai/gpt-4o-mini."""
    name = params.get("model") if isinstance(params, dict) else None
    return name.split("/")[0] if isinstance(name, str) and "/" in name else None
