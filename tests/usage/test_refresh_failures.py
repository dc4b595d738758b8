"""A gateway that dies, sends invalid answers or changes meanwhile: facts are right or unchanged, never half."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from pytest_django import Settings

from gateway.errors import GatewayUnavailable
from tests.gateway.stub import Reply, StubGateway, raw, says, stub_gateway
from tests.sandbox_process import Sandbox
from tests.usage.polling import assert_sums_are_right, poll, report_day, spent, used, yesterday
from usage.models import Fact, TokenRef, UsageState, utc_today
from usage.services.day_reader import TRIES, Tally, read_day

pytestmark = pytest.mark.django_db
A, B, C = "a" * 64, "b" * 64, "c" * 64
CENT = Decimal("0.01")
ACTIVITY = "/user/daily/activity"


# --- A sandbox with faults ------------------------------------------------------------------------
@pytest.fixture
def known(sandbox: Sandbox) -> Sandbox:
    """Poll three facts of today, then let the gateway have ten others, on five pages."""
    report_day(sandbox, utc_today(), used(A), used(B), used(C))
    poll()
    report_day(sandbox, utc_today(), *(used(f"{number:064x}", usd="5") for number in range(10)))
    return sandbox


@pytest.mark.parametrize("kind", ["error", "drop_before", "drop_after", "truncated_json", "html", "cut_body"])
def test_a_gateway_that_dies_after_page_2_changes_nothing(known: Sandbox, kind: str) -> None:
    before = list(Fact.objects.order_by("pk").values())
    known.faults(ACTIVITY, kind, skip=3, times=100)  # after page 1, which is read twice, and page 2

    run = poll(page_size=2)

    assert (run.outcome, run.pages, run.rows_written) == ("failed", 3, 0)
    assert run.problem
    assert list(Fact.objects.order_by("pk").values()) == before
    assert_sums_are_right()
    known.clear_faults()
    assert poll(page_size=2).outcome == "done"
    assert len(spent()) == 10
    assert_sums_are_right()


def test_days_that_were_read_whole_before_it_died_are_kept(sandbox: Sandbox) -> None:
    for number in range(4):
        report_day(sandbox, utc_today() - timedelta(days=number), used(A, usd="2"))
    sandbox.faults(ACTIVITY, "drop_before", skip=2, times=100)

    run = poll(utc_today() - timedelta(days=3), utc_today())

    assert (run.outcome, run.first_day, run.rows_written) == ("failed", utc_today() - timedelta(days=3), 2)
    assert [spent(utc_today() - timedelta(days=number)) != {} for number in range(4)] == [True, True, False, False]
    assert_sums_are_right()


# --- A stub gateway ---------------------------------------------------------------------------
@pytest.fixture
def stub(settings: Settings) -> Iterator[StubGateway]:
    """Point the portal at a gateway that says what a test wants."""
    with stub_gateway() as gateway:
        settings.GATEWAY_URL = gateway.url
        gateway.is_known()
        yield gateway


def reported(token: str, usd: Any = 0.01, day: str = "", **metrics: Any) -> dict[str, Any]:
    """Return one day (by default today) as LiteLLM reports it."""
    counted = {"spend": usd, "prompt_tokens": 1, "completion_tokens": 1, "successful_requests": 1, **metrics}
    keys = {token: {"metrics": counted, "metadata": {}}}
    return {
        "date": day or utc_today().isoformat(),
        "breakdown": {"model_groups": {"gpt-4o-mini": {"api_key_breakdown": keys}}},
    }


def page(number: int, pages: int, *days: dict[str, Any]) -> Reply:
    """Return a page of activity."""
    return says({"results": list(days), "metadata": {"page": number, "total_pages": pages, "has_more": number < pages}})


def totals(usd: float, requests: int) -> Reply:
    """Return the gateway's own sums; each request has a token in and one out."""
    counted = {"total_prompt_tokens": requests, "total_completion_tokens": requests}
    return says({"results": [], "metadata": {"total_spend": usd, "total_successful_requests": requests, **counted}})


def whole_day() -> Reply:
    """Return all of today, on one page."""
    return page(1, 1, reported(A))


def nonsense() -> dict[str, Reply]:
    """Return invalid answers, by what is wrong with them."""
    return {
        "no JSON": raw("<html>It works!</html>", kind="text/html"),
        "half a JSON": raw('{"results": [{"date":'),
        "a list": says([]),
        "nothing": says({}),
        "no frame": says({"results": []}),
        "an empty frame": says({"results": [], "metadata": {}}),
        "another page": page(2, 1, reported(B)),
        "a page that is empty": page(1, 1),
        "a page after the last": says(
            {"results": [reported(B)], "metadata": {"page": 1, "total_pages": 1, "has_more": True}}
        ),
        "another day": page(1, 1, reported(B, day=yesterday().isoformat())),
        "no day": page(1, 1, reported(B, day="yesterday")),
        "NaN": raw('{"results": [], "metadata": {"page": 1, "total_pages": NaN, "has_more": false}}'),
        "keys in a list": page(1, 1, {"date": utc_today().isoformat(), "breakdown": {"model_groups": []}}),
        "an error": says({"error": {"message": "no", "type": "None", "code": "500"}}, status=500),
        "a refusal": says({"error": {"message": "no", "type": "auth_error", "code": "401"}}, status=401),
    }


@pytest.mark.parametrize("kind", nonsense())
def test_invalid_answers_change_nothing(stub: StubGateway, kind: str) -> None:
    stub.will(whole_day())
    assert poll().outcome == "done"
    stub.will(nonsense()[kind])

    run = poll()

    assert (run.outcome, run.rows_written) == ("failed", 0)
    assert 0 < len(run.problem) <= 300
    assert spent() == {(A, "gpt-4o-mini"): CENT}
    assert UsageState.load().failing_since is not None
    assert_sums_are_right()


def test_a_text_that_databases_do_not_take_is_cleaned(stub: StubGateway) -> None:
    stub.will(page(1, 1, reported("nul\0 and half \ud800 a pair")))

    assert poll().outcome == "done"
    assert TokenRef.objects.get().token == "nul\ufffd and half \ufffd a pair"


def test_a_day_that_suddenly_reads_empty_keeps_its_facts_until_a_person_accepts_less(stub: StubGateway) -> None:
    stub.will(whole_day())
    poll()
    stub.will(page(1, 0))

    run = poll()

    assert (run.outcome, run.rows_written, run.days_kept) == ("done", 0, 1)
    assert spent() == {(A, "gpt-4o-mini"): CENT}
    run = poll(accept_less=True)
    assert (run.outcome, run.rows_written, Fact.objects.count()) == ("done", 1, 0)
    assert_sums_are_right()


def two_pages() -> list[Reply]:
    """Return today on two pages, of which the first is read twice."""
    return [page(1, 2, reported(A)), page(1, 2, reported(A)), page(2, 2, reported(B))]


def in_reading_order(first: Reply, before: Reply, *rest: Reply) -> list[Reply]:
    """Return answers in the order in which they are asked for, the same each time: page, totals, all pages, totals."""
    return [first, before, *rest] * TRIES


@pytest.mark.parametrize(
    ("before", "after", "outcome"),
    [
        (totals(0.02, 2), totals(0.02, 2), "done"),
        (totals(0.01, 1), totals(0.05, 4), "done"),  # it went on growing
        (totals(0.01, 1), totals(0.01, 1), "failed"),  # a row was read twice
        (totals(0.03, 3), totals(0.03, 3), "failed"),  # a row was missed
        (totals(0.02, 3), totals(0.02, 3), "failed"),  # ... that cost nothing
    ],
)
def test_inconsistent_pages_are_refused(stub: StubGateway, before: Reply, after: Reply, outcome: str) -> None:
    stub.will(*in_reading_order(two_pages()[0], before, *two_pages()[1:], after))

    run = poll()

    assert (run.outcome, Fact.objects.count()) == (outcome, 2 if outcome == "done" else 0)


def second_pages() -> dict[str, Reply]:
    """Return pages that do not fit the first of two, by what is wrong with them."""
    return {
        "one more page": page(2, 3, reported(B)),
        "an empty page": page(2, 2),
        "page 1 again": page(1, 2, reported(B)),
        "another day": page(2, 2, reported(B, day=yesterday().isoformat())),
    }


@pytest.mark.parametrize("kind", second_pages())
def test_a_page_that_does_not_fit_changes_nothing(stub: StubGateway, kind: str) -> None:
    stub.will(*in_reading_order(two_pages()[0], totals(0.02, 2), two_pages()[1], second_pages()[kind]))

    run = poll()

    assert (run.outcome, Fact.objects.count()) == ("failed", 0)


def test_pages_that_became_fewer_change_nothing(stub: StubGateway) -> None:
    first = page(1, 3, reported(A))
    stub.will(*in_reading_order(first, totals(0.02, 2), first, page(2, 2, reported(B))))

    run = poll()

    assert (run.outcome, Fact.objects.count()) == ("failed", 0)
    assert "the number of pages" in run.problem


def test_a_day_to_which_a_row_was_added_meanwhile_is_read_again(sandbox: Sandbox) -> None:
    """The gateway cuts pages anew for each answer, so the new row moves another one, which is read twice."""
    rows = [used(f"{number:064x}", usd=f"0.0{number}") for number in range(1, 6)]
    report_day(sandbox, utc_today(), *rows)
    arrival = _InSecondReading(lambda: report_day(sandbox, utc_today(), used("0" * 64), *rows))
    tally = Tally()

    usage = read_day(utc_today(), tally, arrival, page_size=2)

    assert arrival.came
    assert len(usage.facts) == 6
    assert tally.pages == 2 + 6  # the first page and one more, then page 1 and all three, which now fit


def test_a_day_to_which_rows_are_added_all_the_time_is_left_as_it_was(sandbox: Sandbox) -> None:
    rows = [used(f"{number:064x}", usd=f"0.0{number}") for number in range(90, 95)]
    report_day(sandbox, utc_today(), *rows)

    def add_row() -> None:
        rows.insert(0, used(f"{90 - len(rows):064x}"))
        report_day(sandbox, utc_today(), *rows)

    with pytest.raises(GatewayUnavailable, match="changed while it was read"):
        read_day(utc_today(), Tally(), add_row, page_size=2)


class _InSecondReading:
    """Do something once, when the first page of all pages was read: page 1 and the totals come before."""

    def __init__(self, action: Callable[[], None]) -> None:
        self.action, self.calls = action, 0

    @property
    def came(self) -> bool:
        return self.calls >= 3

    def __call__(self) -> None:
        self.calls += 1
        if self.calls == 3:
            self.action()
