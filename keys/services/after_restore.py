"""All repairs after an old copy of the portal's database was restored, in order, with a report."""

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from keys.models import GatewayIdentity, Key, Token
from keys.services.differences import Differences, take_over_limits, write_budgets_again
from keys.services.restore import adopt_unanswered
from keys.services.sweep import sweep_keys
from keys.services.sync import run_sync


@dataclass(frozen=True, slots=True, kw_only=True)
class RestoreReport:
    """The findings; keys with their owner and tokens, oldest first."""

    adopted: list[Key]
    repaired: list[Key]
    updated: list[Key]
    lost: list[Key]
    deleted: int  # at the gateway
    unreadable: int
    differences: Differences  # of limits and budgets, and what is not in the copy

    @property
    def anything(self) -> bool:
        """Whether there was anything to do."""
        keys = self.adopted or self.repaired or self.updated or self.lost
        return bool(keys or self.deleted or self.unreadable or self.differences.any)


def repair_after_restore() -> RestoreReport:
    """Adopt keys created since the copy, mark those deleted since, level limits and budgets, finish the rest.

    Many keys may be missing at once, since the operator expects that. Idempotent. Raises what the gateway
    client raises, and GatewayChanged at another gateway; what was done until then stays.
    """
    under_way = set(Key.objects.filter(state=Key.State.ISSUING).values_list("pk", flat=True))
    under_way |= set(Key.objects.exclude(renewing_since=None).values_list("pk", flat=True))
    under_way |= set(Token.objects.filter(state=Token.State.ISSUING).values_list("key_id", flat=True))
    adopt_unanswered()
    GatewayIdentity.objects.filter(pk=1).update(absences_accepted=True)
    try:
        found = run_sync()
    finally:  # also where the gateway failed: a later sync is not to find keys missing without a question
        GatewayIdentity.objects.filter(pk=1).update(absences_accepted=False)
    differences = take_over_limits()
    write_budgets_again(differences)  # before the sweep, which would do some of it without a report
    sweep_keys()
    adopted = set(Token.objects.filter(token__in=found.adopted).values_list("key_id", flat=True))
    lost = Key.objects.filter(pk__in=found.gone, state__in=(Key.State.DELETING, Key.State.DELETED))
    return RestoreReport(
        adopted=_keys(adopted),
        repaired=_keys([*under_way, *found.revived]),
        updated=_keys(found.updated),
        lost=_keys(lost.values_list("pk", flat=True)),
        deleted=len(found.deleted),
        unreadable=len(found.unreadable),
        differences=differences,
    )


def _keys(ids: Iterable[UUID]) -> list[Key]:
    return list(
        Key.objects.filter(pk__in=list(ids)).select_related("owner").prefetch_related("tokens").order_by("created_at")
    )
