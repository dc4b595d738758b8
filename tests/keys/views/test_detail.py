"""The page of one key: its settings, its secrets' last characters, and its history."""

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries, Settings

from accounts.models import User
from keys import services
from keys.models import Key
from tests.keys.actions import BY_TEST, again, issue
from tests.keys.views.pages import assert_not_found, assert_only, url_of, words_of
from tests.ports import free_port
from tests.sandbox_process import Sandbox


def test_shows_settings_secrets_and_actions(as_intern: Client, intern: User, sandbox: Sandbox) -> None:
    old = issue(intern)
    new = services.rotate_key(key=again(old.key), actor=BY_TEST)

    page = words_of(as_intern.get(url_of("detail", old.key)))

    for words in (
        "thesis",
        "Old secret still works",
        "5.00 USD",
        f"…{old.secret[-4:]}",
        f"…{new.secret[-4:]}",
        "Intern A",
    ):
        assert words in page
    assert page.index(f"…{new.secret[-4:]}") < page.index(f"…{old.secret[-4:]}")
    assert old.secret not in page
    assert new.secret not in page


def test_keeps_the_history_of_a_deleted_key(as_intern: Client, key: Key) -> None:
    services.delete_key(key=again(key), actor=BY_TEST)

    page = words_of(as_intern.get(url_of("detail", key)))

    assert "Deleted" in page
    assert "The gateway has refused it since" in page


def test_offers_only_what_may_be_done_now(as_intern: Client, key: Key) -> None:
    page = as_intern.get(url_of("detail", key)).content.decode()
    assert url_of("rotate", key) in page
    assert url_of("renew", key) not in page
    services.delete_key(key=again(key), actor=BY_TEST)

    page = as_intern.get(url_of("detail", key)).content.decode()
    for action in ("rotate", "renew", "delete", "label"):
        assert url_of(action, key) not in page


def test_needs_no_gateway_and_few_queries(
    as_intern: Client, key: Key, settings: Settings, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    settings.GATEWAY_URL = f"http://127.0.0.1:{free_port()}"

    with django_assert_max_num_queries(8):
        assert as_intern.get(url_of("detail", key)).status_code == 200


@pytest.mark.parametrize("path", ["/keys/1/", "/keys/not-an-id/", "/keys/00000000-0000-0000-0000-000000000000/"])
def test_an_invalid_id_is_not_found(as_intern: Client, path: str) -> None:
    assert as_intern.get(path).status_code == 404


def test_a_strangers_key_is_not_found(as_intern: Client, foreign_key: Key, sandbox: Sandbox) -> None:
    assert_not_found(as_intern, foreign_key, "detail", sandbox, method="get")


def test_accepts_get_only(as_intern: Client, key: Key) -> None:
    assert_only(as_intern, url_of("detail", key), "get")
