"""Apply budgets to all people with keys at once, which the sweep does for a hundred people a run (ADR 24)."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from django.db.models import Exists, OuterRef

from accounts.models import User
from accounts.policies import Allowances
from keys.models import Key, PersonBudget, Token
from keys.services.delete import AT_THE_GATEWAY
from keys.services.person_budget import check_budget, is_current
from keys.services.uncounted import spent_in_period_usd


@dataclass(frozen=True, slots=True, kw_only=True)
class Adoption:
    """The budget that a person would get at the gateway, and how many of their secrets would begin to count in it."""

    owner: User
    budget_usd: Decimal | None  # None: a limit that the policy no longer has is to be lifted
    period: str
    is_new: bool  # they had no budget before
    joining: int


def unadopted() -> Iterator[Adoption]:
    """Yield people with keys whose budget at the gateway is not their policy’s, according to our rows."""
    allowances = Allowances.load()
    rows = {row.owner_id: row for row in PersonBudget.objects.all()}
    outside = _outside()
    have_keys = Exists(Key.objects.live().of_people().filter(owner=OuterRef("pk")))
    for owner in User.objects.filter(have_keys, anonymised_at=None).order_by("username"):
        allowance, row = allowances.of(owner.pk), rows.get(owner.pk)
        joining = outside[owner.pk] if allowance.person_budget_usd is not None else 0
        if is_current(row, allowance) and not joining:
            continue
        yield Adoption(
            owner=owner,
            budget_usd=allowance.person_budget_usd,
            period=allowance.person_budget_period,
            is_new=row is None or row.budget_usd is None,
            joining=joining,
        )


def spent_usd(adoption: Adoption) -> Decimal:
    """Read from the gateway what the person has spent in this period. Raises GatewayUnavailable or GatewayRejected."""
    return spent_in_period_usd(adoption.owner, adoption.period)


def adopt(adoption: Adoption) -> PersonBudget.State:
    """Write the person's budget to the gateway and add their keys to the team; return how it is enforced. Idempotent.

    Raises GatewayUnavailable or GatewayRejected.
    """
    check_budget(adoption.owner)
    return PersonBudget.State(PersonBudget.objects.get(owner=adoption.owner).state)


def _outside() -> Counter[int]:
    """Return how many working secrets of each person count in no team."""
    tokens = Token.objects.filter(state__in=AT_THE_GATEWAY, in_team=False, key__team=None).exclude(
        key__kind=Key.Kind.EXTERNAL
    )
    return Counter(tokens.values_list("key__owner", flat=True))
