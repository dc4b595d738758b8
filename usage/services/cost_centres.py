"""Gives facts the cost centre that holds on their day: of the key's course, else of its owner, else of their groups."""

from collections import defaultdict
from datetime import date
from typing import Final

from accounts.cost_centres import group_codes_of_people
from accounts.models import GroupCostCentre, User
from courses.models import Course
from usage.models import CostCentre, Fact, TokenRef, utc_today

NONE: Final = 0
BATCH: Final = 1000  # tokens


def stamp_cost_centres(day: date, *, after: int) -> int:
    """Give facts of a day the cost centre that holds now; return how many got another one.

    All facts of today, but of an earlier day only those with an id larger than `after`, which are new: the others keep
    what held on their day. Call it in the transaction that wrote the facts.
    """
    if not (_any_code() or CostCentre.objects.exists()):
        return 0
    facts = Fact.objects.filter(day=day) if day >= utc_today() else Fact.objects.filter(day=day, pk__gt=after)
    stamped = list(facts.order_by().values_list("token_ref", "cost_centre_number").distinct())
    wanted = _numbers_of({token_ref for token_ref, _number in stamped})
    changed: dict[int, set[int]] = defaultdict(set)
    for token_ref, number in stamped:
        if wanted[token_ref] != number:
            changed[wanted[token_ref]].add(token_ref)
    return sum(
        facts.filter(token_ref__in=part).exclude(cost_centre_number=number).update(cost_centre_number=number)
        for number, token_refs in changed.items()
        for part in _parts(token_refs)
    )


def _any_code() -> bool:
    """Return whether anybody, any group or any course has a code now."""
    return (
        User.objects.exclude(cost_centre="").exists()
        or GroupCostCentre.objects.exists()
        or Course.objects.exclude(cost_centre="").exists()
    )


def _numbers_of(token_refs: set[int]) -> dict[int, int]:
    """Return the number of the cost centre of each token, 0 for none; creates the row of a new code."""
    of_groups = group_codes_of_people()
    codes: dict[int, str] = {}
    for part in _parts(token_refs):
        rows = TokenRef.objects.filter(pk__in=part).values_list(
            "pk", "owner", "owner__cost_centre", "key__team__course__cost_centre"
        )
        codes |= {pk: of_course or of_owner or of_groups.get(owner, "") for pk, owner, of_owner, of_course in rows}
    used = set(codes.values()) - {""}
    CostCentre.objects.bulk_create([CostCentre(code=code) for code in sorted(used)], ignore_conflicts=True)
    numbers = dict(CostCentre.objects.filter(code__in=used).values_list("code", "pk")) | {"": NONE}
    return {pk: numbers[code] for pk, code in codes.items()}


def _parts(token_refs: set[int]) -> list[list[int]]:
    in_order = sorted(token_refs)
    return [in_order[start : start + BATCH] for start in range(0, len(in_order), BATCH)]
