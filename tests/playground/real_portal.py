"""A portal as in production, people who chat there, and a real gateway's records of their chats."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import requests
from django.conf import settings
from pytest_django import Settings

from accounts.models import User
from gateway.secret import token_of
from playground.models import ActiveCall, Answer
from tests.browser.portal_process import Gateway, Portal
from tests.browser.visit import session_of
from tests.conftest import HTMX
from tests.keys.playground_actions import use
from tests.keys.real_gateway import RealGateway, real_gateway
from tests.keys.views.pages import field_in
from tests.playground.recording_proxy import RecordingProxy, recording_proxy
from tests.playground.sse import STREAM, Part, events_of, parts_of
from tests.playground.streams import MODEL, know_the_models
from tests.waiting import wait_until
from usage.models import utc_today

ANSWER_TIMEOUT_S = 60
GONE_WITHIN_S = 5.0  # the end of a stream that nobody waits for: well within a second, but machines may be busy
FLUSH_S = 60.0  # LiteLLM writes spend in rounds of 10 to 15 s by default
LONG = "Tell me of bees [words 2000] [pace 30]"
LONG_WORDS, LONG_S = 2000, 60
DEAR = "bee " * 12_000 + "[words 3]"  # of llama-70b: a little more than a cent
PAGE = "/playground/"


class ServedPortal(Portal):
    """A portal on the database of the tests, with their secrets of Playground keys; who goes is not waited for."""

    def __init__(self, gateway: Gateway) -> None:
        received = {
            "DEBUG": "1",
            "PLAYGROUND_KEY_SECRET": settings.PLAYGROUND_KEY_SECRET,
            "PLAYGROUND_UNWATCHED_S": "0",
        }
        super().__init__(gateway, **received)

    def prepare(self) -> None:
        """Need nothing: with DEBUG, static files need not be collected."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """A real gateway, the line to it, and the portal at its other end."""

    real: RealGateway
    proxy: RecordingProxy
    portal: ServedPortal


@contextmanager
def served(test_settings: Settings, *people: User) -> Iterator[Served]:
    """Serve a portal in front of the real gateway, and leave no key of these people there."""
    with real_gateway(test_settings, *people) as real, recording_proxy(real) as proxy, ServedPortal(proxy) as portal:
        know_the_models()
        yield Served(real=real, proxy=proxy, portal=portal)


class Visitor:
    """Somebody who is signed in, and sends messages by real HTTP."""

    def __init__(self, portal: Portal, user: User) -> None:
        self.portal = portal
        self.session = requests.Session()
        self.session.trust_env = False
        self.session.cookies.set(settings.SESSION_COOKIE_NAME, session_of(user))
        self.page = self.session.get(portal.url + PAGE, timeout=ANSWER_TIMEOUT_S).text

    def send(self, message: str, **fields: str) -> requests.Response:
        """Send a message, and open the stream that answers it; of this only the head has been read."""
        data = {"csrfmiddlewaretoken": field_in(self.page, "csrfmiddlewaretoken"), "model": MODEL, **fields}
        sent = self.session.post(
            f"{self.portal.url}{PAGE}send/",
            data={**data, "message": message},
            headers=HTMX,
            timeout=ANSWER_TIMEOUT_S,
        )
        assert sent.ok, sent.text
        address = STREAM.findall(sent.text)[-1]
        response = self.session.get(self.portal.url + address, headers=HTMX, stream=True, timeout=ANSWER_TIMEOUT_S)
        assert response.headers["Content-Type"].startswith("text/event-stream"), response.text
        return response


def chunks_of(response: requests.Response) -> Iterator[bytes]:
    """Yield what comes, as it comes."""
    chunks: Iterator[bytes] = response.iter_content(None)
    return chunks


def pieces_of(response: requests.Response) -> Iterator[Part]:
    """Yield the pieces of the answer's text, as they come."""
    for event in events_of(chunks_of(response)):
        yield from (part for part in parts_of(event) if part.target.startswith("text-"))


def logged(real: RealGateway, answer: Answer) -> dict[str, Any]:
    """Return the gateway's own row of the call that made an answer; nothing as long as there is none."""
    owner, today = answer.message.conversation.owner, utc_today()
    days = {"start_date": f"{today - timedelta(days=1)} 00:00:00", "end_date": f"{today} 23:59:59"}
    query = {**days, "page_size": "100", "api_key": token_of(use(owner))}
    rows: list[dict[str, Any]] = real.call("GET", "/spend/logs/v2", params=query).json()["data"]
    return next((row for row in rows if row["metadata"]["litellm_call_id"] == answer.call_id), {})


def the_answer() -> Answer:
    """Return the one answer that there is, as it is kept."""
    return Answer.objects.select_related("message__conversation__owner").get()


def the_ended_answer() -> Answer:
    """Wait for the end of the one answer, and return it."""
    wait_until(lambda: the_answer().ended_at, GONE_WITHIN_S)
    return the_answer()


def assert_stopped_at_both(there: Served, seen: str) -> None:
    """Check that the answer was stopped after what was seen of it, here and at the gateway, and costs what came."""
    wait_until(lambda: there.proxy.disconnects, GONE_WITHIN_S)
    assert there.proxy.open == 0
    answer = the_ended_answer()
    assert (answer.state, answer.problem) == (Answer.State.STOPPED, None)
    assert answer.text.startswith(seen)
    assert not ActiveCall.objects.filter(ended_at=None).exists()
    row = wait_until(lambda: logged(there.real, answer), FLUSH_S)
    assert (row["status"], row["model_group"]) == ("success", answer.model)
    assert len(answer.text.split()) <= row["completion_tokens"] < LONG_WORDS
    assert _took_s(row) < LONG_S
    assert_cost_is_near(answer, row["spend"])


def assert_cost_is_near(answer: Answer, billed_usd: float) -> None:
    """Check that an estimate, which is written after the end, is about what was billed."""
    wait_until(lambda: the_answer().cost_usd)
    answer.refresh_from_db()
    assert answer.cost_source == Answer.CostSource.CALCULATED
    assert 0.5 * billed_usd < float(answer.cost_usd or 0) < 2 * billed_usd


def _took_s(row: dict[str, str]) -> float:
    return (datetime.fromisoformat(row["endTime"]) - datetime.fromisoformat(row["startTime"])).total_seconds()
