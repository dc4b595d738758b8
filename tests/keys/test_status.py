"""The gateway's state, in words for people."""

from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries
from pytest_django.asserts import assertContains, assertNotContains, assertRedirects

from accounts.models import User
from keys.models import GatewayState, Key

pytestmark = pytest.mark.django_db
STATUS_URL = "/status/"


def record_state(**fields: object) -> None:
    """Store a state of the gateway, checked just now by default."""
    now = timezone.now()
    reported = {"checked_at": now, "ok_at": now, "models_at": now, "version": "1.106.2", **fields}
    GatewayState.objects.update_or_create(pk=1, defaults=reported)


def tones(client: Client) -> dict[str, str]:
    return {part.id: part.tone for part in client.get(STATUS_URL).context["parts"]}


def test_says_that_all_is_well(as_intern: Client) -> None:
    record_state()

    response = as_intern.get(reverse("keys:status"))
    assertContains(response, "The gateway works")
    assertContains(response, "1.106.2")
    assertNotContains(response, "sandbox")
    assert tones(as_intern) == {"gateway": "ok", "models": "ok", "portal": "ok"}


def test_says_since_when_the_gateway_does_not_answer(as_intern: Client) -> None:
    record_state(down_since=timezone.now() - timedelta(minutes=12), problem="unreachable")

    response = as_intern.get(STATUS_URL)
    assertContains(response, "The gateway does not answer")
    assertContains(response, "12 minutes ago")
    assert tones(as_intern) == {"gateway": "bad", "models": "warn", "portal": "ok"}


@pytest.mark.parametrize(
    ("problem", "gateway", "models", "words"),
    [
        ("key_refused", "warn", "warn", "refuses the portal’s own key"),
        ("refused", "warn", "warn", "does not list its models"),
        ("unhealthy", "warn", "ok", "reports a problem"),
        ("no_models", "ok", "warn", "the last list that could be read"),
        ("a code of a newer version", "ok", "warn", "the last list that could be read"),
    ],
)
def test_says_what_is_wrong(as_intern: Client, problem: str, gateway: str, models: str, words: str) -> None:
    record_state(problem=problem)

    response = as_intern.get(STATUS_URL)
    assertContains(response, words)
    assertNotContains(response, "The gateway works")
    assert tones(as_intern) == {"gateway": gateway, "models": models, "portal": "ok"}


def test_says_that_no_check_has_run_yet(as_intern: Client) -> None:
    assertContains(as_intern.get(STATUS_URL), "Not checked yet")
    assert tones(as_intern) == {"gateway": "idle", "models": "idle", "portal": "bad"}


def test_says_that_the_checks_have_stopped(as_intern: Client) -> None:
    record_state(checked_at=timezone.now() - timedelta(minutes=6))

    assertContains(as_intern.get(STATUS_URL), "Not running")
    assert tones(as_intern)["portal"] == "bad"


@pytest.mark.parametrize("address", ["/", "/usage/", STATUS_URL])
def test_with_worker_and_beat_away_every_page_says_since_when(as_intern: Client, address: str) -> None:
    record_state(checked_at=timezone.now() - timedelta(hours=1), down_since=timezone.now() - timedelta(hours=2))

    response = as_intern.get(address)
    assertContains(response, "background work has stopped since")
    assertNotContains(response, "The gateway works")
    assertNotContains(response, "has not answered")


def test_a_result_of_four_minutes_ago_is_shown_as_unknown(as_intern: Client) -> None:
    record_state(checked_at=timezone.now() - timedelta(minutes=4))

    assertContains(as_intern.get(STATUS_URL), "The state of the gateway has been unknown since")
    assert tones(as_intern) == {"gateway": "idle", "models": "warn", "portal": "bad"}


def test_one_failed_probe_is_no_alarm(as_intern: Client) -> None:
    now = timezone.now()
    record_state(checked_at=now, down_since=now, problem="unreachable")

    assertNotContains(as_intern.get("/"), "has not answered")
    assertContains(as_intern.get(STATUS_URL), "The gateway did not answer just now")


def test_two_slow_probes_within_seconds_are_no_alarm(as_intern: Client) -> None:
    """A node that starts runs a check at once, in addition to the one each minute."""
    now = timezone.now()
    record_state(checked_at=now, down_since=now - timedelta(seconds=8), problem="unreachable")

    assertNotContains(as_intern.get("/"), "has not answered")
    assertContains(as_intern.get(STATUS_URL), "The gateway did not answer just now")


def test_a_minute_without_an_answer_is_reported_as_such(as_intern: Client) -> None:
    now = timezone.now()
    record_state(checked_at=now, down_since=now - timedelta(seconds=61), problem="unreachable")

    response = as_intern.get("/")
    assertContains(response, "The gateway has not answered the portal’s checks since")
    assertContains(response, "1 minute ago")
    assertContains(response, "may fail until the gateway answers again")


@pytest.mark.parametrize(("minutes", "is_promised"), [(1, True), (4, False)])
def test_promises_a_check_only_while_the_worker_runs(
    as_intern: Client, intern: User, minutes: int, is_promised: bool
) -> None:
    key = Key.objects.create(owner=intern, kind=Key.Kind.PERSONAL, label="thesis", state=Key.State.DELETING)
    record_state(checked_at=timezone.now() - timedelta(minutes=minutes))

    page = as_intern.get("/").content.decode()

    assert key.label in page
    assert ("every 5 minutes" in page) is is_promised
    assert ("We will try again once" in page) is not is_promised


def test_says_that_it_is_the_sandbox(as_intern: Client) -> None:
    record_state(sandbox=True)

    assertContains(as_intern.get(STATUS_URL), "This is a sandbox gateway")


def test_costs_few_queries(as_intern: Client, django_assert_max_num_queries: DjangoAssertNumQueries) -> None:
    record_state()

    with django_assert_max_num_queries(8):
        as_intern.get(STATUS_URL)


def test_accepts_get_only(as_intern: Client) -> None:
    assert as_intern.post(STATUS_URL).status_code == 405


def test_requires_sign_in(client: Client) -> None:
    target = f"{reverse('account_login')}?next={STATUS_URL}"
    assertRedirects(client.get(STATUS_URL), target, fetch_redirect_response=False)
