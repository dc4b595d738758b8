"""An invalid number of the gateway is left out, listed and reported; it hides no other number."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from django.core import mail
from django.db import connection
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from accounts.models import User
from tests.gateway.stub import StubGateway, raw, says, stub_gateway
from tests.sandbox_process import Sandbox
from tests.usage.polling import assert_sums_are_right, poll, report_day, spent, used
from tests.usage.test_refresh_failures import page, reported
from usage.models import MEASURES, Anomaly, Fact, utc_today
from usage.services import compare_with_gateway
from usage.services.day_reader import ROW_FIELDS

pytestmark = pytest.mark.django_db
A, B, C = "a" * 64, "b" * 64, "c" * 64
MINI = "gpt-4o-mini"
ACTIVITY, TOTALS = "/user/daily/activity", "/user/daily/activity/aggregated"
CENT = Decimal("0.01")


def spoil(sandbox: Sandbox, token: str, entry: Any, *, model: str = MINI) -> None:
    """Let the gateway report this of a key's use of a model today."""
    group = {model: {"api_key_breakdown": {token: entry}}}
    patch = {"results": {"0": {"breakdown": {"model_groups": group}}}}
    sandbox.faults(ACTIVITY, "odd", patch=patch, times=99)


@pytest.mark.parametrize(
    ("metrics", "measure", "reported"),
    [
        ({"spend": "3 USD"}, "spend_usd", "a text"),
        ({"spend": 4e17}, "spend_usd", "4e+17"),
        ({"spend": 7e6}, "spend_usd", "7e+6"),
        ({"prompt_tokens": True}, "prompt_tokens", "bool"),
        ({"completion_tokens": 2**63 - 1}, "completion_tokens", "9.22337e+18"),
        ({"successful_requests": [1]}, "successful_requests", "a list"),
        ({"total_response_time_ms": {"sum": 1}}, "response_time_ms", "an object"),
    ],
    ids=str,
)
def test_an_absurd_number_is_left_out_and_all_others_of_the_day_are_counted(
    sandbox: Sandbox, metrics: dict[str, Any], measure: str, reported: str
) -> None:
    report_day(sandbox, utc_today(), used(A, usd="2", ok=3), used(B))
    poll()
    report_day(sandbox, utc_today(), used(A, usd="2", ok=3), used(B, usd="5", ok=4), used(C, usd="7"))
    spoil(sandbox, A, {"metrics": metrics})

    run = poll()

    assert (run.outcome, run.invalid) == ("done", 1)
    assert spent() == {(A, MINI): 2, (B, MINI): 5, (C, MINI): 7}  # what was known of A is kept
    fact = Fact.objects.get(token_ref__token=A)
    assert (fact.ok_requests, fact.prompt_tokens, fact.completion_tokens) == (3, 30, 15)
    (anomaly,) = Anomaly.objects.all()
    assert (anomaly.day, anomaly.token, anomaly.model) == (utc_today(), A, MINI)
    assert (anomaly.measure, anomaly.reported) == (measure, reported)
    assert_sums_are_right()


@pytest.mark.parametrize("entry", [None, 5, [], {"metrics": None}, {"metrics": "none"}], ids=str)
def test_an_invalid_row_removes_nothing(sandbox: Sandbox, entry: object) -> None:
    report_day(sandbox, utc_today(), used(A, usd="2", ok=30), used(A, "embedding"))
    poll()
    known = list(Fact.objects.order_by("pk").values_list(*MEASURES))
    report_day(sandbox, utc_today(), used(A, usd="2", ok=30), used(A, "embedding"), used(B, usd="1"))
    spoil(sandbox, A, entry)

    run = poll()

    assert (run.outcome, run.days_kept, run.invalid) == ("done", 0, 1)
    assert spent() == {(A, MINI): 2, (A, "embedding"): CENT, (B, MINI): 1}
    assert sorted(Fact.objects.filter(token_ref__token=A).values_list(*MEASURES)) == sorted(known)
    assert_sums_are_right()


def test_a_model_with_invalid_rows_keeps_its_known_usage(sandbox: Sandbox) -> None:
    report_day(sandbox, utc_today(), used(A, usd="2"), used(B, usd="3"))
    poll()
    report_day(sandbox, utc_today(), used(A, usd="2"), used(B, usd="3"), used(C, "embedding"))
    patch = {"results": {"0": {"breakdown": {"model_groups": {MINI: None}}}}}
    sandbox.faults(ACTIVITY, "odd", patch=patch, times=99)

    assert poll().outcome == "done"

    assert spent() == {(A, MINI): 2, (B, MINI): 3, (C, "embedding"): CENT}


def test_invalid_key_metadata_does_not_prevent_counting(sandbox: Sandbox) -> None:
    report_day(sandbox, utc_today(), used(A))
    spoil(sandbox, A, {"metadata": {"key_alias": ["x"], "user_id": 7, "key_exists": "true", "team_id": {}}})

    run = poll()

    assert (run.outcome, run.invalid, spent()) == ("done", 0, {(A, MINI): CENT})


def test_several_pages_are_one_consistent_day(sandbox: Sandbox) -> None:
    report_day(sandbox, utc_today(), *(used(f"{number:064x}") for number in range(5)))
    sandbox.faults(TOTALS, "odd", patch={"metadata": {"total_spend": 1e21}}, times=99)
    spoil(sandbox, "0" * 64, {"metrics": {"spend": 1e21}})

    run = poll(page_size=2)

    assert (run.outcome, run.pages) == ("done", 4)  # the first page is read twice
    assert len(spent()) == 5


def test_prices_that_are_too_high_by_a_million_break_no_page(as_admin: Client, sandbox: Sandbox) -> None:
    """Sums of many such days are more than 64 bits hold, so SQLite leaves them out; PostgreSQL adds them up."""
    for number in range(12):
        day = utc_today().fromordinal(utc_today().toordinal() - number)
        report_day(sandbox, day, used(A, usd="999999"), used(B, usd="1"))
    poll(day, utc_today())

    response = as_admin.get(reverse("usage:everyone"), {"period": "30d"})

    assert response.status_code == 200
    expected = "reports 12 invalid numbers" if connection.vendor == "sqlite" else "12,000,000.00"
    assert expected in response.content.decode()


def test_admins_are_notified_and_find_it(admin: User, as_admin: Client, sandbox: Sandbox) -> None:
    report_day(sandbox, utc_today(), used(A, usd="1"), used(B, usd="2"))
    spoil(sandbox, A, {"metrics": {"spend": 1e18}})

    poll()
    poll()

    (message,) = mail.outbox
    assert "1 number in the gateway’s usage is invalid" in message.body
    assert reverse("usage:runs") in message.body
    page_of_runs = as_admin.get(reverse("usage:runs")).content.decode()
    assert "1 invalid number" in page_of_runs
    assert "1e+18" in page_of_runs
    sandbox.clear_faults()
    poll()
    assert not Anomaly.objects.exists()
    assert spent() == {(A, MINI): 1, (B, MINI): 2}


def test_an_absurd_sum_of_the_gateway_is_shown_in_the_reconciliation(as_admin: Client, sandbox: Sandbox) -> None:
    sandbox.faults(TOTALS, "odd", patch={"metadata": {"total_spend": "lots"}}, times=99)

    compare_with_gateway()

    words = as_admin.get(reverse("usage:reconcile")).content.decode()
    assert "the gateway’s value is invalid" in words


def test_the_measures_of_rows_are_those_of_facts() -> None:
    assert len(ROW_FIELDS) == len(set(ROW_FIELDS)) == 8


# --- Older gateways ---------------------------------------------------------------------------------
@pytest.fixture
def stub(settings: Settings) -> Iterator[StubGateway]:
    """Point the portal at a gateway that says what a test wants."""
    with stub_gateway() as gateway:
        settings.GATEWAY_URL = gateway.url
        gateway.is_known()
        yield gateway


def test_an_older_gateway_is_read_and_what_it_does_not_report_is_named(as_admin: Client, stub: StubGateway) -> None:
    counted = {"spend": 0.01, "prompt_tokens": 1, "completion_tokens": 2, "api_requests": 1, "successful_requests": 1}
    counted |= {"failed_requests": 0, "cache_read_input_tokens": 0, "cache_creation_input_tokens": 0}
    keys = {A: {"metrics": counted, "metadata": {}}}
    stub.will(
        page(1, 1, {"date": utc_today().isoformat(), "breakdown": {"models": {"m": {"api_key_breakdown": keys}}}})
    )

    run = poll()

    assert (run.outcome, spent()) == ("done", {(A, "m"): CENT})
    assert run.missing == ["model_groups", "response_time_ms"]
    words = as_admin.get(reverse("usage:runs")).content.decode()
    assert "Not reported by this gateway: public names of models, response times" in words


def test_an_older_gateway_without_sums_of_a_day_is_read_and_compared(as_admin: Client, stub: StubGateway) -> None:
    stub.always[TOTALS] = says({"detail": "Not Found"}, status=404)
    stub.will(page(1, 2, reported(A)), page(1, 2, reported(A)), page(2, 2, reported(B)))

    run = poll()

    assert (run.outcome, spent()) == ("done", {(A, MINI): CENT, (B, MINI): CENT})
    assert "day_totals" in run.missing
    assert "totals of a day" in as_admin.get(reverse("usage:runs")).content.decode()
    stub.will(says({"keys": [], "total_pages": 0}))
    reconciliation = compare_with_gateway()
    assert (reconciliation.problem, reconciliation.days) == ("", 0)


def test_a_number_outside_json_affects_nothing_else(stub: StubGateway) -> None:
    reply = '{"results": [{"date": "%s", "breakdown": {"model_groups": {"m": {"api_key_breakdown": {%s}}}}}], %s}'
    rows = ", ".join(
        f'"{token}": {{"metrics": {{"spend": {spend}, "successful_requests": 1}}}}'
        for token, spend in ((A, "NaN"), (B, "0.01"), (C, "9" * 5000))
    )
    access = '"metadata": {"page": 1, "total_pages": 1, "has_more": false}'
    stub.will(raw(reply % (utc_today().isoformat(), rows, access), kind="application/json"))

    run = poll()

    assert (run.outcome, run.invalid) == ("done", 2)
    assert spent() == {(A, "m"): 0, (B, "m"): CENT, (C, "m"): 0}
