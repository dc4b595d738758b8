"""My keys of somebody with many: compact rows, search, filters, order, pages, and one renewal for all."""

import uuid
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from accounts.models import User
from keys.models import Key, Token
from tests.conftest import HTMX
from tests.keys.actions import again, delete_at_gateway, ending_in, issue
from tests.keys.views.pages import words_of
from tests.ports import free_port
from tests.sandbox_process import Sandbox

MANY = 90
RENEW_ALL = "/keys/renew-all/"


def have_keys(owner: User, number: int = MANY) -> list[Key]:
    """Make rows of keys, named k000 to k089, that the gateway need not know; the first three expire soon."""
    now = timezone.now()
    keys = Key.objects.bulk_create(
        Key(
            owner=owner,
            kind=Key.Kind.TEMPORARY,
            label=f"k{place:03}",
            state=Key.State.ACTIVE,
            created_at=now - timedelta(days=20, minutes=place),
            expires_at=now + timedelta(days=2 if place < 3 else 40 + place),
        )
        for place in range(number)
    )
    Token.objects.bulk_create(
        Token(key=key, state=Token.State.LIVE, token=uuid.uuid4().hex, last_four=f"{place:04}")
        for place, key in enumerate(keys)
    )
    return keys


def labels(client: Client, query: str = "") -> list[str]:
    """Return the labels of the shown keys, in their order."""
    return [row.key.label for row in client.get(f"/{query}").context["page"].rows]


def test_up_to_ten_keys_the_page_stays_as_it_is(as_staff: Client, staff: User) -> None:
    keys = have_keys(staff, 10)
    assert "page" not in as_staff.get("/").context

    Key.objects.create(owner=staff, kind=Key.Kind.TEMPORARY, label="one more", state=Key.State.ACTIVE)
    assert len(as_staff.get("/").context["page"].rows) == len(keys) + 1


def test_begins_with_what_needs_attention_and_has_pages(as_staff: Client, staff: User) -> None:
    have_keys(staff)

    assert labels(as_staff)[:4] == ["k000", "k001", "k002", "k003"]
    assert "1 to 40 of 90" in words_of(as_staff.get("/"))
    assert labels(as_staff, "?page=3") == [f"k{place:03}" for place in range(80, 90)]
    assert labels(as_staff, "?page=99") == labels(as_staff, "?page=3")
    assert labels(as_staff, "?page=-1") == labels(as_staff, "?page=x") == labels(as_staff)


def test_searches_filters_and_sorts_by_the_address(as_staff: Client, staff: User) -> None:
    have_keys(staff)

    assert labels(as_staff, "?q=K01") == [f"k{place:03}" for place in range(10, 20)]
    assert labels(as_staff, "?q=…0042") == ["k042"]
    assert labels(as_staff, "?state=soon") == ["k000", "k001", "k002"]
    assert labels(as_staff, "?order=-label")[:2] == ["k089", "k088"]
    assert labels(as_staff, "?order=-expires")[0] == "k089"
    assert labels(as_staff, "?order=nothing&state=nothing") == labels(as_staff)
    assert "No key with these filters" in words_of(as_staff.get("/?q=nowhere"))


def test_htmx_gets_the_list_with_an_address_to_share(as_staff: Client, staff: User) -> None:
    have_keys(staff)

    response = as_staff.get("/?q=k01&state=&order=-label", headers=HTMX)

    page = response.content.decode()
    assert 'id="keys-list"' in page
    assert 'id="keys-panel"' not in page
    assert response["HX-Push-Url"] == "/?q=k01&order=-label"


def test_a_renewal_keeps_the_filters(as_staff: Client, staff: User, sandbox: Sandbox) -> None:
    key = ending_in(issue(staff, "due", kind=Key.Kind.PERSONAL).key, sandbox, days=3)
    have_keys(staff, 12)

    shown = {**HTMX, "HX-Current-URL": "http://testserver/?q=k01"}
    response = as_staff.post(f"/keys/{key.pk}/renew/", headers=shown)

    assert "Renewed: “due”" in words_of(response)
    assert response.context["filters"].q == "k01"


def test_two_hundred_keys_are_a_light_page(as_staff: Client, staff: User) -> None:
    have_keys(staff, 200)
    as_staff.get("/")

    response = as_staff.get("/")

    assert len(response.content) < 150_000


@pytest.fixture
def due(staff: User, sandbox: Sandbox) -> list[Key]:
    """Return three keys that expire soon."""
    keys = [issue(staff, label, kind=Key.Kind.PERSONAL).key for label in ("one", "two", "three")]
    return [ending_in(key, sandbox, days=place) for place, key in enumerate(keys, start=1)]


def renew_all(client: Client, keys: list[Key]) -> str:
    """Confirm the renewal of these keys; return the words of the page after it."""
    return words_of(client.post(RENEW_ALL, {"key": [str(key.pk) for key in keys]}, follow=True))


def test_one_confirmation_lists_and_renews_all(as_staff: Client, staff: User, due: list[Key]) -> None:
    have_keys(staff, 9)
    assert "Renew all 6 keys" in words_of(as_staff.get("/"))
    asked = words_of(as_staff.get(RENEW_ALL))
    assert all(f"{key.label} currently expires on" in asked for key in due)

    assert "3 keys are renewed." in renew_all(as_staff, due)
    ends = [again(key).expires_at for key in due]
    assert all(end and end > timezone.now() + timedelta(days=20) for end in ends)


def test_a_failure_is_said_for_its_key_and_stops_no_other(as_staff: Client, due: list[Key], sandbox: Sandbox) -> None:
    delete_at_gateway(sandbox, due[1])

    said = renew_all(as_staff, due)

    assert "2 keys are renewed." in said
    assert "Not changed: two:" in said


def test_a_gateway_that_is_away_is_asked_once(as_staff: Client, due: list[Key], settings: Settings) -> None:
    settings.GATEWAY_URL = f"http://127.0.0.1:{free_port()}"

    response = as_staff.post(RENEW_ALL, {"key": [str(key.pk) for key in due]})

    assert response.status_code == 503
    said = words_of(response)
    assert "or its answer was lost: one." in said
    assert "Not tried, since the gateway did not answer: two, three." in said


def test_keys_that_cannot_be_renewed_are_refused(as_staff: Client, staff: User, sandbox: Sandbox) -> None:
    key = issue(staff, "young", kind=Key.Kind.PERSONAL).key

    response = as_staff.post(RENEW_ALL, {"key": [str(key.pk)]})

    assert response.status_code == 409
    assert "Not changed: young:" in words_of(response)


def test_keys_of_others_do_not_exist(as_staff: Client, foreign_key: Key) -> None:
    assert as_staff.post(RENEW_ALL, {"key": [str(foreign_key.pk), "nonsense"]}).status_code == 404
    assert as_staff.post(RENEW_ALL).status_code == 404
    assert "No key can be renewed now" in words_of(as_staff.get(RENEW_ALL))
    assert as_staff.put(RENEW_ALL).status_code == 405
