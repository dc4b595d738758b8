"""“This key has leaked”: one action, a new secret, and the old one refused on its next call."""

import pytest
from django.core import mail
from django.test import Client

from accounts.models import AuditEntry, User
from gateway.secret import token_of
from keys import services
from keys.models import Key, Token
from keys.services.ceilings import hold_keys_of
from tests.factories import make_policy
from tests.keys.actions import BY_TEST, again, assert_at_rest, ending_in, issue, works
from tests.keys.views.pages import assert_form, assert_not_found, assert_only, everything, url_of, words_of
from tests.sandbox_process import Sandbox
from tests.tasks import run_tasks
from tests.usage.polling import poll, report_day, used
from usage.models import utc_today


def test_asks_first_says_what_was_spent_and_changes_nothing(
    as_intern: Client, intern: User, sandbox: Sandbox, way: dict[str, str]
) -> None:
    fresh = issue(intern)
    report_day(sandbox, utc_today(), used(token_of(fresh.secret), usd="1.25"))
    poll()
    before = everything(sandbox)

    response = as_intern.get(url_of("leaked", fresh.key), headers=way)

    assert response.status_code == 200
    assert_form(response, way)
    assert "Has “thesis” leaked?" in words_of(response)
    assert f"…{fresh.secret[-4:]} , made on" in words_of(response)
    assert "1.25 USD were spent" in words_of(response)
    assert everything(sandbox) == before


@pytest.mark.parametrize("graced", [False, True], ids=["one secret", "during the grace of a replacement"])
def test_ends_every_old_secret_in_one_act_and_shows_the_new_one(
    as_intern: Client, intern: User, sandbox: Sandbox, way: dict[str, str], graced: bool
) -> None:
    make_policy("Interns", grace_hours=48)  # the grace is for ordinary replacement only
    secrets = [issue(intern).secret]
    if graced:
        secrets.append(services.rotate_key(key=again(Key.objects.get()), actor=BY_TEST).secret)

    response = as_intern.post(url_of("leaked", Key.objects.get()), headers=way)

    new = sandbox.issued_secrets()[-1]
    assert response.status_code == 201
    assert_form(response, way)
    assert "no-store" in response["Cache-Control"]
    assert new in words_of(response)
    assert f"The gateway refuses the old secret (…{secrets[-1][-4:]}) now" in words_of(response)
    assert [works(sandbox, secret) for secret in secrets] == [False] * len(secrets)
    assert works(sandbox, new)
    assert_at_rest(sandbox)
    assert AuditEntry.objects.filter(action="leak", outcome="done").count() == 1
    assert "Leaked secret replaced" in words_of(as_intern.get("/keys/history/"))


@pytest.mark.parametrize("path", ["/key/delete", "/key/info"])
@pytest.mark.parametrize("fault", ["error", "drop_before", "drop_after"])
def test_the_new_secret_is_shown_when_the_gateway_does_not_confirm_the_end_of_the_old(
    as_intern: Client, intern: User, sandbox: Sandbox, path: str, fault: str
) -> None:
    old = issue(intern)
    key = again(old.key)
    sandbox.faults(path, fault, times=20, **({"status": 503} if fault == "error" else {}))

    response = as_intern.post(url_of("leaked", key))

    if path == "/key/info":  # asked before anything is done
        assert response.status_code == 503
        assert "The leaked secret works until you delete the key" in words_of(response)
        assert works(sandbox, old.secret)
    else:
        assert response.status_code == 201
        assert "may still work" in words_of(response)
    sandbox.clear_faults()
    services.sweep_keys()
    assert_at_rest(sandbox)
    assert len(sandbox.live_keys()) == 1
    assert works(sandbox, old.secret) == (path == "/key/info")


@pytest.mark.parametrize("fault", ["drop_before", "drop_after"])
def test_says_that_the_leaked_one_still_works_where_no_new_one_was_made(
    as_intern: Client, intern: User, sandbox: Sandbox, fault: str
) -> None:
    old = issue(intern)
    sandbox.faults("/key/generate", fault)

    response = as_intern.post(url_of("leaked", old.key))

    assert response.status_code == 503
    assert "the leaked secret still works. Try again in five minutes, or delete the key" in words_of(response)
    services.sweep_keys()
    assert_at_rest(sandbox)
    assert [row["token"] for row in sandbox.live_keys()] == [token_of(old.secret)]


def test_an_expired_key_is_not_revived_with_its_leaked_secret(as_intern: Client, key: Key, sandbox: Sandbox) -> None:
    ending_in(key, sandbox, days=-1)

    response = as_intern.post(url_of("leaked", key))

    assert response.status_code == 409
    assert "nobody can use it. Delete it, and create another." in words_of(response)


def test_a_paused_key_gets_a_new_secret_and_works_again(as_intern: Client, key: Key, sandbox: Sandbox) -> None:
    services.pause_key(key=again(key), actor=BY_TEST)
    for page in ("/", url_of("detail", key)):
        assert url_of("leaked", key) in as_intern.get(page).content.decode(), page
        assert url_of("rotate", key) not in as_intern.get(page).content.decode(), page
    assert "This key is paused, and works again with the new secret" in words_of(as_intern.get(url_of("leaked", key)))

    assert as_intern.post(url_of("leaked", key)).status_code == 201

    assert (again(key).blocked, again(key).paused_at) == (False, None)
    assert [bool(row["blocked"]) for row in sandbox.live_keys()] == [False]
    assert works(sandbox, sandbox.issued_secrets()[-1])
    assert_at_rest(sandbox)


@pytest.mark.parametrize("over", ["budget", "admin"])
def test_a_paused_key_that_others_have_blocked_gets_no_new_secret(
    as_intern: Client, key: Key, sandbox: Sandbox, over: str
) -> None:
    services.pause_key(key=again(key), actor=BY_TEST)
    if over == "budget":
        hold_keys_of({key.owner_id})
    else:
        services.block_key(key=again(key), actor=BY_TEST)
    before = everything(sandbox)

    assert url_of("leaked", key) not in as_intern.get(url_of("detail", key)).content.decode()
    assert as_intern.post(url_of("leaked", key)).status_code == 409

    assert everything(sandbox) == before


def test_owner_and_intern_each_get_their_own_mail(as_staff: Client, staff: User, sandbox: Sandbox) -> None:
    fresh = issue(staff, "practical", intern_name="Intern B", intern_email="intern-b@example.edu")

    as_staff.post(url_of("leaked", fresh.key))

    run_tasks()
    of_owner, of_intern = mail.outbox
    assert (of_owner.to, of_intern.to) == ([staff.email], ["intern-b@example.edu"])
    assert f"/keys/{fresh.key.pk}/" in of_owner.body
    assert f"…{fresh.secret[-4:]}" in of_owner.body
    assert "http" not in of_intern.body
    assert staff.email in of_intern.body
    assert all(sandbox.issued_secrets()[-1] not in message.body for message in mail.outbox)


def test_is_offered_in_the_menu_on_the_key_page_and_next_to_replacing(as_intern: Client, key: Key) -> None:
    for page in ("/", url_of("detail", key), url_of("rotate", key)):
        assert url_of("leaked", key) in as_intern.get(page).content.decode(), page
    as_intern.post(url_of("rotate", key))
    for page in ("/", url_of("detail", key)):
        assert url_of("leaked", key) in as_intern.get(page).content.decode(), page
    assert Token.objects.filter(key=key, state=Token.State.RETIRING).exists()


def test_a_strangers_key_is_not_found(as_intern: Client, foreign_key: Key, sandbox: Sandbox) -> None:
    assert_not_found(as_intern, foreign_key, "leaked", sandbox)
    assert_not_found(as_intern, foreign_key, "leaked", sandbox, method="get")


def test_accepts_get_and_post_only(as_intern: Client, key: Key) -> None:
    assert_only(as_intern, url_of("leaked", key), "get", "post")
