"""Ending the grace of a rotation early."""

import pytest
from django.test import Client

from accounts.models import AuditEntry, User
from keys import services
from keys.models import Key
from tests.keys.actions import BY_TEST, again, assert_at_rest, issue, works
from tests.keys.views.pages import assert_form, assert_not_found, assert_only, url_of, words_of
from tests.sandbox_process import Sandbox


@pytest.fixture
def rotated(key: Key) -> Key:
    """Return a key in the grace of a rotation."""
    services.rotate_key(key=again(key), actor=BY_TEST)
    return key


def test_ends_the_old_secret_at_once(as_intern: Client, rotated: Key, sandbox: Sandbox, way: dict[str, str]) -> None:
    old, new = sandbox.issued_secrets()

    response = as_intern.post(url_of("end_old", rotated), headers=way, follow=True)

    assert response.status_code == 200
    assert_form(response, way)
    assert "The old secret of “thesis” has ended." in words_of(response)
    assert not works(sandbox, old)
    assert works(sandbox, new)
    assert AuditEntry.objects.filter(action="end_old", outcome="done").count() == 1


def test_a_second_time_says_that_it_has_ended(as_intern: Client, rotated: Key) -> None:
    as_intern.post(url_of("end_old", rotated))

    response = as_intern.post(url_of("end_old", rotated))

    assert response.status_code == 409
    assert "The old secret has already ended." in words_of(response)


@pytest.mark.parametrize("path", ["/key/delete", "/key/info"])
@pytest.mark.parametrize("kind", ["drop_before", "drop_after"])
def test_is_not_claimed_before_the_gateway_confirms_it(
    as_intern: Client, rotated: Key, sandbox: Sandbox, path: str, kind: str
) -> None:
    sandbox.faults(path, kind, times=3)

    response = as_intern.post(url_of("end_old", rotated))

    assert response.status_code == 503
    assert "The gateway has not confirmed it yet" in words_of(response)
    assert not AuditEntry.objects.filter(action="end_old", outcome="done").exists()
    sandbox.clear_faults()
    services.sweep_keys()
    assert_at_rest(sandbox)
    assert not works(sandbox, sandbox.issued_secrets()[0])


def test_a_key_without_an_old_secret_has_none_to_end(as_intern: Client, intern: User, sandbox: Sandbox) -> None:
    fresh = issue(intern)

    assert as_intern.post(url_of("end_old", fresh.key)).status_code == 409
    assert works(sandbox, fresh.secret)


def test_a_strangers_key_is_not_found(as_intern: Client, foreign_key: Key, sandbox: Sandbox) -> None:
    services.rotate_key(key=again(foreign_key), actor=BY_TEST)

    assert_not_found(as_intern, foreign_key, "end_old", sandbox)


def test_accepts_post_only(as_intern: Client, key: Key) -> None:
    assert_only(as_intern, url_of("end_old", key), "post")
