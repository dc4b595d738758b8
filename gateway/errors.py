"""The errors of the gateway client. Nothing else leaves the client, and no secret is in them.

Each can be made from the message alone, so that it survives pickling between Celery's processes.
"""

from typing import Literal

from gateway.types import Headers

Reason = Literal["unknown", "expired", "blocked", "other"]


class GatewayError(Exception):
    """Base of all errors of the client. `headers` are those of the failed response, where one came."""

    headers: Headers | None = None


class GatewayUnavailable(GatewayError):
    """Wait and try again: network, timeout, 5xx, or an answer that cannot be read.

    `may_have_happened` is False only if the request certainly had no effect: it never reached a gateway.
    `no_route` says that a server answered that there is nothing at this URL.
    """

    def __init__(
        self,
        message: str,
        *,
        may_have_happened: bool = True,
        timed_out: bool = False,
        provider: bool = False,
        no_route: bool = False,
    ) -> None:
        super().__init__(message)
        self.may_have_happened = may_have_happened
        self.timed_out = timed_out
        self.provider = provider  # a model's provider failed, the gateway itself works
        self.no_route = no_route


class GatewayUnreadable(GatewayUnavailable):
    """An answer, or a row of one, does not have the expected shape."""


class GatewayRejected(GatewayError):
    """The gateway, or the client on its behalf (status 0), refused. Do not repeat.

    `provider` says that it relayed a refusal of a model's provider.
    """

    def __init__(
        self, message: str, *, status: int = 0, type: str = "", param: str | None = None, provider: bool = False
    ) -> None:
        super().__init__(message)
        self.message = message
        self.status = status
        self.type = type
        self.param = param
        self.provider = provider

    def __str__(self) -> str:
        """Say status, type and message in a line for the log."""
        return " ".join(part for part in (str(self.status or ""), self.type, self.message) if part)


class GatewayNotFound(GatewayRejected):
    """The gateway has no such key, user or team."""


class GatewayOverBudget(GatewayRejected):
    """The key, its user or its team has spent its budget."""

    @property
    def of_team(self) -> bool:
        """Whether it is the team's budget, which all its keys share."""
        return " Team=" in self.message


class GatewayModelDenied(GatewayRejected):
    """The key (or its team) may not call this model, or there is none of that name."""


class GatewayRateLimited(GatewayRejected):
    """Too many requests or tokens a minute: of the key, or with `provider` of everybody at the model's provider."""

    retry_after_s: int | None = None


class GatewayKeyRefused(GatewayRejected):
    """The gateway does not accept the key of the call."""

    reason: Reason = "other"


class GatewayAdminKeyRefused(GatewayKeyRefused):
    """The gateway does not accept the portal's own key; `reported` is its sentence, scrubbed, for administrators."""

    def __init__(self, message: str, *, status: int = 0, reported: str = "") -> None:
        super().__init__(message, status=status, type="admin_key_refused")
        self.reported = reported

    def __str__(self) -> str:
        """Say it without status and type: people read this."""
        return self.message


def is_unknown_route(error: GatewayError) -> bool:
    """Tell whether the gateway answers but lacks this route, as older versions do."""
    if isinstance(error, GatewayUnavailable):
        return error.no_route
    return isinstance(error, GatewayRejected) and error.status in (404, 405)
