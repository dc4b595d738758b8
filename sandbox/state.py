"""The state of a sandbox process."""

import sqlite3
from collections import deque

from starlette.requests import Request

from sandbox.clock import Clock
from sandbox.config import Config
from sandbox.connections import Connections
from sandbox.database import connect, empty
from sandbox.failures import MOST_CALLS, LoggedCall
from sandbox.faults import Faults
from sandbox.holds import Holds
from sandbox.keyring import Keyring
from sandbox.ledger import Ledger
from sandbox.limits import Limits
from sandbox.people import People


class State:
    """The state behind the routes; `issued` keeps secrets only when the configuration says so, and only in memory."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.clock = Clock()
        self.database: sqlite3.Connection = connect(config.data)
        self.keys = Keyring(self.database, self.clock)
        self.people = People(self.database, self.clock)
        self.ledger = Ledger(self.database, self.clock, self.keys, self.people, config.spend_delay_s)
        self.faults = Faults()
        self.limits = Limits(self.clock)
        self.holds = Holds()
        self.connections = Connections()
        self.issued: list[str] = []
        self.call_log: deque[LoggedCall] = deque(maxlen=MOST_CALLS)
        self.short_lifetimes = False  # a new key ends with tomorrow, as in LiteLLM 1.80.11 near a month's end

    def remember(self, secret: str) -> None:
        """Keep a new secret for `/sandbox/issued_secrets`, if configured."""
        if self.config.remember_secrets:
            self.issued.append(secret)

    def reset(self) -> None:
        """Reset to an empty gateway, present time, no faults."""
        empty(self.database)
        self.clock.offset_s = 0.0
        self.faults.clear()
        self.limits.clear()
        self.holds.clear()
        self.connections = Connections()
        self.issued.clear()
        self.call_log.clear()
        self.short_lifetimes = False


def state_of(request: Request) -> State:
    """Return the state behind a request."""
    state = request.app.state.state
    if not isinstance(state, State):
        raise TypeError("the application was built without a State")
    return state
