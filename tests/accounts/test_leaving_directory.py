"""Accounts that a directory no longer lists, against OpenLDAP's server."""

from typing import TYPE_CHECKING

import pytest
from allauth.socialaccount.models import SocialAccount
from msgspec.structs import replace
from pytest_django import Settings

from accounts.identity_providers import Cas
from accounts.models import LeavingAccount, LeavingCheck, User
from people import services
from tests.factories import make_intern
from tests.ports import free_port

if TYPE_CHECKING:
    from tests.accounts.slapd import Slapd

pytestmark = pytest.mark.slapd
OTHER = Cas(id="cas", name="University", server="https://cas.example.edu")


def linked(uid: str, subject: str) -> User:
    """Make somebody who signs in by the directory; `subject` as it names them."""
    person = make_intern(uid)
    SocialAccount.objects.create(user=person, provider="dir", uid=subject)
    return person


def on_list() -> set[str]:
    return set(LeavingAccount.objects.waiting().values_list("person__username", flat=True))


def outcome() -> str:
    return LeavingCheck.objects.get(source="dir").outcome


def test_finds_subjects_whatever_their_form_and_only_those_who_could_sign_in(slapd: "Slapd") -> None:
    from accounts.directory import listed_among  # of an optional package

    provider = slapd.provider(subject="description", user_filter="(&(uid={username})(!(title=locked)))")
    subjects = {"a*(b)": "a*(b)", "guid": "\x01guid", "hex": "cafe"}
    for uid, value in subjects.items():
        slapd.knows(uid, {"description": [value]})
    slapd.knows("locked", {"description": ["of locked"], "title": ["locked"]})
    many = [f"nobody {number}" for number in range(120)]

    listed = listed_among(provider, ["a*(b)", "0167756964", "CAFE", "of locked", "*", *many])

    assert listed == {"a*(b)", "0167756964", "CAFE"}


def test_whoever_is_not_listed_any_more_goes_on_the_list_and_comes_back(slapd: "Slapd", settings: Settings) -> None:
    provider = slapd.provider(subject="uid")
    settings.IDENTITY_PROVIDERS = [provider, OTHER]
    for number in range(4):
        slapd.knows(f"here{number}", {})
        linked(f"here{number}", f"here{number}")
    linked("gone", "gone")
    elsewhere = linked("elsewhere", "gone too")
    SocialAccount.objects.create(user=elsewhere, provider="cas", uid="x")

    services.check_leaving()
    assert (on_list(), outcome()) == ({"gone"}, "done")
    slapd.knows("gone", {"title": ["back"]})
    services.check_leaving()

    assert on_list() == set()


def test_a_directory_that_lists_nobody_or_does_not_answer_puts_nobody_on_the_list(
    slapd: "Slapd", settings: Settings
) -> None:
    from accounts.directory import DirectoryUnavailable, listed_among  # of an optional package

    nobody = slapd.provider(subject="uid", user_filter="(&(uid={username})(title=nobody))")
    for number in range(3):
        slapd.knows(f"p{number}", {})
        linked(f"p{number}", f"p{number}")
    whole = slapd.provider(subject="uid")
    broken = {
        "server": f"ldap://127.0.0.1:{free_port()}",
        "base": "ou=misspelt,dc=example,dc=edu",
        "bind_password": "x",
    }
    unavailable = [(replace(whole, **{name: value}), "unavailable") for name, value in broken.items()]
    for provider, expected in ((nobody, "stopped"), *unavailable):
        settings.IDENTITY_PROVIDERS = [provider]
        services.check_leaving()
        assert (on_list(), outcome()) == (set(), expected), provider
        if expected == "unavailable":
            with pytest.raises(DirectoryUnavailable):
                listed_among(provider, ["p0"])
