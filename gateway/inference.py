"""Calls of models, always with a person's key and never as admin.

Each first wraps the secret in `Secret`, so that no traceback shows it.
"""

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Final

from gateway.answers import (
    chat_answer,
    chat_deltas,
    completion_answer,
    completion_deltas,
    embedding_answer,
    moderation_answer,
)
from gateway.dialects import Deltas
from gateway.inference_types import (
    ChatAnswer,
    ChatRequest,
    CompletionAnswer,
    CompletionRequest,
    EmbeddingAnswer,
    ModerationAnswer,
)
from gateway.secret import Secret
from gateway.transport import Answer, Transport

if TYPE_CHECKING:  # aiohttp costs 0.15 s of each process, and only the web server needs it
    from gateway.async_transport import AsyncTransport
    from gateway.stream import ChatStream

ANSWER_TIMEOUT_S: Final = 300.0  # a complete answer arrives at once, and models are slow
IDLE_TIMEOUT_S: Final = 120.0  # between two events of a stream; some models think that long before the first


class Inference:
    """The verbs on models' answers. All cost the owner of the key money; none is tried again."""

    def __init__(self, transport: Transport, open_streams: "Callable[[], AsyncTransport]") -> None:
        self._transport = transport
        self._open_streams = open_streams

    def chat(self, *, secret: str, body: ChatRequest, timeout_s: float = ANSWER_TIMEOUT_S) -> ChatAnswer:
        """Answer a chat, complete."""
        secret = Secret(secret)
        return chat_answer(self._post("/v1/chat/completions", secret, body.as_json(), timeout_s))

    def stream_chat(
        self, *, secret: str, body: ChatRequest, idle_timeout_s: float = IDLE_TIMEOUT_S, usage: bool = True
    ) -> "ChatStream":
        """Answer a chat as a stream. Nothing is sent before the stream is read; see ChatStream.

        Some providers refuse `stream_options`; without `usage` it is left out.
        """
        secret = Secret(secret)
        return self._stream("/v1/chat/completions", secret, body.as_json(), idle_timeout_s, chat_deltas, usage)

    def complete(
        self, *, secret: str, body: CompletionRequest, timeout_s: float = ANSWER_TIMEOUT_S
    ) -> CompletionAnswer:
        """Complete a text, in one response."""
        secret = Secret(secret)
        return completion_answer(self._post("/v1/completions", secret, body.as_json(), timeout_s))

    def stream_complete(
        self, *, secret: str, body: CompletionRequest, idle_timeout_s: float = IDLE_TIMEOUT_S, usage: bool = True
    ) -> "ChatStream":
        """Complete a text as a stream; see ChatStream and `stream_chat`."""
        secret = Secret(secret)
        return self._stream("/v1/completions", secret, body.as_json(), idle_timeout_s, completion_deltas, usage)

    def embed(
        self, *, secret: str, model: str, texts: Sequence[str], timeout_s: float = ANSWER_TIMEOUT_S
    ) -> EmbeddingAnswer:
        """Return a vector per text."""
        secret = Secret(secret)
        return embedding_answer(
            self._post("/v1/embeddings", secret, {"model": model, "input": list(texts)}, timeout_s), len(texts)
        )

    def moderate(
        self, *, secret: str, model: str, texts: Sequence[str], timeout_s: float = ANSWER_TIMEOUT_S
    ) -> ModerationAnswer:
        """Moderate each text."""
        secret = Secret(secret)
        return moderation_answer(
            self._post("/v1/moderations", secret, {"model": model, "input": list(texts)}, timeout_s)
        )

    @cached_property
    def _streams(self) -> "AsyncTransport":
        return self._open_streams()

    def _post(self, path: str, secret: Secret, body: dict[str, object], timeout_s: float) -> Answer:
        return self._transport.post(path, body, secret=secret, read_timeout_s=timeout_s)

    def _stream(
        self, path: str, secret: Secret, body: dict[str, object], idle_timeout_s: float, deltas: Deltas, usage: bool
    ) -> "ChatStream":
        from gateway.stream import ChatStream

        return ChatStream(
            self._streams, path, body, secret=secret, idle_timeout_s=idle_timeout_s, deltas=deltas, usage=usage
        )
