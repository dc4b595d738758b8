"""Fixtures of the tests of the Playground."""

from collections.abc import Iterator

import pytest
from pytest_django import Settings

from gateway.async_transport import close_session
from tests.playground.event_loop import event_loop


@pytest.fixture(autouse=True)
def nobody_comes_back(settings: Settings) -> None:
    """Stop an answer at once when its page has gone, so that no test waits for that."""
    settings.PLAYGROUND_UNWATCHED_S = 0


@pytest.fixture(autouse=True)
def answers_end() -> Iterator[None]:
    """Leave no answer under way that a test has begun and not read to the end."""
    yield
    if event_loop.cache_info().currsize:
        event_loop().end()


@pytest.fixture(scope="session", autouse=True)
def connections_are_closed() -> Iterator[None]:
    """Leave no connection of the loop's to the gateway."""
    yield
    event_loop().run(close_session())
