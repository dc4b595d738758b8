"""A day that shrinks at an empty, restored or other gateway loses no usage here."""

from datetime import date, timedelta

import pytest
from django.core import mail
from django.core.management import call_command
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import User
from keys.models import GatewayIdentity
from keys.services import accept_gateway, identify_gateway
from tests.sandbox_process import Sandbox
from tests.usage.polling import assert_sums_are_right, end_cooldown, poll, report_day, spent, used, yesterday
from usage.models import Fact, PollRun, Reconciliation, UsageState, utc_today
from usage.services import compare_with_gateway
from usage.tasks import refresh_day

pytestmark = pytest.mark.django_db
A, B, C = "a" * 64, "b" * 64, "c" * 64


def requests_of(day: date | None = None) -> dict[str, int]:
    """Return the requests that we have of a day (None: yesterday), by token."""
    facts = Fact.objects.filter(day=day or yesterday(), model__name="gpt-4o-mini")
    return dict(facts.values_list("token_ref__token", "ok_requests"))


def test_a_day_that_lost_half_of_its_requests_keeps_them_and_takes_what_is_new(
    admin: User, as_admin: Client, sandbox: Sandbox
) -> None:
    report_day(sandbox, yesterday(), used(A, ok=10), used(B, ok=10))
    poll(yesterday(), yesterday())
    report_day(sandbox, yesterday(), used(B, ok=4), used(C, ok=2), used(A, "embedding", ok=1))

    run = poll(yesterday(), yesterday())

    assert (run.outcome, run.days_kept, run.rows_written) == ("done", 1, 2)
    assert requests_of() == {A: 10, B: 10, C: 2}
    assert spent(yesterday()).keys() == {(A, "gpt-4o-mini"), (A, "embedding"), (B, "gpt-4o-mini"), (C, "gpt-4o-mini")}
    assert_sums_are_right()
    poll(yesterday(), yesterday())
    assert len(mail.outbox) == 1
    assert f"For {yesterday().isoformat()} (UTC) the gateway reports far fewer" in mail.outbox[0].body
    assert "1 day had far less than before" in as_admin.get(reverse("usage:runs")).content.decode()


def test_a_small_correction_is_taken_over(sandbox: Sandbox) -> None:
    report_day(sandbox, yesterday(), used(A, ok=10), used(B, ok=10))
    poll(yesterday(), yesterday())
    report_day(sandbox, yesterday(), used(A, ok=10), used(B, ok=7))

    run = poll(yesterday(), yesterday())

    assert run.days_kept == 0
    assert requests_of() == {A: 10, B: 7}


def test_an_admin_accepts_the_smaller_day(sandbox: Sandbox) -> None:
    report_day(sandbox, yesterday(), used(A, ok=10), used(B, ok=10))
    poll(yesterday(), yesterday())
    report_day(sandbox, yesterday(), used(B, ok=1))
    poll(yesterday(), yesterday())
    assert set(compare_with_gateway().discrepancies.values_list("fix", flat=True)) == {"reread"}

    end_cooldown()
    refresh_day.run(yesterday().isoformat())

    assert requests_of() == {B: 1}
    assert not compare_with_gateway().discrepancies.exists()


def test_an_operator_has_smaller_days_read_that_the_comparison_does_not_list(sandbox: Sandbox) -> None:
    day = utc_today() - timedelta(days=20)
    report_day(sandbox, day, used(A, ok=10), used(B, ok=10))
    poll(day, day)
    report_day(sandbox, day, used(B, ok=1))
    poll(day, day)
    assert requests_of(day) == {A: 10, B: 10}

    end_cooldown()
    call_command("reread_usage", day.isoformat(), day.isoformat())

    assert requests_of(day) == {B: 1}


def test_a_restored_gateway_takes_no_request_away_before_and_after_it_is_accepted(sandbox: Sandbox) -> None:
    report_day(sandbox, utc_today(), used(A, ok=20), used(B, ok=1))
    poll()
    team = {"team_id": GatewayIdentity.load().marker}
    old = {"passerelle_seen_at": (timezone.now() - timedelta(days=1)).isoformat()}
    sandbox.call("POST", "/team/update", body={**team, "metadata": old})
    report_day(sandbox, utc_today(), used(A, ok=19), used(C, ok=3))  # too little less to be noticed by itself

    run = poll()

    assert (run.outcome, run.problem) == (
        PollRun.Outcome.FAILED,
        "The gateway was restored from an older copy. Nothing was read or changed.",
    )
    assert UsageState.load().failing_since is not None
    assert requests_of(utc_today()) == {A: 20, B: 1}
    accept_gateway("somebody")
    assert poll().outcome == PollRun.Outcome.DONE
    assert requests_of(utc_today()) == {A: 20, B: 1, C: 3}
    assert_sums_are_right()


def test_another_gateway_is_neither_polled_nor_compared_with(sandbox: Sandbox) -> None:
    identify_gateway()
    GatewayIdentity.objects.update(marker="passerelle-portal-another")
    report_day(sandbox, utc_today(), used(A))

    run = poll()
    compare_with_gateway()

    assert (run.outcome, requests_of(utc_today())) == (PollRun.Outcome.FAILED, {})
    assert Reconciliation.objects.get().problem.startswith("This is not the gateway that the portal knows.")
