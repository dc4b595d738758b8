"""The demo people."""

from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse
from pytest_django import DjangoAssertNumQueries, Settings

from accounts.models import User
from accounts.policies import policy_of
from tests.accounts.signing_in import SignIn, is_signed_in


@pytest.fixture(autouse=True)
def _beside_the_sandbox(settings: Settings, db: None) -> None:
    settings.GATEWAY_URL = f"http://127.0.0.1:{settings.SANDBOX_PORT}"


def test_makes_intern_staff_and_admin(client: Client, sign_in: SignIn) -> None:
    call_command("seed_demo", stdout=StringIO())

    for username, name, group in (
        ("intern", "Intern A", "Interns"),
        ("staff", "Staff B", "Staff"),
        ("admin", "Admin C", "Admins"),
    ):
        sign_in(username, "passerelle")
        assert is_signed_in(client)
        user = User.objects.get(username=username)
        assert user.display_name == name
        assert policy_of(user).names == (group,)
        assert (client.get(reverse("admin:accounts_auditentry_changelist")).status_code == 200) == user.is_staff
        assert user.is_staff == (username == "admin")
        client.logout()


def test_changes_nothing_the_second_time_and_asks_once(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    call_command("seed_demo", stdout=StringIO())
    intern = User.objects.get(username="intern")
    intern.set_password("my own by now")
    intern.save()

    said = StringIO()
    with django_assert_num_queries(1):
        call_command("seed_demo", stdout=said)

    intern.refresh_from_db()
    assert intern.check_password("my own by now")
    assert said.getvalue() == ""


def test_creates_only_the_people_who_are_missing() -> None:
    call_command("seed_demo", stdout=StringIO())
    User.objects.get(username="staff").delete()

    said = StringIO()
    call_command("seed_demo", stdout=said)

    assert said.getvalue() == "staff: created\n"


def test_refuses_outside_embedded_mode(settings: Settings) -> None:
    settings.EMBEDDED = False

    for more in ([], ["--with-real-gateway"]):
        with pytest.raises(CommandError, match="EMBEDDED=1") as refusal:
            call_command("seed_demo", *more)
        assert refusal.value.returncode == 1
    assert not User.objects.exists()


@pytest.mark.parametrize(
    "gateway",
    ["https://llm.example.edu", "http://127.0.0.1:4000", "http://10.0.0.1:4001", "http://llm.example.edu:4001"],
)
def test_refuses_with_a_real_gateway_unless_asked_for(settings: Settings, gateway: str) -> None:
    settings.SANDBOX_PORT, settings.GATEWAY_URL = 4001, gateway

    with pytest.raises(CommandError, match="add --with-real-gateway"):
        call_command("seed_demo")
    assert not User.objects.exists()

    call_command("seed_demo", "--with-real-gateway", stdout=StringIO())
    assert User.objects.count() == 3
