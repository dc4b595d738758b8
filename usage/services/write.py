"""Writes a day that was read whole: facts, their sums, and whose they are, in one transaction."""

from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from itertools import cycle, islice
from typing import Any, Final

from django.db import transaction
from django.db.models import QuerySet, Sum

from usage.models import COLOURS, MEASURES, DayModel, Fact, Source, UsedModel
from usage.services.attribute import attribute_sources
from usage.services.rollups import roll_up
from usage.services.rows import put_difference
from usage.services.state import lock_state, mark_changed
from usage.services.told import About, ToldDay

LEAST_SHARE: Final = Decimal("0.8")  # of the requests that a day had; with fewer it is not the same day any more
NAMES_AT_ONCE = 500  # SQLite takes 999 values in a statement


def shrinks(told: ToldDay) -> bool:
    """Tell whether a day has far fewer requests than it had: no correction does that, but another gateway does."""
    sums = DayModel.objects.filter(day=told.day).aggregate(ok=Sum("ok_requests"), failed=Sum("failed_requests"))
    before = (sums["ok"] or 0) + (sums["failed"] or 0)
    return told.totals()[3] < before * LEAST_SHARE


@transaction.atomic
def write_day(told: ToldDay, *, keep: bool = False) -> int:
    """Make the facts of a day what was told; return how many were made, changed or removed. The same again: none.

    With `keep`, what was told counts only where it is more: no fact is removed, none gets fewer requests.
    """
    lock_state()
    models = _models({model for _, model in told.facts})
    sources, new = _sources(told.about)
    facts: dict[tuple[Any, ...], Sequence[Any]] = {
        (sources[token], models[model]): amounts for (token, model), amounts in told.facts.items()
    }
    stored = Fact.objects.filter(day=told.day)
    if keep:
        _keep_larger(stored, facts)
    written = put_difference(stored, facts, key=("source_id", "model_id"), fixed={"day": told.day}).rows
    if new:
        attribute_sources()
    if written:
        roll_up(told.day)
        mark_changed()
    return written


def _keep_larger(stored: QuerySet[Fact], facts: dict[tuple[Any, ...], Sequence[Any]]) -> None:
    """Put into `facts` what is stored where they have nothing, or fewer requests."""
    places = [MEASURES.index("ok_requests"), MEASURES.index("failed_requests")]
    for source, model, *amounts in stored.values_list("source_id", "model_id", *MEASURES).iterator(chunk_size=2000):
        told = facts.get((source, model))
        if told is None or sum(told[place] for place in places) < sum(amounts[place] for place in places):
            facts[source, model] = amounts


def _models(names: set[str]) -> dict[str, int]:
    """Return the ids of models, new ones made."""
    known = dict(UsedModel.objects.values_list("name", "pk"))
    new = sorted(names - known.keys())
    made = []
    if new:
        colours = cycle(_free_colours())
        made = UsedModel.objects.bulk_create([UsedModel(name=name, colour=next(colours)) for name in new])
    return known | {model.name: model.pk for model in made}


def _free_colours() -> list[int]:
    """Return the colours in the order in which new models take them: those of none first, then by least spend."""
    spent = UsedModel.objects.values_list("colour").annotate(spent=Sum("days__spend_usd"))
    found = {colour: (True, usd or Decimal(0)) for colour, usd in spent}
    return sorted(range(1, COLOURS + 1), key=lambda colour: (*found.get(colour, (False, Decimal(0))), colour))


def _sources(about: dict[str, About]) -> tuple[dict[str, int], bool]:
    """Return the ids of tokens, and whether any was new; what the gateway says of one anew is kept."""
    ids: dict[str, int] = {}
    changed: list[Source] = []
    for part in _parts(about):
        for source in Source.objects.filter(token__in=part).only("token", "alias", "gateway_user_id"):
            ids[source.token] = source.pk
            if _renamed(source, about[source.token]):
                changed.append(source)
    Source.objects.bulk_update(changed, ["alias", "gateway_user_id"], batch_size=100)
    missing = (Source(token=token, **told._asdict()) for token, told in about.items() if token not in ids)
    made = Source.objects.bulk_create(list(missing), batch_size=NAMES_AT_ONCE)
    return ids | {source.token: source.pk for source in made}, bool(made or changed)


def _renamed(source: Source, told: About) -> bool:
    """Take over what is said of a token; silence, as about deleted keys, changes nothing."""
    before = (source.alias, source.gateway_user_id)
    source.alias = told.alias or source.alias
    source.gateway_user_id = told.gateway_user_id or source.gateway_user_id
    return before != (source.alias, source.gateway_user_id)


def _parts(tokens: Iterable[str]) -> Iterator[list[str]]:
    remaining = iter(tokens)
    while part := list(islice(remaining, NAMES_AT_ONCE)):
        yield part
