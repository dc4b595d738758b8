"""Requests, tokens and parallel calls of a key within a minute."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sandbox.clock import Clock
from sandbox.errors import RefusalError, error
from sandbox.records import Key

_WINDOW = timedelta(seconds=60)
_RETRY_AFTER_S = 60  # LiteLLM's value, however much of the minute is left


@dataclass(slots=True)
class _Minute:
    ends_at: datetime
    requests: int = 0
    tokens: int = 0


@dataclass(slots=True)
class Ticket:
    """An admitted call; `headers` have what the key has left."""

    token: str
    reserved: int
    headers: dict[str, str]
    closed: bool = False


class Limits:
    """Admits calls, or refuses them with 429."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._minutes: dict[str, _Minute] = {}
        self._running: dict[str, int] = {}

    def clear(self) -> None:
        """Delete all counts."""
        self._minutes.clear()
        self._running.clear()

    def admit(self, key: Key, *, prompt_tokens: int, max_tokens: int | None) -> Ticket:
        """Count the start of a call, reserving its tokens: prompt and `max_tokens`, or else a quarter of the limit."""
        minute = self._minute(key)
        running = self._running.get(key.token, 0)
        reserved = 0
        if key.tpm_limit is not None:
            reserved = prompt_tokens + (key.tpm_limit // 4 if max_tokens is None else max_tokens)
        for name, limit, used, more in (
            ("requests", key.rpm_limit, minute.requests, 1),
            ("tokens", key.tpm_limit, minute.tokens, reserved),
            ("max_parallel_requests", key.max_parallel_requests, running, 1),
        ):
            if limit is not None and used + more > limit:
                raise _refused(key, name, limit, max(0, limit - used), minute.ends_at)
        minute.requests += 1
        minute.tokens += reserved
        self._running[key.token] = running + 1
        return Ticket(key.token, reserved, _headers(key, minute, running + 1))

    def release(self, ticket: Ticket | None, *, used_tokens: int) -> None:
        """Count the end of a call, with its real tokens instead of the reserved ones. A second time changes nothing."""
        if ticket is None or ticket.closed:
            return
        ticket.closed = True
        self._running[ticket.token] = max(0, self._running.get(ticket.token, 0) - 1)
        minute = self._minutes.get(ticket.token)
        if minute is not None:
            minute.tokens = max(0, minute.tokens - ticket.reserved + used_tokens)

    def _minute(self, key: Key) -> _Minute:
        now = self._clock.now()
        minute = self._minutes.get(key.token)
        if minute is None or minute.ends_at <= now:
            minute = self._minutes[key.token] = _Minute(now + _WINDOW)
        return minute


def _headers(key: Key, minute: _Minute, running: int) -> dict[str, str]:
    headers = {}
    for name, limit, used in (
        ("requests", key.rpm_limit, minute.requests),
        ("tokens", key.tpm_limit, minute.tokens),
        ("max_parallel_requests", key.max_parallel_requests, running),
    ):
        if limit is not None:
            headers[f"x-ratelimit-api_key-remaining-{name}"] = str(max(0, limit - used))
            headers[f"x-ratelimit-api_key-limit-{name}"] = str(limit)
    return headers


def _refused(key: Key, name: str, limit: int, remaining: int, ends_at: datetime) -> RefusalError:
    until = f"{ends_at:%Y-%m-%d %H:%M:%S} UTC"
    message = (
        f"Rate limit exceeded for api_key: {key.token}. Limit type: {name}. Current limit: {limit}, "
        f"Remaining: {remaining}. Limit resets at: {until}"
    )
    refusal = error(429, message, "throttling_error")
    refusal.headers |= {"retry-after": str(_RETRY_AFTER_S), "rate_limit_type": name, "reset_at": until}
    return refusal
