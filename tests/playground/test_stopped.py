"""A stopped answer has a cost as soon as it ends, while the gateway is still asked for an exact one."""

import threading
from collections.abc import Iterator
from decimal import Decimal

import pytest
from django.db import connection
from pytest_django import Settings

from accounts.models import User
from keys.models import GatewayModel
from playground.models import Answer
from tests.playground.scripted import scripted_gateway
from tests.playground.streams import MODEL, Reading, know_the_models, started
from tests.playground.test_answer_extras import event
from tests.sandbox_process import Sandbox


def said_until(is_over: threading.Event) -> Iterator[bytes]:
    yield event({"content": "Bees "})
    is_over.wait(30)


@pytest.mark.django_db(transaction=True)
def test_its_cost_is_there_before_the_gateway_has_told_one(intern: User, sandbox: Sandbox, settings: Settings) -> None:
    seen: list[tuple[str, Decimal | None]] = []

    def look() -> None:
        seen.append(Answer.objects.values_list("state", "cost_usd").get())
        connection.close()

    with scripted_gateway(sandbox, settings) as gateway:
        know_the_models()
        GatewayModel.objects.filter(name=MODEL).update(input_usd_per_million=1000, output_usd_per_million=1000)
        gateway.on_price = look
        is_over = threading.Event()
        gateway.pieces = said_until(is_over)
        reading = Reading(started(intern, "Of bees"))
        reading.first_word()
        reading.disconnect()
        is_over.set()

    [(state, cost_usd)] = seen
    assert state == Answer.State.STOPPED
    assert cost_usd
