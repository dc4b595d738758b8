"""Counts different people and keys: unions of the sets that the rollups keep of each day (ADR 41)."""

from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable
from datetime import date
from typing import Any, Final, NamedTuple

from django.db.models import Count, F, Q
from django.db.models.expressions import Combinable

from usage.bitsets import bits_of, numbers_in, unpacked
from usage.models import ALL_CENTRES, ALL_MODELS, DaySet, TokenRef, UsedModel
from usage.periods import Period
from usage.queries.metrics import Amount
from usage.queries.splits import OF_FACT, TOKEN_COLUMNS, Reader

Part = tuple[Any, ...]
ITEM: Final[dict[str, Combinable]] = {"people": F("owner"), "keys": F("key")}
EVERY: Final = -1  # all bits
SETS: Final = ("people", "tokens")


class Used(NamedTuple):
    """Sets of people and of tokens, as bits."""

    people: int = 0
    tokens: int = 0


class Among(NamedTuple):
    """Who counts: people and tokens each by their bit; those of `shared`, several of one, by the item of each."""

    people: int = 0
    tokens: int = 0
    shared: int = 0


Days = dict[date, dict[Part, Used]]  # by part where the split is of facts; else all under ()


class Distinct:
    """The different people, or keys, of a scope; a token without a key counts as one, without an owner as nobody.

    The tokens are read only where a filter, or the split, depends on them. Up to six queries.
    """

    def __init__(self, counts: str, reader: Reader, split: str) -> None:
        self.counts, self.split = counts, split
        self.of = reader.filtered()
        self.items: dict[int, Hashable] = {}  # the person or key of tokens
        self.parts: dict[int, list[Part]] = defaultdict(list)
        self.tokens_in: dict[Part, list[int]] = defaultdict(list)
        self._tokens_of: dict[Hashable, int] = {}
        if self.of.token_refs is not None or split not in OF_FACT:
            self._read_tokens(reader.tokens(split))
        elif counts == "keys":
            several = (
                TokenRef.objects.order_by().values("key").annotate(n=Count("pk")).filter(n__gt=1, key__isnull=False)
            )
            self.items = dict(TokenRef.objects.filter(key__in=several.values("key")).values_list("pk", "key"))
        self.scope = EVERY if self.of.token_refs is None else bits_of(self.items)
        self.all = self._all()

    def _read_tokens(self, tokens: Any) -> None:
        columns = {f"by_{number}": column for number, column in enumerate(TOKEN_COLUMNS.get(self.split, ()))}
        rows = tokens.order_by("pk").annotate(item=ITEM[self.counts], **columns).values_list("pk", "item", *columns)
        for token, item, *part in rows:
            self.items[token] = token if item is None and self.counts == "keys" else item
            self.parts[token].append(tuple(part))
            self.tokens_in[tuple(part)].append(token)

    def _all(self) -> Among:
        if self.of.token_refs is not None:
            return self.among(self.items)
        if self.counts == "people":
            return Among(people=EVERY)
        shared = self.among(self.items).shared
        return Among(tokens=~shared, shared=shared)

    def among(self, tokens: Iterable[int]) -> Among:
        """Return whom these tokens stand for.

        A person all of whose tokens are among them needs no look at these; nor does a key with one of them. Somebody
        who has lost their last token since the tokens were read is counted by it.
        """
        found = list(tokens)
        number = Counter(self.items[token] for token in found)
        if self.counts == "keys":
            shared = bits_of(token for token in found if number[self.items[token]] > 1)
            return Among(tokens=bits_of(found) & ~shared, shared=shared)
        if not self._tokens_of:
            self._tokens_of = dict(TokenRef.objects.order_by().values_list("owner").annotate(Count("pk")))
        whole: set[Any] = {item for item, n in number.items() if item is not None and n == self._tokens_of.get(item)}
        shared = bits_of(token for token in found if self.items[token] not in whole)
        return Among(people=bits_of(whole), shared=shared)

    def count(self, used: Used, among: Among) -> Amount:
        """Count the different ones of `used` that are among these."""
        alone = (used.people & among.people).bit_count() + (used.tokens & among.tokens).bit_count()
        others = {self.items[token] for token in numbers_in(used.tokens & among.shared)}
        return Amount(alone + len(others - {None}))

    def days(self, period: Period, *, by_part: bool = True) -> Days:
        """Read the sets of each day; one query, by provider two."""
        split, of = self.split if by_part else "", self.of
        rows = DaySet.objects.filter(day__range=(period.first_day, period.last_day))
        if of.models is not None:
            rows = rows.filter(model_number__in=of.models.values("pk"))
        else:
            every = Q(model_number=ALL_MODELS)
            rows = rows.filter(~every if split in ("model", "provider") else every)
        if of.cost_centres is not None:
            rows = rows.filter(cost_centre_number__in=of.cost_centres)
        else:
            every = Q(cost_centre_number=ALL_CENTRES)
            rows = rows.filter(~every if split == "cost_centre" else every)
        providers = dict(UsedModel.objects.values_list("pk", "provider")) if split == "provider" else {}
        found: Days = defaultdict(dict)
        for day, model, centre, *sets in rows.values_list("day", "model_number", "cost_centre_number", *SETS):
            parts = {"model": (model,), "provider": (providers.get(model),), "cost_centre": (centre,)}
            part, of_day = parts.get(split, ()), found[day]
            of_day[part] = united([of_day.get(part, Used()), Used(*map(unpacked, sets))])
        return found

    def by_part(self, days: Days) -> dict[Part, Amount]:
        """Count in each part of the split, over all days."""
        if self.split in OF_FACT:
            used: dict[Part, list[Used]] = defaultdict(list)
            for of_day in days.values():
                for part, each in of_day.items():
                    used[part].append(each)
            unions = {part: united(sets) for part, sets in used.items()}
            return {part: self.count(union, self.all) for part, union in unions.items() if union.tokens & self.scope}
        items: dict[Part, set[Hashable]] = defaultdict(set)
        for token in numbers_in(united(_of(days.values())).tokens & self.scope):
            for part in self.parts[token]:
                items[part].add(self.items[token])
        return {part: Amount(len(found - {None})) for part, found in items.items()}

    def by_bucket(self, days: Days, bucket_of: Callable[[date], date], part: Part | None = None) -> dict[date, Amount]:
        """Count in each bucket, of all parts or of one."""
        among, only = self.all, part if self.split in OF_FACT else None
        if part is not None and only is None:
            among = self.among(self.tokens_in[part])
        buckets: dict[date, list[Used]] = defaultdict(list)
        for day, of_day in days.items():
            buckets[bucket_of(day)] += of_day.values() if only is None else [of_day.get(only, Used())]
        return {bucket: self.count(united(sets), among) for bucket, sets in buckets.items()}

    def total(self, days: Days) -> Amount:
        """Count over all days."""
        return self.count(united(_of(days.values())), self.all)


def united(sets: Iterable[Used]) -> Used:
    """Unite all of these."""
    people = tokens = 0
    for each in sets:
        people |= each.people
        tokens |= each.tokens
    return Used(people, tokens)


def _of(days: Iterable[dict[Part, Used]]) -> Iterable[Used]:
    return (each for of_day in days for each in of_day.values())
