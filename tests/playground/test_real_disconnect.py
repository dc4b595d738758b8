"""Over real HTTP: an answer of a real LiteLLM arrives complete, and an abandoned one ends there too."""

from collections.abc import Iterator
from itertools import islice

import pytest
from pytest_django import Settings

from accounts.models import User
from playground.models import ActiveCall, Answer
from tests.playground.real_portal import (
    GONE_WITHIN_S,
    LONG,
    Served,
    Visitor,
    assert_stopped_at_both,
    chunks_of,
    pieces_of,
    served,
    the_ended_answer,
)
from tests.playground.sse import Received
from tests.waiting import wait_until

pytestmark = [pytest.mark.real_gateway, pytest.mark.django_db(transaction=True)]

State = Answer.State


@pytest.fixture
def there(transactional_db: None, settings: Settings, intern: User) -> Iterator[Served]:
    """Serve the portal in front of the real gateway."""
    with served(settings, intern) as there:
        yield there


@pytest.fixture
def visitor(there: Served, intern: User) -> Visitor:
    return Visitor(there.portal, intern)


def test_an_answer_comes_whole_over_the_wire(there: Served, visitor: Visitor) -> None:
    chunks = list(chunks_of(visitor.send("Tell me of bees [words 100] [pace 20]")))

    conversation = Received(chunks)
    assert len(chunks) > 10
    assert (conversation.answer.state, len(conversation.answer.text.split())) == (State.COMPLETE, 100)
    assert conversation.text == conversation.answer.text
    assert conversation.answer.cost_source == Answer.CostSource.REPORTED
    assert (there.proxy.open, there.proxy.disconnects) == (0, 0)


def test_a_browser_that_closes_its_connection_ends_the_work(there: Served, visitor: Visitor) -> None:
    response = visitor.send(LONG)
    pieces = pieces_of(response)
    seen = "".join(part.text for part in islice(pieces, 10))
    assert (there.proxy.open, there.proxy.disconnects) == (1, 0)

    response.close()

    assert_stopped_at_both(there, seen)


def test_a_browser_that_goes_before_the_first_word_ends_it_as_well(there: Served, visitor: Visitor) -> None:
    response = visitor.send("Tell me of bees [slow 30000]")
    wait_until(lambda: there.proxy.open)

    response.close()

    wait_until(lambda: there.proxy.disconnects, GONE_WITHIN_S)
    answer = the_ended_answer()
    assert (answer.state, answer.text, answer.problem) == (State.STOPPED, "", None)
    assert not ActiveCall.objects.filter(ended_at=None).exists()
