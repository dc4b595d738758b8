"""The users and teams of the sandbox."""

import sqlite3
from dataclasses import replace
from decimal import Decimal

from sandbox.clock import Clock, stamp
from sandbox.database import insert
from sandbox.durations import next_reset
from sandbox.records import Team, User, decode, encode


class People:
    """Finds and adds users and teams."""

    def __init__(self, database: sqlite3.Connection, clock: Clock) -> None:
        self._db = database
        self._clock = clock

    def user(self, user_id: str | None) -> User | None:
        """Return a user, or None when the gateway has no row with that id."""
        row = self._db.execute("SELECT * FROM users WHERE user_id = ?", (user_id,)).fetchone()
        return None if row is None else decode(User, row)

    def team(self, team_id: str | None) -> Team | None:
        """Return a team, or None."""
        self._renew_budgets()
        row = self._db.execute("SELECT * FROM teams WHERE team_id = ?", (team_id,)).fetchone()
        return None if row is None else decode(Team, row)

    def all_teams(self) -> list[Team]:
        """Return all teams, by their id."""
        self._renew_budgets()
        return [decode(Team, row) for row in self._db.execute("SELECT * FROM teams ORDER BY team_id")]

    def add_user(self, user: User) -> None:
        """Store a new user."""
        insert(self._db, "users", user)

    def add_team(self, team: Team) -> None:
        """Store a new team."""
        insert(self._db, "teams", team)

    def change_team(self, team: Team, **changes: object) -> Team:
        """Update some fields of a team and return it."""
        names = ", ".join(f"{name} = ?" for name in changes)
        values = [encode(value) for value in changes.values()]
        self._db.execute(f"UPDATE teams SET {names} WHERE team_id = ?", (*values, team.team_id))  # noqa: S608  # fields
        return replace(team, **changes)  # type: ignore[arg-type]  # SQLite knows the names, as just seen

    def charge(self, user_id: str, spend_pusd: int) -> None:
        """Add to a user's spend; unknown users have no account."""
        self._db.execute("UPDATE users SET spend_pusd = spend_pusd + ? WHERE user_id = ?", (spend_pusd, user_id))

    def charge_team(self, team_id: str | None, spend_pusd: int) -> None:
        """Add to the spend of a team's keys, including keys that are deleted later."""
        self._db.execute("UPDATE teams SET spend_pusd = spend_pusd + ? WHERE team_id = ?", (spend_pusd, team_id))

    def report_team(self, team_id: str | None, spend_pusd: int) -> None:
        """Make `/team/info` report this additional spend; the budget may have been reset since."""
        report = "UPDATE teams SET seen_pusd = min(seen_pusd + ?, spend_pusd) WHERE team_id = ?"
        self._db.execute(report, (spend_pusd, team_id))

    def delete_team(self, team: Team) -> None:
        """Delete a team; the caller deletes its keys."""
        self._db.execute("DELETE FROM teams WHERE team_id = ?", (team.team_id,))

    def _renew_budgets(self) -> None:
        now = self._clock.now()
        due = self._db.execute("SELECT * FROM teams WHERE budget_reset_at <= ?", (stamp(now),)).fetchall()
        for team in [decode(Team, row) for row in due]:
            reset = next_reset(now, team.budget_duration or "30d")
            self.change_team(team, spend_pusd=0, seen_pusd=0, budget_reset_at=reset)

    @staticmethod
    def over_budget(user: User) -> bool:
        """Say whether the user's own budget is used up."""
        return user.max_budget is not None and Decimal(user.spend_pusd).scaleb(-12) >= user.max_budget
