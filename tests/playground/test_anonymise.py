"""Anonymising a person: personal data is deleted for good, spend and trail stay, and nothing is left half done."""

import re
from itertools import count

import pytest
from allauth.account.models import EmailAddress
from allauth.socialaccount.models import SocialAccount
from django.apps import apps
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.sessions.models import Session
from django.core import mail
from django.test import Client, override_settings
from django.urls import reverse
from pytest_django.asserts import assertContains, assertNotContains

from accounts.mails import send_later
from accounts.models import AuditEntry, User
from accounts.policies import policy_of
from gateway.errors import GatewayUnavailable
from keys import services as keys
from keys.models import Intern, Key
from playground.models import Answer, Attachment, Conversation
from playground.services import anonymise as service
from playground.services.anonymise import anonymise
from playground.services.prune import prune_conversations
from tests.accounts.institution import Institution
from tests.accounts.signing_in import SignIn, is_signed_in
from tests.accounts.visits import come_back
from tests.conftest import signed_in
from tests.factories import PASSWORD, make_staff, make_user
from tests.keys.actions import BY_TEST, again, assert_at_rest, issue
from tests.keys.crashes import killed_at_step
from tests.playground import rows
from tests.sandbox_process import Sandbox
from tests.tasks import run_tasks, waiting_tasks

NAMING = ("Ngozi", "Obi", "ngozi", "Bo Lind", "bo.lind@", "Intern thesis", "192.0.2.1")


@pytest.fixture
def ngozi(db: None) -> User:
    """Make somebody of the group Staff who has much to forget."""
    person = make_staff(
        "ngozi", first_name="Ngozi", last_name="Obi", email="ngozi@example.edu", language="fr", time_zone="Africa/Lagos"
    )
    EmailAddress.objects.create(user=person, email="ngozi@example.edu", verified=True, primary=True)
    claims = {"userinfo": {"name": "Ngozi Obi", "email": "ngozi@example.edu"}}
    SocialAccount.objects.create(user=person, provider="institution", uid="u-ngozi", extra_data=claims)
    conversation = rows.conversation(person, ("Who is Ngozi Obi?", "Ngozi is a chemist."))
    rows.image(rows.message(conversation, "Ngozi, here is a picture"))
    return person


def url_of(person: User) -> str:
    return reverse("admin:accounts_user_anonymise", args=[person.pk])


def dump_of_every_table() -> str:
    return "\n".join(
        str(list(model._base_manager.values_list())) for model in apps.get_models(include_auto_created=True)
    )


def sweep() -> None:
    with override_settings(KEY_ANSWER_DEADLINE_S=0):
        keys.sweep_keys()


# --- What goes and what stays -------------------------------------------------------------------------
def test_nothing_in_the_database_names_the_person_any_more(
    as_admin: Client, admin: User, ngozi: User, sandbox: Sandbox
) -> None:
    fresh = issue(ngozi, "Intern thesis", intern_name="Bo Lind", intern_email="bo.lind@example.edu")
    keys.relabel_key(key=again(fresh.key), label="Intern thesis 2", actor=BY_TEST)
    keys.delete_key(key=issue(ngozi, "Ngozi's").key, actor=BY_TEST)
    LogEntry.objects.log_actions(admin.pk, User.objects.filter(pk=ngozi.pk), CHANGE, "Ngozi Obi got a group.")
    entries = AuditEntry.objects.of_subject(ngozi).count()
    before = dump_of_every_table()
    assert [name for name in NAMING if name not in before] == []

    assert anonymise(person=ngozi, actor=BY_TEST)
    AuditEntry.objects.filter(action="anonymise").get()
    sweep()

    left = re.sub(r"passerelle-[0-9a-f]+", "", dump_of_every_table())
    assert [name for name in NAMING if name in left and name != "192.0.2.1"] == []
    assert not AuditEntry.objects.filter(actor=ngozi).exclude(address=None).exists()
    assert AuditEntry.objects.of_subject(ngozi).count() == entries + 2  # this act, and the end of the key


def test_conversations_and_images_go_and_those_of_others_stay(ngozi: User, staff: User, sandbox: Sandbox) -> None:
    others = rows.conversation(staff, ("Hello", "Hi"))

    anonymise(person=ngozi, actor=BY_TEST)

    assert list(Conversation.objects.all()) == [others]
    assert (Attachment.objects.count(), Answer.objects.count()) == (0, 1)


def test_keys_are_deleted_at_the_gateway_by_the_worker_at_once(ngozi: User, sandbox: Sandbox) -> None:
    issue(ngozi)
    issue(ngozi, "other", intern_name="Bo Lind")
    waiting_tasks()

    anonymise(person=ngozi, actor=BY_TEST)
    assert [name for name, _arguments in run_tasks()] == ["keys.sweep"]

    assert sandbox.live_keys() == []
    assert_at_rest(sandbox)
    assert set(Key.objects.values_list("state", "problem")) == {("deleted", "anonymised")}


def test_the_account_is_a_number_and_says_so_wherever_it_is_named(
    as_admin: Client, ngozi: User, sandbox: Sandbox
) -> None:
    issue(ngozi)

    anonymise(person=ngozi, actor=BY_TEST)

    ngozi.refresh_from_db()
    number = f"anonymous-{ngozi.pk}"
    assert (ngozi.username, ngozi.display_name, ngozi.email) == (number, number, "")
    assert (ngozi.language, ngozi.browser_language, ngozi.time_zone) == ("", "", "")
    assert (ngozi.is_active, ngozi.has_usable_password(), ngozi.groups.exists()) == (False, False, False)
    made = AuditEntry.objects.get(action="issue")
    assert made.sentence == f"Created by {number}"
    page = as_admin.get(reverse("admin:accounts_auditentry_changelist"))
    assertContains(page, number)
    assertNotContains(page, "Ngozi")


def test_an_intern_who_is_anonymised_is_a_number_and_the_supervisors_keys_stay(staff: User, sandbox: Sandbox) -> None:
    key = issue(staff, "thesis", intern_name="Ada Lovelace", intern_email="ada@example.edu").key
    ada = make_user("ada", email="ada@example.edu", first_name="Ada", last_name="Lovelace")
    Intern.objects.update(account=ada)

    anonymise(person=ada, actor=BY_TEST)

    left = dump_of_every_table()
    assert [name for name in ("Lovelace", "ada@example.edu") if name in left] == []
    intern = Intern.objects.get()
    assert (intern.name, intern.email, intern.account) == (f"anonymous-{intern.pk.hex[:8]}", "", None)
    assert again(key).state == Key.State.ACTIVE
    assert AuditEntry.objects.filter(label="thesis").exists()


def test_somebody_who_has_that_name_already_keeps_it(ngozi: User, sandbox: Sandbox) -> None:
    make_user(f"Anonymous-{ngozi.pk}")

    anonymise(person=ngozi, actor=BY_TEST)

    ngozi.refresh_from_db()
    assert ngozi.username.startswith(f"anonymous-{ngozi.pk}-")


# --- The way in ---------------------------------------------------------------------------------------
def test_sessions_end_and_the_password_opens_nothing(ngozi: User, staff: User, sign_in: SignIn, client: Client) -> None:
    theirs, others = signed_in(ngozi), signed_in(staff)

    anonymise(person=ngozi, actor=BY_TEST)

    assert not is_signed_in(theirs)
    assert is_signed_in(others)
    assert Session.objects.filter(session_key=theirs.cookies["session"].value).count() == 0
    for login in ("ngozi", "ngozi@example.edu", f"anonymous-{ngozi.pk}"):
        sign_in(login, PASSWORD)
        assert not is_signed_in(client)


def test_the_same_person_gets_a_new_account_with_the_institution(
    ngozi: User,
    client: Client,
    institution: Institution,
) -> None:
    anonymise(person=ngozi, actor=BY_TEST)
    institution.knows("u-ngozi", preferred_username="ngozi", email="ngozi@example.edu", email_verified=True)

    come_back(client)

    new = User.objects.get(username="ngozi")
    assert new.pk != ngozi.pk
    assert is_signed_in(client)
    assert not Conversation.objects.owned_by(new).exists()


def test_an_anonymised_account_cannot_be_reused(as_admin: Client, ngozi: User) -> None:
    anonymise(person=ngozi, actor=BY_TEST)
    form = {"username": "ngozi", "email": "ngozi@example.edu", "is_active": "on"}

    change = as_admin.post(reverse("admin:accounts_user_change", args=[ngozi.pk]), form)
    link = as_admin.post(reverse("admin:accounts_user_reset_link", args=[ngozi.pk]))

    assert (change.status_code, link.status_code) == (403, 403)
    assertNotContains(as_admin.get(reverse("admin:accounts_user_change", args=[ngozi.pk])), "Anonymise…")


# --- What is under way --------------------------------------------------------------------------------
def test_queued_mails_are_not_sent(ngozi: User, sandbox: Sandbox) -> None:
    key = issue(ngozi, intern_name="Bo Lind", intern_email="bo.lind@example.edu").key
    send_later("password_reset_by_admin", ngozi)
    send_later("email_changed", ngozi, to="old@example.edu", new="ngozi@example.edu", by="admin")
    keys.replace_leaked_secret(key=again(key), actor=BY_TEST)

    anonymise(person=ngozi, actor=BY_TEST)
    ran = [name for name, _arguments in run_tasks()]

    assert ran.count("accounts.send_mail") == 2
    assert "keys.mail_leak" in ran
    assert mail.outbox == []


def test_the_gateway_may_be_away(ngozi: User, sandbox: Sandbox) -> None:
    issue(ngozi)
    sandbox.faults("/key/delete", "drop_before")

    assert anonymise(person=ngozi, actor=BY_TEST)
    assert not anonymise(person=ngozi, actor=BY_TEST)  # a second click
    assert AuditEntry.objects.filter(action="anonymise").count() == 1
    with pytest.raises(GatewayUnavailable):
        sweep()
    assert Key.objects.get().state == Key.State.DELETING
    assert not User.objects.get(pk=ngozi.pk).is_active
    sandbox.clear_faults()
    sweep()

    assert sandbox.live_keys() == []
    assert_at_rest(sandbox)


def test_rows_of_a_request_in_progress_are_deleted_too(ngozi: User, sandbox: Sandbox) -> None:
    stale = User.objects.get(pk=ngozi.pk)
    allowance = policy_of(stale)
    anonymise(person=ngozi, actor=BY_TEST)
    key_request = keys.KeyRequest(label="Intern thesis", kind=Key.Kind.TEMPORARY, intern=Intern(name="Bo Lind"))
    keys.issue_key(owner=stale, actor=BY_TEST, key_request=key_request, allowance=allowance)
    rows.conversation(stale, ("Hello", "Hi"))

    sweep()
    prune_conversations()

    assert sandbox.live_keys() == []
    assert not Conversation.objects.owned_by(ngozi).exists()
    assert set(Key.objects.values_list("state", flat=True)) == {"deleted"}
    assert "Bo Lind" not in dump_of_every_table()
    assert "Intern thesis" not in set(Key.objects.values_list("label", flat=True))


@pytest.mark.django_db(transaction=True)
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_kill_at_any_line_leaves_all_of_it_or_nothing(ngozi: User, sandbox: Sandbox) -> None:
    issue(ngozi, "Intern thesis", intern_name="Bo Lind")
    steps = count(1)
    while killed_at_step(next(steps), lambda: anonymise(person=ngozi, actor=BY_TEST), service.__file__):
        if User.objects.get(pk=ngozi.pk).anonymised_at:
            break
        assert Conversation.objects.count() == 1
        assert Key.objects.get().state == Key.State.ACTIVE
        assert SocialAccount.objects.exists()

    assert next(steps) > 2
    sweep()
    assert sandbox.live_keys() == []
    assert not Conversation.objects.exists()
    assert AuditEntry.objects.filter(action="anonymise").count() == 1


# --- The page -----------------------------------------------------------------------------------------
def test_the_page_says_what_goes_and_a_get_changes_nothing(as_admin: Client, ngozi: User, sandbox: Sandbox) -> None:
    issue(ngozi, intern_name="Bo Lind")
    assertContains(as_admin.get(reverse("admin:accounts_user_change", args=[ngozi.pk])), url_of(ngozi))

    page = as_admin.get(url_of(ngozi))

    assertContains(page, "Anonymise Ngozi Obi?")
    assertContains(page, "1 conversation of the Playground")
    assertContains(page, "1 key, here and at the gateway.")
    ngozi.refresh_from_db()
    assert ngozi.anonymised_at is None


def test_a_second_click_finds_it_done(as_admin: Client, admin: User, ngozi: User, sandbox: Sandbox) -> None:
    first = as_admin.post(url_of(ngozi), follow=True)
    second = as_admin.post(url_of(ngozi), follow=True)

    assertContains(first, f"Anonymised: the account is “anonymous-{ngozi.pk}” now.")
    assertContains(second, "Nothing changed: this account is anonymised already.")
    entry = AuditEntry.objects.get(action="anonymise")
    assert (entry.actor, entry.subject, entry.object_kind) == (admin, ngozi, "person")
    assert entry.sentence == "Anonymised by admin from 127.0.0.1"


def test_nobody_anonymises_themselves_or_somebody_with_more_rights(admin: User, ngozi: User, as_staff: Client) -> None:
    manager = make_user("manager", groups=("Admins",), is_staff=True)

    assert signed_in(admin).post(url_of(admin)).status_code == 403
    assert signed_in(manager).post(url_of(manager)).status_code == 403
    assert signed_in(manager).post(url_of(admin)).status_code == 403
    assert as_staff.post(url_of(ngozi)).status_code in (302, 403)
    assert signed_in(admin).post(reverse("admin:accounts_user_anonymise", args=[987654])).status_code == 404
    assert not User.objects.exclude(anonymised_at=None).exists()
    assert signed_in(manager).post(url_of(ngozi)).status_code == 302
    assert User.objects.exclude(anonymised_at=None).get() == ngozi
