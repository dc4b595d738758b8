"""The demo people of `make run` have keys, and a past, from the first start on."""

from datetime import timedelta

import pytest
from django.core.management import call_command
from pytest_django import Settings

from accounts.models import User
from keys.models import Key
from portal.demo import give_demo_people_a_past
from portal.demo_course import PRACTICALS, WITH_KEYS
from tests.factories import INTERNS, STAFF, make_policy
from tests.ports import free_port
from tests.sandbox_process import Sandbox
from tests.usage.polling import assert_sums_are_right, poll
from usage.models import Fact, KeyHour, utc_today

STUDENTS = [f"demo-student-{number}" for number in range(1, WITH_KEYS + 1)]
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def demo_people(sandbox: Sandbox) -> None:
    """Make the demo people and their policies, as a fresh database has them."""
    for group, policy in {"Interns": INTERNS, "Staff": STAFF, "Admins": STAFF}.items():
        make_policy(group, **policy)
    call_command("seed_demo", with_real_gateway=True, verbosity=0)


def test_each_has_keys_that_were_used(demo_people: None, sandbox: Sandbox) -> None:
    said: list[str] = []

    give_demo_people_a_past(said.append)

    assert said == []
    keys = {(key.owner.username, key.kind, key.state) for key in Key.objects.select_related("owner")}
    assert keys == {
        ("intern", "temporary", "active"),
        ("staff", "personal", "active"),
        ("staff", "temporary", "active"),
        ("admin", "personal", "active"),
        *((name, "course", "active") for name in STUDENTS),
    }
    poll(utc_today() - timedelta(days=9), utc_today())
    users = set(Fact.objects.exclude(token_ref__owner=None).values_list("token_ref__owner__username", flat=True))
    assert users == {"intern", "staff", "admin", *STUDENTS}
    hours = KeyHour.objects.filter(hour__date__gte=utc_today() - timedelta(days=PRACTICALS))
    assert {row.is_late for row in hours} == {False}
    assert_sums_are_right()


def test_a_second_start_adds_nothing(demo_people: None, sandbox: Sandbox) -> None:
    give_demo_people_a_past(pytest.fail)
    before = list(Key.objects.order_by("pk").values())

    give_demo_people_a_past(pytest.fail)

    assert list(Key.objects.order_by("pk").values()) == before
    assert len(sandbox.live_keys()) == 4 + WITH_KEYS


def test_skips_deleted_people(demo_people: None, sandbox: Sandbox) -> None:
    User.objects.filter(username="staff").delete()

    give_demo_people_a_past(pytest.fail)

    assert set(Key.objects.values_list("owner__username", flat=True)) == {"intern", "admin"}


def test_says_when_the_sandbox_is_away(demo_people: None, settings: Settings) -> None:
    settings.GATEWAY_URL = f"http://127.0.0.1:{free_port()}"
    said: list[str] = []

    give_demo_people_a_past(said.append)

    assert len(said) == 1
    assert said[0].startswith("Demo people have no past this time:")
