"""What a sign-in would do, without doing it."""

import json
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from allauth.socialaccount.models import SocialAccount
from django.core.management import CommandError, call_command
from pytest_django import Settings

from accounts.identity_providers import Cas, Enter, OpenIDConnect
from accounts.models import User
from tests.factories import make_intern

pytestmark = pytest.mark.django_db


def tried(path: Path, claims: Any) -> str:
    file = path / "claims.json"
    file.write_text(json.dumps(claims))
    out = StringIO()
    call_command("try_sign_in", "b", claims=file, stdout=out)
    return out.getvalue()


@pytest.fixture(autouse=True)
def provider(settings: Settings) -> OpenIDConnect:
    found = OpenIDConnect(id="b", issuer="https://b", client_id="x", trust_email=True, enter=Enter(domains=("b.edu",)))
    settings.IDENTITY_PROVIDERS = [found]
    return found


def test_names_claims_account_and_groups_and_changes_nothing(tmp_path: Path) -> None:
    found = tried(tmp_path, {"sub": "u1", "email": "a@b.edu", "name": "Ada", "groups": ["Staff", "Admins", "X"]})

    for line in ("Sent: email, groups, name, sub", "name: Ada", "Account: a new one", "Groups: Staff"):
        assert line in found.splitlines()
    assert "Not given: Admins" in found
    assert "No group here: X" in found
    assert not User.objects.exists()
    assert not SocialAccount.objects.exists()


def test_names_who_would_be_linked_known_or_refused(tmp_path: Path) -> None:
    user = make_intern("mark", email="mark@b.edu")
    claims = {"sub": "u1", "email": "mark@b.edu"}
    assert "Account: mark, linked by its address" in tried(tmp_path, claims)
    assert "Groups: unchanged" in tried(tmp_path, claims)
    assert "Refused by the rule about e-mail domains" in tried(tmp_path, {"sub": "u1", "email": "mark@c.edu"})
    before = {"userinfo": {"sub": "u1", "affiliation": ["staff"]}}
    SocialAccount.objects.create(user=user, provider="b", uid="u1", extra_data=before)
    found = tried(tmp_path, claims)
    assert "Account: mark\n" in found
    assert "affiliation: staff (as before)" in found
    assert "Refused: another account has the address" in tried(tmp_path, {**claims, "sub": "u2"})
    User.objects.update(is_active=False)

    assert "the account is deactivated" in tried(tmp_path, claims)


def test_refuses_what_it_cannot_read(tmp_path: Path, settings: Settings) -> None:
    unreadable: list[Any] = [[], {"sub": ""}, "x"]
    for claims in unreadable:
        with pytest.raises(CommandError):
            tried(tmp_path, claims)
    with pytest.raises(CommandError, match="no provider c. There are: b"):
        call_command("try_sign_in", "c", username="ada")
    settings.IDENTITY_PROVIDERS = [Cas(id="b", server="https://b")]
    with pytest.raises(CommandError, match="no directory"):
        call_command("try_sign_in", "b", username="ada")
