"""The sign-in page does the same work for unknown and known people, so that its time reveals nothing."""

from collections.abc import Callable
from functools import partial

from allauth.account.models import EmailAddress
from django.contrib.auth.hashers import MD5PasswordHasher
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from tests.accounts.signing_in import SignIn
from tests.factories import make_intern, make_user
from tests.tasks import waiting_tasks


class CountingHasher(MD5PasswordHasher):
    """Counts how often a password is hashed."""

    hashed = 0

    def encode(self, password: str, salt: str) -> str:
        """Count, and hash."""
        CountingHasher.hashed += 1
        return super().encode(password, salt)


def _hashed_while(action: Callable[[], object]) -> int:
    CountingHasher.hashed = 0
    action()
    return CountingHasher.hashed


def test_an_unknown_name_costs_as_much_work_as_a_known_one(sign_in: SignIn, db: None, settings: Settings) -> None:
    """For user names and addresses, with a password here or none, switched off or not."""
    settings.PASSWORD_HASHERS = ["tests.accounts.test_sign_in_work.CountingHasher"]
    person = make_intern("intern", email="intern@example.edu")
    EmailAddress.objects.create(user=person, email=person.email, verified=True, primary=True)
    make_user("ada@example.edu", email="other@example.edu")
    make_user("institution", email="institution@example.edu", password=None)
    make_user("left", email="left@example.edu", is_active=False)
    names = ["intern", "ada", "institution", "left", "nobody", "other"]

    logins = [login for name in names for login in (name, f"{name}@example.edu")]
    hashed = {login: _hashed_while(partial(sign_in, login, "wrong")) for login in logins}

    assert set(hashed.values()) == {1}, hashed


def test_an_unknown_address_costs_as_much_work_as_a_known_one(client: Client, db: None, settings: Settings) -> None:
    """When a link is asked for, and when somebody signs up."""
    settings.PASSWORD_HASHERS = ["tests.accounts.test_sign_in_work.CountingHasher"]
    settings.SIGNUP_OPEN, settings.ACCOUNT_EMAIL_VERIFICATION = True, "mandatory"
    make_intern("intern", email="known@example.edu")
    make_intern("left", email="left@example.edu", is_active=False)
    for path, data in (
        (reverse("account_reset_password"), {}),
        (reverse("account_signup"), {"password1": "quite another password", "password2": "quite another password"}),
    ):
        work = set()
        for name in ("known", "left", "unknown"):
            form = data | {"username": f"new-{name}", "email": f"{name}@example.edu"}
            hashed = _hashed_while(partial(client.post, path, form))
            work.add((hashed, *(task for task, _arguments in waiting_tasks())))
        assert len(work) == 1, work
        assert work.pop()[1:] == ("accounts.send_mail",)
