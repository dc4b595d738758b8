"""The Playground's own key among a person's others: not counted, listed with its actions, its secret never shown."""

from decimal import Decimal

import pytest
from django.test import Client
from pytest_django import Settings

from accounts.models import User
from keys import services
from tests.keys.actions import (
    ending_in,
    issue,
    works,
)
from tests.keys.leaks import assert_nowhere, everywhere
from tests.keys.playground_actions import allow, the_key, use
from tests.keys.views.pages import url_of, words_of
from tests.sandbox_process import Sandbox


def test_does_not_count_among_the_keys_that_are_allowed(intern: User, sandbox: Sandbox) -> None:
    allow(max_live_keys=1)
    use(intern)
    issue(intern)

    with pytest.raises(services.KeyRefused, match="You have 1 key, and may have 1"):
        issue(intern, "another")


def test_is_made_though_all_keys_are_in_use_and_one_has_its_label(intern: User, sandbox: Sandbox) -> None:
    allow(max_live_keys=1)
    issue(intern, "Playground")

    assert works(sandbox, use(intern))


def test_leaves_its_label_to_others(intern: User, sandbox: Sandbox) -> None:
    use(intern)

    assert issue(intern, "playground").key.label == "playground"


def test_is_listed_with_what_may_be_done(as_intern: Client, intern: User, sandbox: Sandbox) -> None:
    use(intern)
    key = the_key()

    page = as_intern.get("/").content.decode()

    assert "Created by the Playground, which alone has the secret" in page
    assert "0 keys of 3 are in use" in words_of(as_intern.get("/"))
    assert url_of("delete", key) in page
    assert url_of("rotate", key) not in page
    question = words_of(as_intern.get(url_of("delete", key)))
    assert "The Playground creates another key when you use it again." in question
    assert "rotate it or wait" not in question


def test_is_renewed_and_deleted_in_my_keys(as_intern: Client, intern: User, sandbox: Sandbox) -> None:
    secret = use(intern)
    key = ending_in(the_key(), sandbox, days=3)
    page = as_intern.get("/").content.decode()
    assert "Needs attention" not in page
    assert url_of("renew", key) in page

    as_intern.post(url_of("renew", key))
    assert "in 30 days" in words_of(as_intern.get("/"))

    as_intern.post(url_of("delete", key))
    assert not works(sandbox, secret)


def test_is_idle_when_it_has_expired(as_intern: Client, intern: User, sandbox: Sandbox) -> None:
    use(intern)
    ending_in(the_key(), sandbox, days=-1)

    assert "The Playground renews it when you use it again." in words_of(as_intern.get("/"))


def test_its_secret_is_never_shown(
    as_intern: Client, intern: User, sandbox: Sandbox, caplog: pytest.LogCaptureFixture, settings: Settings
) -> None:
    caplog.set_level("DEBUG")
    secret = use(intern)
    key = the_key()
    allow(playground__budget_usd=Decimal(1))
    use(intern)
    pages = [
        as_intern.get(url).content for url in ("/", url_of("delete", key), url_of("detail", key), "/keys/history/")
    ]

    in_folder = [(name, content) for name, content in everywhere(caplog) if not name.endswith("playground_key_secret")]
    places = [*in_folder, *[("a page", page) for page in pages]]

    assert_nowhere([secret, settings.PLAYGROUND_KEY_SECRET], places)
