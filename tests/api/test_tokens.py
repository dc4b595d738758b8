"""Access tokens: their pages, what their secrets look like, and when they work."""

from datetime import timedelta

import pytest
from django.core import mail
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import Settings
from pytest_django.asserts import assertContains, assertNotContains

from accounts.anonymise import anonymise_account
from accounts.models import AccessToken, AuditAction, AuditEntry, User
from api.models import IdempotentRequest
from api.services.tokens import MOST_WORKING
from gateway.own_secrets import is_well_formed, new_secret
from gateway.secret import PAT_PREFIX, has_secret, redact, token_of
from tests.api.conftest import Program
from tests.conftest import signed_in
from tests.factories import make_intern, make_user
from tests.people.conftest import with_permissions
from tests.portal.test_routes import what_is_stored
from tests.tasks import run_tasks

URL = reverse("api:tokens")
FORM = {"name": "backup script", "scopes": ["keys:read", "usage:read"], "days": "30"}


def shown_secret(answer: object) -> str:
    return str(answer.context["secret"])  # type: ignore[attr-defined]


def test_a_secret_has_a_prefix_and_a_checksum() -> None:
    secret = new_secret(PAT_PREFIX)

    assert is_well_formed(secret, PAT_PREFIX)
    assert secret.startswith("passerelle_pat_")
    assert not is_well_formed(secret[:20] + ("a" if secret[20] != "a" else "b") + secret[21:], PAT_PREFIX)
    assert not is_well_formed(secret + "a", PAT_PREFIX)
    assert has_secret(f"see {secret}")
    assert secret not in redact(f"GET /?q={secret}")


def test_shows_the_secret_once_and_stores_only_its_hash(as_intern: Client, intern: User) -> None:
    answer = as_intern.post(URL, FORM)

    assert answer.status_code == 201
    assert "no-store" in answer["Cache-Control"]
    secret = shown_secret(answer)
    assertContains(answer, secret, status_code=201)
    token = AccessToken.objects.get()
    assert (token.owner, token.digest, token.scopes) == (intern, token_of(secret), "keys:read usage:read")
    assertNotContains(as_intern.get(URL), secret)
    assertContains(as_intern.get(URL), "backup script")
    assert secret not in str(what_is_stored())


@pytest.mark.parametrize(
    "wrong", [{"name": ""}, {"scopes": []}, {"scopes": ["root"]}, {"days": "0"}, {"days": "366"}, {"days": "x"}]
)
def test_refuses_a_form_with_a_mistake(as_intern: Client, wrong: dict[str, object]) -> None:
    assert as_intern.post(URL, FORM | wrong).status_code == 422
    assert not AccessToken.objects.exists()


def test_creation_and_revocation_by_an_admin_are_audited_and_mailed(
    as_intern: Client, as_admin: Client, intern: User
) -> None:
    as_intern.post(URL, FORM)
    run_tasks()
    as_admin.post(reverse("api:revoke_for", args=[AccessToken.objects.get().pk]))
    run_tasks()

    assert [message.to for message in mail.outbox] == [[intern.email], [intern.email]]
    assert all("backup script" in message.subject for message in mail.outbox)
    assert AuditEntry.objects.filter(action=AuditAction.REVOKE, subject=intern).exists()
    entry = AuditEntry.objects.get(action=AuditAction.ISSUE)
    assert (entry.object_kind, entry.subject) == ("access_token", intern)
    assert "usage:read" in entry.remark


def test_a_person_has_a_bounded_number_of_working_tokens(as_intern: Client, intern: User) -> None:
    for _number in range(MOST_WORKING):
        Program(intern)

    assert as_intern.post(URL, FORM).status_code == 409
    AccessToken.objects.filter(pk=AccessToken.objects.all()[0].pk).update(revoked_at=timezone.now())
    assert as_intern.post(URL, FORM).status_code == 201


def test_a_token_works_until_it_is_revoked_or_ends_or_its_owner_is_deactivated(intern: User) -> None:
    program, now = Program(intern), timezone.now()
    rows, people = AccessToken.objects.filter(pk=program.token.pk), User.objects.filter(pk=intern.pk)
    assert program.get("/me").json()["username"] == "intern"

    for change, back in (
        ((rows, {"revoked_at": now}), (rows, {"revoked_at": None})),
        ((rows, {"expires_at": now}), (rows, {"expires_at": now + timedelta(days=1)})),
        ((people, {"is_active": False}), (people, {"is_active": True})),
    ):
        change[0].update(**change[1])
        assert program.get("/me").status_code == 401, change[1]
        back[0].update(**back[1])
        assert program.get("/me").status_code == 200, back[1]


def test_its_last_use_is_noted(by_intern: Program, as_intern: Client) -> None:
    assertContains(as_intern.get(URL), "never")

    by_intern.get("/me")

    by_intern.token.refresh_from_db()
    assert by_intern.token.last_used_at is not None


def test_a_token_that_works_is_listed_after_any_number_of_others(as_intern: Client, intern: User) -> None:
    old = Program(intern).token
    AccessToken.objects.bulk_create(
        AccessToken(owner=intern, name="old", digest=str(number), expires_at=old.expires_at, revoked_at=timezone.now())
        for number in range(60)
    )

    assertContains(as_intern.get(URL), reverse("api:revoke_token", args=[old.pk]))


def test_its_owner_revokes_it_and_nobody_else(as_intern: Client, intern: User) -> None:
    program = Program(intern)
    url = reverse("api:revoke_token", args=[program.token.pk])
    assert signed_in(make_intern("stranger")).post(url).status_code == 404
    assertContains(as_intern.get(url), "script")
    assert program.get("/me").status_code == 200

    assert as_intern.post(url).status_code == 302

    assert program.get("/me").status_code == 401
    assert AuditEntry.objects.filter(action=AuditAction.REVOKE, subject=intern).count() == 1
    as_intern.post(url)
    assert AuditEntry.objects.filter(action=AuditAction.REVOKE).count() == 1


def test_admins_list_all_tokens_and_revoke_those_of_people_they_may_change(intern: User, admin: User) -> None:
    program, of_admin = Program(intern), Program(admin)
    secretary, reader = with_permissions("secretary", "manage_people"), with_permissions("reader", "view_people")
    url, listed = reverse("api:revoke_for", args=[program.token.pk]), reverse("api:all_tokens")

    assert signed_in(make_user("stranger")).get(listed).status_code == 403
    assert signed_in(make_user("other")).post(url).status_code == 404
    assertContains(signed_in(reader).get(listed), "Intern A")
    assert signed_in(reader).post(url).status_code == 403
    assert signed_in(secretary).post(reverse("api:revoke_for", args=[of_admin.token.pk])).status_code == 403
    assertContains(signed_in(secretary).get(url), "who gets a mail about it")
    User.objects.filter(pk=intern.pk).update(email="")
    assertContains(signed_in(secretary).get(url), "gets no mail about it")
    assert program.get("/me").status_code == 200
    assert signed_in(secretary).post(url).status_code == 302
    assert program.get("/me").status_code == 401
    assert of_admin.get("/me").status_code == 200


def test_the_number_of_new_tokens_an_hour_is_limited(as_intern: Client, settings: Settings) -> None:
    settings.KEY_ACTIONS_PER_HOUR = 1
    assert as_intern.post(URL, FORM).status_code == 201

    refused = as_intern.post(URL, FORM)

    assert refused.status_code == 429
    assert int(refused["Retry-After"]) > 0


def test_anonymising_deletes_the_tokens_and_stored_answers(intern: User) -> None:
    program = Program(intern)
    IdempotentRequest.objects.create(owner=intern, key="one", status=201, answer={"key": {"label": "thesis of Ada"}})

    anonymise_account(intern)

    assert not AccessToken.objects.exists()
    assert not IdempotentRequest.objects.exists()
    assert program.get("/me").status_code == 401


def test_a_token_revokes_itself(intern: User) -> None:
    program, other = Program(intern, "models:read"), Program(intern)

    assert program.ask("delete", "/me/access-token").status_code == 204
    assert program.get("/me").status_code == 401
    assert list(AccessToken.objects.working()) == [other.token]
    assert program.token.last_four in AuditEntry.objects.filter(action=AuditAction.REVOKE).get().remark
