"""Administrators are alerted to problems: by mail, once a day, with what to do."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import Permission
from django.core import mail
from django.utils import timezone

from keys.models import AdminAlert, GatewayState
from tests.factories import make_intern, make_user
from usage.models import UsageState
from usage.services import alert_operators

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def people() -> None:
    """Make a superuser, somebody with the right, one without it, and one whose account is closed."""
    make_user("root", email="root@example.edu", is_superuser=True)
    runs = make_user("runs", email="runs@example.edu")
    runs.user_permissions.add(Permission.objects.get(codename="refresh", content_type__app_label="usage"))
    make_intern("intern", email="intern@example.edu")
    make_user("gone", email="gone@example.edu", is_superuser=True, is_active=False)
    GatewayState.objects.update(checked_at=timezone.now(), problem="key_refused")


def test_a_refused_key_is_told_to_whoever_may_mend_it_once_a_day() -> None:
    assert (alert_operators(), alert_operators()) == (1, 0)

    assert sorted(message.to for message in mail.outbox) == [["root@example.edu"], ["runs@example.edu"]]
    assert mail.outbox[0].subject == "[Passerelle] The gateway refuses the portal’s key"
    assert "manage.py check_gateway" in str(mail.outbox[0].body)

    AdminAlert.objects.update(mailed_at=timezone.now() - timedelta(hours=25))
    assert alert_operators() == 1


def test_polls_that_fail_are_told_when_they_go_on_failing() -> None:
    GatewayState.objects.update(problem="")
    now = timezone.now()
    UsageState.objects.create(pk=1, last_try_at=now, failing_since=now - timedelta(minutes=5))
    assert alert_operators() == 0

    UsageState.objects.update(failing_since=now - timedelta(hours=1))

    assert alert_operators() == 1
    assert "cannot be read" in mail.outbox[0].subject
