"""People and policies for tests, made as they are made in the portal."""

from decimal import Decimal
from itertools import count
from typing import Any

from django.contrib.auth.models import Group
from django.db.models import QuerySet

from accounts.models import KeyKind, KeyRule, Policy, User

PASSWORD = "a long enough password"
INTERNS = {"max_live_keys": 3, "person_budget_usd": Decimal(5), "budget_usd": Decimal(5), "budget_period": "30d"}
STAFF = {
    "personal__allowed": True,
    "personal__lifetime_days": 365,
    "course__allowed": True,
    "max_live_keys": 20,
    "person_budget_usd": Decimal(100),
    "budget_usd": Decimal(100),
    "budget_period": "30d",
    "may_name_interns": True,
    "rpm_limit": None,
    "tpm_limit": None,
}
FOR_PROGRAMS = (KeyKind.TEMPORARY, KeyKind.PERSONAL)
_numbers = count(1)


def make_user(username: str = "", *, groups: tuple[str, ...] = (), **fields: Any) -> User:
    """Make a person who may sign in with PASSWORD; groups are made when they are not there."""
    name = username or f"person-{next(_numbers)}"
    fields.setdefault("email", f"{name}@example.edu")
    user = User.objects.create_user(name, password=fields.pop("password", PASSWORD), **fields)
    user.groups.set([Group.objects.get_or_create(name=group)[0] for group in groups])
    return user


def make_policy(group: str | None, **fields: Any) -> Policy:
    """Set what the group may have (None: the default policy); what is not given is as the model has it.

    The fields are named as in `change_policies`.
    """
    owner = Group.objects.get_or_create(name=group)[0] if group else None
    Policy.objects.filter(group=owner).delete()
    of_policy, of_rules = _sorted_out(fields)
    return Policy.objects.create_with_rules(group=owner, rules=of_rules, **of_policy)


def change_policies(policies: QuerySet[Policy] | None = None, **fields: Any) -> None:
    """Change policies (None: all) in the database, as no form does.

    The fields are those of the policy, and those of its rules: "personal__budget_usd" of one kind; without a kind
    budgets are set for the two kinds that people make for programs, and all else for every kind.
    """
    chosen = Policy.objects.all() if policies is None else policies
    of_policy, of_rules = _sorted_out(fields)
    if of_policy:
        chosen.update(**of_policy)
    for kind, values in of_rules.items():
        KeyRule.objects.filter(policy__in=chosen, kind=kind).update(**values)


def _sorted_out(fields: dict[str, Any]) -> tuple[dict[str, Any], dict[str, dict[str, Any]]]:
    """Return the fields of the policy, and by kind those of its rules."""
    names = {field.name for field in KeyRule._meta.get_fields()}
    of_policy: dict[str, Any] = {}
    of_rules: dict[str, dict[str, Any]] = {}
    for name, value in fields.items():
        kind, _, of_kind = name.rpartition("__")
        if kind:
            of_rules.setdefault(kind, {})[of_kind] = value
        elif name in names:
            for every in FOR_PROGRAMS if name.startswith("budget_") else KeyKind.values:
                of_rules.setdefault(every, {}).setdefault(name, value)
        else:
            of_policy[name] = value
    return of_policy, of_rules


def make_intern(username: str = "", **fields: Any) -> User:
    """Make an intern: temporary keys only, three at once."""
    make_policy("Interns", **INTERNS)
    return make_user(username, groups=("Interns",), **{"first_name": "Intern A", **fields})


def make_staff(username: str = "", **fields: Any) -> User:
    """Make one of the staff: personal keys, twenty at once, may name interns."""
    make_policy("Staff", **STAFF)
    return make_user(username, groups=("Staff",), **{"first_name": "Staff B", **fields})
