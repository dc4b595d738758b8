"""The Playground's spend at a real LiteLLM appears in its owner's Usage, and in nobody else's."""

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from pytest_django import Settings

from accounts.models import User
from gateway.secret import token_of
from keys.models import Key
from playground.models import Answer
from tests.conftest import HTMX, signed_in
from tests.factories import make_staff
from tests.keys.playground_actions import use
from tests.keys.real_gateway import RealGateway, real_gateway
from tests.keys.views.pages import words_of
from tests.playground import rows
from tests.playground.real_portal import DEAR, FLUSH_S, LONG, logged
from tests.playground.sse import answer_to, disconnect, received, send, stream_of
from tests.playground.streams import know_the_models
from tests.usage.polling import end_cooldown
from tests.usage.views.facts import table_of
from tests.waiting import wait_until
from usage.models import PollRun, utc_today
from usage.tasks import refresh_now
from web.templatetags.portal import usd_number

pytestmark = pytest.mark.real_gateway

State = Answer.State
CENT_OF_A_CENT_USD = Decimal("0.0001")
WEEK = {"period": "7d"}


@pytest.fixture(autouse=True)
def real(intern: User, staff: User, settings: Settings) -> Iterator[RealGateway]:
    """Point the portal at the real gateway, and let it know the models."""
    with real_gateway(settings, intern, staff) as gateway:
        know_the_models()
        yield gateway


def converse_in_all_ways(client: Client) -> list[Answer]:
    """Have an answer, one that breaks off, one about a picture that is stopped, a text gone on with; and vectors."""
    whole = answer_to(client, DEAR, model="llama-70b")
    broken = received(send(client, "Tell me [words 40] [cut]")).answer
    picture = SimpleUploadedFile("cat.png", rows.PIXEL + bytes(300_000), "image/png")
    left = send(client, LONG, attachments=picture)
    parts = stream_of(left)
    while b"#text-" not in next(parts):
        pass
    disconnect(left)
    stopped = Answer.objects.latest("started_at")
    text = {"message": "Once [words 5]", "model": "gpt-4o-mini"}
    list(stream_of(client.post("/playground/completion/", text, headers=HTMX)))
    written = Answer.objects.latest("started_at")
    assert client.post("/playground/embeddings/", {"texts": "bee\nwasp", "model": "embedding"}).status_code == 200
    answers = [whole, broken, stopped, written]
    assert [answer.state for answer in answers] == [State.COMPLETE, State.FAILED, State.STOPPED, State.COMPLETE]
    return answers


def sums_of(real: RealGateway, user: User) -> dict[str, Any]:
    """Return the gateway's own sums of the Playground key of a person."""
    days = {"start_date": (utc_today() - timedelta(days=1)).isoformat(), "end_date": utc_today().isoformat()}
    query = {**days, "page_size": "1000", "api_key": token_of(use(user))}
    sums: dict[str, Any] = real.call("GET", "/user/daily/activity", params=query).json()["metadata"]
    return sums


def calls_of(real: RealGateway, user: User) -> int:
    sums = sums_of(real, user)
    return int(sums["total_successful_requests"] + sums["total_failed_requests"])


def refreshed() -> bool:
    """Read the usage; tell whether it was read whole: it is not where other tests' calls are written meanwhile."""
    end_cooldown()
    refresh_now()
    return PollRun.objects.latest("started_at").outcome == PollRun.Outcome.DONE


def spent_usd(rows: list[dict[str, str]]) -> Decimal:
    return sum((Decimal(row["spend_usd"]) for row in rows), Decimal(0))


def test_spend_of_the_playground_is_its_owners(
    real: RealGateway, intern: User, staff: User, as_intern: Client, as_staff: Client, as_admin: Client
) -> None:
    whole, *others = answers = converse_in_all_ways(as_intern)
    theirs = answer_to(as_staff, "A short one [words 3]", model="claude-3-haiku")
    wait_until(lambda: (calls_of(real, intern), calls_of(real, staff)) == (5, 1), FLUSH_S)

    wait_until(refreshed, 3 * FLUSH_S)  # an update that met other tests' calls is followed by another

    mine = table_of(as_intern.get("/usage/facts.csv", WEEK))
    key = Key.objects.get(owner=intern, kind=Key.Kind.PLAYGROUND)
    assert {(row["person"], row["kind"], row["key_id"]) for row in mine} == {("intern", "playground", str(key.pk))}
    assert {row["model"] for row in mine} == {"llama-70b", "gpt-4o-mini", "embedding"}
    assert abs(spent_usd(mine) - Decimal(str(sums_of(real, intern)["total_spend"]))) < CENT_OF_A_CENT_USD
    [of_the_whole] = [row for row in mine if row["model"] == whole.model]
    assert Decimal(of_the_whole["spend_usd"]) == pytest.approx(whole.cost_usd)
    assert spent_usd(mine) > sum(answer.cost_usd or 0 for answer in (whole, others[-1]))  # of both a cost was reported
    assert_billed_as_told(real, answers)
    assert_seen_by_whom_it_concerns(as_intern, as_staff, as_admin, key, spent_usd(mine), theirs)


def assert_billed_as_told(real: RealGateway, answers: list[Answer]) -> None:
    """Check that the gateway billed the reported costs; and where it reported none, about the estimated ones."""
    for answer in answers:
        received, billed = float(answer.cost_usd or 0), logged(real, answer)["spend"]
        margin = 1e-6 if answer.cost_source == Answer.CostSource.REPORTED else 0.5
        assert received == pytest.approx(billed, rel=margin), answer.state


def assert_seen_by_whom_it_concerns(
    as_intern: Client, as_staff: Client, as_admin: Client, key: Key, usd: Decimal, theirs: Answer
) -> None:
    """Check that the pages of the owner and of the admin have the spend, and those of another their own only."""
    words = words_of(as_intern.get("/usage/", {**WEEK, "key": str(key.pk)}))
    assert f"Spend {usd_number(usd)} USD" in words
    assert "Playground" in words
    narrowed = {**WEEK, "kind": "playground", "person": "intern"}
    assert f"Spend {usd_number(usd)} USD" in words_of(as_admin.get("/usage/everyone/", narrowed))
    assert {row["model"] for row in table_of(as_staff.get("/usage/facts.csv", WEEK))} == {theirs.model}
    assert as_staff.get("/usage/everyone/").status_code == 403
    stranger = signed_in(make_staff("stranger"))
    assert table_of(stranger.get("/usage/facts.csv", WEEK)) == []
    assert "You have no key." in words_of(stranger.get("/usage/", {**WEEK, "key": str(key.pk)}))
