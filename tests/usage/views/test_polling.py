"""The refresh button, the poll runs, the reconciliation: their texts, and the tasks that they send."""

from datetime import timedelta
from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client
from django.utils import timezone

from accounts.models import User
from tests.conftest import HTMX
from tests.keys.views.pages import assert_form, words_of
from tests.tasks import sent_tasks
from tests.usage.views.facts import day, key_of, settle
from usage.models import Discrepancy, PollRun, Reconciliation, UsageState

REFRESH, REFRESHED, RUNS, COMPARE = "/usage/refresh/", "/usage/refreshed/", "/usage/runs/", "/usage/compare/"
EARLIEST, LATEST = "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"


@pytest.fixture(autouse=True)
def empty_queue() -> None:
    """Let no task of another test be in the queue."""
    sent_tasks()


def make_run(**fields: Any) -> PollRun:
    now = timezone.now()
    about = {"kind": PollRun.Kind.BUTTON, "first_day": day(2), "last_day": day(0), "outcome": PollRun.Outcome.DONE}
    return PollRun.objects.create(**{**about, "started_at": now, "ended_at": now, "pages": 1, **fields})


# --- Refresh now --------------------------------------------------------------------------------------
def test_sends_the_task_and_says_so(as_manager: Client, way: dict[str, str]) -> None:
    response = as_manager.post(REFRESH, headers=way)

    assert sent_tasks() == [("usage.refresh_now", [])]
    if way:
        assert response.status_code == 202
        assert 'hx-trigger="load delay:1s"' in response.content.decode()
    else:
        response = as_manager.get(response["Location"])
    assert "Checking with the gateway." in words_of(response)


def test_asks_once_in_half_a_minute(as_manager: Client) -> None:
    as_manager.post(REFRESH, headers=HTMX)

    response = as_manager.post(REFRESH, headers=HTMX)

    assert response.status_code == 429
    assert "An update was requested just now" in words_of(response)
    assert len(sent_tasks()) == 1


def test_respects_the_cooldown(as_manager: Client) -> None:
    settle()
    UsageState.objects.update(cooldown_until=timezone.now() + timedelta(seconds=30))

    response = as_manager.post(REFRESH, headers=HTMX)

    assert response.status_code == 429
    assert "the next update can start in 3" in words_of(response)
    assert sent_tasks() == []


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"rows_read": 1200, "rows_written": 3, "seconds": 0.84}, "Read 1,200 rows in 0.8 s, 3 changed."),
        ({"rows_read": 1, "seconds": 2}, "Read 1 row in 2.0 s, nothing changed."),
        ({"outcome": "failed", "problem": "It does not answer."}, "Not read: It does not answer."),
        ({"outcome": "busy", "problem": "Another update is under way."}, "Not started: Another update is under way."),
    ],
)
def test_says_what_the_run_did(as_manager: Client, fields: dict[str, Any], words: str) -> None:
    since = timezone.now() - timedelta(seconds=2)
    make_run(**fields)

    response = as_manager.get(REFRESHED, {"since": since.isoformat()}, headers=HTMX)

    assert words in words_of(response)
    assert ("Show the new numbers" in words_of(response)) == bool(fields.get("rows_written"))
    assert "hx-get" not in response.content.decode()


def test_waits_for_a_run_that_ends_after_the_press(as_manager: Client) -> None:
    make_run(ended_at=timezone.now() - timedelta(minutes=1))
    make_run(outcome=PollRun.Outcome.RUNNING, ended_at=None)
    since = timezone.now() - timedelta(seconds=2)

    response = as_manager.get(REFRESHED, {"since": since.isoformat()}, headers=HTMX)

    assert "hx-get" in response.content.decode()


def test_gives_up_after_a_minute_and_says_where_to_look(as_manager: Client) -> None:
    since = timezone.now() - timedelta(seconds=61)

    response = as_manager.get(REFRESHED, {"since": since.isoformat()}, headers=HTMX)

    assert "No answer within a minute" in words_of(response)
    assert "hx-get" not in response.content.decode()


@pytest.mark.parametrize("since", ["", "yesterday", "2026-99-99T00:00", "2026-01-01T00:00", "\0", EARLIEST, LATEST])
def test_accepts_any_time_in_the_query_string(as_manager: Client, since: str) -> None:
    assert as_manager.get(REFRESHED, {"since": since}, headers=HTMX).status_code == 200


def test_the_button_requires_permission(as_manager: Client, as_reader: Client) -> None:
    assert "Refresh now" in words_of(as_manager.get("/usage/everyone/"))
    assert "Refresh now" not in words_of(as_reader.get("/usage/everyone/"))


# --- Runs ---------------------------------------------------------------------------------------------
def test_before_the_first_run_it_says_so(as_reader: Client, way: dict[str, str]) -> None:
    response = as_reader.get(RUNS, headers=way)

    assert_form(response, way, "usage-panel")
    assert "No updates yet" in words_of(response)


def test_lists_runs_newest_first_by_pages(as_reader: Client) -> None:
    now = timezone.now()
    for number in range(60):
        make_run(started_at=now - timedelta(minutes=number), rows_read=1000 + number)
    make_run(outcome=PollRun.Outcome.FAILED, problem="Page 2 was garbled.", started_at=now + timedelta(seconds=1))

    first, second = (words_of(as_reader.get(RUNS, {"page": page})) for page in (1, 2))

    assert first.index("Page 2 was garbled.") < first.index("1,000") < first.index("1,001")
    assert "1,059" in second
    assert "Page 2 of 2" in second


@pytest.mark.parametrize(
    ("reached", "words"), [(None, "Not started"), (100, "Read back to"), (400, "")], ids=["new", "halfway", "done"]
)
def test_shows_the_progress_of_the_back_fill(as_reader: Client, reached: int | None, words: str) -> None:
    settle()
    UsageState.objects.update(
        backfill_started_on=day(0), backfill_target=day(400), backfilled_to=day(reached) if reached else None
    )

    page = as_reader.get(RUNS).content.decode()

    assert words in page
    assert ("Days before the first start" in page) == bool(words)
    if reached == 100:
        assert 'value="0.250000"' in page


# --- Comparison -----------------------------------------------------------------------------------------
@pytest.fixture
def reconciliation(db: None) -> Reconciliation:
    return Reconciliation.objects.create(keys_here=7, keys_there=8, days=7, ended_at=timezone.now())


def differ(reconciliation: Reconciliation, kind: str, fix: str = "sync", **fields: Any) -> Discrepancy:
    return Discrepancy.objects.create(reconciliation=reconciliation, kind=kind, fix=fix, **fields)


def test_before_the_first_comparison_it_says_what_comes(as_reader: Client, way: dict[str, str]) -> None:
    response = as_reader.get(COMPARE, headers=way)

    assert_form(response, way, "usage-panel")
    assert "The first comparison runs tonight." in words_of(response)


def test_says_that_nothing_differs(as_reader: Client, reconciliation: Reconciliation) -> None:
    text = words_of(as_reader.get(COMPARE))

    assert "Keys in the portal: 7; at the gateway: 8; days whose totals were compared: 7." in text
    assert "No discrepancies" in text


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"kind": "only_here", "name": "thesis"}, "Only in the portal"),
        ({"kind": "only_there", "name": "thesis", "there": "user-1"}, "Only at the gateway: the gateway names user-1"),
        (
            {"kind": "expiry", "name": "thesis", "here": "2026-11-25T10:42:00+00:00"},
            "Different expiry: 25 Nov 2026, 10:42 here, never there",
        ),
        (
            {"kind": "owner_differs", "name": "thesis", "here": "intern"},
            "Different owner: intern here, nobody there",
        ),
        (
            {"kind": "sums", "measure": "spend_usd", "here": "12.340000000000", "there": "12.5"},
            "Spend, USD: 12.34 here, 12.50 there; they differ by 0.16",
        ),
        (
            {"kind": "sums", "measure": "prompt_tokens", "here": "12000", "there": "11999"},
            "Tokens in: 12,000 here, 11,999 there; they differ by 1",
        ),
    ],
)
def test_says_in_words_what_differs(
    as_reader: Client, reconciliation: Reconciliation, fields: dict[str, Any], words: str
) -> None:
    differ(reconciliation, **fields)

    text = words_of(as_reader.get(COMPARE))

    assert words in text
    assert "1 discrepancy" in text


def test_names_the_owner_of_a_key(as_reader: Client, reconciliation: Reconciliation, intern: User) -> None:
    differ(reconciliation, "only_here", key=key_of(intern), name="thesis")

    assert "thesis Intern A" in words_of(as_reader.get(COMPARE))


def test_offers_the_fix_with_permission(as_manager: Client, as_reader: Client, reconciliation: Reconciliation) -> None:
    discrepancy = differ(reconciliation, "only_here", name="thesis")
    differ(reconciliation, "owner_missing", "gateway", name="notebook")
    fix_url = f"/usage/compare/fix/{discrepancy.pk}/"

    page = as_manager.get(COMPARE).content.decode()

    assert fix_url in page
    assert page.count("/usage/compare/fix/") == 1
    assert "Decide at the gateway" in page
    assert fix_url not in as_reader.get(COMPARE).content.decode()


def test_a_failed_reconciliation_keeps_the_previous_one(as_reader: Client, reconciliation: Reconciliation) -> None:
    differ(reconciliation, "only_here", name="still here")
    Reconciliation.objects.create(ended_at=timezone.now(), problem="The gateway does not answer.")

    text = words_of(as_reader.get(COMPARE))

    assert "was interrupted The gateway does not answer." in text
    assert "still here" in text


def test_a_running_reconciliation_hides_nothing(as_reader: Client, reconciliation: Reconciliation) -> None:
    differ(reconciliation, "only_here", name="still here")
    Reconciliation.objects.create()

    assert "still here" in words_of(as_reader.get(COMPARE))


def test_reconciles_at_most_twice_a_minute(as_manager: Client) -> None:
    text = [words_of(as_manager.post(COMPARE, follow=True)) for _ in range(2)]

    assert sent_tasks() == [("usage.reconcile", [])]
    assert "The comparison with the gateway has started." in text[0]
    assert "An update was requested just now." in text[1]


@pytest.mark.parametrize(
    ("fields", "task"),
    [
        ({"kind": "only_here", "fix": "sync"}, ("keys.sync", [])),
        (
            {"kind": "sums", "fix": "reread", "day": day(2), "here": "1", "there": "2"},
            ("usage.refresh_day", [day(2).isoformat()]),
        ),
    ],
)
def test_sends_the_fix(
    as_manager: Client, reconciliation: Reconciliation, fields: dict[str, Any], task: tuple[str, list[str]]
) -> None:
    discrepancy = differ(reconciliation, name="x", **fields)

    text = words_of(as_manager.post(f"/usage/compare/fix/{discrepancy.pk}/", follow=True))

    assert sent_tasks() == [task]
    assert f"Started: {discrepancy.get_fix_display()}" in text


@pytest.mark.parametrize("missing", [True, False])
def test_offers_no_fix_for_problems_at_the_gateway(
    as_manager: Client, reconciliation: Reconciliation, *, missing: bool
) -> None:
    discrepancy = differ(reconciliation, "owner_missing", "gateway", name="x")

    answer = as_manager.post(f"/usage/compare/fix/{discrepancy.pk + missing}/")

    assert answer.status_code == 404
    assert sent_tasks() == []


def test_the_cooldown_of_the_button_ends(as_manager: Client) -> None:
    as_manager.post(REFRESH, headers=HTMX)
    cache.clear()  # as time would

    assert as_manager.post(REFRESH, headers=HTMX).status_code == 202
