"""Second factors of local accounts: setting up, signing in, removing, resetting."""

import json
import re
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from django.core import mail
from django.core.cache import cache
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client
from django.urls import reverse
from pytest_django import Settings
from pytest_django.asserts import assertContains, assertNotContains, assertRedirects

from accounts import second_factor
from accounts.anonymise import anonymise_account
from accounts.audit import BY_THE_PORTAL
from accounts.models import AuditAction, AuditEntry, SignIn, User
from tests.accounts.second_factors import ASK, code_of, give_code, give_password, with_app
from tests.accounts.security_key import SecurityKey
from tests.accounts.signing_in import is_signed_in
from tests.conftest import signed_in
from tests.factories import make_intern
from tests.tasks import run_tasks

pytestmark = pytest.mark.django_db
INDEX, APP, KEY = "account_second_factor", "account_totp", "account_add_security_key"


@pytest.fixture
def ada(db: None) -> User:
    return make_intern("ada")


@pytest.fixture
def named_host(settings: Settings) -> None:
    settings.PORTAL_URL, settings.HTTPS = "https://portal.example.edu", True


def shown_secret(page: Any) -> tuple[str, str]:
    """Return the secret that the page shows, and its sealed copy in the form."""
    text = page.content.decode()
    secret = re.search(r'<code translate="no">([A-Z2-7 ]+)</code>', text)
    sealed = re.search(r'name="sealed" value="([^"]+)"', text)
    assert secret
    assert sealed
    return secret[1].replace(" ", ""), sealed[1]


def options_in(page: Any) -> dict[str, Any]:
    found = re.search(r'<script id="key-options" type="application/json">(.*?)</script>', page.content.decode())
    assert found
    options: dict[str, Any] = json.loads(found[1])
    return options


def test_an_app_is_set_up_with_its_first_code_and_shows_recovery_codes_once(ada: User) -> None:
    here = signed_in(ada)
    page = here.get(reverse(APP))
    assertContains(page, "<svg")
    secret, sealed = shown_secret(page)

    answer = here.post(reverse(APP), {"sealed": sealed, "code": code_of(secret)})

    codes = re.findall(r"\b\d{8}\b", answer.content.decode())
    assert (answer.status_code, len(set(codes))) == (201, 10)
    assert "no-store" in answer["Cache-Control"]
    assertContains(here.get(reverse(INDEX)), "10 codes are left")
    assertRedirects(here.get(reverse(APP)), reverse(INDEX))
    assert AuditEntry.objects.of_subject(ada)[0].remark == "authenticator app"
    assert run_tasks()
    assert "an authenticator app was set up" in str(mail.outbox[0].body)
    assert not any(secret in str(message.body) for message in mail.outbox)


def test_nothing_is_stored_before_the_first_code_and_no_secret_is_stored_readably(ada: User) -> None:
    here = signed_in(ada)
    secret, sealed = shown_secret(here.get(reverse(APP)))
    assert not Authenticator.objects.exists()
    assert secret not in str(dict(here.session))

    here.post(reverse(APP), {"sealed": sealed, "code": code_of(secret)})

    with connection.cursor() as cursor:
        cursor.execute("SELECT data FROM mfa_authenticator")
        assert secret not in str(cursor.fetchall())


def test_a_wrong_code_or_another_persons_secret_sets_up_nothing(ada: User) -> None:
    here, other = signed_in(ada), make_intern("other")
    secret, sealed = shown_secret(here.get(reverse(APP)))
    theirs = second_factor.begin_totp(other)
    for form in (
        {"sealed": sealed, "code": "000 00"},
        {"sealed": theirs, "code": code_of(second_factor.secret_in(theirs, other) or "")},
        {"sealed": "forged", "code": code_of(secret)},
        {"sealed": "forgé", "code": code_of(secret)},
        {"code": code_of(secret)},
    ):
        assert here.post(reverse(APP), form).status_code == 422, form
    assert shown_secret(here.post(reverse(APP), {"sealed": sealed, "code": "000000"}))[0] == secret
    assert not Authenticator.objects.exists()


def test_the_password_alone_no_longer_signs_in(ada: User) -> None:
    secret, _codes = with_app(ada)
    browser = give_password(ada, next="/usage/")
    assert not is_signed_in(browser)
    browser = give_password(ada, next="/usage/")
    assertContains(browser.get(reverse(ASK)), "authenticator app")

    answer = give_code(browser, code_of(secret))

    assertRedirects(answer, "/usage/", fetch_redirect_response=False)
    assert is_signed_in(browser)
    assert SignIn.objects.get().outcome == "entered"


def test_a_code_is_accepted_once_and_no_older_one_after_it(ada: User) -> None:
    secret, _codes = with_app(ada)
    now, before = code_of(secret), code_of(secret, later=-1)
    assert give_code(give_password(ada), now).status_code == 302
    cache.clear()  # the database remembers, not a cache that may be emptied

    for code in (now, before):
        browser = give_password(ada)
        assertContains(give_code(browser, code), "was used before", status_code=422)
        assert not is_signed_in(browser)
    assert give_code(give_password(ada), code_of(secret, later=1)).status_code == 302


def test_a_recovery_code_signs_in_once_and_a_mail_says_so(ada: User) -> None:
    _secret, codes = with_app(ada)

    assert give_code(give_password(ada), codes[3]).status_code == 302
    assert give_code(give_password(ada), codes[3]).status_code == 422
    assert give_code(give_password(ada), codes[4]).status_code == 302
    assert second_factor.unused_recovery_codes(ada) == 8
    assert run_tasks()
    assert any("9 codes are left" in str(message.body) for message in mail.outbox)


def test_wrong_codes_are_limited_and_listed(ada: User) -> None:
    secret, _codes = with_app(ada)
    browser = give_password(ada)

    statuses = [give_code(browser, f"00000{number}").status_code for number in range(7)]

    assert statuses == [422] * 5 + [429] * 2
    assert give_code(browser, code_of(secret)).status_code == 429
    assert not is_signed_in(browser)
    refusal = SignIn.objects.get(outcome="code")
    assert (refusal.user, refusal.times) == (ada, 5)
    assert give_password(make_other_with_app()).get(reverse(ASK)).status_code == 200


def make_other_with_app() -> User:
    other = make_intern("other")
    with_app(other)
    return other


def test_the_step_needs_the_password_first(ada: User) -> None:
    secret, _codes = with_app(ada)

    assertRedirects(give_code(Client(), code_of(secret)), reverse("account_login"))
    assert Client().get(reverse(ASK)).status_code == 302


def test_a_security_key_is_registered_and_signs_in(ada: User, named_host: None) -> None:
    here, key = signed_in(ada), SecurityKey()
    options = options_in(here.get(reverse(KEY)))
    answer = here.post(reverse(KEY), {"name": "blue key", "credential": key.register(options)})
    assert answer.status_code == 201, answer.content
    assertContains(here.get(reverse(INDEX)), "blue key")

    browser = give_password(ada)
    options = options_in(browser.get(reverse(ASK)))
    signed = key.sign(options)
    stranger = SecurityKey()
    stranger.id = key.id
    for wrong in (stranger.sign(options), "{}", "[]", "not json", json.dumps({"id": 3}), signed[:-30] + '"}}'):
        assert browser.post(reverse(ASK), {"credential": wrong}).status_code == 422, wrong
    assert browser.post(reverse(ASK), {"credential": signed}).status_code == 422  # the challenge is not the last one
    options = options_in(browser.get(reverse(ASK)))
    assert browser.post(reverse(ASK), {"credential": key.sign(options)}).status_code == 302
    assert Authenticator.objects.get(type="webauthn").last_used_at


def test_a_key_of_another_origin_or_an_old_challenge_is_not_registered(ada: User, named_host: None) -> None:
    here = signed_in(ada)
    old = options_in(here.get(reverse(KEY)))
    new = options_in(here.get(reverse(KEY)))
    for credential in (
        SecurityKey().register(old),
        SecurityKey(origin="https://portal.example.org").register(new),
        SecurityKey(host="example.org").register(options_in(here.get(reverse(KEY)))),
        "{}",
    ):
        assert here.post(reverse(KEY), {"name": "key", "credential": credential}).status_code == 422
    assert not Authenticator.objects.exists()


def test_a_credential_that_the_database_cannot_store_is_not_registered(ada: User, named_host: None) -> None:
    here = signed_in(ada)
    for odd in ("NaN", "Infinity", '"\\u0000"', '"\\ud800"', '{"\\u0000": 1}'):
        credential = SecurityKey().register(options_in(here.get(reverse(KEY))))
        form = {"name": "key", "credential": f'{credential.rstrip()[:-1]}, "more": {odd}}}'}
        assert here.post(reverse(KEY), form).status_code == 422, odd
    assert not Authenticator.objects.exists()


def test_keys_are_not_offered_where_browsers_take_none(ada: User) -> None:
    here = signed_in(ada)

    assertContains(here.get(reverse(INDEX)), "only where the portal has a host name")
    assertRedirects(here.get(reverse(KEY)), reverse(INDEX))


def test_removing_the_last_one_takes_the_recovery_codes_too(ada: User) -> None:
    with_app(ada)
    here = signed_in(ada)
    app = Authenticator.objects.get(type="totp")
    codes = Authenticator.objects.get(type="recovery_codes")
    there = reverse("account_remove_factor", args=[app.pk])
    assertContains(here.get(there), "Your password alone will sign you in")
    assert signed_in(make_intern("other")).post(there).status_code == 404
    assert here.post(reverse("account_remove_factor", args=[codes.pk])).status_code == 404

    assertRedirects(here.post(there), reverse(INDEX))

    assert not Authenticator.objects.exists()
    assert AuditEntry.objects.of_subject(ada)[0].action == AuditAction.REMOVE_FACTOR


def test_new_recovery_codes_replace_the_former(ada: User) -> None:
    _secret, codes = with_app(ada)
    here = signed_in(ada)
    assert here.get(reverse("account_recovery_codes")).status_code == 200

    answer = here.post(reverse("account_recovery_codes"))

    assert answer.status_code == 201
    assert not set(codes) & set(re.findall(r"\b\d{8}\b", answer.content.decode()))
    assert give_code(give_password(ada), codes[0]).status_code == 422
    assert signed_in(make_intern("other")).post(reverse("account_recovery_codes")).status_code == 302


def test_changes_are_limited(ada: User) -> None:
    here = signed_in(ada)
    _secret, sealed = shown_secret(here.get(reverse(APP)))

    statuses = {here.post(reverse(APP), {"sealed": sealed, "code": "1"}).status_code for _ in range(61)}

    assert statuses == {422, 429}


def test_people_of_the_institution_set_up_none(ada: User) -> None:
    ada.set_unusable_password()
    ada.save()
    here = signed_in(ada)

    assertContains(here.get(reverse(INDEX)), "none is needed here")
    assertRedirects(here.get(reverse(APP)), reverse(INDEX))


def test_a_secret_that_is_not_in_use_any_more_opens_nothing_and_an_admin_helps(ada: User, settings: Settings) -> None:
    secret, codes = with_app(ada)
    settings.ENCRYPTION_SECRETS = ["another " * 8]
    assert give_code(give_password(ada), code_of(secret)).status_code == 422
    assert give_code(give_password(ada), codes[0]).status_code == 422

    settings.ENCRYPTION_SECRETS = ["another " * 8, settings.SECRET_KEY]

    assert give_code(give_password(ada), code_of(secret)).status_code == 302


def test_the_command_resets(ada: User) -> None:
    with_app(ada)
    here = signed_in(ada)
    with pytest.raises(CommandError):
        call_command("reset_second_factor", "nobody")

    call_command("reset_second_factor", "ada")

    assert not Authenticator.objects.exists()
    assert not is_signed_in(here)
    with pytest.raises(CommandError):
        call_command("reset_second_factor", "ada")


def test_anonymising_deletes_it(ada: User) -> None:
    with_app(ada)

    anonymise_account(ada)

    assert not Authenticator.objects.exists()


def test_a_reset_with_nothing_to_reset_changes_nothing(ada: User) -> None:
    assert not second_factor.reset_second_factor(ada, BY_THE_PORTAL)
    assert not AuditEntry.objects.exists()
    assertNotContains(signed_in(ada).get(reverse(INDEX)), "Recovery codes")
