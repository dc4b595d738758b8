"""The dimensions by which the explorer splits, and which rollup has them: the smallest that is enough (ADR 35)."""

from dataclasses import dataclass, replace
from datetime import date
from typing import Any, Final

from django.contrib.auth.models import Group
from django.db.models import Case, F, Q, QuerySet, Value, When
from django.db.models.expressions import Combinable
from django.db.models.functions import Coalesce

from usage.models import DayCostCentre, DayGroup, DayModel, DayToken, Fact, TokenRef
from usage.queries.scope import NONE, FilteredScope, Scope, values_of

FEW_TOKENS: Final = 500  # so many are named to the database, which then finds their rows by an index
OF_FACT: Final = frozenset({"model", "provider", "cost_centre"})
SPLITS: Final = ("model", "provider", "person", "group", "supervisor", "course", "key", "kind", "cost_centre")
MANY_PARTS: Final = frozenset({"person", "key"})  # too many to read by day
HAS_PART: Final = {  # few tokens have one; the others together are the rest
    "supervisor": Q(token_ref__key__intern__isnull=False),
    "course": Q(token_ref__key__team__course__isnull=False),
}
TOKEN_FILTERS: Final = frozenset({"person", "group", "supervisor", "course", "key", "kind"})

MODELS: Final[dict[str, tuple[Combinable, ...]]] = {"model": (F("model"),), "provider": (F("model__provider"),)}
CENTRE: Final[tuple[Combinable, ...]] = (F("cost_centre_number"),)


def _of_tokens(prefix: str, token: str) -> dict[str, tuple[Combinable, ...]]:
    """Return the splits that depend on the token, for rows that refer to one by this prefix."""
    key = f"{prefix}key"
    return {
        "person": (F(f"{prefix}owner"),),
        "group": (F(f"{prefix}owner__groups"),),
        "supervisor": (Case(When(**{f"{key}__intern__isnull": False}, then=F(f"{prefix}owner"))),),
        "course": (F(f"{key}__team__course"),),
        "key": (F(key), Case(When(**{key: None}, then=F(token)))),
        "kind": (Coalesce(f"{key}__kind", Value("")),),
    }


TOKENS: Final = _of_tokens("token_ref__", "token_ref") | {"cost_centre": CENTRE}
TOKEN_COLUMNS: Final = _of_tokens("", "pk")
OF_CELLS: Final[dict[str, tuple[Combinable, ...]]] = {
    **MODELS,
    "kind": (F("kind"),),
    "cost_centre": CENTRE,
    "group": (Case(When(group_number__gt=0, then=F("group_number"))),),
}


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows of facts, or of a rollup, and the columns that are the parts of the split."""

    found: QuerySet[Any]
    split: tuple[Combinable, ...] = ()

    def grouped(self, aggregates: dict[str, Any], *by: Any, only: Q | None = None) -> list[tuple[Any, ...]]:
        """Return (by…, split…, aggregates…) of each group; one query."""
        names = {f"by_{number}": value for number, value in enumerate((*by, *self.split))}
        rows = self.found.filter(only) if only else self.found
        grouped = rows.order_by().values(**names).annotate(**aggregates) if names else rows.order_by()
        if names:
            return list(grouped.values_list(*names, *aggregates))
        return [tuple(rows.aggregate(**aggregates).values())]


class Reader:
    """Reads rows in a scope; a person or a label that it names is looked up once."""

    def __init__(self, scope: Scope) -> None:
        self.scope = scope
        self._of: FilteredScope | None = None

    def rows(self, first: date, last: date, split: str = "") -> Rows:
        """Return the rows of these days in the smallest table that has the filters and the split."""
        used = {name for name in TOKEN_FILTERS if getattr(self.scope, name)} | ({split} & TOKEN_FILTERS)
        of_all = self.scope.owner_id is None
        centres = self.filtered().cost_centres
        if of_all and used <= {"kind"} and (centres is not None or split == "cost_centre"):
            found = self._cells(DayCostCentre.objects.filter(_of_centres(centres)))
            return Rows(found.filter(day__range=(first, last)), OF_CELLS[split] if split else ())
        of_all = of_all and centres is None and split != "cost_centre"
        if of_all and used <= {"kind"}:
            found = self._cells(DayModel.objects.all())
            return Rows(found.filter(day__range=(first, last)), OF_CELLS[split] if split else ())
        if of_all and used <= {"kind", "group"} and len(values_of(self.scope.group)) < 2:
            found = self._cells(DayGroup.objects.filter(self._one_group()))
            return Rows(found.filter(day__range=(first, last)), OF_CELLS[split] if split else ())
        return self._by_token(first, last, split)

    def _cells(self, cells: QuerySet[Any]) -> QuerySet[Any]:
        """Keep what the filters on models and kinds of key name."""
        kinds = [kind for value in values_of(self.scope.kind) for kind in value.replace(NONE, "").split(",")]
        models = self.filtered().models
        return cells.filter(Q(kind__in=kinds) if kinds else Q(), Q() if models is None else Q(model__in=models))

    def _one_group(self) -> Q:
        (name,) = values_of(self.scope.group) or ("",)
        if not name:
            return Q()
        return Q(group_number=0) if name == NONE else Q(group_number__in=Group.objects.filter(name=name).values("pk"))

    def _by_token(self, first: date, last: date, split: str) -> Rows:
        of = self.filtered()
        model: type[Fact | DayToken] = Fact if of.needs_facts or split in OF_FACT else DayToken
        found: QuerySet[Any] = model._default_manager.filter(day__range=(first, last))
        if of.token_refs is not None:
            found = found.filter(token_ref__in=of.token_refs)
        if of.models is not None:
            found = found.filter(model__in=of.models)
        found = found.filter(_of_centres(of.cost_centres))
        if split == "group" and self.scope.group:
            found = found.filter(self._groups())
        return Rows(found, (MODELS | TOKENS)[split] if split else ())

    def tokens(self, split: str) -> QuerySet[TokenRef]:
        """Return the tokens within the filters."""
        of, tokens = self.filtered(), TokenRef.objects.all()
        found = tokens if of.token_refs is None else tokens.filter(Q(pk__in=of.token_refs))
        return found.filter(self._groups("")) if split == "group" and self.scope.group else found

    def _groups(self, prefix: str = "token_ref__") -> Q:
        """Match the filtered groups only: their people are in others, too."""
        names, groups = values_of(self.scope.group), f"{prefix}owner__groups"
        without = Q(**{groups: None}) if NONE in names else Q()
        return Q(**{f"{groups}__name__in": names}) | without

    def filtered(self) -> FilteredScope:
        """Return the filters; where they are of few tokens, these by number."""
        if self._of is None:
            of = self.scope.filtered()
            if isinstance(of.token_refs, QuerySet):
                few = list(of.token_refs.values_list("pk", flat=True)[: FEW_TOKENS + 1])
                of = of if len(few) > FEW_TOKENS else replace(of, token_refs=few)
            self._of = of
        return self._of


def _of_centres(numbers: tuple[int, ...] | None) -> Q:
    return Q() if numbers is None else Q(cost_centre_number__in=numbers)
