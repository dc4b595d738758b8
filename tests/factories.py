"""People and policies for tests, made as they are made in the portal."""

from decimal import Decimal
from itertools import count
from typing import Any

from django.contrib.auth.models import Group

from accounts.models import Policy, User

PASSWORD = "a long enough password"
INTERNS = {"max_live_keys": 3, "person_budget_usd": Decimal(5), "budget_usd": Decimal(5), "budget_period": "30d"}
STAFF = {
    "personal_keys": True,
    "personal_lifetime_days": 365,
    "max_live_keys": 20,
    "person_budget_usd": Decimal(100),
    "budget_usd": Decimal(100),
    "budget_period": "30d",
    "may_name_interns": True,
    "rpm_limit": None,
    "tpm_limit": None,
}
_numbers = count(1)


def make_user(username: str = "", *, groups: tuple[str, ...] = (), **fields: Any) -> User:
    """Make a person who may sign in with PASSWORD; groups are made when they are not there."""
    name = username or f"person-{next(_numbers)}"
    fields.setdefault("email", f"{name}@example.edu")
    user = User.objects.create_user(name, password=fields.pop("password", PASSWORD), **fields)
    user.groups.set([Group.objects.get_or_create(name=group)[0] for group in groups])
    return user


def make_policy(group: str | None, **fields: Any) -> Policy:
    """Set what the group may have (None: the default policy); what is not given is as the model has it."""
    owner = Group.objects.get_or_create(name=group)[0] if group else None
    Policy.objects.filter(group=owner).delete()
    return Policy.objects.create(group=owner, **fields)


def make_intern(username: str = "", **fields: Any) -> User:
    """Make an intern: temporary keys only, three at once."""
    make_policy("Interns", **INTERNS)
    return make_user(username, groups=("Interns",), **{"first_name": "Intern A", **fields})


def make_staff(username: str = "", **fields: Any) -> User:
    """Make one of the staff: personal keys, twenty at once, may name interns."""
    make_policy("Staff", **STAFF)
    return make_user(username, groups=("Staff",), **{"first_name": "Staff B", **fields})
