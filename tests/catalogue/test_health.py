"""How well models work: counted where calls end and where polls are written, measured each minute, shown to people."""

from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries
from pytest_django.asserts import assertContains, assertNotContains

from accounts.models import User
from catalogue.models import DAYS, ModelHealth
from catalogue.services import measure_health
from catalogue.services.health import Calls, state_of
from keys.models import GatewayModel, GatewayState
from playground.models import Answer, AnswerCount
from playground.services.counts import RETENTION, count_end, prune_counts
from tests.playground.streams import ended
from tests.sandbox_process import Sandbox
from tests.usage.polling import poll, report_day, used
from tests.usage.views.facts import key_of, settle
from tests.usage.views.facts import used as fact
from usage.models import ModelGrowth, UsageState, UsedModel, utc_today

pytestmark = pytest.mark.django_db
TOKEN = "a" * 64
HEALTH_URL = "/usage/health/"


def count(
    outcome: str = "", answers: int = 1, *, model: str = "small", hours_ago: float = 0, first_ms: int = 0
) -> None:
    """Let so many answers have ended alike."""
    at = timezone.now() - timedelta(hours=hours_ago)
    timed = answers if first_ms else 0
    AnswerCount.objects.create(
        at=at, model=model, outcome=outcome, answers=answers, timed=timed, first_token_ms=first_ms * timed
    )


def measured(name: str = "small") -> ModelHealth:
    """Measure, and return what is known of a model."""
    GatewayState.objects.update(checked_at=timezone.now(), models_at=timezone.now())
    GatewayModel.objects.get_or_create(name=name, defaults={"mode": "chat"})
    measure_health()
    return ModelHealth.objects.get(model__name=name)


def test_the_state_follows_from_the_calls_of_the_hour() -> None:
    usual = Calls(timed=10, first_token_ms=20_000, requests=10, response_ms=50_000)  # 2 s, 5 s
    cases = (
        (Calls(), "unknown"),
        (Calls(answers=1, timed=1, first_token_ms=2_000), "up"),
        (Calls(answers=1, timed=1, first_token_ms=5_900), "up"),
        (Calls(answers=1, timed=1, first_token_ms=6_100), "slow"),
        (Calls(requests=2, response_ms=31_000), "slow"),
        (Calls(answers=2, failed_answers=3), "failing"),
        (Calls(answers=3, failed_answers=3), "up"),
        (Calls(failed_answers=2), "unknown"),  # two may be chance
        (Calls(failed_requests=3), "failing"),
        (Calls(failed_requests=300, requests=1), "up"),  # one caller's mistakes, perhaps
        (Calls(failed_requests=300, answers=1), "up"),
        (Calls(failed_requests=5, callers_failures=3), "unknown"),  # of which two may be chance
        (Calls(failed_answers=3, requests=300), "up"),
    )

    assert [(calls, state_of(calls, usual)) for calls, _state in cases] == list(cases)
    assert state_of(Calls(answers=1, timed=1, first_token_ms=60_000), Calls()) == "up"  # nothing to compare with


def test_answers_are_counted_when_they_end(intern: User, sandbox: Sandbox) -> None:
    ended(intern, "Hello [words 3]")
    ended(intern, "Hello [words 3]")
    sandbox.faults("/v1/chat/completions", "error", status=503)
    failed = ended(intern, "Hello")
    count_end(Answer(model="small", state=Answer.State.STOPPED))  # before its first word

    rows = dict(AnswerCount.objects.values_list("outcome", "answers"))

    assert failed.problem
    assert rows == {"": 2, failed.problem["code"]: 1}
    well = AnswerCount.objects.get(outcome="")
    assert well.timed == 2
    assert well.first_token_ms > 0


def test_growth_between_two_polls_is_counted_and_no_other(sandbox: Sandbox) -> None:
    report_day(sandbox, utc_today(), used(TOKEN, ok=5))
    poll()
    assert not ModelGrowth.objects.exists()  # nobody knows when these were made

    report_day(sandbox, utc_today(), used(TOKEN, ok=7, failures=1, took_ms=900))
    poll()
    poll()
    grown = ModelGrowth.objects.values_list("ok_requests", "failed_requests", "response_ms")
    assert [tuple(map(sum, zip(*grown, strict=True)))] == [(2, 1, 900)]

    UsageState.objects.update(last_ok_at=timezone.now() - timedelta(hours=1))
    report_day(sandbox, utc_today(), used(TOKEN, ok=90))
    poll()
    assert sum(row.ok_requests for row in ModelGrowth.objects.all()) == 2


def test_health_is_measured_from_both_and_written_once(staff: User) -> None:
    fact(key_of(staff), model="small", ok_requests=3, failed_requests=1)
    count("", 4, first_ms=800)
    count("timeout", 1)
    count("over_budget", 50)  # the caller's doing
    count("timeout", 90, hours_ago=2)

    health = measured()

    assert (health.state, health.ok, health.failed, health.first_token_ms) == ("up", 4, 1, 800)
    assert len(health.days) == DAYS
    assert health.days[-1] == [3, 1]
    assert health.uptime == 0.75
    assert measure_health() == 0
    GatewayModel.objects.all().delete()
    assert not ModelHealth.objects.exists()


def test_counts_are_deleted_after_their_retention() -> None:
    count()
    count(hours_ago=24 * (RETENTION.days + 1))

    assert prune_counts() == 1
    assert AnswerCount.objects.count() == 1


def test_models_says_in_words_how_each_works(as_intern: Client) -> None:
    count("timeout", 3)
    measured()

    page = as_intern.get(reverse("catalogue:index"))
    assertContains(page, "Failing")
    assertContains(page, "100.0\u00a0% of the last hour’s calls failed<")

    GatewayState.objects.update(checked_at=timezone.now() - timedelta(hours=1))  # nobody measures any more
    assertNotContains(as_intern.get(reverse("catalogue:index")), "Failing")


def test_a_callers_mistakes_do_not_make_a_model_failing(as_intern: Client) -> None:
    url = reverse("catalogue:index")
    polled = UsedModel.objects.create(name="small")
    grown = ModelGrowth.objects.create(at=timezone.now(), model=polled, failed_requests=4)
    count("over_budget", 3)  # which the poll has seen too

    assert (measured().state, measured().failed) == ("unknown", 1)
    assertContains(as_intern.get(url), "too few calls in the last hour")

    ModelGrowth.objects.filter(pk=grown.pk).update(failed_requests=6)
    assert measured().state == "failing"
    assertContains(as_intern.get(url), "calls failed; the gateway does not report why")


def test_failures_are_listed_by_kind_model_and_day(
    as_admin: Client, staff: User, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    key = key_of(staff)
    fact(key, model="small", ok_requests=3, failed_requests=1, response_ms=6000)
    fact(key, model="small", ok_requests=1, response_ms=500, days_ago=2)
    fact(key, model="large", ok_requests=1)
    count("timeout", 2)
    count("provider_rate_limited", 1)
    measured()

    with django_assert_max_num_queries(8):
        page = as_admin.get(HEALTH_URL)
    assert [(row["name"], row["record"].requests, row["record"].failed) for row in page.context["rows"]] == [
        ("small", 5, 1),
        ("large", 1, 0),
    ]
    assertContains(page, "2 × The model took too long")
    assertContains(page, "Other period")  # a menu, with the region of this page
    assertNotContains(page, "#usage-panel")
    assertContains(page, "1 × This model is overloaded")
    days = as_admin.get(HEALTH_URL, {"model": "small"}).context["rows"]
    assert [row["record"].requests for row in days] == [4, 1]
    assert days[0]["record"].mean_response_ms == 2000
    for odd in ("\0", "x" * 9000, "'; DROP"):
        assert as_admin.get(HEALTH_URL, {"model": odd}).status_code == 200


def test_the_health_page_is_for_those_who_see_everyones_usage(as_intern: Client, as_staff: Client) -> None:
    settle()

    for browser in (as_intern, as_staff):
        assert browser.get(HEALTH_URL).status_code == 403
        assertNotContains(browser.get(reverse("usage:index")), HEALTH_URL)
