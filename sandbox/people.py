"""Users and teams that the sandbox knows."""

import sqlite3
from dataclasses import replace
from decimal import Decimal

from sandbox.clock import Clock
from sandbox.database import insert
from sandbox.records import Team, User, decode, encode


class People:
    """Find and add users and teams."""

    def __init__(self, database: sqlite3.Connection, clock: Clock) -> None:
        self._db = database
        self._clock = clock

    def user(self, user_id: str | None) -> User | None:
        """Return a user, or None when the gateway has no row of that id."""
        row = self._db.execute("SELECT * FROM users WHERE user_id = ?", (user_id,)).fetchone()
        return None if row is None else decode(User, row)

    def team(self, team_id: str | None) -> Team | None:
        """Return a team, or None."""
        row = self._db.execute("SELECT * FROM teams WHERE team_id = ?", (team_id,)).fetchone()
        return None if row is None else decode(Team, row)

    def add_user(self, user: User) -> None:
        """Store a new user."""
        insert(self._db, "users", user)

    def add_team(self, team: Team) -> None:
        """Store a new team."""
        insert(self._db, "teams", team)

    def change_team(self, team: Team, **changes: object) -> Team:
        """Store some fields of a team anew and return it."""
        names = ", ".join(f"{name} = ?" for name in changes)
        values = [encode(value) for value in changes.values()]
        self._db.execute(f"UPDATE teams SET {names} WHERE team_id = ?", (*values, team.team_id))  # noqa: S608  # fields
        return replace(team, **changes)  # type: ignore[arg-type]  # SQLite knows the names, as just seen

    def charge(self, user_id: str, spend_pusd: int) -> None:
        """Add to what a user has spent; unknown users have no account."""
        self._db.execute("UPDATE users SET spend_pusd = spend_pusd + ? WHERE user_id = ?", (spend_pusd, user_id))

    @staticmethod
    def over_budget(user: User) -> bool:
        """Say whether the user's own budget is used up."""
        return user.max_budget is not None and Decimal(user.spend_pusd).scaleb(-12) >= user.max_budget
