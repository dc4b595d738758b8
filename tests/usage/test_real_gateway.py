"""From a real LiteLLM's calls to the pages: billed, polled and shown amounts are equal."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from itertools import islice
from typing import Any

import pytest
import requests
from django.test import Client
from pytest_django import Settings

from accounts.models import User
from gateway.secret import token_of
from keys.models import Key
from tests.keys.actions import issue
from tests.keys.real_gateway import CALL_TIMEOUT_S, RealGateway, real_gateway
from tests.keys.views.pages import words_of
from tests.usage.polling import poll, yesterday
from tests.waiting import wait_until
from usage.models import PollRun, utc_today
from web.templatetags.portal import usd_number

pytestmark = pytest.mark.real_gateway

CENT_OF_A_CENT_USD = Decimal("0.0001")
FLUSH_S = 60.0  # LiteLLM writes spend in rounds of 10 to 15 s, unless configured otherwise
COST = "x-litellm-response-cost"
ID = re.compile(r'"id":\s*"([^"]+)"')
CHAT = "/v1/chat/completions"
LAST_DAY = utc_today() + timedelta(days=1)  # midnight may come
DAYS = {"start_date": yesterday().isoformat(), "end_date": LAST_DAY.isoformat(), "page_size": "1000"}


@pytest.fixture
def real(intern: User, staff: User, settings: Settings) -> Iterator[RealGateway]:
    """Point the portal at the real gateway."""
    with real_gateway(settings, intern, staff) as gateway:
        yield gateway


@dataclass(slots=True)
class Program:
    """Something that uses a key, and adds up what the headers say of it."""

    real: RealGateway
    key: Key
    secret: str = field(repr=False)
    reported_usd: Decimal = Decimal(0)  # by headers; streams have none
    answered: int = 0
    failed: int = 0
    streamed: list[str] = field(default_factory=list)  # ids of the answers

    def chat(self, model: str, text: str) -> None:
        """Have an answer."""
        self._answer(CHAT, {"model": model, "messages": [{"role": "user", "content": text}]})

    def embed(self, text: str) -> None:
        """Have a vector."""
        self._answer("/v1/embeddings", {"model": "embedding", "input": text})

    def fail(self, model: str, text: str) -> None:
        """Have no answer, by the provider's fault."""
        body = {"model": model, "messages": [{"role": "user", "content": text}]}
        response = self.real.call("POST", CHAT, key=self.secret, body=body)
        assert response.status_code == 500, response.text
        self.reported_usd += Decimal(response.headers[COST])
        self.failed += 1

    def cancel(self, model: str, text: str) -> None:
        """Hang up in the middle of a stream."""
        body = {"model": model, "stream": True, "messages": [{"role": "user", "content": text}]}
        headers = {"authorization": f"Bearer {self.secret}"}
        url = self.real.url + CHAT
        with requests.post(url, headers=headers, json=body, stream=True, timeout=CALL_TIMEOUT_S) as answer:
            assert answer.status_code == 200
            assert COST not in answer.headers
            lines = [line.decode() for line in islice(answer.iter_lines(), 40)]
        self.streamed.append(ID.findall("\n".join(lines))[0])

    def _answer(self, path: str, body: dict[str, Any]) -> None:
        response = self.real.call("POST", path, key=self.secret, body=body)
        assert response.status_code == 200, response.text
        self.reported_usd += Decimal(response.headers[COST])
        self.answered += 1

    def logged(self) -> list[dict[str, Any]]:
        """Return the gateway's own row of each call."""
        days = {"start_date": f"{yesterday()} 00:00:00", "end_date": f"{LAST_DAY} 23:59:59", "page_size": "100"}
        answer = self.real.call("GET", "/spend/logs/v2", params={**days, "api_key": token_of(self.secret)})
        rows: list[dict[str, Any]] = answer.json()["data"]
        return rows

    def total(self) -> dict[str, Any]:
        """Return the gateway's own sums of this key."""
        answer = self.real.call("GET", "/user/daily/activity", params={**DAYS, "api_key": token_of(self.secret)})
        sums: dict[str, Any] = answer.json()["metadata"]
        return sums

    def is_written(self) -> bool:
        """Tell whether the gateway has written all calls, each by itself and in the sums."""
        sums, calls = self.total(), self.answered + self.failed + len(self.streamed)
        return len(self.logged()) == calls == int(sums["total_successful_requests"] + sums["total_failed_requests"])

    def streams_usd(self) -> Decimal:
        """Return what the gateway billed for what no header reported: its rows of streams."""
        streamed = [row for row in self.logged() if row["request_id"] in self.streamed]
        assert len(streamed) == len(self.streamed)
        return sum((Decimal(str(row["spend"])) for row in streamed), Decimal(0))


def program(real: RealGateway, owner: User, label: str) -> Program:
    """Make a key as people do, and a program that uses it."""
    fresh = issue(owner, label)
    return Program(real, fresh.key, fresh.secret)


def run_all(thesis: Program, notebook: Program, course: Program) -> None:
    """Use three keys for four models, with failures, and a stream that is cancelled."""
    thesis.chat("gpt-4o-mini", "hi [words 20000]")
    thesis.chat("claude-3-haiku", "what a long word " * 400 + "[words 9000]")
    thesis.fail("llama-70b", "hi [fail 500]")
    notebook.chat("llama-70b", "hi [words 30000]")
    notebook.embed("one two three")
    notebook.cancel("gpt-4o-mini", "a b c [words 4000] [pace 20]")
    course.chat("claude-3-haiku", "hi [words 30000]")
    course.embed("many words " * 5000)
    course.fail("gpt-4o-mini", "hi [fail 500]")


def drawn_on(response: Any) -> Decimal:
    """Return the sum of the numbers from which a page draws its chart."""
    return sum((Decimal(amount.top) for amount in response.context["explored"].totals), Decimal(0))


def assert_shows(client: Client, url: str, spent_usd: Decimal, programs: list[Program], **filters: str) -> None:
    """Check that a page shows this spend, to the hundredth of a cent, and these calls."""
    response = client.get(url, {"period": "7d", **filters})
    words = words_of(response)
    assert abs(drawn_on(response) - spent_usd) < CENT_OF_A_CENT_USD
    assert f"Spend {usd_number(spent_usd)} USD" in words
    calls = sum(one.answered + one.failed + len(one.streamed) for one in programs)
    failed = sum(one.failed for one in programs)
    assert f"Requests {calls} {failed or 'none'} failed" in words


def test_pages_show_what_the_headers_said_and_the_gateway_says(
    real: RealGateway, intern: User, staff: User, as_intern: Client, as_staff: Client, as_admin: Client
) -> None:
    thesis, notebook = program(real, intern, "thesis"), program(real, intern, "notebook")
    programs = [thesis, notebook, course := program(real, staff, "course")]
    run_all(thesis, notebook, course)
    wait_until(lambda: all(one.is_written() for one in programs), timeout_s=FLUSH_S)

    # Not at the first try where other tests' calls are written meanwhile.
    wait_until(lambda: poll(yesterday(), utc_today()).outcome == PollRun.Outcome.DONE, timeout_s=FLUSH_S)

    spent_usd = {one.key.pk: one.reported_usd + one.streams_usd() for one in programs}
    assert min(spent_usd.values()) > 100 * CENT_OF_A_CENT_USD
    for one in programs:
        assert abs(Decimal(str(one.total()["total_spend"])) - spent_usd[one.key.pk]) < CENT_OF_A_CENT_USD
        assert_shows(as_admin, "/usage/everyone/", spent_usd[one.key.pk], [one], key=str(one.key.pk))
    of_intern = spent_usd[thesis.key.pk] + spent_usd[notebook.key.pk]
    assert_shows(as_intern, "/usage/", of_intern, [thesis, notebook])
    assert_shows(as_staff, "/usage/", spent_usd[course.key.pk], [course])
    assert_shows(as_admin, "/usage/everyone/", of_intern, [thesis, notebook], person="intern")
    assert_shows(as_admin, "/usage/everyone/", sum(spent_usd.values(), Decimal(0)), programs, kind="temporary")
