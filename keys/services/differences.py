"""What else differs at the gateway after an old copy of the database was restored: limits, budgets, unknown owners.

`run_sync` compares which keys there are, their ends and blocks; the rest is what people changed since the copy.
"""

from collections import Counter
from dataclasses import dataclass, field

from accounts.audit import BY_THE_PORTAL
from accounts.models import AuditAction, AuditOutcome, User
from gateway.django import get_gateway
from gateway.errors import GatewayRejected
from gateway.types import KeyInfo
from keys.models import ALIAS_PREFIX, Key, PersonBudget, Team, Token
from keys.services.key_limits import Limits, limits_in, limits_on
from keys.services.person_budget import check_budget, has_team, is_as_written
from keys.services.trail import audit


@dataclass(slots=True, kw_only=True)
class Differences:
    """The findings. Ids of keys, people, and how many keys at the gateway belong to what is not in the copy."""

    limits: list[Key] = field(default_factory=list)  # taken over from the gateway
    budgets: list[User] = field(default_factory=list)  # written to the gateway again
    of_unknown_people: int = 0  # keys, left alone
    of_unknown_courses: Counter[str] = field(default_factory=Counter)  # keys by team id, listed as external

    @property
    def any(self) -> bool:
        """Whether there are some."""
        return bool(self.limits or self.budgets or self.of_unknown_people or self.of_unknown_courses)


def take_over_limits() -> Differences:
    """Take over the limits that keys have at the gateway, and count keys of people and courses that are not here.

    The hourly `keys.apply_policies` then writes what the policies say. Call it after a sync. Idempotent. Raises what
    the gateway client raises.
    """
    found = Differences()
    people = set(User.objects.values_list("gateway_user_id", flat=True))
    teams = {team.gateway_id for team in Team.objects.only("pk")}
    for info in get_gateway().keys.list(unreadable=[]):
        is_ours = (info.alias or "").startswith(ALIAS_PREFIX)
        if is_ours and info.user_id not in people:
            found.of_unknown_people += 1
        elif (info.team_id or "").startswith(f"{ALIAS_PREFIX}team-") and info.team_id not in teams:
            found.of_unknown_courses[info.team_id or ""] += 1
        elif is_ours and (key := _with_other_limits(info)):
            found.limits.append(key)
    return found


def write_budgets_again(found: Differences) -> None:
    """Write the budgets over all keys of a person that their team at the gateway does not have. Idempotent.

    The teams of anonymised people are deleted by the sweep, and may be gone since the copy.
    """
    budgets = PersonBudget.objects.filter(owner__anonymised_at=None).select_related("owner")
    for row in budgets.order_by("owner__username"):
        if not has_team(row):
            continue
        try:
            if not is_as_written(row):
                check_budget(row.owner)
                found.budgets.append(row.owner)
        except GatewayRejected:  # it has no teams: the sweep counts in another way
            continue


def _with_other_limits(info: KeyInfo) -> Key | None:
    """Take over the limits of a live key if they differ from its row; return it then."""
    token = Token.objects.filter(token=info.token, state=Token.State.LIVE).select_related("key__owner").first()
    if token is None or token.key.kind == Key.Kind.EXTERNAL or token.key.team_id or token.key.renewing_since:
        return None
    there, here = limits_in(info), limits_on(token.key)
    if _comparable(there) == _comparable(here):
        return None
    Key.objects.filter(pk=token.key_id, renewing_since=None).update(**there._asdict())
    audit(BY_THE_PORTAL, AuditAction.LIMIT, AuditOutcome.DONE, token.key)
    return token.key


def _comparable(limits: Limits) -> Limits:
    """Order the models, and leave out the period of a budget that is not there."""
    names = None if limits.model_names is None else sorted(limits.model_names)
    return limits._replace(
        model_names=names, budget_period=limits.budget_period if limits.budget_usd is not None else ""
    )
