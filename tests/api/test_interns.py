"""What supervisors do with their interns by the API: as on the pages, with the same rules and the same trail."""

from datetime import timedelta

import pytest
from django.utils import timezone
from pytest_django import Settings

from accounts.models import AuditEntry, User
from keys.models import Intern, Key
from keys.services import TooManyActions, count_action
from tests.api.conftest import Program
from tests.factories import make_staff
from tests.keys.actions import issue
from tests.sandbox_process import Sandbox

ADA = {"name": "Ada L", "email": "ada@example.edu"}


def intern_of(supervisor: User, name: str = "Bo K") -> Intern:
    return Intern.objects.create(supervisor=supervisor, name=name)


def test_adds_an_intern_once_and_changes_them(by_staff: Program, staff: User) -> None:
    made = by_staff.post("/interns", ADA, Idempotency_Key="one")
    again = by_staff.post("/interns", ADA, Idempotency_Key="one")

    assert (made.status_code, made.json()) == (201, again.json())
    ada = Intern.objects.supervised_by(staff).get()
    assert by_staff.token.last_four in AuditEntry.objects.get(object_id=str(ada.pk)).remark
    changed = by_staff.ask("patch", f"/interns/{ada.pk}", {"name": "Ada Lovelace"})
    assert (changed.json()["name"], changed.json()["email"]) == ("Ada Lovelace", "ada@example.edu")
    intern_of(staff)
    taken = by_staff.ask("patch", f"/interns/{ada.pk}", {"name": "Bo K", "email": ""})
    assert (taken.status_code, taken.json()["code"]) == (409, "intern_taken")
    assert by_staff.post("/interns", {"name": "Bo K", "stay_ends_on": "2999-01-01"}).json()["code"] == "intern_known"


def test_only_those_whose_policy_has_interns_add_them(by_intern: Program) -> None:
    assert by_intern.post("/interns", ADA).status_code == 409
    assert not Intern.objects.exists()


def test_bad_values_are_named(by_staff: Program, staff: User) -> None:
    path = f"/interns/{intern_of(staff).pk}"
    for method, where, data, field in (
        ("post", "/interns", {"name": "\u202e"}, "name"),
        ("post", "/interns", ADA | {"email": "x"}, "email"),
        ("patch", path, {"stay_ends_on": "2020-01-01"}, "stay_ends_on"),
        ("post", f"{path}/hand-over", {"supervisor": "nobody"}, "supervisor"),
        ("post", f"{path}/keys", {"label": ""}, "label"),
    ):
        answer = by_staff.ask(method, where, data)
        assert answer.status_code == 422, where
        assert [each["field"] for each in answer.json()["errors"]] == [field], where


def test_keys_of_an_intern_are_created_replaced_renewed_and_deleted(
    by_staff: Program, staff: User, sandbox: Sandbox
) -> None:
    path = f"/interns/{intern_of(staff).pk}/keys"

    made = by_staff.post(path, {"label": "thesis"}, Idempotency_Key="one")
    assert made.status_code == 201, made.content
    assert made.json()["secret"] in sandbox.issued_secrets()
    assert by_staff.post(path, {"label": "thesis"}, Idempotency_Key="one").json()["secret"] is None
    key = Key.objects.get()
    assert made.json()["key"]["intern"]["name"] == "Bo K"
    replaced = by_staff.post(f"{path}/{key.pk}/replace")
    assert (replaced.status_code, replaced.json()["secret"]) == (201, sandbox.issued_secrets()[-1])
    early = by_staff.post(f"{path}/{key.pk}/renew")
    assert (early.status_code, early.json()["code"]) == (409, "too_early")
    assert by_staff.ask("delete", f"{path}/{key.pk}").status_code == 204
    assert Key.objects.get().state == Key.State.DELETED
    of_other = f"/interns/{intern_of(staff, 'Cy M').pk}/keys/{key.pk}"
    assert by_staff.ask("delete", of_other).status_code == 404


def test_a_stay_that_the_gateway_does_not_confirm_is_said(by_staff: Program, staff: User, sandbox: Sandbox) -> None:
    intern = issue(staff, "thesis", intern_name="Ada L").key.intern
    assert intern is not None
    ends_on = (timezone.localdate() + timedelta(days=2)).isoformat()
    sandbox.faults("/key/update", "error")

    answer = by_staff.ask("patch", f"/interns/{intern.pk}", {"stay_ends_on": ends_on})

    assert (answer.status_code, answer.json()["code"]) == (503, "gateway_unavailable")
    assert by_staff.get(f"/interns/{intern.pk}").json()["stay_ends_on"] == ends_on


def test_a_change_of_name_and_stay_that_fails_leaves_the_name(
    by_staff: Program, staff: User, sandbox: Sandbox, settings: Settings
) -> None:
    intern = issue(staff, "thesis", intern_name="Ada L").key.intern
    assert intern is not None
    intern_of(staff)
    later = (timezone.localdate() + timedelta(days=3)).isoformat()

    taken = by_staff.ask("patch", f"/interns/{intern.pk}", {"name": "Bo K", "stay_ends_on": later})
    settings.KEY_ACTIONS_PER_HOUR = 2  # the change above was one of names
    for _time in range(2):
        count_action(staff, "keys:intern_stay")
    capped = by_staff.ask("patch", f"/interns/{intern.pk}", {"name": "Ada", "stay_ends_on": later})
    settings.KEY_ACTIONS_PER_HOUR = 60
    sandbox.faults("/key/update", "error")
    away = by_staff.ask("patch", f"/interns/{intern.pk}", {"name": "Ada", "stay_ends_on": later})

    assert (taken.status_code, capped.status_code, away.status_code) == (409, 429, 503)
    assert Intern.objects.get(pk=intern.pk).name == "Ada L"


def test_an_intern_is_handed_over(by_staff: Program, staff: User, sandbox: Sandbox) -> None:
    key = issue(staff, "thesis", intern_name="Ada L").key
    other, path = make_staff("other"), f"/interns/{key.intern_id}/hand-over"
    assert by_staff.post(path, {"supervisor": "intern"}).status_code == 422

    answer = by_staff.post(path, {"supervisor": "Other"})

    assert answer.json() == {"supervisor": "other", "keys_to_follow": 0}
    assert Key.objects.get().owner == other
    assert by_staff.post(path, {"supervisor": "other"}).status_code == 404


def test_actions_on_interns_are_counted_with_those_on_the_pages(
    by_staff: Program, staff: User, settings: Settings
) -> None:
    settings.KEY_ACTIONS_PER_HOUR = 1
    count_action(staff, "keys:intern_edit")
    with pytest.raises(TooManyActions):
        count_action(staff, "keys:intern_edit")

    refused = by_staff.ask("patch", f"/interns/{intern_of(staff).pk}", {"name": "Ada"})

    assert (refused.status_code, refused.json()["code"]) == (429, "too_many_actions")
