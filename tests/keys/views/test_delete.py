"""Deleting: asks for a confirmation that names the key; reports nothing that the gateway has not confirmed."""

import pytest
from django.test import Client
from pytest_django import Settings

from accounts.models import User
from keys import services
from keys.models import Key
from tests.keys.actions import BY_TEST, again, assert_at_rest, delete_at_gateway, issue, works
from tests.keys.views.pages import assert_form, assert_not_found, assert_only, everything, url_of, words_of
from tests.ports import free_port
from tests.sandbox_process import Sandbox


def test_asks_for_a_confirmation_that_names_the_key(
    as_intern: Client, key: Key, sandbox: Sandbox, way: dict[str, str]
) -> None:
    before = everything(sandbox)

    response = as_intern.get(url_of("delete", key), headers=way)

    assert response.status_code == 200
    assert_form(response, way)
    assert "Delete “thesis”?" in words_of(response)
    assert f"…{again(key).last_four}" in words_of(response)
    assert everything(sandbox) == before


def test_says_whose_programs_will_stop(as_staff: Client, staff: User, sandbox: Sandbox) -> None:
    key = issue(staff, intern_name="Intern A").key

    assert "It is for Intern A." in words_of(as_staff.get(url_of("delete", key)))


def test_afterwards_the_gateway_refuses_it_and_the_page_says_so(
    as_intern: Client, intern: User, sandbox: Sandbox, way: dict[str, str]
) -> None:
    fresh = issue(intern)

    response = as_intern.post(url_of("delete", fresh.key), headers=way, follow=True)

    assert response.status_code == 200
    assert_form(response, way)
    assert "Deleted: the gateway refuses “thesis” from now on." in words_of(response)
    assert not works(sandbox, fresh.secret)
    assert not services.check_secret(owner=intern, secret=fresh.secret).ok
    listed = words_of(as_intern.get("/"))
    assert "The gateway has refused it since" in listed


def test_a_key_that_the_gateway_no_longer_has_is_deleted_all_the_same(
    as_intern: Client, key: Key, sandbox: Sandbox
) -> None:
    delete_at_gateway(sandbox, key)

    response = as_intern.post(url_of("delete", key), follow=True)

    assert response.status_code == 200
    assert_at_rest(sandbox)


def test_a_second_time_says_that_it_is_deleted(as_intern: Client, key: Key, way: dict[str, str]) -> None:
    as_intern.post(url_of("delete", key))

    response = as_intern.post(url_of("delete", key), headers=way)

    assert response.status_code == 409
    assert_form(response, way)
    assert "This key is already deleted." in words_of(response)


def test_a_key_that_is_being_made_can_wait_a_minute(as_intern: Client, key: Key) -> None:
    Key.objects.update(state=Key.State.ISSUING)

    response = as_intern.post(url_of("delete", key))

    assert response.status_code == 409
    assert "still being created. Try again in a minute" in words_of(response)


def test_an_unavailable_gateway_does_not_confirm_a_deletion(
    as_intern: Client, key: Key, sandbox: Sandbox, settings: Settings, way: dict[str, str]
) -> None:
    settings.GATEWAY_URL = f"http://127.0.0.1:{free_port()}"

    response = as_intern.post(url_of("delete", key), headers=way)

    assert response.status_code == 503
    assert_form(response, way)
    assert "The gateway has not confirmed that “thesis” is deleted" in words_of(response)
    assert "Being deleted" in words_of(response)
    settings.GATEWAY_URL = sandbox.url
    services.sweep_keys()
    assert "The gateway has refused it since" in words_of(as_intern.get("/"))
    assert_at_rest(sandbox)


@pytest.mark.parametrize("path", ["/key/delete", "/key/info"])
@pytest.mark.parametrize("kind", ["drop_before", "drop_after"])
def test_a_lost_answer_does_not_count_as_a_confirmation(
    as_intern: Client, key: Key, sandbox: Sandbox, path: str, kind: str
) -> None:
    sandbox.faults(path, kind, times=3)

    response = as_intern.post(url_of("delete", key))

    assert response.status_code == 503
    assert "Deleted:" not in words_of(response)
    sandbox.clear_faults()
    services.sweep_keys()
    assert_at_rest(sandbox)
    assert not sandbox.live_keys()


def test_deletes_both_secrets_of_a_rotation(as_intern: Client, key: Key, sandbox: Sandbox) -> None:
    services.rotate_key(key=again(key), actor=BY_TEST)

    as_intern.post(url_of("delete", key))

    assert not sandbox.live_keys()


def test_keys_made_outside_can_be_deleted(as_intern: Client, intern: User, sandbox: Sandbox) -> None:
    made = sandbox.call("POST", "/key/generate", body={"user_id": intern.gateway_user_id}).json()
    services.sync_keys()

    as_intern.post(url_of("delete", Key.objects.get()))

    assert not works(sandbox, made["key"])


def test_a_strangers_key_is_not_found(as_intern: Client, foreign_key: Key, sandbox: Sandbox) -> None:
    assert_not_found(as_intern, foreign_key, "delete", sandbox)
    assert_not_found(as_intern, foreign_key, "delete", sandbox, method="get")


def test_an_admin_cannot_delete_it_here(as_admin: Client, foreign_key: Key, sandbox: Sandbox) -> None:
    assert_not_found(as_admin, foreign_key, "delete", sandbox)


def test_accepts_get_and_post_only(as_intern: Client, key: Key) -> None:
    assert_only(as_intern, url_of("delete", key), "get", "post")
