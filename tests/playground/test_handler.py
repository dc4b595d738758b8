"""Answers through the site's handler: its threads, its loop, and their connections."""

import asyncio
import re
from collections.abc import Callable
from typing import Any

import pytest
from django.conf import settings
from django.db.backends.signals import connection_created
from django.test import Client
from django.urls import reverse

from accounts.models import User
from gateway.async_transport import close_session
from playground.models import ActiveCall, Answer
from playground.services.autosave import last_round
from playground.services.running import interrupt_all, runs_here
from tests.conftest import HTMX
from tests.keys.playground_actions import use
from tests.playground.sse import send
from tests.playground.streams import know_the_models
from tests.sandbox_process import Sandbox
from tests.web.asgi import LONG_S, Exchange
from web.handler import Handler

pytestmark = pytest.mark.django_db(transaction=True)
TIME = re.compile(r"<time .*?</time>", re.DOTALL)
LONG = "Write [words 4000] [pace 20]"


@pytest.fixture(autouse=True)
def key_and_models(intern: User, sandbox: Sandbox) -> None:
    """Have made what else the first message would make."""
    use(intern)
    know_the_models()


def opened(handler: Handler, client: Client, answer: Answer) -> Exchange:
    """Open the stream of an answer with the client's session."""
    cookie = f"{settings.SESSION_COOKIE_NAME}={client.cookies[settings.SESSION_COOKIE_NAME].value}"
    headers = {**HTMX, "host": "testserver", "cookie": cookie}
    return Exchange(handler, reverse("playground:stream", args=[answer.pk]), headers=headers)


def has_words(exchange: Exchange) -> bool:
    return b"#text-" in b"".join(exchange.pieces)


async def ended(*exchanges: Exchange) -> None:
    """Go, and wait until all is written down."""
    for exchange in exchanges:
        exchange.disconnect()
    for exchange in exchanges:
        await exchange.whole()
    await interrupt_all()
    await last_round()
    await close_session()


async def stays(holds: Callable[[], bool], looks: int = 10) -> None:
    """Wait until it holds so many times in a row: what is saved each second takes a moment."""
    times = 0
    async with asyncio.timeout(LONG_S):
        while times < looks:
            times = times + 1 if holds() else 0
            await asyncio.sleep(0.01)


def test_no_connection_to_the_database_is_held_while_tokens_flow(as_intern: Client) -> None:
    made: list[Any] = []

    def note(connection: Any, **_: object) -> None:
        made.append(connection)

    async def read() -> int:
        exchange = opened(Handler(), as_intern, answer)
        await exchange.until(has_words)
        before = len(made)  # what has come is saved since
        await stays(lambda: len(made) > before and all(each.connection is None for each in made))
        assert runs_here()
        await ended(exchange)
        return before

    send(as_intern, LONG)
    answer = Answer.objects.get()
    connection_created.connect(note)
    try:
        assert asyncio.run(read()) > 0
    finally:
        connection_created.disconnect(note)
    assert Answer.objects.get().state == Answer.State.STOPPED


def test_two_pages_that_open_a_stream_at_once_read_one_answer(as_intern: Client, sandbox: Sandbox) -> None:
    as_intern.post(reverse("playground:compare"), {"message": LONG, "models": ["gpt-4o-mini", "llama-70b"]})
    first = Answer.objects.filter(model="llama-70b").get()
    assert not ActiveCall.objects.exists()

    async def read() -> tuple[int, int]:
        handler = Handler()
        pages = [opened(handler, as_intern, first) for _ in range(3)]
        for page in pages:
            await page.until(has_words)
        under_way = len(runs_here()), len(sandbox.connections()["open"])
        await ended(*pages)
        return under_way

    assert asyncio.run(read()) == (1, 1)
    assert ActiveCall.objects.count() == 1


def test_a_stream_ends_in_the_language_and_time_zone_of_its_reader(as_intern: Client, intern: User) -> None:
    User.objects.filter(pk=intern.pk).update(language="fr", time_zone="Asia/Kathmandu")
    send(as_intern, "Hello")
    answer = Answer.objects.get()

    async def read() -> bytes:
        exchange = opened(Handler(), as_intern, answer)
        whole = await exchange.whole()
        await ended(exchange)
        return whole

    streamed = asyncio.run(read()).decode()
    page = as_intern.get(reverse("playground:conversation", args=[answer.message.conversation_id])).content.decode()

    shown = TIME.findall(page)
    assert shown
    assert TIME.findall(streamed)[-1] == shown[-1]
    assert "La réponse est terminée." in streamed
