"""Writes a complete day: facts, their sums, their owners and the hours of courses, in one transaction."""

from collections.abc import Sequence
from decimal import Decimal
from itertools import cycle
from typing import Any, Final

from django.db import transaction
from django.db.models import Max, QuerySet, Sum
from django.utils import timezone

from usage.models import COLOURS, MEASURES, DayModel, Fact, TokenRef, UsageState, UsedModel
from usage.services.attribute import attribute_tokens
from usage.services.cost_centres import stamp_cost_centres
from usage.services.day_reader import NAMES_AT_ONCE, DayUsage, TokenInfo, in_parts
from usage.services.growth import record_growth, requests_seen
from usage.services.hours import count_hours
from usage.services.owners import facts_by_owner
from usage.services.rollups import roll_up
from usage.services.state import lock_state, mark_changed
from usage.services.upsert import upsert_changes

LEAST_SHARE: Final = Decimal("0.8")  # of the requests that a day had; fewer mean that the gateway has lost some


def shrinks(day_usage: DayUsage) -> bool:
    """Return whether a day has far fewer requests than before: no correction does that, but another gateway does."""
    sums = DayModel.objects.filter(day=day_usage.day).aggregate(ok=Sum("ok_requests"), failed=Sum("failed_requests"))
    before = (sums["ok"] or 0) + (sums["failed"] or 0)
    return day_usage.totals()[3] < before * LEAST_SHARE


@transaction.atomic
def write_day(day_usage: DayUsage, *, keep: bool = False) -> int:
    """Replace the facts of a day by those of `day_usage`; return how many were created, changed or deleted. Idempotent.

    With `keep`, a reported fact counts only if it is larger: no fact is deleted, none gets fewer requests.
    """
    lock_state()
    state = UsageState.load()
    if state.daily_from and day_usage.day < state.daily_from:  # summed up while it was read
        return 0
    models = _models({model for _, model in day_usage.facts})
    if _update_token_refs(day_usage.token_info):
        attribute_tokens()
    facts: dict[tuple[Any, ...], Sequence[Any]] = {
        (token_ref, models[model]): amounts for (token_ref, model), amounts in facts_by_owner(day_usage).items()
    }
    stored = Fact.objects.filter(day=day_usage.day)
    if keep:
        _keep_larger(stored, facts)
    seen = requests_seen(day_usage.day)
    newest = Fact.objects.aggregate(newest=Max("pk"))["newest"] or 0
    written = upsert_changes(stored, facts, key=("token_ref_id", "model_id"), fixed={"day": day_usage.day}).rows
    written += stamp_cost_centres(day_usage.day, after=newest)
    if written:
        roll_up(day_usage.day)
        count_hours(day_usage.day, since=state.last_ok_at, now=timezone.now())
        record_growth(day_usage.day, seen)
        mark_changed()
    return written


def _keep_larger(stored: QuerySet[Fact], facts: dict[tuple[Any, ...], Sequence[Any]]) -> None:
    """Add the stored facts to `facts` where these have none, or fewer requests."""
    places = [MEASURES.index("ok_requests"), MEASURES.index("failed_requests")]
    for token_ref, model, *amounts in stored.values_list("token_ref_id", "model_id", *MEASURES).iterator(
        chunk_size=2000
    ):
        reported = facts.get((token_ref, model))
        if reported is None or sum(reported[place] for place in places) < sum(amounts[place] for place in places):
            facts[token_ref, model] = amounts


def _models(names: set[str]) -> dict[str, int]:
    """Return the ids of models, creating new ones."""
    known = dict(UsedModel.objects.values_list("name", "pk"))
    new = sorted(names - known.keys())
    made = []
    if new:
        colours = cycle(_free_colours())
        made = UsedModel.objects.bulk_create([UsedModel(name=name, colour=next(colours)) for name in new])
    return known | {model.name: model.pk for model in made}


def _free_colours() -> list[int]:
    """Return the colours in the order in which new models get them: unused ones first, then by least spend."""
    spent = UsedModel.objects.values_list("colour").annotate(spent=Sum("days__spend_usd"))
    found = {colour: (True, usd or Decimal(0)) for colour, usd in spent}
    return sorted(range(1, COLOURS + 1), key=lambda colour: (*found.get(colour, (False, Decimal(0))), colour))


def _update_token_refs(token_info: dict[str, TokenInfo]) -> bool:
    """Create rows of new tokens, and update the names and owners of the others; return whether anything changed."""
    known: set[str] = set()
    changed: list[TokenRef] = []
    for part in in_parts(token_info):
        present = TokenRef.objects.filter(token__in=part, until=None)
        for token_ref in present.only("token", "alias", "gateway_user_id"):
            known.add(token_ref.token)
            if _renamed(token_ref, token_info[token_ref.token]):
                changed.append(token_ref)
    TokenRef.objects.bulk_update(changed, ["alias", "gateway_user_id"], batch_size=100)
    missing = (TokenRef(token=token, **info._asdict()) for token, info in token_info.items() if token not in known)
    made = TokenRef.objects.bulk_create(list(missing), batch_size=NAMES_AT_ONCE)
    return bool(made or changed)


def _renamed(token_ref: TokenRef, info: TokenInfo) -> bool:
    """Take over name and owner of a token; empty ones, as of deleted keys, change nothing."""
    before = (token_ref.alias, token_ref.gateway_user_id)
    token_ref.alias = info.alias or token_ref.alias
    token_ref.gateway_user_id = info.gateway_user_id or token_ref.gateway_user_id
    return before != (token_ref.alias, token_ref.gateway_user_id)
