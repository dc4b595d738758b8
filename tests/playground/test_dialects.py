"""The streams of other servers than LiteLLM, over the portal's own page, however the network cuts their bytes."""

from collections.abc import Iterator

import pytest
from django.test import Client
from pytest_django import Settings

from playground.models import Answer
from tests.gateway.dialects import DIALECTS, Dialect
from tests.playground.scripted import ScriptedGateway, scripted_gateway
from tests.playground.sse import received, send
from tests.playground.streams import know_the_models
from tests.sandbox_process import Sandbox


@pytest.fixture
def gateway(sandbox: Sandbox, settings: Settings, db: None) -> Iterator[ScriptedGateway]:
    with scripted_gateway(sandbox, settings) as gateway:
        know_the_models()
        yield gateway


@pytest.mark.parametrize("size", [None, 1], ids=["whole", "byte by byte"])
@pytest.mark.parametrize("name", DIALECTS)
def test_reads_the_stream_of(as_intern: Client, gateway: ScriptedGateway, name: str, size: int | None) -> None:
    dialect: Dialect = DIALECTS[name]
    raw, step = dialect.raw, size or len(dialect.raw)
    gateway.pieces = [raw[start : start + step] for start in range(0, len(raw), step)]

    stream = received(send(as_intern, "Do bees fly?"))

    answer = stream.answer
    assert (answer.text, answer.reasoning) == (dialect.text, dialect.reasoning)
    assert (stream.text, stream.reasoning) == (dialect.text, dialect.reasoning)
    assert answer.finish_reason == dialect.finish
    assert answer.prompt_tokens == dialect.tokens[0]
    if dialect.failure:
        assert answer.state == Answer.State.FAILED
        assert dialect.failure in str(answer.problem)
    else:
        assert (answer.state, answer.problem, answer.completion_tokens) == (
            Answer.State.COMPLETE,
            None,
            dialect.tokens[1],
        )
