"""A poll: the gateway's usage of a day becomes facts, exactly, and only differences are written."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from keys.models import GatewayModel
from tests.sandbox_process import Sandbox
from tests.usage.polling import (
    ReportedRow,
    assert_sums_are_right,
    end_cooldown,
    poll,
    report_day,
    spent,
    used,
    yesterday,
)
from usage.models import DayToken, Fact, PollRun, UsageState, utc_today
from usage.services import refresh_facts

pytestmark = pytest.mark.django_db
A, B, C = "a" * 64, "b" * 64, "c" * 64


def test_facts_equal_the_report_of_the_gateway(sandbox: Sandbox) -> None:
    more: ReportedRow = {"cached_tokens": 3, "failures": 2, "took_ms": 1500}
    report_day(sandbox, utc_today(), used(A, usd="0.000000150001", ok=4, **more), used(A, "embedding"), used(B))

    run = poll()

    assert (run.outcome, run.pages, run.rows_read, run.rows_written) == ("done", 1, 3, 3)
    assert run.ended_at is not None
    assert run.gateway_s > 0
    fact = Fact.objects.get(token_ref__token=A, model__name="gpt-4o-mini")
    assert fact.spend_usd == Decimal("0.000000150001")
    assert (fact.prompt_tokens, fact.completion_tokens, fact.cache_read_tokens, fact.cache_creation_tokens) == (
        40,
        20,
        3,
        0,
    )
    assert (fact.ok_requests, fact.failed_requests, fact.response_ms) == (4, 2, 1500)
    assert_sums_are_right()


def test_the_same_again_writes_no_row(sandbox: Sandbox) -> None:
    report_day(sandbox, utc_today(), used(A), used(B))
    poll()
    before = list(Fact.objects.values_list("pk", "token_ref", "spend_usd"))
    version = UsageState.load().version

    with CaptureQueriesContext(
        connection,
    ) as queries:
        run = poll()

    assert (run.outcome, run.rows_written) == ("done", 0)
    assert list(Fact.objects.values_list("pk", "token_ref", "spend_usd")) == before
    assert UsageState.load().version == version
    written = [query["sql"] for query in queries if query["sql"].startswith(("INSERT", "UPDATE", "DELETE"))]
    tables = {
        table for sql in written for table in ("fact", "daymodel", "daysource", "_source") if f"usage_{table}" in sql
    }
    assert written
    assert not tables


def test_unchanged_facts_keep_their_rows(sandbox: Sandbox) -> None:
    report_day(sandbox, yesterday(), used(A), used(B), used(C, usd="0.5"))
    poll(yesterday(), utc_today())
    unchanged, changed = (Fact.objects.get(token_ref__token=token) for token in (A, B))
    report_day(sandbox, yesterday(), used(A), used(B, usd="0.009"), used(A, "embedding"))

    run = poll(yesterday(), yesterday())

    assert run.rows_written == 3  # one changed, one new, one gone
    cents = {(A, "gpt-4o-mini"): Decimal("0.01"), (B, "gpt-4o-mini"): Decimal("0.009")}
    assert spent(yesterday()) == {**cents, (A, "embedding"): Decimal("0.01")}
    assert Fact.objects.get(token_ref__token=A, model__name="gpt-4o-mini").pk == unchanged.pk
    assert Fact.objects.get(token_ref__token=B).pk == changed.pk
    assert not DayToken.objects.filter(token_ref__token=C).exists()
    assert_sums_are_right()


def test_a_day_and_a_fact_may_be_split_over_pages(sandbox: Sandbox) -> None:
    rows = [used(A, endpoint=f"/{number}", usd="0.1") for number in range(5)]
    report_day(sandbox, utc_today(), *rows, used(B), used(C))
    report_day(sandbox, yesterday(), used(A, usd="0.7"), used(B), used(C))

    run = poll(yesterday(), utc_today(), page_size=2)

    assert run.outcome == "done", run.problem
    assert spent()[A, "gpt-4o-mini"] == Decimal("0.5")  # by floats it would be 0.5000000000000001 somewhere
    assert Fact.objects.get(day=utc_today(), token_ref__token=A).ok_requests == 5
    assert spent(yesterday())[A, "gpt-4o-mini"] == Decimal("0.7")
    assert Fact.objects.count() == 6
    assert_sums_are_right()


def test_a_day_of_1500_rows_is_read_whole(sandbox: Sandbox) -> None:
    models = ("gpt-4o-mini", "claude-3-haiku", "llama-70b", "vision", "embedding")
    tokens = [f"{number:064x}" for number in range(300)]
    rows = [used(token, model, usd=f"0.{place}1") for token in tokens for place, model in enumerate(models)]
    report_day(sandbox, utc_today(), *rows)

    run = poll()

    assert (run.outcome, run.rows_written) == ("done", 1500)
    assert sum(spent().values()) == 300 * Decimal("1.05")
    assert_sums_are_right()


def test_what_failed_before_its_model_was_known_counts(sandbox: Sandbox) -> None:
    report_day(
        sandbox,
        utc_today(),
        used(A, ok=3),
        used(A, "", usd="0", ok=0, failures=2),
        used(B, "", usd="0", ok=0, failures=1),
    )

    assert poll(page_size=2).outcome == "done"

    failed = Fact.objects.exclude(failed_requests=0).values_list("token_ref__token", "model__name", "failed_requests")
    assert set(failed) == {(A, "", 2), (B, "", 1)}
    assert_sums_are_right()


def test_money_is_added_exactly(sandbox: Sandbox) -> None:
    report_day(sandbox, utc_today(), *(used(f"{number:064x}", usd="0.1") for number in range(30)))

    poll()

    assert DayToken.objects.count() == 30
    assert sum(spent().values()) == Decimal(3)
    assert str(UsageState.load().version) == "1"
    assert_sums_are_right()


def test_names_and_tokens_longer_than_ours_are_cut_and_added(sandbox: Sandbox) -> None:
    report_day(sandbox, utc_today(), used("x" * 300, "m" * 300), used("x" * 301, "m" * 301))

    assert poll().outcome == "done"

    assert spent() == {("x" * 200, "m" * 200): Decimal("0.02")}


def test_a_model_has_the_provider_that_the_gateway_lists(sandbox: Sandbox) -> None:
    GatewayModel.objects.create(name="gpt-4o-mini", provider="openai")
    report_day(sandbox, utc_today(), used(A), used(A, "no-such-model"))
    poll()

    assert set(Fact.objects.values_list("model__name", "model__provider")) == {
        ("gpt-4o-mini", "openai"),
        ("no-such-model", ""),
    }
    GatewayModel.objects.update(provider="azure")
    poll()
    assert Fact.objects.filter(model__provider="azure").exists()


# --- When it may ask, and what it says ------------------------------------------------------------
def test_the_cooldown_is_nine_times_the_run(sandbox: Sandbox) -> None:
    sandbox.faults("/user/daily/activity", "delay", seconds=0.3)
    first = poll()
    cooldown_s = (UsageState.objects.get().cooldown_until or timezone.now()) - (first.ended_at or timezone.now())

    second = refresh_facts(utc_today(), utc_today(), PollRun.Kind.TODAY)

    assert first.gateway_s > 0.3
    assert cooldown_s.total_seconds() == pytest.approx(9 * first.gateway_s, abs=0.2)
    assert second.outcome == "busy"
    assert "next update can start at" in second.problem
    assert PollRun.objects.count() == 1


def test_a_run_that_takes_too_long_ends_at_a_whole_day(sandbox: Sandbox) -> None:
    for number in range(4):
        report_day(sandbox, utc_today() - timedelta(days=number), used(A))

    run = poll(utc_today() - timedelta(days=3), utc_today(), slice_s=0)

    assert (run.outcome, run.first_day) == ("done", utc_today())
    assert Fact.objects.count() == 1


def test_freshness_reports_success_and_failure(sandbox: Sandbox) -> None:
    poll()
    fresh = UsageState.load()
    assert fresh.last_ok_at is not None
    assert fresh.failing_since is None
    sandbox.faults("/user/daily/activity", "error", status=500, times=100)
    poll()
    since = UsageState.load().failing_since
    assert since is not None
    failed = poll()

    state = UsageState.load()
    assert (failed.outcome, state.failing_since, state.last_ok_at) == ("failed", since, fresh.last_ok_at)
    assert state.problem == failed.problem != ""
    sandbox.clear_faults()
    poll()
    state = UsageState.load()
    assert (state.failing_since, state.problem) == (None, "")


def test_older_days_do_not_change_freshness(sandbox: Sandbox) -> None:
    poll(yesterday(), yesterday())
    assert UsageState.load().last_ok_at is None


def test_a_run_that_was_killed_is_said_to_be_cut_short(sandbox: Sandbox) -> None:
    PollRun.objects.create(kind=PollRun.Kind.TODAY, first_day=utc_today(), last_day=utc_today())
    end_cooldown()
    poll()

    assert list(PollRun.objects.order_by("pk").values_list("outcome", "problem")) == [
        ("failed", "It was interrupted."),
        ("done", ""),
    ]
