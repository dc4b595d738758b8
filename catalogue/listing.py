"""The list of models that a person can call or request: found, filtered and sorted as the URL says."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, ClassVar, Final
from urllib.parse import urlencode

from django.db.models import Q, QuerySet
from django.http import QueryDict

from accounts.policies import Allowance
from catalogue.models import ModelHealth, ModelNote
from keys.catalogue import EMBEDDING_MODES
from keys.models import GatewayModel
from web.listing import ListedPage, number_within

LONGEST_TEXT: Final = 100
FEATURES: Final = ("vision", "tools", "reasoning", "embeddings")
DEFAULT_ORDER: Final = "name"
MODELS_PER_PAGE: Final = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedModel:
    """A model in the list; `on_request`: it can be asked for, not called."""

    model: GatewayModel
    on_request: bool
    health: ModelHealth | None
    note: ModelNote | None

    @property
    def is_free(self) -> bool:
        """Whether the gateway says that it costs nothing."""
        return is_free(self.model)


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """What a URL asks for."""

    q: str = ""
    mode: str = ""
    provider: str = ""
    features: tuple[str, ...] = ()
    free: bool = False
    on_request: bool = False
    order: str = DEFAULT_ORDER

    def query(self, page: int) -> str:
        """Return the part of a URL that `filters_of` reads, for a page."""
        params = {
            **{name: getattr(self, name) for name in ("q", "mode", "provider")},
            "has": self.features,
            "free": "1" if self.free else "",
            "request": "1" if self.on_request else "",
            "order": "" if self.order == DEFAULT_ORDER else self.order,
            "page": page if page > 1 else "",
        }
        return urlencode({name: value for name, value in params.items() if value}, doseq=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelPage(ListedPage):
    """One page of the list: the models that can be called, then those on request."""

    PER_PAGE: ClassVar = MODELS_PER_PAGE

    rows: tuple[ListedModel, ...]


def is_free(model: GatewayModel) -> bool:
    """Return whether the gateway says that a model costs nothing; one without prices is not free."""
    prices = [model.input_usd_per_million, model.output_usd_per_million]
    return not model.odd_prices and any(price is not None for price in prices) and not any(prices)


def filters_of(params: QueryDict) -> Filters:
    """Return what a URL asks for; what it does not know is left out."""
    texts = {name: params.get(name, "").replace("\0", "").strip()[:LONGEST_TEXT] for name in ("q", "mode", "provider")}
    order = params.get("order", "")
    return Filters(
        **texts,
        features=tuple(name for name in FEATURES if name in params.getlist("has")),
        free=params.get("free") == "1",
        on_request=params.get("request") == "1",
        order=order if order in ORDERS else DEFAULT_ORDER,
    )


def _price(model: GatewayModel) -> tuple[bool, Decimal, str]:
    """Sort by the price of text sent; unknown ones last."""
    price = model.input_usd_per_million
    return price is None, price or Decimal(0), model.name.casefold()


ORDERS: Final[dict[str, Callable[[GatewayModel], Any]]] = {
    "name": lambda model: (model.name.casefold(), model.name),
    "price": _price,
    "context": lambda model: (-(model.max_input_tokens or 0), model.name.casefold()),
}


def models_open_to(allowance: Allowance) -> QuerySet[GatewayModel]:
    """Return the models that a person can call or request, with their health."""
    everything = GatewayModel.objects.select_related("health")
    if allowance.models is None:
        return everything
    return everything.filter(Q(name__in=allowance.models) | Q(name__in=allowance.lacking_on_request))


def listed(models: Iterable[GatewayModel], allowance: Allowance, notes: Mapping[str, ModelNote]) -> list[ListedModel]:
    """Return models as the list shows them."""
    callable_ones = None if allowance.models is None else set(allowance.models)
    return [
        ListedModel(
            model=model,
            on_request=callable_ones is not None and model.name not in callable_ones,
            health=getattr(model, "health", None),
            note=notes.get(model.name),
        )
        for model in models
    ]


def page_of(rows: Iterable[ListedModel], filters: Filters, number: int) -> ModelPage:
    """Return a page of the rows that a URL asks for, in its order; the last one if the number is too high."""
    kept = [row for row in rows if _fits(row, filters)]
    kept.sort(key=lambda row: (row.on_request, ORDERS[filters.order](row.model)))
    number = number_within(number, len(kept), MODELS_PER_PAGE)
    shown = kept[(number - 1) * MODELS_PER_PAGE : number * MODELS_PER_PAGE]
    return ModelPage(rows=tuple(shown), number=number, count=len(kept))


def _fits(row: ListedModel, filters: Filters) -> bool:
    model = row.model
    text = f"{model.name}\n{model.provider}\n{row.note.good_for if row.note else ''}".casefold()
    return (
        filters.q.casefold() in text
        and filters.mode in ("", model.mode)
        and filters.provider in ("", model.provider)
        and all(_has(model, feature) for feature in filters.features)
        and (row.is_free or not filters.free)
        and (row.on_request or not filters.on_request)
    )


def _has(model: GatewayModel, feature: str) -> bool:
    return model.mode in EMBEDDING_MODES if feature == "embeddings" else feature in model.features
