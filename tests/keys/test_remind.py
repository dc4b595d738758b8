"""One mail before a key ends, and no second."""

from datetime import timedelta

import pytest
from django.core import mail
from django.utils import timezone
from pytest_django import Settings

from accounts.models import User
from keys import services
from keys.models import Key
from tests.keys.acts import issue
from tests.ports import free_port
from tests.sandbox_process import Sandbox


@pytest.fixture
def ending(staff: User, sandbox: Sandbox) -> Key:
    """Make a key for an intern that ends in five days."""
    key = issue(staff, "practical", intern_name="Intern B", intern_email="intern-b@example.edu").key
    now = timezone.now()
    Key.objects.filter(pk=key.pk).update(
        created_at=now - timedelta(days=25), expires_at=now + timedelta(days=5, hours=1)
    )
    return key


def test_writes_to_the_owner_and_the_intern_once(ending: Key) -> None:
    assert services.remind_owners() == 1
    assert services.remind_owners() == 0

    of_owner, of_intern = mail.outbox
    assert (of_owner.to, of_intern.to) == ([ending.owner.email], ["intern-b@example.edu"])
    for message in mail.outbox:
        assert "practical" in message.subject
        assert "in 5 days" in message.body
    assert f"/keys/{ending.pk}/" in of_owner.body
    assert "used by Intern B" in of_owner.body
    assert "http" not in of_intern.body
    assert f"ask Staff B ({ending.owner.email})" in of_intern.body


def test_writes_again_when_the_end_is_another(ending: Key) -> None:
    services.remind_owners()
    Key.objects.update(expires_at=timezone.now() + timedelta(days=2))

    assert services.remind_owners() == 1


@pytest.mark.parametrize("days", [8, -1])
def test_sends_nothing_when_the_end_is_far_or_past(ending: Key, days: int) -> None:
    Key.objects.update(expires_at=timezone.now() + timedelta(days=days))

    assert services.remind_owners() == 0


def test_tries_again_when_the_mail_server_was_away(ending: Key, settings: Settings) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", free_port()
    assert services.remind_owners() == 0

    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    assert services.remind_owners() == 1
