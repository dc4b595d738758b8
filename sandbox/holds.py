"""The possible cost of running calls: reserved in each budget before a call, settled after it.

As in LiteLLM: the cost of the prompt and the longest answer, but never more than a budget has left.
The call that takes the rest is admitted, and the next one refused, however many come at once.
"""

from dataclasses import dataclass

from sandbox.config import pusd
from sandbox.records import Key, Team

MOST_TOKENS = 16_384  # of an answer without a limit


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """A budget in which a call counts."""

    id: str  # of the key, or of the team
    holder: str  # its name in a refusal: "Key=…", "Team=…"
    max_pusd: int
    spend_pusd: int


def budgets_of(key: Key, team: Team | None) -> list[Budget]:
    """Return the budgets of a key and of its team, if they have one, in the order of LiteLLM's checks."""
    found = []
    if key.max_budget is not None:
        holder = f"Key={key.alias or 'key'} ({key.key_name})"
        found.append(Budget(id=key.token, holder=holder, max_pusd=pusd(key.max_budget), spend_pusd=key.spend_pusd))
    if team is not None and team.max_budget:  # of 0: no limit, unlike with a key
        holder = f"Team={team.team_id}"
        found.append(Budget(id=team.team_id, holder=holder, max_pusd=pusd(team.max_budget), spend_pusd=team.spend_pusd))
    return found


class Holds:
    """The reservations, by holder."""

    def __init__(self) -> None:
        self._held: dict[str, int] = {}

    def clear(self) -> None:
        """Delete all reservations."""
        self._held.clear()

    def spent(self, budget: Budget) -> int:
        """Return the spent or reserved amount of a budget."""
        return budget.spend_pusd + self._held.get(budget.id, 0)

    def take(self, budgets: list[Budget], most_pusd: int) -> int:
        """Reserve the maximum cost of a call, in each; return the amount."""
        held = min([most_pusd, *(max(0, budget.max_pusd - self.spent(budget)) for budget in budgets)])
        for budget in budgets:
            self._held[budget.id] = self._held.get(budget.id, 0) + held
        return held

    def release(self, budgets: list[Budget], held_pusd: int) -> None:
        """Release a reservation."""
        for budget in budgets:
            self._held[budget.id] = max(0, self._held.get(budget.id, 0) - held_pusd)
