"""The rest of the Playground budget: loaded by the page, reported by the gateway."""

import pytest
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from accounts.models import User
from gateway.secret import token_of
from keys.models import Key
from tests.conftest import HTMX
from tests.keys.actions import set_at_gateway
from tests.keys.playground_actions import allow, spend_at, use
from tests.keys.test_person_budget import use_up
from tests.keys.views.pages import assert_in_layout, assert_only, words_of
from tests.ports import free_port
from tests.sandbox_process import Sandbox

BUDGET = reverse("playground:budget")


@pytest.mark.usefixtures("sandbox")
def test_there_is_none_before_the_first_message(as_intern: Client) -> None:
    assert words_of(as_intern.get(BUDGET, headers=HTMX)) == "your key is created with your first message"
    assert not Key.objects.exists()  # looking makes none


def test_shows_what_is_left(intern: User, as_intern: Client, sandbox: Sandbox) -> None:
    spend_at(sandbox, use(intern), 0.5)

    words = words_of(as_intern.get(BUDGET, headers=HTMX))

    assert words.startswith("5.00 of 5.00 USD for all your keys, resets ")
    assert words.endswith(" · 1.50 of 2.00 USD for the Playground alone")


def test_shows_only_the_budget_of_the_person_where_the_key_has_the_same(
    intern: User, as_intern: Client, sandbox: Sandbox
) -> None:
    allow(playground__budget_usd=None)
    use(intern)

    words = words_of(as_intern.get(BUDGET, headers=HTMX))

    assert words.startswith("5.00 of 5.00 USD for all your keys, resets ")
    assert "alone" not in words


def test_says_what_happens_when_the_budget_of_the_person_is_used_up(
    intern: User, as_intern: Client, sandbox: Sandbox
) -> None:
    allow(person_budget_usd="0.01", rpm_limit=None, tpm_limit=None)
    use_up(sandbox, use(intern))

    words = words_of(as_intern.get(BUDGET, headers=HTMX))

    assert words.startswith("0.00 of 0.01")
    assert "until then all your keys pause" in words


def test_shows_the_budget_of_the_key_where_the_person_has_none(
    intern: User, as_intern: Client, sandbox: Sandbox
) -> None:
    allow(person_budget_usd=None)
    spend_at(sandbox, use(intern), 0.5)

    assert words_of(as_intern.get(BUDGET, headers=HTMX)).startswith("1.50 of 2.00 USD, resets ")


def test_shows_a_budget_below_a_cent(intern: User, as_intern: Client, sandbox: Sandbox) -> None:
    secret = use(intern)
    set_at_gateway(sandbox, token_of(secret), max_budget=0.005, spend=0.0012)

    assert " · 0.0038 of 0.0050 USD for the Playground" in words_of(as_intern.get(BUDGET, headers=HTMX))


def test_shows_that_there_is_no_limit(intern: User, as_intern: Client, sandbox: Sandbox) -> None:
    allow(playground__budget_usd=None, person_budget_usd=None)
    use(intern)

    assert words_of(as_intern.get(BUDGET, headers=HTMX)) == "no limit"


def test_is_each_persons_own(intern: User, as_intern: Client, as_staff: Client, sandbox: Sandbox) -> None:
    use(intern)

    assert words_of(as_staff.get(BUDGET, headers=HTMX)) == "your key is created with your first message"


def test_an_unavailable_gateway_is_no_server_error(intern: User, as_intern: Client, settings: Settings) -> None:
    Key.objects.all().delete()
    settings.GATEWAY_URL = f"http://127.0.0.1:{free_port()}"

    assert as_intern.get(BUDGET, headers=HTMX).status_code == 200


def test_a_gateway_without_an_answer_is_reported(
    intern: User, as_intern: Client, sandbox: Sandbox, settings: Settings
) -> None:
    use(intern)
    settings.GATEWAY_URL = f"http://127.0.0.1:{free_port()}"

    assert words_of(as_intern.get(BUDGET, headers=HTMX)) == "not reported by the gateway"


def test_is_a_page_without_htmx(intern: User, as_intern: Client, sandbox: Sandbox) -> None:
    use(intern)

    response = as_intern.get(BUDGET)

    assert_in_layout(response)
    assert "2.00 of 2.00 USD" in words_of(response)
    assert_only(as_intern, BUDGET, "get")
