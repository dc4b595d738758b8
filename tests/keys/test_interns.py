"""An intern is a row of their supervisor: chosen again, never duplicated, and linked to their own account."""

from datetime import timedelta
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from django.core import mail
from django.db import IntegrityError
from django.test import Client, override_settings
from django.urls import reverse
from django.utils import timezone

from accounts.models import AuditEntry, User
from keys import services
from keys.models import Intern, Key
from tests.accounts.signing_in import SignIn
from tests.dumps import dump_database
from tests.factories import make_staff, make_user
from tests.keys.actions import again, ending_in, issue, tokens_at
from tests.keys.views.pages import everything, field_of, key_request, words_of
from tests.sandbox_process import Sandbox

CREATE = "/keys/create/"
ADA = {"intern_name": "Ada Lovelace", "intern_email": "ada@example.edu"}
IN_A_MONTH = (timezone.localdate() + timedelta(days=30)).isoformat()


def test_an_intern_who_is_picked_has_several_keys(as_staff: Client, staff: User, sandbox: Sandbox) -> None:
    as_staff.post(CREATE, key_request("first", **ADA))
    ada = Intern.objects.get()
    page = as_staff.get("/")
    assert f'<option value="{ada.pk}">Ada Lovelace (ada@example.edu)</option>' in page.content.decode()

    answer = as_staff.post(CREATE, key_request("second", intern=str(ada.pk)))

    assert answer.status_code == 201
    assert list(ada.keys.order_by("label").values_list("label", "owner")) == [("first", staff.pk), ("second", staff.pk)]
    assert [entry.on_behalf_of for entry in AuditEntry.objects.filter(object_kind="key")] == ["Ada Lovelace"] * 2
    assert AuditEntry.objects.get(object_kind="intern", action="issue").object_id == str(ada.pk)


@pytest.mark.parametrize("named", [ADA, {"intern_name": "Ada Lovelace"}])
def test_a_form_that_is_sent_again_after_a_failure_makes_no_second_intern(
    as_staff: Client, sandbox: Sandbox, named: dict[str, str]
) -> None:
    sandbox.faults("/key/generate", "error", status=503)
    assert as_staff.post(CREATE, key_request("thesis", **named)).status_code == 503
    sandbox.clear_faults()

    with override_settings(KEY_ANSWER_DEADLINE_S=0):
        services.sweep_keys()
    assert as_staff.post(CREATE, key_request("thesis", **named)).status_code == 201

    assert Intern.objects.get().keys.filter(state=Key.State.ACTIVE).count() == 1


def test_a_second_click_makes_no_second_intern(as_staff: Client, sandbox: Sandbox) -> None:
    form = key_request("thesis", **ADA, request_id=field_of(as_staff.get("/"), "request_id"))

    assert [as_staff.post(CREATE, form).status_code for _ in range(2)] == [201, 422]
    assert Intern.objects.count() == 1


@pytest.mark.parametrize(
    ("described", "says"),
    [
        ({"intern_name": "A. Lovelace", "intern_email": "ADA@Example.edu"}, "an intern with this e-mail address"),
        ({**ADA, "stay_ends_on": IN_A_MONTH}, "an intern with this e-mail address"),
        ({"intern_name": "ada LOVELACE"}, "an intern of this name"),
    ],
)
def test_an_existing_intern_is_not_duplicated_by_another_spelling(
    as_staff: Client, staff: User, sandbox: Sandbox, described: dict[str, str], says: str
) -> None:
    issue(staff, "first", **ADA)
    before = everything(sandbox)

    answer = as_staff.post(CREATE, key_request("second", **described))

    assert answer.status_code == 422
    assert f"You have {says}" in words_of(answer)
    assert [row for row in everything(sandbox) if row not in before] == [] or Key.objects.count() == 1
    assert (Intern.objects.count(), len(sandbox.live_keys())) == (1, 1)


def test_a_namesake_with_another_address_is_somebody_else(staff: User, sandbox: Sandbox) -> None:
    issue(staff, "first", **ADA)

    issue(staff, "second", **{**ADA, "intern_email": "ada2@example.edu"})

    assert Intern.objects.supervised_by(staff).count() == 2


@pytest.mark.parametrize("email", ["", "ada@example.edu"])
def test_two_supervisors_may_have_the_same_intern(staff: User, sandbox: Sandbox, email: str) -> None:
    for number, supervisor in enumerate((staff, make_staff("other"))):
        issue(supervisor, f"key {number}", intern_name="Ada Lovelace", intern_email=email)

    assert Intern.objects.count() == 2


def test_a_strangers_intern_cannot_be_picked(as_staff: Client, staff: User, sandbox: Sandbox) -> None:
    theirs = Intern.objects.create(supervisor=make_staff("other"), name="Ada Lovelace")
    before = everything(sandbox)

    answer = as_staff.post(CREATE, key_request(intern=str(theirs.pk)))

    assert answer.status_code == 422
    assert "This intern is no longer in your list." in words_of(answer)
    assert "Ada Lovelace" not in words_of(answer)
    with pytest.raises(services.KeyRefused) as refusal:  # should the form ever let it pass
        issue(staff, intern=theirs)
    assert refusal.value.code == "intern_gone"
    assert not Key.objects.exists()
    assert tokens_at(sandbox) == set()
    assert len(before) == len(everything(sandbox))


@pytest.mark.parametrize(
    "more", [{"intern_name": "Bo"}, {"intern_email": "bo@example.edu"}, {"stay_ends_on": IN_A_MONTH}]
)
def test_an_intern_is_picked_or_described_not_both(
    as_staff: Client, staff: User, sandbox: Sandbox, more: dict[str, str]
) -> None:
    ada = Intern.objects.create(supervisor=staff, name="Ada Lovelace")

    answer = as_staff.post(CREATE, key_request(intern=str(ada.pk), **more))

    assert answer.status_code == 422
    assert "Choose an intern, or describe a new one, not both." in words_of(answer)
    assert not Key.objects.exists()


def test_a_key_for_an_intern_who_is_picked_is_temporary(as_staff: Client, staff: User, sandbox: Sandbox) -> None:
    ada = Intern.objects.create(supervisor=staff, name="Ada Lovelace")

    assert as_staff.post(CREATE, key_request(kind="personal", intern=str(ada.pk))).status_code == 422
    assert not Key.objects.exists()


def test_people_without_interns_cannot_pick_one(as_intern: Client, intern: User, sandbox: Sandbox) -> None:
    Intern.objects.create(supervisor=intern, name="of another time")

    assert "of another time" not in words_of(as_intern.get("/"))
    as_intern.post(CREATE, key_request(intern=str(Intern.objects.get().pk)))
    assert Key.objects.get().intern is None


def test_supervisor_and_address_are_unique_together(staff: User) -> None:
    Intern.objects.create(supervisor=staff, name="Ada", email="ada@example.edu")

    with pytest.raises(IntegrityError):
        Intern.objects.create(supervisor=staff, name="Ada", email="ADA@example.edu")


# --- Their own account ----------------------------------------------------------------------------------
@pytest.mark.parametrize(("verified", "linked"), [(True, True), (False, False)])
def test_signing_in_with_the_verified_address_links_the_account(
    client: Client,
    staff: User,
    sign_in: SignIn,
    verified: bool,
    linked: bool,
) -> None:
    ada = make_user("ada", email="ada@example.edu")
    EmailAddress.objects.update_or_create(user=ada, email="ada@example.edu", defaults={"verified": verified})
    hers = Intern.objects.create(supervisor=staff, name="Ada", email="Ada@example.edu")
    other = Intern.objects.create(supervisor=staff, name="Bo", email="bo@example.edu")

    for _ in range(2):
        sign_in("ada")

    hers.refresh_from_db()
    other.refresh_from_db()
    assert (hers.account, other.account) == (ada if linked else None, None)


def test_nobody_becomes_their_own_intern(db: None, sign_in: SignIn) -> None:
    ada = make_staff("ada")
    EmailAddress.objects.update_or_create(user=ada, email=ada.email, defaults={"verified": True})
    own = Intern.objects.create(supervisor=ada, name="Ada", email=ada.email)

    sign_in("ada")

    own.refresh_from_db()
    assert own.account is None


@pytest.mark.parametrize(("has_account", "greets"), [(True, "Bonjour Ada"), (False, "Hello Ada")])
def test_mails_to_an_intern_come_in_the_language_of_their_account(
    staff: User, sandbox: Sandbox, has_account: bool, greets: str
) -> None:
    key = ending_in(issue(staff, **ADA).key, sandbox, days=3)
    if has_account:
        Intern.objects.update(account=make_user("ada", language="fr"))

    services.remind_owners()

    to_owner, to_intern = sorted(mail.outbox, key=lambda message: message.to != [key.owner.email])
    assert to_owner.body.startswith("Hello")
    assert to_intern.to == ["ada@example.edu"]
    assert to_intern.body.startswith(greets)


# --- Copies, names and admins ---------------------------------------------------------------------------
@pytest.mark.django_db(transaction=True)
def test_a_key_that_comes_back_after_a_restore_has_its_intern(staff: User, sandbox: Sandbox) -> None:
    issue(staff, "first", **ADA)
    restore = dump_database()
    fresh = issue(staff, "second", intern=Intern.objects.get())
    restore()

    with override_settings(KEY_ANSWER_DEADLINE_S=0):
        services.sync_keys()

    assert again(fresh.key).intern == Intern.objects.get()
    assert "Lovelace" not in str(sandbox.live_keys())


def test_admins_correct_a_name_and_the_trail_says_which_field(as_admin: Client, admin: User, staff: User) -> None:
    ada = Intern.objects.create(supervisor=staff, name="Ada", email="ada@example.edu")
    form: dict[str, Any] = {"name": "Ada Lovelace", "email": "Ada.L@example.edu", "account": ""}

    page = as_admin.get(reverse("admin:keys_intern_change", args=[ada.pk])).content.decode()
    as_admin.post(reverse("admin:keys_intern_change", args=[ada.pk]), form)

    assert reverse("keys:intern_stay", args=[ada.pk]) in page
    assert "TIME_ZONE" not in page  # what helps who reads the code
    ada.refresh_from_db()
    assert (ada.name, ada.email, ada.supervisor) == ("Ada Lovelace", "ada.l@example.edu", staff)
    entry = AuditEntry.objects.get(action="change", object_kind="intern")
    assert (entry.actor, entry.subject, entry.remark) == (admin, staff, "name, e-mail.")
