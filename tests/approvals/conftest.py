"""Requesters and deciders."""

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.utils import timezone

from accounts.audit import Actor
from accounts.models import AccessRequest, User
from approvals import services
from keys.models import Intern
from tests.factories import make_staff, make_user

Asking = Callable[..., AccessRequest]


def today() -> Any:
    return timezone.localdate(timezone=timezone.get_default_timezone())


def ask(person: User, thing: str = "budget", **about: Any) -> AccessRequest:
    """Ask as a person would: for 2 USD until next week, unless said otherwise."""
    if thing == "budget":
        about.setdefault("amount_usd", Decimal(2))
    about = {"ends_on": today() + timedelta(days=7), "why": "the last chapter", **about}
    return services.ask(person=person, actor=Actor(user=person), thing=thing, **about)[0]


def approve(request: AccessRequest, decider: User, **about: Any) -> bool:
    """Approve as asked, and tell the gateway; return whether it has followed."""
    about = {"amount_usd": request.amount_usd, "ends_on": request.ends_on, **about}
    return services.apply_grant(services.approve(request=request, actor=Actor(user=decider), **about))


def supervise(supervisor: User, person: User, **about: Any) -> Intern:
    """Make a person the intern of another."""
    return Intern.objects.create(supervisor=supervisor, name=person.display_name, account=person, **about)


@pytest.fixture
def decider(db: None) -> User:
    """Make somebody who decides requests, and has no other permission."""
    person = make_user("decider", first_name="Decider D")
    person.user_permissions.add(Permission.objects.get(codename="decide_requests"))
    return person


@pytest.fixture
def supervisor(db: None) -> User:
    """Make one of the staff."""
    return make_staff("supervisor", first_name="Supervisor S")
