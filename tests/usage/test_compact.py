"""Usage of months long past is summed up: sums of whole months stay, and the days are not read again."""

from datetime import date, timedelta
from decimal import Decimal
from io import StringIO

import pytest
from django.core.management import call_command
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from accounts.models import User
from portal.checks import retentions_are_sensible
from tests.sandbox_process import Sandbox
from tests.usage.polling import assert_sums_are_right, end_cooldown, make_key, poll, report_day, used
from tests.usage.views.facts import table_of
from usage import services, tasks
from usage.models import CostCentre, Fact, PollRun, TokenRef, UsageState, UsedModel, utc_today
from usage.services.day_reader import Tally, read_day
from usage.services.write import write_day

pytestmark = pytest.mark.django_db
A, B = "a" * 64, "b" * 64
MONTH = (utc_today() - timedelta(days=500)).replace(day=1)
NEXT = (MONTH + timedelta(days=31)).replace(day=1)
THIRD = (NEXT + timedelta(days=31)).replace(day=1)
LAST = NEXT - timedelta(days=1)


@pytest.fixture(autouse=True)
def old_facts(settings: Settings, intern: User, staff: User) -> None:
    """Have a month with days of use, the first of the next one, and a back-fill that is complete."""
    settings.DAILY_USAGE_RETENTION_DAYS = 400
    first = utc_today() - timedelta(days=900)
    UsageState.objects.create(pk=1, backfill_started_on=utc_today(), backfilled_to=first, backfill_target=first)
    small, large = (UsedModel.objects.create(name=name) for name in ("small", "large"))
    of_a, of_b = (
        TokenRef.objects.create(token=token, key=make_key(owner, token), owner=owner)
        for token, owner in ((A, intern), (B, staff))
    )
    centre = CostCentre.objects.create(code="4711")
    rows = (
        (MONTH, of_a, small, "1", 0),
        (MONTH + timedelta(days=4), of_a, small, "2", 0),
        (MONTH + timedelta(days=8), of_a, small, "4", centre.pk),
        (MONTH + timedelta(days=11), of_a, large, "8", 0),
        (LAST, of_b, small, "16", 0),
        (NEXT, of_a, small, "32", 0),
    )
    Fact.objects.bulk_create(
        Fact(day=day, token_ref=ref, model=model, spend_usd=Decimal(usd), ok_requests=1, cost_centre_number=number)
        for day, ref, model, usd, number in rows
    )
    services.rebuild_rollups()


def facts() -> list[tuple[date, str, str, Decimal]]:
    rows = Fact.objects.order_by("day").values_list("day", "token_ref__token", "model__name", "spend_usd")
    return [(day, token[0], model, usd) for day, token, model, usd in rows]


def test_a_month_becomes_one_fact_for_each_key_model_and_cost_centre() -> None:
    assert services.compact_next_month() == (MONTH, 1)

    assert facts() == [
        (MONTH + timedelta(days=4), "a", "small", Decimal(3)),
        (MONTH + timedelta(days=8), "a", "small", Decimal(4)),  # of a cost centre
        (MONTH + timedelta(days=11), "a", "large", Decimal(8)),
        (LAST, "b", "small", Decimal(16)),
        (NEXT, "a", "small", Decimal(32)),
    ]
    assert_sums_are_right()
    assert services.rebuild_rollups() == {}
    assert UsageState.load().daily_from == NEXT
    tasks.compact_facts.run()
    assert UsageState.load().daily_from == THIRD
    assert services.compact_next_month() is None


def test_whole_months_read_as_before_and_the_pages_say_what_has_no_days(as_admin: Client, as_intern: Client) -> None:
    def tables() -> list[list[dict[str, str]]]:
        asked = {"by": "month", "from": MONTH.isoformat(), "to": NEXT.isoformat()}
        splits = ("model", "person", "key", "group", "cost_centre")
        everyone = [as_admin.get(reverse("usage:everyone_view_csv"), {**asked, "split": each}) for each in splits]
        of_one = [as_admin.get(reverse("usage:everyone_view_csv"), {**asked, "person": "intern"})]
        return [table_of(answer) for answer in (*everyone, *of_one, as_intern.get(reverse("usage:view_csv"), asked))]

    def page(name: str, **asked: str) -> str:
        return as_admin.get(reverse(name), asked).content.decode()

    before, period = tables(), {"from": LAST.isoformat(), "to": NEXT.isoformat()}
    assert all(before)
    assert "is kept by month" not in page("usage:everyone", **period)

    services.compact_next_month()

    assert tables() == before
    assert "is kept by month" in page("usage:everyone", **period)
    assert "is kept by month" in page("usage:everyone_report", **period)
    assert "is kept by month" not in page("usage:everyone")


def test_days_of_such_a_month_are_not_read_again(sandbox: Sandbox, settings: Settings) -> None:
    report_day(sandbox, LAST, used(A, "small", usd="9"))
    read_before = read_day(LAST, Tally(), lambda: None)
    services.compact_next_month()
    kept = facts()

    assert write_day(read_before) == 0
    refused = poll(MONTH, LAST)
    run = poll(LAST, NEXT, accept_less=True)
    end_cooldown()
    UsageState.objects.update(reread_to=NEXT)
    again = services.reread_older_days()

    assert (refused.outcome, "kept by month" in refused.problem) == (PollRun.Outcome.BUSY, True)
    assert (run.outcome, run.first_day) == (PollRun.Outcome.DONE, NEXT)
    assert again
    assert (again.outcome, again.last_day) == (PollRun.Outcome.DONE, utc_today() - timedelta(days=36))  # from the start
    settings.USAGE_BACKFILL_DAYS = 1000
    assert services.backfill_month() is None
    assert facts() == kept[:-1]  # of the next month, the gateway knows nothing


def test_nothing_is_summed_up_by_default_nor_before_the_backfill_is_done(settings: Settings) -> None:
    said = StringIO()
    call_command("retention", "--dry-run", stdout=said)
    assert "usage by day: kept 400 days (DAILY_USAGE_RETENTION_DAYS); 6 rows are older" in said.getvalue()

    UsageState.objects.update(backfilled_to=MONTH)
    assert services.compact_next_month() is None
    UsageState.objects.update(backfill_target=MONTH)
    settings.DAILY_USAGE_RETENTION_DAYS = 0
    assert services.compact_next_month() is None
    settings.DAILY_USAGE_RETENTION_DAYS = 90
    assert [found.id for found in retentions_are_sensible()] == ["portal.E058"]
    assert len(facts()) == 6
