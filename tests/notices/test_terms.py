"""Terms of use: accepted before the next key, again with each version; written and published by whoever may."""

import csv
import io
import re
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from pytest_django import Settings

from accounts.anonymise import anonymise_account
from accounts.models import AuditEntry, Terms, TermsAcceptance, User
from accounts.terms import accept_terms
from keys import services as keys_services
from keys.models import GatewayState, Key
from playground.models import Answer
from playground.services.handover import take_over
from tests.conftest import HTMX, signed_in
from tests.factories import make_user
from tests.keys.actions import BY_TEST, issue
from tests.keys.test_error_reports import database_fails_at
from tests.keys.views.pages import key_request, words_of
from tests.notices.conftest import publish_terms
from tests.people.conftest import with_permissions
from tests.playground.streams import MODEL, know_the_models
from tests.sandbox_process import Sandbox

TERMS, VERSIONS = "/terms/", "/terms/versions/"
CREATE = reverse("keys:create")
TEXTS = {"text_en": "Be kind.", "text_fr": "Soyez aimables.", "step": "save"}


# --- The next key -------------------------------------------------------------------------------------
def test_a_key_is_created_after_accepting_the_terms_in_its_form(
    as_intern: Client, intern: User, sandbox: Sandbox
) -> None:
    publish_terms()
    assert "Terms of use, version 1" in words_of(as_intern.get("/"))

    refused = as_intern.post(CREATE, key_request("my thesis"))
    assert refused.status_code == 422
    assert "Accept the terms of use first." in words_of(refused)
    assert 'value="my thesis"' in refused.content.decode()
    assert sandbox.live_keys() == []

    assert as_intern.post(CREATE, key_request("my thesis", accept_terms="1")).status_code == 201
    assert as_intern.post(CREATE, key_request("another")).status_code == 201
    assert TermsAcceptance.objects.get().person == intern
    assert "Terms of use, version" not in words_of(as_intern.get("/"))


def test_a_new_version_must_be_accepted_and_existing_keys_keep_working(intern: User, sandbox: Sandbox) -> None:
    publish_terms()
    accept_terms(intern, "1")
    key = issue(intern).key
    publish_terms("Be kinder.")

    with pytest.raises(keys_services.KeyRefused, match="Accept the terms of use first"):
        issue(intern, "second")
    assert not accept_terms(intern, "1"), "an older version"
    keys_services.rotate_key(key=key, actor=BY_TEST)
    assert Key.objects.filter(state=Key.State.ACTIVE).count() == 1
    assert accept_terms(intern, "2")
    issue(intern, "second")

    assert list(intern.terms_acceptances.order_by("pk").values_list("terms__version", flat=True)) == [1, 2]


def test_the_creator_of_an_interns_key_accepts(staff: User, sandbox: Sandbox) -> None:
    publish_terms()
    with pytest.raises(keys_services.KeyRefused):
        issue(staff, intern_name="Zoë")

    accept_terms(staff, "1")

    assert issue(staff, intern_name="Zoë").key.intern


def test_a_new_playground_key_needs_acceptance_and_an_existing_one_does_not(
    intern: User, staff: User, sandbox: Sandbox
) -> None:
    keys_services.playground_secret(owner=staff, actor=BY_TEST)
    publish_terms()

    keys_services.playground_secret(owner=staff, actor=BY_TEST)
    with pytest.raises(keys_services.KeyRefused) as refusal:
        keys_services.playground_secret(owner=intern, actor=BY_TEST)

    assert refusal.value.code == "terms"


@pytest.mark.parametrize("headers", [{}, HTMX], ids=["page", "htmx"])
def test_the_playground_asks_and_keeps_its_form(as_intern: Client, sandbox: Sandbox, headers: dict[str, str]) -> None:
    know_the_models()
    publish_terms()
    form = {"texts": "bees\nwasps", "model": "embedding"}

    refused = as_intern.post("/playground/embeddings/", form, headers=headers)
    assert refused.status_code == 403
    assert "Accept the terms of use first." in words_of(refused)
    assert "bees" in words_of(refused)
    assert 'name="accept_terms" value="1"' in refused.content.decode()
    chat = as_intern.post("/playground/send/", {"message": "Hello bees", "model": MODEL}, headers=headers)
    assert 'name="accept_terms" value="1"' in chat.content.decode()

    assert as_intern.post("/playground/embeddings/", {**form, "accept_terms": "1"}, headers=headers).status_code == 200


def test_creating_a_key_costs_no_further_query(intern: User, sandbox: Sandbox) -> None:
    issue(intern, "first")
    with CaptureQueriesContext(connection) as before:
        issue(intern, "second")
    publish_terms()
    accept_terms(intern, "1")
    with CaptureQueriesContext(connection) as after:
        issue(intern, "third")

    assert len(after) == len(before)


# --- The page -----------------------------------------------------------------------------------------
def test_terms_are_accepted_on_a_page_that_redirects_back(as_intern: Client, intern: User) -> None:
    assert "There are no terms of use." in words_of(as_intern.get(TERMS))
    publish_terms("Be kind.\n\n<b>Always.</b>")
    page = as_intern.get(TERMS, {"next": "/playground/?q=1"})
    assert "<p>&lt;b&gt;Always.&lt;/b&gt;</p>" in page.content.decode()
    assert 'value="/playground/?q=1"' in page.content.decode()

    assert as_intern.post("/terms/accept/", {"next": "/playground/?q=1"}).status_code == 409
    assert as_intern.post("/terms/accept/", {"accept_terms": "2"}).status_code == 409
    assert as_intern.post("/terms/accept/", {"accept_terms": "²" * 3}).status_code == 409
    assert not intern.terms_acceptances.exists()
    answer = as_intern.post("/terms/accept/", {"accept_terms": "1", "next": "/playground/?q=1"})

    assert answer["Location"] == "/playground/?q=1"
    assert "You accepted it on" in words_of(as_intern.get(TERMS))
    assert "FR Be kind." in words_of(as_intern.get(TERMS, headers={"accept-language": "fr"}))


def test_are_asked_for_before_the_gateway_was_ever_checked(as_intern: Client) -> None:
    publish_terms()
    GatewayState.objects.all().delete()

    assert "Terms of use, version 1" in words_of(as_intern.get("/"))


def test_a_page_is_shown_when_the_terms_cannot_be_read(as_intern: Client) -> None:
    publish_terms()

    with database_fails_at('"accounts_terms"."text_en"'):
        page = as_intern.get("/")

    assert page.status_code == 200


def test_a_waiting_answer_of_the_playground_leads_to_the_terms_and_back(
    as_intern: Client, intern: User, sandbox: Sandbox
) -> None:
    know_the_models()
    models = ["gpt-4o-mini", "llama-70b"]
    as_intern.post("/playground/compare/", {"message": "Hello", "models": models}, headers=HTMX)
    answer = Answer.objects.first()
    assert answer is not None
    take_over(intern, answer.pk)
    Key.objects.update(state=Key.State.DELETED)
    publish_terms()
    stream = reverse("playground:stream", args=[answer.pk])
    back = reverse("playground:comparison", args=[answer.message.conversation_id])

    column = as_intern.get(stream, headers=HTMX)
    page = as_intern.get(stream)

    assert "Accept the terms of use first." in words_of(column)
    assert f'href="{TERMS}?next={back}"' in column.content.decode()
    assert page["Location"] == f"{TERMS}?next={back}"


def test_nothing_is_accepted_by_a_forged_form(intern: User) -> None:
    publish_terms()
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(intern)

    for method in (browser.get, browser.post):
        method("/terms/accept/", {"accept_terms": "1"})

    assert not TermsAcceptance.objects.exists()


# --- Whoever publishes them ---------------------------------------------------------------------------
def test_a_draft_is_hidden_until_it_is_published(publisher: User, as_intern: Client) -> None:
    browser = signed_in(publisher)
    preview = browser.post(VERSIONS, {**TEXTS, "step": "preview"})
    assert "Soyez aimables." in words_of(preview)
    assert not Terms.objects.exists()
    browser.post(VERSIONS, TEXTS)
    browser.post(VERSIONS, {**TEXTS, "text_en": "Be very kind."})
    draft = Terms.objects.get()
    assert "There are no terms of use." in words_of(as_intern.get(TERMS))
    publish = reverse("notices:publish_terms", args=[draft.pk])
    confirmation = browser.get(publish)
    assert "Be very kind." in words_of(confirmation)

    assert [browser.post(publish, digest_in(confirmation)).status_code for _ in range(2)] == [302, 409]

    assert "Be very kind." in words_of(as_intern.get(TERMS))
    browser.post(VERSIONS, {**TEXTS, "text_en": "Second."})
    assert list(Terms.objects.order_by("version").values_list("version", "text_en")) == [
        (1, "Be very kind."),
        (2, "Second."),
    ]
    actions = AuditEntry.objects.filter(object_kind="terms").order_by("pk").values_list("action", "label")
    assert list(actions) == [("change", "1"), ("change", "1"), ("publish", "1"), ("change", "2")]


def digest_in(page: Any) -> dict[str, str]:
    """Return the hidden field of a confirmation that names the text on it."""
    return dict(re.findall(r'name="(digest)" value="(\w+)"', page.content.decode()))


def test_publishes_only_the_text_that_was_confirmed(publisher: User) -> None:
    browser = signed_in(publisher)
    browser.post(VERSIONS, TEXTS)
    publish = reverse("notices:publish_terms", args=[Terms.objects.get().pk])
    confirmed = digest_in(browser.get(publish))
    browser.post(VERSIONS, {**TEXTS, "text_fr": "Soyez sages."})  # another admin, meanwhile

    refused = browser.post(publish, confirmed)

    assert refused.status_code == 409
    assert "Soyez sages." in words_of(refused)
    assert browser.post(publish).status_code == 409, "no text is named"
    assert not Terms.objects.published().exists()
    assert browser.post(publish, digest_in(refused)).status_code == 302
    first, second, published = AuditEntry.objects.filter(object_kind="terms").order_by("pk")
    assert confirmed["digest"] in first.remark
    assert second.remark == published.remark != first.remark


def test_two_people_save_the_first_draft_at_once(publisher: User) -> None:
    made: list[Terms] = []

    def race(execute: Callable[..., Any], sql: str, *rest: Any) -> Any:
        if sql.startswith('INSERT INTO "accounts_terms"') and not made:
            made.append(Terms(version=1, text_en="Theirs.", text_fr="À eux."))
            made[0].save()
        return execute(sql, *rest)

    with connection.execute_wrapper(race):
        answer = signed_in(publisher).post(VERSIONS, TEXTS)

    assert answer.status_code == 302
    assert made
    assert Terms.objects.get().text_en == "Be kind."


def test_refuses_invalid_texts(publisher: User) -> None:
    wrong = [{"text_en": ""}, {"text_fr": " "}, {"text_en": "a\u202eb"}, {"text_fr": "x" * 50_001}]

    statuses = [signed_in(publisher).post(VERSIONS, {**TEXTS, **fields}).status_code for fields in wrong]

    assert statuses == [422] * 4
    assert not Terms.objects.exists()


def test_publishing_requires_permission(publisher: User, as_intern: Client) -> None:
    draft = Terms.objects.create(version=1, text_en="Draft.", text_fr="Brouillon.")
    addresses = [VERSIONS, "/terms/accepted.csv", reverse("notices:publish_terms", args=[draft.pk])]
    announcer = signed_in(with_permissions("announcer", "manage_announcements", "manage_people"))

    for browser in (as_intern, announcer):
        assert [browser.get(address).status_code for address in addresses] == [403] * 3
        assert [browser.post(address, TEXTS).status_code for address in addresses] == [403, 405, 403]
        assert VERSIONS not in browser.get("/usage/").content.decode()
        assert VERSIONS not in browser.get("/people/").content.decode()
    draft.refresh_from_db()
    assert draft.published_at is None
    as_manager = signed_in(make_user("manager", groups=("Admins",)))
    for browser, page in ((signed_in(publisher), "/announcements/"), (as_manager, "/people/")):
        assert [browser.get(address).status_code for address in addresses] == [200] * 3
        assert VERSIONS in browser.get(page).content.decode()
    assert signed_in(publisher).get(reverse("notices:publish_terms", args=[4711])).status_code == 404


def test_acceptances_are_a_file_without_names_of_anonymised_people(publisher: User, intern: User, staff: User) -> None:
    terms = publish_terms()
    at = timezone.now().replace(microsecond=0)
    for person in (intern, staff):
        TermsAcceptance.objects.create(terms=terms, person=person, accepted_at=at)
    anonymise_account(intern)

    file = signed_in(publisher).get("/terms/accepted.csv")
    rows = list(csv.reader(io.StringIO(b"".join(file).decode())))

    iso = f"{at:%Y-%m-%dT%H:%M:%SZ}"
    assert rows == [
        ["version", "accepted_at", "person", "name", "email"],
        ["1", iso, "staff", "Staff B", "staff@example.edu"],
        ["1", iso, f"anonymous-{intern.pk}", "", ""],
    ]


def test_limits_saves_per_hour(publisher: User, settings: Settings) -> None:
    settings.KEY_ACTIONS_PER_HOUR = 1
    browser = signed_in(publisher)

    assert [browser.post(VERSIONS, TEXTS).status_code for _ in range(2)] == [302, 429]
