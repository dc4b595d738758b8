"""The gateway, one object with its verbs by subject: `gateway.keys.generate(…)`, `gateway.inference.stream_chat(…)`."""

from collections.abc import Sequence
from contextlib import nullcontext
from typing import TYPE_CHECKING

from gateway.failure_log import FailureLog
from gateway.health import Health
from gateway.inference import Inference
from gateway.keys import Keys
from gateway.models import Models
from gateway.observed import Observe, ignore
from gateway.people import People
from gateway.request_log import RequestLog
from gateway.transport import Transport, Waiting
from gateway.usage import Usage

if TYPE_CHECKING:
    from gateway.async_transport import AsyncTransport

CONNECT_TIMEOUT_S = 3.0
RETRY_PAUSES_S = (0.1, 0.4)  # before each further attempt to read; writes are never repeated
READ_TIMEOUT_S = 30.0  # of everything but inference, which has its own in inference.py
CALL_TIMEOUT_S = 25.0  # for a call as a whole, its attempts together


class Gateway:
    """A LiteLLM proxy under any address: `https://host/prefix`, with or without a slash at its end.

    One a process, shared by its threads. `ca_bundle` is a file of certificates to trust instead of the usual ones,
    `proxy_url` an outgoing HTTP proxy. `waiting` surrounds each exchange but those of streams: a thread has nothing
    else to do meanwhile. `observe` gets path, outcome and seconds of each call.
    """

    def __init__(
        self,
        base_url: str,
        admin_key: str,
        *,
        connect_timeout_s: float = CONNECT_TIMEOUT_S,
        read_timeout_s: float = READ_TIMEOUT_S,
        call_timeout_s: float = CALL_TIMEOUT_S,
        retry_pauses_s: Sequence[float] = RETRY_PAUSES_S,
        ca_bundle: str | None = None,
        proxy_url: str | None = None,
        waiting: Waiting = nullcontext,
        observe: Observe = ignore,
    ) -> None:
        self._transport = Transport(
            base_url,
            admin_key,
            connect_timeout_s=connect_timeout_s,
            read_timeout_s=read_timeout_s,
            call_timeout_s=call_timeout_s,
            retry_pauses_s=retry_pauses_s,
            ca_bundle=ca_bundle,
            proxy_url=proxy_url,
            waiting=waiting,
            observe=observe,
        )
        self.base_url = self._transport.base_url

        def open_streams() -> "AsyncTransport":
            from gateway.async_transport import AsyncTransport  # with aiohttp: see gateway.inference

            return AsyncTransport(
                self.base_url,
                connect_timeout_s=connect_timeout_s,
                ca_bundle=ca_bundle,
                proxy_url=proxy_url,
                observe=observe,
            )

        self.keys = Keys(self._transport)
        self.people = People(self._transport)
        self.models = Models(self._transport)
        self.health = Health(self._transport)
        self.inference = Inference(self._transport, open_streams)
        self.usage = Usage(self._transport)
        self.failure_log = FailureLog(self._transport)
        self.request_log = RequestLog(self._transport)

    def __repr__(self) -> str:
        """Show the address only."""
        return f"<Gateway {self.base_url}>"

    def close(self) -> None:
        """Close the idle connections."""
        self._transport.close()
