"""Health of the gateway itself. Never `/health`, which calls every model for real and costs tokens."""

from typing import Final

from gateway.parsing import Body, Name, read
from gateway.transport import NOBODY, Answer, Transport
from gateway.types import Readiness

HEALTH_TIMEOUT_S: Final = 5.0  # health checks need a quick answer


class Health:
    """The verbs on health. Never retried: a momentary failure is what they report."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def liveness(self) -> str:
        """Return the gateway's liveness text, "I'm alive!"; needs no key. Raises GatewayUnavailable."""
        answer = self._get("/health/liveliness", admin=False)
        return answer.body if isinstance(answer.body, str) else "alive"

    def readiness(self) -> Readiness:
        """Say whether the gateway and its database can serve; needs no key. Raises GatewayUnavailable."""
        return _readiness(self._get("/health/readiness", admin=False))

    def details(self) -> Readiness:
        """The same with LiteLLM's version, as admin."""
        return _readiness(self._get("/health/readiness/details", admin=True))

    def _get(self, path: str, *, admin: bool) -> Answer:
        return self._transport.get(path, secret=None if admin else NOBODY, read_timeout_s=HEALTH_TIMEOUT_S, retry=False)


class _ReadinessAnswer(Body):
    status: Name
    db: str | None = None
    litellm_version: str | None = None


def _readiness(answer: Answer) -> Readiness:
    parsed = read(answer.body, _ReadinessAnswer)
    return Readiness(
        status=parsed.status,
        db=parsed.db,
        version=parsed.litellm_version or answer.headers.version,
        headers=answer.headers,
    )
