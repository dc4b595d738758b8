"""What calls under way may yet cost: reserved in each budget before a call, settled after it.

As LiteLLM does it: so much as the prompt and the most tokens of an answer cost, but never more than a budget has left.
The call that takes the rest is let in, and the next one refused, however many come at once.
"""

from dataclasses import dataclass

from sandbox.config import pusd
from sandbox.records import Key, Team

MOST_TOKENS = 16_384  # of an answer without a limit


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """One that a call is counted in."""

    id: str  # of the key, or of the team
    holder: str  # as a refusal names it: "Key=…", "Team=…"
    max_pusd: int
    spend_pusd: int


def budgets_of(key: Key, team: Team | None) -> list[Budget]:
    """Return the budgets of a key and of its team, where they have one, in the order of LiteLLM's checks."""
    found = []
    if key.max_budget is not None:
        holder = f"Key={key.alias or 'key'} ({key.key_name})"
        found.append(Budget(id=key.token, holder=holder, max_pusd=pusd(key.max_budget), spend_pusd=key.spend_pusd))
    if team is not None and team.max_budget:  # of 0: no limit, other than with a key
        holder = f"Team={team.team_id}"
        found.append(Budget(id=team.team_id, holder=holder, max_pusd=pusd(team.max_budget), spend_pusd=team.spend_pusd))
    return found


class Holds:
    """What is reserved, by holder."""

    def __init__(self) -> None:
        self._held: dict[str, int] = {}

    def clear(self) -> None:
        """Forget all calls."""
        self._held.clear()

    def spent(self, budget: Budget) -> int:
        """Return what is spent or reserved of a budget."""
        return budget.spend_pusd + self._held.get(budget.id, 0)

    def take(self, budgets: list[Budget], most_pusd: int) -> int:
        """Reserve what a call may cost at most, in each; return how much that is."""
        held = min([most_pusd, *(max(0, budget.max_pusd - self.spent(budget)) for budget in budgets)])
        for budget in budgets:
            self._held[budget.id] = self._held.get(budget.id, 0) + held
        return held

    def release(self, budgets: list[Budget], held_pusd: int) -> None:
        """Give a reservation back."""
        for budget in budgets:
            self._held[budget.id] = max(0, self._held.get(budget.id, 0) - held_pusd)
