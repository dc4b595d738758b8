"""The hourly limit of each kind of action: no page can fill the trail, or load the gateway, without end."""

import pytest
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from accounts.models import AuditEntry, User
from keys.models import Key
from tests.conftest import HTMX
from tests.keys.actions import issue
from tests.keys.views.pages import field_of, key_request, words_of
from tests.sandbox_process import Sandbox

CREATE = "/keys/create/"
SENTENCE = "You can do this 2 times an hour. Nothing was changed. You can do it again in "


@pytest.fixture
def twice_an_hour(settings: Settings) -> None:
    settings.KEY_ACTIONS_PER_HOUR = 2


def test_refused_creations_are_one_line_of_the_history(as_intern: Client, intern: User, sandbox: Sandbox) -> None:
    for label in ("one", "two", "three"):
        issue(intern, label)

    for number in range(5):
        assert as_intern.post(CREATE, key_request(label=f"one more {number}")).status_code == 422

    refused = AuditEntry.objects.of_subject(intern).filter(outcome="refused")
    assert [entry.repeat and entry.repeat.count for entry in refused] == [5]
    assert "refused, 5 times within the hour" in words_of(as_intern.get(reverse("keys:history")))
    french = as_intern.get(reverse("keys:history"), headers={"Accept-Language": "fr"})
    assert "refus, 5 fois en une heure" in words_of(french)


def test_a_key_too_many_within_the_hour_is_not_made_and_what_was_typed_stays(
    as_intern: Client, sandbox: Sandbox, twice_an_hour: None, way: dict[str, str]
) -> None:
    for label in ("one", "two"):
        assert as_intern.post(CREATE, key_request(label=label), headers=way).status_code == 201

    response = as_intern.post(CREATE, key_request(label="three"), headers=way)

    assert response.status_code == 429
    assert 0 < int(response["Retry-After"]) <= 3600
    assert SENTENCE in words_of(response)
    assert field_of(response, "label") == "three"
    assert Key.objects.count() == len(sandbox.live_keys()) == 2


@pytest.mark.parametrize("action", ["renew", "rotate", "end_old", "delete", "label"])
def test_every_act_on_a_key_has_its_own_limit(
    as_intern: Client, intern: User, sandbox: Sandbox, twice_an_hour: None, action: str
) -> None:
    key = issue(intern).key
    address = reverse(f"keys:{action}", args=[key.pk])
    for number in range(2):
        assert as_intern.post(address, {"label": f"n{number}"}).status_code != 429
    entries = AuditEntry.objects.count()

    for way in ({}, HTMX):
        response = as_intern.post(address, {"label": "once more"}, headers=way)
        assert response.status_code == 429
        assert SENTENCE in words_of(response)
    assert AuditEntry.objects.count() == entries
    assert as_intern.post(CREATE, key_request(label="another")).status_code == 201


def test_the_check_of_a_key_has_a_limit(as_intern: Client, intern: User, sandbox: Sandbox, twice_an_hour: None) -> None:
    secret = issue(intern).secret
    answers = [as_intern.post(reverse("keys:check"), {"secret": secret}).status_code for _ in range(3)]
    assert answers == [200, 200, 429]


def test_a_gateway_that_refuses_does_not_fill_the_trail(as_intern: Client, intern: User, sandbox: Sandbox) -> None:
    sandbox.faults("/key/generate", "error", status=400, times=5)

    for number in range(5):
        assert as_intern.post(CREATE, key_request(label=f"label {number}")).status_code == 502

    assert [entry.repeat and entry.repeat.count for entry in AuditEntry.objects.of_subject(intern)] == [5]
