"""A language and a time zone for each person: on their pages and in their mails."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import pytest
from django.core import mail
from django.core.exceptions import ValidationError
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone, translation
from pytest_django import Settings
from pytest_django.asserts import assertContains, assertRedirects

from accounts.locale import reading_as
from accounts.mails import send_mail
from accounts.models import User
from keys.forms import not_past
from keys.models import Key
from tests.conftest import signed_in
from tests.keys.actions import issue
from tests.sandbox_process import Sandbox
from web.templatetags.portal import moment

if TYPE_CHECKING:
    from django.test.client import _MonkeyPatchedWSGIResponse as Response

HERE = "account_locale"
NOON = datetime(2026, 7, 14, 12, 0, tzinfo=UTC)


def choose(person: User, **fields: str) -> User:
    """Store choices of a person, as their account page does."""
    User.objects.filter(pk=person.pk).update(**fields)
    person.refresh_from_db()
    return person


def save(client: Client, **fields: str) -> "Response":
    """Send the form of the account page."""
    return client.post(reverse(HERE), {"language": "", "time_zone": "", **fields})


def text_of(response: Any) -> str:
    return str(response.content.decode()).replace("\u00a0", " ")


@contextmanager
def in_zone(name: str) -> Iterator[None]:
    with timezone.override(ZoneInfo(name)):
        yield


# --- Language ---------------------------------------------------------------------------------------
@pytest.mark.parametrize("page", ["/", "/account/email/", "/privacy/", "/nothing/"])
def test_pages_are_in_the_language_that_the_person_chose(intern: User, sandbox: Sandbox, page: str) -> None:
    """Whatever the browser asks for; the page for an address that does not exist, and a public one, too."""
    browser = signed_in(choose(intern, language="fr"))

    answer = browser.get(page, headers={"Accept-Language": "en"})

    assert '<html lang="fr"' in text_of(answer)
    assert answer["Content-Language"] == "fr"


def test_without_a_choice_the_browser_s_language_counts(intern: User) -> None:
    browser = signed_in(intern)

    for language in ("fr", "en"):
        answer = browser.get(reverse(HERE), headers={"Accept-Language": language})
        assert f'<html lang="{language}"' in text_of(answer)


def test_the_switch_of_a_page_is_remembered_in_every_browser_of_the_person(intern: User) -> None:
    signed_in(intern).post("/language/", {"language": "fr"})

    elsewhere = signed_in(intern).get(reverse(HERE), headers={"Accept-Language": "en"})

    assert '<html lang="fr"' in text_of(elsewhere)


def test_the_switch_of_somebody_who_is_not_signed_in_is_the_browser_s(client: Client, intern: User) -> None:
    client.post("/language/", {"language": "fr"})

    assert '<html lang="fr"' in text_of(client.get("/privacy/"))
    intern.refresh_from_db()
    assert intern.language == ""


def test_says_in_the_new_language_that_it_is_saved(intern: User) -> None:
    browser = signed_in(intern)

    assertRedirects(save(browser, language="fr"), reverse(HERE), fetch_redirect_response=False)

    assertContains(browser.get(reverse(HERE)), "Votre langue et votre fuseau horaire sont enregistrés.")


def test_clearing_the_choice_restores_the_language_of_the_browser(intern: User) -> None:
    """The cookie of an earlier choice must not stand in for it."""
    browser = signed_in(intern)
    browser.post("/language/", {"language": "fr"})

    save(browser, language="")

    page = text_of(browser.get(reverse(HERE), headers={"Accept-Language": "en"}))
    assert '<html lang="en"' in page
    assert "Your language and time zone are saved." in page


def test_an_unknown_language_is_refused(as_intern: Client, intern: User) -> None:
    assertContains(save(as_intern, language="tlh"), "tlh is not one of the available choices", status_code=422)

    intern.refresh_from_db()
    assert intern.language == ""


# --- Time zone --------------------------------------------------------------------------------------
def test_times_are_in_the_time_zone_of_the_person_wherever_they_travel(intern: User, sandbox: Sandbox) -> None:
    key = issue(intern).key
    Key.objects.filter(pk=key.pk).update(created_at=NOON)
    address = reverse("keys:detail", args=[key.pk])
    browser, other = signed_in(intern), signed_in(intern)

    seen = {}
    for zone in ("Asia/Tokyo", "America/Los_Angeles", ""):
        assert save(browser, time_zone=zone).status_code == 302
        seen[zone] = {
            hour for hour in ("21:00", "05:00", "12:00") if f"14 Jul 2026, {hour}" in text_of(other.get(address))
        }

    assert seen == {"Asia/Tokyo": {"21:00"}, "America/Los_Angeles": {"05:00"}, "": {"12:00"}}
    assert Key.objects.get().created_at == NOON


def test_no_request_is_in_the_time_zone_of_the_one_before(intern: User) -> None:
    signed_in(choose(intern, time_zone="Asia/Tokyo")).get(reverse(HERE))
    assert timezone.get_current_timezone_name() == "Asia/Tokyo"

    Client().get("/privacy/")

    assert timezone.get_current_timezone_name() == "UTC"


@pytest.mark.parametrize(
    ("zone", "when", "expected"),
    [
        ("Europe/Paris", datetime(2026, 3, 29, 0, 59, tzinfo=UTC), "29 Mar 2026, 01:59"),  # an hour is left out
        ("Europe/Paris", datetime(2026, 3, 29, 1, 0, tzinfo=UTC), "29 Mar 2026, 03:00"),
        ("Europe/Paris", datetime(2026, 10, 25, 0, 30, tzinfo=UTC), "25 Oct 2026, 02:30"),  # an hour comes twice
        ("Europe/Paris", datetime(2026, 10, 25, 1, 30, tzinfo=UTC), "25 Oct 2026, 02:30"),
        ("Europe/Paris", datetime(2026, 10, 25, 2, 30, tzinfo=UTC), "25 Oct 2026, 03:30"),
        ("Australia/Lord_Howe", datetime(2026, 4, 4, 15, 30, tzinfo=UTC), "5 Apr 2026, 02:00"),  # by half an hour
        ("America/New_York", datetime(2026, 3, 8, 7, 0, tzinfo=UTC), "8 Mar 2026, 03:00"),
    ],
)
def test_knows_when_clocks_change(intern: User, zone: str, when: datetime, expected: str) -> None:
    with reading_as(choose(intern, time_zone=zone)):
        assert moment(when).replace("\u00a0", " ") == expected


@pytest.mark.parametrize("name", ["Mars/Base", "Europe/Pariss", "localtime", "../../etc/passwd", "Europe", "x" * 300])
def test_an_unknown_time_zone_is_refused_in_plain_words(as_intern: Client, intern: User, name: str) -> None:
    answer = save(as_intern, language="fr", time_zone=name)

    assert f"There is no time zone “{name}”. Choose one from the list" in text_of(answer)
    assert answer.status_code == 422
    intern.refresh_from_db()
    assert (intern.language, intern.time_zone) == ("", "")


def test_a_former_name_of_a_zone_is_taken_and_shown(as_intern: Client) -> None:
    """Some browsers report one."""
    save(as_intern, time_zone="US/Pacific")

    assertContains(as_intern.get(reverse(HERE)), '<option value="US/Pacific" selected>US/Pacific</option>', html=True)


def test_a_zone_that_the_machine_no_longer_has_breaks_no_page(intern: User) -> None:
    browser = signed_in(choose(intern, time_zone="Mars/Base"))

    assertContains(browser.get(reverse(HERE)), "Times on your pages and in your mails are in UTC")


@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "Pacific/Pago_Pago"])  # where it is tomorrow, or yesterday
def test_the_last_day_of_a_stay_is_one_of_the_portal_s_wherever_the_reader_is(zone: str) -> None:
    today = timezone.now().date()
    with in_zone(zone):
        assert not_past(today) == today
        with pytest.raises(ValidationError):
            not_past(today - timedelta(days=1))


# --- Mails ------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("at", "expected"), [("2026-07-14T12:00", "14 juil. 2026, 14:00"), ("2026-01-14T12:00", "14 jan. 2026, 13:00")]
)
def test_a_mail_says_its_times_in_the_person_s_zone_and_names_it(intern: User, at: str, expected: str) -> None:
    choose(intern, time_zone="Europe/Paris")
    with translation.override("en"), in_zone("Asia/Tokyo"):  # of whoever acted
        send_mail("password_changed", intern.pk, "fr", {"at": f"{at}+00:00", "ip": "10.0.0.1"})

        assert timezone.get_current_timezone_name() == "Asia/Tokyo"

    assert f"{expected} Europe/Paris" in str(mail.outbox[0].body).replace("\u00a0", " ")


def test_a_mail_to_somebody_without_a_choice_is_in_the_portal_s_zone(intern: User, settings: Settings) -> None:
    settings.TIME_ZONE = "Africa/Nairobi"

    send_mail("password_changed", intern.pk, "en", {"at": "2026-07-14T12:00+00:00", "ip": "10.0.0.1"})

    assert "14 Jul 2026, 15:00 Africa/Nairobi" in str(mail.outbox[0].body).replace("\u00a0", " ")


# --- What it costs ----------------------------------------------------------------------------------
def test_reads_the_row_of_the_person_once_a_page(intern: User) -> None:
    browser = signed_in(choose(intern, language="fr", time_zone="Europe/Paris"))
    with CaptureQueriesContext(connection) as queries:
        browser.get(reverse("account_email"))

    read = [query for query in queries.captured_queries if 'FROM "accounts_user" WHERE' in query["sql"]]
    assert len(read) == 1
