"""An intern's page: their keys with state and spend, for their supervisor and nobody else."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from accounts.models import User
from keys.models import Intern, Key
from tests.conftest import signed_in
from tests.factories import make_staff
from tests.keys.views.pages import assert_only, words_of
from tests.usage.views.facts import key_of, used

LONG = "Bartholomäus-Maximilian von Hohenfels-Schwarzenberg-Lange"


@pytest.fixture
def ada(staff: User) -> Intern:
    """Make an intern of the staff member's."""
    ends_on = timezone.localdate() + timedelta(days=9)
    return Intern.objects.create(supervisor=staff, name=LONG, email="ada@example.edu", stay_ends_on=ends_on)


def page_of(intern: Intern) -> str:
    return reverse("keys:intern", args=[intern.pk])


def test_shows_all_keys_of_the_intern_with_state_and_spend(as_staff: Client, staff: User, ada: Intern) -> None:
    used(key_of(staff, "captions", intern=ada, budget_usd=5, budget_period="30d"), "2.25")
    used(key_of(staff, "ended work", intern=ada, state=Key.State.DELETED), "1.50")
    used(key_of(staff, "own work"), "64")

    text = words_of(as_staff.get(page_of(ada)))

    assert LONG in text
    assert "ada@example.edu" in text
    assert "30 days: 2.25 USD" in text
    assert "Spend, last 30 days 3.75 USD" in text
    assert text.index("captions") < text.index("ended work")
    assert "64.00" not in text


def test_is_reached_from_my_interns_and_from_the_key(as_staff: Client, staff: User, ada: Intern) -> None:
    key = key_of(staff, "captions", intern=ada)

    for page in ("/usage/interns/", reverse("keys:detail", args=[key.pk])):
        assert page_of(ada) in as_staff.get(page).content.decode()


def test_without_keys_it_offers_one_and_the_form_begins_with_the_intern(as_staff: Client, ada: Intern) -> None:
    page = as_staff.get(page_of(ada))
    assert "No key yet." in words_of(page)
    assert f'href="/?intern={ada.pk}"' in page.content.decode()

    form = as_staff.get("/", {"intern": str(ada.pk)}).content.decode()

    assert f'<option value="{ada.pk}" selected>' in form


@pytest.mark.parametrize("chosen", ["", "x" * 500, "0", "00000000-0000-0000-0000-000000000000", "a\0b"])
def test_a_form_for_nobody_is_the_plain_form(as_staff: Client, ada: Intern, chosen: str) -> None:
    page = as_staff.get("/", {"intern": chosen})

    assert page.status_code == 200
    assert f'<option value="{ada.pk}">' in page.content.decode()


def test_is_for_the_supervisor_only(ada: Intern, as_intern: Client, intern: User, client: Client) -> None:
    Intern.objects.update(account=intern)

    for stranger in (as_intern, signed_in(make_staff("other"))):
        assert stranger.get(page_of(ada)).status_code == 404
        assert stranger.get(reverse("keys:intern_stay", args=[ada.pk])).status_code == 404
        assert LONG not in stranger.get("/", {"intern": str(ada.pk)}).content.decode()
    assert client.get(page_of(ada)).status_code == 302


def test_its_history_has_what_was_done(as_staff: Client, ada: Intern) -> None:
    later = timezone.localdate() + timedelta(days=20)
    answer = as_staff.post(reverse("keys:intern_stay", args=[ada.pk]), {"stay_ends_on": later.isoformat()}, follow=True)

    assert answer.redirect_chain == [(page_of(ada), 302)]
    assert "End of the stay changed" in words_of(answer)


def test_costs_as_many_queries_with_forty_keys(as_staff: Client, staff: User, ada: Intern) -> None:
    costs = []
    for number in range(40):
        key_of(staff, f"key {number} of forty", intern=ada)
        if number in (0, 39):
            as_staff.get(page_of(ada))
            with CaptureQueriesContext(connection) as queries:
                as_staff.get(page_of(ada))
            costs.append(len(queries))

    assert costs[0] == costs[1]


def test_accepts_get_only(as_staff: Client, ada: Intern) -> None:
    assert_only(as_staff, page_of(ada), "get")
