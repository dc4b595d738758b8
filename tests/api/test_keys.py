"""A person's own keys by the API: the same services and rules as on My keys."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from pytest_django import Settings

from accounts.models import AuditEntry, User
from api.models import IdempotentRequest
from api.services import idempotency
from keys.models import Intern, Key
from tests.api.conftest import Program
from tests.factories import make_intern
from tests.keys.actions import issue
from tests.portal.test_routes import what_is_stored
from tests.sandbox_process import Sandbox

NEW = {"label": "thesis", "kind": "temporary"}


def created(program: Program, **more: Any) -> Any:
    answer = program.post("/me/keys", NEW | more)
    assert answer.status_code == 201, answer.content
    return answer.json()


def test_creates_a_key_and_shows_its_secret_once(by_intern: Program, sandbox: Sandbox) -> None:
    answer = by_intern.post("/me/keys", NEW)

    assert answer.status_code == 201
    assert answer["Cache-Control"] == "no-store"
    body = answer.json()
    assert body["secret"] == sandbox.issued_secrets()[-1]
    assert body["key"]["state"] == "active"
    shown = by_intern.get(f"/me/keys/{body['key']['id']}")
    assert shown.json() == body["key"]
    assert body["secret"] not in str(what_is_stored())


def test_the_trail_names_the_token(by_intern: Program, sandbox: Sandbox) -> None:
    created(by_intern)

    entry = AuditEntry.objects.get(object_kind="key")
    assert entry.actor == by_intern.token.owner
    assert by_intern.token.last_four in entry.remark


def test_a_policy_counts_as_on_the_pages(by_intern: Program, sandbox: Sandbox) -> None:
    assert by_intern.post("/me/keys", NEW | {"kind": "personal"}).status_code == 422
    for number in range(3):
        created(by_intern, label=f"key {number}")

    refused = by_intern.post("/me/keys", NEW)

    assert (refused.status_code, refused.json()["code"]) == (409, "limit")
    assert by_intern.post("/me/keys", NEW | {"label": "sk-" + "a" * 30}).status_code == 422


def test_a_key_can_have_less_than_the_policy_gives(by_staff: Program, sandbox: Sandbox) -> None:
    made = created(by_staff, budget_usd="2.5")

    assert made["key"]["budget_usd"] == "2.5"
    for wrong in ({"model_names": ["none-such"]}, {"budget_usd": 0}, {"budget_usd": "0.00"}, {"budget_usd": -1}):
        assert by_staff.post("/me/keys", NEW | {"label": "x"} | wrong).status_code == 422, wrong


def test_a_repeat_with_the_same_idempotency_key_creates_one_key(by_intern: Program, sandbox: Sandbox) -> None:
    first = by_intern.post("/me/keys", NEW, Idempotency_Key="one")

    again = by_intern.post("/me/keys", NEW, Idempotency_Key="one")

    assert (first.status_code, again.status_code) == (201, 201)
    assert again["Idempotency-Replayed"] == "true"
    assert again.json()["key"] == first.json()["key"]
    assert again.json()["secret"] is None
    assert "first answer" in again.json()["note"]
    assert Key.objects.count() == 1
    assert first.json()["secret"] not in str(what_is_stored())
    other = by_intern.post("/me/keys", NEW | {"label": "other"}, Idempotency_Key="one")
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")


def test_the_idempotency_keys_of_two_people_are_different(
    by_intern: Program, by_staff: Program, sandbox: Sandbox
) -> None:
    answers = [program.post("/me/keys", NEW, Idempotency_Key="one") for program in (by_intern, by_staff)]

    assert [answer.json()["secret"] is None for answer in answers] == [False, False]


def test_a_repeat_while_the_first_one_runs_is_refused_and_works_after_it_died(
    by_intern: Program, intern: User, sandbox: Sandbox, settings: Settings
) -> None:
    first = by_intern.post("/me/keys", NEW, Idempotency_Key="one")
    IdempotentRequest.objects.update(status=None, answer=None)  # as when the process died before it answered
    assert by_intern.post("/me/keys", NEW, Idempotency_Key="one").json()["code"] == "idempotency_still_running"

    settings.KEY_ANSWER_DEADLINE_S = 0
    again = by_intern.post("/me/keys", NEW, Idempotency_Key="one")

    assert (again.status_code, again.json()["code"]) == (409, "repeated")
    assert [str(key.pk) for key in Key.objects.all()] == [first.json()["key"]["id"]]


def test_a_replacement_whose_process_died_is_never_repeated(by_intern: Program, sandbox: Sandbox) -> None:
    path = f"/me/keys/{by_intern.post('/me/keys', NEW).json()['key']['id']}/replace"
    by_intern.post(path, {}, Idempotency_Key="one")
    secrets = sandbox.issued_secrets()
    dead = timezone.now() - timedelta(days=1)
    IdempotentRequest.objects.update(status=None, answer=None, begun_at=dead)

    again = by_intern.post(path, {}, Idempotency_Key="one")

    assert (again.status_code, again.json()["code"]) == (409, "idempotency_interrupted")
    assert sandbox.issued_secrets() == secrets


def test_a_refused_request_may_be_sent_again(by_intern: Program, sandbox: Sandbox) -> None:
    sandbox.faults("/key/generate", "error")
    refused = by_intern.post("/me/keys", NEW, Idempotency_Key="one")
    assert refused.status_code == 503
    assert refused["Content-Type"] == "application/problem+json"
    assert not IdempotentRequest.objects.exists()


def test_after_a_day_an_idempotency_key_is_another_request(by_intern: Program, sandbox: Sandbox) -> None:
    by_intern.post("/me/keys", NEW, Idempotency_Key="weekly")
    IdempotentRequest.objects.all().delete()
    assert by_intern.post("/me/keys", NEW, Idempotency_Key="weekly").json()["code"] == "repeated"

    Key.objects.update(created_at=timezone.now() - idempotency.KEPT)

    assert by_intern.post("/me/keys", NEW | {"label": "next"}, Idempotency_Key="weekly").status_code == 201


def test_old_answers_are_deleted(by_intern: Program, sandbox: Sandbox) -> None:
    by_intern.post("/me/keys", NEW, Idempotency_Key="one")
    assert idempotency.prune() == 0

    IdempotentRequest.objects.update(begun_at=timezone.now() - idempotency.KEPT)

    assert idempotency.prune() == 1


def test_a_key_for_an_intern(by_staff: Program, staff: User, sandbox: Sandbox) -> None:
    made = created(by_staff, intern_name="Ada L", intern_email="ada@example.edu")
    known = str(Intern.objects.get(supervisor=staff).pk)

    assert made["key"]["intern"] == {"id": known, "name": "Ada L"}
    assert created(by_staff, label="second", intern=known)["key"]["intern"]["name"] == "Ada L"
    assert by_staff.post("/me/keys", NEW | {"label": "x", "intern": str(staff.gateway_user_id)}).status_code == 422


def test_renews_replaces_pauses_relabels_and_deletes(by_intern: Program, intern: User, sandbox: Sandbox) -> None:
    made = created(by_intern)
    path, secret = f"/me/keys/{made['key']['id']}", made["secret"]

    assert by_intern.post(f"{path}/renew").json()["code"] == "too_early"
    assert by_intern.post(f"{path}/pause").json()["state"] == "paused_by_owner"
    assert by_intern.post(f"{path}/resume").json()["state"] == "active"
    assert by_intern.ask("patch", path, {"label": "book"}).json()["label"] == "book"
    replaced = by_intern.post(f"{path}/replace", {"leaked": True})
    assert replaced.status_code == 201
    assert replaced.json()["secret"] not in (None, secret)
    assert by_intern.post("/me/keys/check", {"secret": replaced.json()["secret"]}).json()["ok"] is True
    assert by_intern.ask("delete", path).status_code == 204
    assert by_intern.get(path).json()["state"] == "deleted"
    assert by_intern.ask("delete", path).json()["code"] == "state"
    assert sandbox.live_keys() == []


def test_the_key_of_another_person_is_not_found(by_intern: Program, sandbox: Sandbox) -> None:
    fresh = issue(make_intern("other"))
    path, before = f"/me/keys/{fresh.key.pk}", sandbox.live_keys()

    asked = [
        ("get", ""),
        ("patch", ""),
        ("delete", ""),
        *(("post", f"/{action}") for action in ("renew", "replace", "pause")),
    ]
    answers = {(method, more): by_intern.ask(method, path + more, {"label": "mine"}) for method, more in asked}

    assert {answer.status_code for answer in answers.values()} == {404}
    assert by_intern.post("/me/keys/check", {"secret": fresh.secret}).status_code == 404
    assert by_intern.get("/me/keys").json()["items"] == []
    assert sandbox.live_keys() == before


def test_actions_are_counted_with_those_on_the_pages(by_intern: Program, sandbox: Sandbox, settings: Settings) -> None:
    settings.KEY_ACTIONS_PER_HOUR = 1
    created(by_intern)

    refused = by_intern.post("/me/keys", NEW | {"label": "second"})

    assert (refused.status_code, refused.json()["code"]) == (429, "too_many_actions")
    assert int(refused["Retry-After"]) > 0


@pytest.mark.parametrize("secret", ["x", "sk-" + "a" * 20])
def test_checks_only_own_keys(by_intern: Program, sandbox: Sandbox, secret: str) -> None:
    assert by_intern.post("/me/keys/check", {"secret": secret}).status_code == (404 if secret != "x" else 422)


def test_keys_of_interns_need_their_scope(staff: User, sandbox: Sandbox) -> None:
    key = issue(staff, "for Bo", intern_name="Bo K").key
    narrow, reader = (
        Program(staff, "keys:read", "keys:write"),
        Program(staff, "keys:read", "keys:write", "interns:read"),
    )
    path = f"/me/keys/{key.pk}"

    assert (narrow.get("/me/keys").json()["items"], narrow.get(path).status_code) == ([], 404)
    assert reader.get(path).json()["intern"]["name"] == "Bo K"
    for program in (narrow, reader):
        assert [program.post(f"{path}/{action}").status_code for action in ("pause", "renew", "replace")] == [404] * 3
        assert program.ask("delete", path).status_code == 404
        for whom in ({"intern_name": "Cy M"}, {"intern": str(key.intern_id)}):
            refused = program.post("/me/keys", NEW | whom)
            assert (refused.status_code, refused.json()["code"]) == (403, "insufficient_scope")
    assert (Intern.objects.count(), Key.objects.count()) == (1, 1)
