"""A person's page: its content, and actions of admins on the account."""

import pytest
from django.contrib.sessions.models import Session
from django.core import mail
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from pytest_django import Settings

from accounts.audit import BY_THE_PORTAL
from accounts.models import AccessToken, AuditAction, AuditEntry, User
from api.services.tokens import create_token
from keys.models import Intern
from tests.conftest import signed_in
from tests.factories import make_intern, make_user
from tests.keys.actions import again, issue
from tests.keys.views.pages import words_of
from tests.sandbox_process import Sandbox
from tests.tasks import run_tasks
from tests.usage.views.facts import key_of, used

MAX_QUERIES = 20


def url_of(person: User, name: str = "person") -> str:
    return reverse(f"people:{name}", args=[person.pk])


def actions_on(person: User) -> list[str]:
    return [entry.action for entry in AuditEntry.objects.filter(object_kind="person", subject=person).order_by("pk")]


def test_shows_keys_budget_groups_interns_and_what_was_done(as_manager: Client, staff: User, sandbox: Sandbox) -> None:
    key = issue(staff, "thesis", intern_name="Zoë").key
    issue(staff, "survey", kind="personal")
    used(key, "2.5", days_ago=0)
    Intern.objects.update(account=make_intern("zoe", first_name="Zoë"))

    text = words_of(as_manager.get(url_of(staff)))

    for words in (
        "Staff B Active staff · staff@example.edu",
        "2.50 of 100.00 USD",
        "Groups Staff Policy Staff",
        "thesis Temporary",
        "for Zoë",
        "survey Personal",
        "Interns Name End of the stay Live keys Zoë not set 1",
        "thesis · Created by Staff B for Zoë from 192.0.2.1",
    ):
        assert words in text
    assert "Supervisor Staff B" in words_of(as_manager.get(url_of(User.objects.get(username="zoe"))))


def test_a_person_without_anything_is_shown_too(as_manager: Client) -> None:
    text = words_of(as_manager.get(url_of(make_user("newcomer"))))

    assert "No key yet." in text
    assert "Policy Default policy" in text
    assert "Nothing yet." in text


def test_readers_see_no_action(as_reader: Client, intern: User) -> None:
    key_of(intern)

    page = as_reader.get(url_of(intern)).content.decode()

    assert "thesis" in page
    assert f"{url_of(intern)}deactivate/" not in page
    assert "/block/" not in page


def test_runs_a_constant_number_of_queries(as_manager: Client, staff: User) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as context:
            as_manager.get(url_of(staff))
        return len(context)

    used(key_of(staff, intern_name="A"))
    few = queries()
    for number in range(8):
        used(key_of(staff, f"key {number}", intern_name=f"Intern {number}"))

    assert queries() == few <= MAX_QUERIES


def test_deactivating_says_what_stops_and_stops_it(as_manager: Client, staff: User, sandbox: Sandbox) -> None:
    key = issue(staff, "thesis", intern_name="Zoë").key
    other = issue(staff, "survey", kind="personal").key
    browser = signed_in(staff)

    asked = words_of(as_manager.get(url_of(staff, "deactivate")))
    response = as_manager.post(url_of(staff, "deactivate"), follow=True)

    assert "Deactivate the account of Staff B?" in asked
    assert "1 key stops within minutes: survey" in asked
    assert "1 key that interns use works until" in asked
    assert "A mail to staff@example.edu says so." in asked
    assert "Deactivated: Staff B cannot sign in" in words_of(response)
    assert browser.get("/").status_code == 302
    run_tasks()
    assert [again(each).blocked_by_portal for each in (key, other)] == [False, True]
    assert sorted(bool(row["blocked"]) for row in sandbox.live_keys()) == [False, True]
    (message,) = (each for each in mail.outbox if each.to == [staff.email])
    assert message.subject == "[Passerelle] Your account is no longer active"
    assert "Manager M" in message.body
    assert actions_on(staff) == [AuditAction.DEACTIVATE]


def test_a_second_click_says_that_nothing_changed(as_manager: Client, intern: User) -> None:
    as_manager.post(url_of(intern, "deactivate"))

    again_ = as_manager.post(url_of(intern, "deactivate"))
    as_manager.post(url_of(intern, "activate"))
    active = as_manager.post(url_of(intern, "activate"))

    assert (again_.status_code, active.status_code) == (409, 409)
    assert "this account is inactive already" in words_of(again_)
    assert actions_on(intern) == [AuditAction.DEACTIVATE, AuditAction.ACTIVATE]


def test_activating_brings_back_what_deactivating_stopped_and_nothing_else(
    as_manager: Client, intern: User, sandbox: Sandbox
) -> None:
    works, blocked = issue(intern, "works").key, issue(intern, "blocked").key
    as_manager.post(reverse("people:block_key", args=[intern.pk, blocked.pk]))
    as_manager.post(url_of(intern, "deactivate"))
    run_tasks()

    as_manager.post(url_of(intern, "activate"))
    run_tasks()

    assert not again(works).blocked
    assert again(blocked).blocked


def test_signing_out_ends_all_sessions_and_nothing_else(as_manager: Client, intern: User) -> None:
    browsers = [signed_in(intern), signed_in(intern)]

    response = as_manager.post(url_of(intern, "sign_out"), follow=True)

    assert "Signed out: Intern A has to sign in again." in words_of(response)
    assert {browser.get("/").status_code for browser in browsers} == {302}
    assert as_manager.get("/").status_code == 200
    assert Session.objects.count() == 1
    assert User.objects.get(pk=intern.pk).is_active
    assert actions_on(intern) == [AuditAction.SIGN_OUT]


def test_signing_out_everywhere_can_end_access_tokens(as_manager: Client, intern: User) -> None:
    create_token(owner=intern, actor=BY_THE_PORTAL, name="script", scopes=["usage:read"], lifetime_days=9)
    as_manager.post(url_of(intern, "sign_out"))
    assert AccessToken.objects.working().exists()

    as_manager.post(url_of(intern, "sign_out"), {"tokens": "on"})

    assert not AccessToken.objects.working().exists()
    assert "End the access tokens too" in words_of(as_manager.get(url_of(intern, "sign_out")))


def test_limits_actions_per_hour(as_manager: Client, intern: User, staff: User, settings: Settings) -> None:
    settings.KEY_ACTIONS_PER_HOUR = 1
    as_manager.post(url_of(intern, "sign_out"))
    browser = signed_in(staff)

    response = as_manager.post(url_of(staff, "sign_out"))

    assert response.status_code == 429
    assert int(response.headers["Retry-After"]) > 0
    assert browser.get("/").status_code == 200
    assert as_manager.post(url_of(staff, "deactivate")).status_code == 302  # another kind


def test_anonymising_says_what_goes_and_leaves_a_number_on_which_nobody_acts(
    as_manager: Client, intern: User, sandbox: Sandbox
) -> None:
    issue(intern, "thesis")
    User.objects.filter(pk=intern.pk).update(cost_centre="4711-A")

    asked = words_of(as_manager.get(url_of(intern, "anonymise")))
    response = as_manager.post(url_of(intern, "anonymise"), follow=True)

    assert "It cannot be undone." in asked
    assert "1 key, here and at the gateway: programs that use it stop" in asked
    assert f"Anonymised: the account is “anonymous-{intern.pk}” now." in words_of(response)
    run_tasks()
    assert sandbox.live_keys() == []
    assert mail.outbox == []
    assert as_manager.post(url_of(intern, "activate")).status_code == 403
    listed = words_of(as_manager.get("/people/?state=anonymised"))
    assert f"anonymous-{intern.pk}" in listed
    assert "4711-A" not in listed


@pytest.mark.parametrize("name", ["deactivate", "activate", "sign_out", "anonymise"])
def test_looking_at_the_question_changes_nothing(as_manager: Client, intern: User, sandbox: Sandbox, name: str) -> None:
    issue(intern)
    before = list(User.objects.values()), AuditEntry.objects.count(), sandbox.live_keys()

    assert as_manager.get(url_of(intern, name)).status_code == 200

    assert (list(User.objects.values()), AuditEntry.objects.count(), sandbox.live_keys()) == before


def test_names_in_usage_lead_to_the_person(as_manager: Client, as_reader: Client, intern: User) -> None:
    used(key_of(intern))

    for browser in (as_manager, as_reader):
        assert browser.get("/usage/everyone/").content.decode().count(f'href="{url_of(intern)}"') == 1
