"""Who has to have a second factor, and how admins reset one."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from allauth.mfa.models import Authenticator
from django.contrib.auth.models import Group
from django.core import mail
from django.db import connection, connections, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from pytest_django import Settings
from pytest_django.asserts import assertContains, assertNotContains, assertRedirects

from accounts import second_factor
from accounts.models import AuditEntry, User
from tests.accounts.institution import Institution
from tests.accounts.second_factors import code_of, give_code, give_password, with_app
from tests.accounts.signing_in import SignIn, is_signed_in
from tests.accounts.visits import come_back
from tests.conftest import signed_in
from tests.factories import make_intern, make_user
from tests.tasks import run_tasks
from tests.waiting import wait_until, waiting_for_locks

pytestmark = pytest.mark.django_db
INDEX = "account_second_factor"


@pytest.fixture(autouse=True)
def required(settings: Settings) -> None:
    settings.SECOND_FACTOR_REQUIRED = True
    second_factor.not_owed.clear()


def test_a_local_admin_sets_one_up_before_anything_else(manager: User, sign_in: SignIn, client: Client) -> None:
    sign_in("manager")
    for name in ("people:index", "admin:index", "account_email", "api:tokens", "keys:index"):
        assertRedirects(client.get(reverse(name)), f"{reverse(INDEX)}?next={reverse(name)}")
    there = reverse("people:sign_out", args=[make_intern().pk])
    assert client.post(there)["Location"].startswith(reverse(INDEX))
    assertContains(client.get(reverse(INDEX)), "a password is not enough")
    assert client.get(reverse("web:privacy")).status_code == 200
    page = client.get(reverse("account_totp"))
    secret = second_factor.secret_in(page.context["sealed"], manager)
    assert secret

    client.post(reverse("account_totp"), {"sealed": page.context["sealed"], "code": code_of(secret)})

    assert client.get(reverse("people:index")).status_code == 200
    app = Authenticator.objects.get(type="totp")
    refused = client.post(reverse("account_remove_factor", args=[app.pk]))
    assertContains(refused, "Add another one first", status_code=409)
    assert client.post(reverse("account_logout")).status_code == 302


def test_who_has_one_and_who_administers_nothing_goes_on(manager: User, sign_in: SignIn, client: Client) -> None:
    secret, _codes = with_app(manager)
    browser = give_password(manager)
    give_code(browser, code_of(secret))
    assert browser.get(reverse("people:index")).status_code == 200
    with CaptureQueriesContext(connection) as captured:
        assert browser.get(reverse("people:index")).status_code == 200
    assert not [each for each in captured.captured_queries if "mfa_authenticator" in each["sql"]]

    assert signed_in(make_intern("ada")).get(reverse("account_email")).status_code == 200


def test_rights_that_are_given_in_the_middle_of_a_session_count_soon() -> None:
    ada = make_intern("ada")
    here = signed_in(ada)
    assert here.get(reverse("account_email")).status_code == 200

    ada.groups.add(Group.objects.get(name="Admins"))
    second_factor.not_owed.clear()  # as after a minute

    assertRedirects(here.get(reverse("people:index")), f"{reverse(INDEX)}?next=/people/")


def test_a_factor_that_was_removed_in_the_session_does_not_count() -> None:
    ada = make_intern("ada")
    secret, _codes = with_app(ada)
    here = give_password(ada)
    give_code(here, code_of(secret))
    here.post(reverse("account_remove_factor", args=[Authenticator.objects.get(type="totp").pk]))

    ada.groups.add(Group.objects.get(name="Admins"))
    second_factor.not_owed.clear()  # as after a minute

    assertRedirects(here.get(reverse("people:index")), f"{reverse(INDEX)}?next=/people/")


@pytest.mark.only_on("postgresql")
@pytest.mark.django_db(transaction=True)
def test_two_removals_at_once_leave_one_factor(manager: User) -> None:
    keys = [Authenticator.objects.create(user=manager, type="webauthn", data={"name": name}) for name in "ab"]
    browsers = [signed_in(manager), signed_in(manager)]

    def remove(browser: Client, key: Authenticator) -> int:
        try:
            return browser.post(reverse("account_remove_factor", args=[key.pk])).status_code
        finally:
            connections.close_all()

    with ThreadPoolExecutor(2) as pool:
        with transaction.atomic():
            User.objects.select_for_update().get(pk=manager.pk)
            answers = [pool.submit(remove, *each) for each in zip(browsers, keys, strict=True)]
            wait_until(lambda: waiting_for_locks() == 2)
        assert sorted(answer.result() for answer in answers) == [302, 409]

    assert Authenticator.objects.count() == 1
    assert AuditEntry.objects.of_subject(manager).count() == 1


def test_people_of_the_institution_are_exempt(client: Client, institution: Institution) -> None:
    institution.knows("u1", preferred_username="ada", email="ada@example.edu")
    come_back(client)
    ada = User.objects.get()
    ada.groups.add(Group.objects.get(name="Admins"))
    ada.set_password("a local password")
    ada.save()
    client.logout()
    with_app(ada)

    assert come_back(client).status_code == 302
    assert is_signed_in(client)
    Authenticator.objects.all().delete()
    second_factor.not_owed.clear()

    assert client.get(reverse("people:index")).status_code == 200


def test_it_is_not_required_by_default_in_a_trial(settings: Settings, manager: User) -> None:
    settings.SECOND_FACTOR_REQUIRED = False

    assert signed_in(manager).get(reverse("people:index")).status_code == 200


def test_an_admin_resets_it_and_the_person_is_signed_out_and_gets_a_mail(manager: User) -> None:
    ada = make_intern("ada")
    secret, _codes = with_app(ada)
    hers = give_password(ada)
    give_code(hers, code_of(secret))
    with_app(manager)
    admin = signed_in(manager)
    there = reverse("people:reset_second_factor", args=[ada.pk])
    assertContains(admin.get(reverse("people:person", args=[ada.pk])), there)
    assertContains(admin.get(there), "Check the person")

    assertRedirects(admin.post(there), reverse("people:person", args=[ada.pk]))

    assert not Authenticator.objects.filter(user=ada).exists()
    assert not is_signed_in(hers)
    entry = AuditEntry.objects.of_subject(ada)[0]
    assert (entry.action, entry.actor) == ("reset_factor", manager)
    assert run_tasks()
    assert any("reset the second factor" in str(each.body) for each in mail.outbox if "ada@example.edu" in each.to)
    assertNotContains(admin.get(reverse("people:person", args=[ada.pk])), there)
    assert admin.post(there).status_code == 409


def test_nobody_resets_that_of_people_above_them(manager: User) -> None:
    above = make_user("root", is_superuser=True)
    with_app(above)
    with_app(manager)

    assert signed_in(manager).post(reverse("people:reset_second_factor", args=[above.pk])).status_code == 403
    assert Authenticator.objects.filter(user=above).exists()
