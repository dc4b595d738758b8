"""What a sign-in makes of what an identity provider sends: one table, which each kind of provider goes through.

A row is the rules of the provider and the sign-ins of one person, with what the provider sends at each and what the
account then is; REFUSED where it is kept out. What is sent has the names of accounts.identity_providers.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar

import msgspec
from allauth.account.models import EmailAddress
from django.contrib.auth.models import Group

from accounts.identity_providers import Enter, IdentityProvider
from accounts.models import User
from tests.accounts.visits import groups_of
from tests.factories import make_intern

Provider = TypeVar("Provider", bound=IdentityProvider)
REFUSED: Final = "refused"
Sent = dict[str, Any]
Visits = list[tuple[Sent, Any]]
SCHOOL: Final = {"staff": "Staff", "student": "Interns"}
LONG: Final = "Ö" * 400

TABLE: Final[dict[str, tuple[dict[str, Any], Visits]]] = {
    "groups are given and taken": (
        {},
        [
            ({"groups": ["Staff", "Unknown"]}, {"groups": {"Staff"}}),
            ({"groups": ["Interns", "Former Staff"]}, {"groups": {"Interns"}}),
        ],
    ),
    "groups that are not sent stay": (
        {},
        [({"groups": ["Staff"]}, {"groups": {"Staff"}}), ({}, {"groups": {"Staff"}})],
    ),
    "groups that are not sent are taken by a setting": (
        {"remove_missing_groups": True},
        [({"groups": ["Staff"]}, {"groups": {"Staff"}}), ({}, {"groups": set()})],
    ),
    "a group with rights is not given": ({}, [({"groups": ["Admins", "Staff"]}, {"groups": {"Staff"}})]),
    "a group with rights is given where a rule names it": (
        {"group_names": {"urn:example:llm:admin": "Admins"}},
        [({"groups": ["Staff", "Admins"], "entitlement": ["urn:example:llm:admin"]}, {"groups": {"Admins"}})],
    ),
    "an affiliation gives groups": (
        {"group_names": SCHOOL},
        [
            ({"affiliation": ["staff", "member"]}, {"groups": {"Staff"}}),
            ({}, {"groups": {"Staff"}}),
            ({"entitlement": ["none"]}, {"groups": {"Staff"}}),
            ({"affiliation": ["student@example.edu"]}, {"groups": {"Interns"}}),
            ({"affiliation": ["alum"]}, {"groups": set()}),
        ],
    ),
    "a new account has its first groups for good": (
        {"first_groups": ("Interns",)},
        [
            ({}, {"groups": {"Interns"}}),
            ({"groups": ["Staff"]}, {"groups": {"Interns", "Staff"}}),
            ({"groups": ["Unknown"]}, {"groups": {"Interns"}}),
        ],
    ),
    "only some affiliations enter": (
        {"enter": {"affiliations": ("staff",)}},
        [({}, REFUSED), ({"affiliation": ["student"]}, REFUSED), ({"affiliation": ["staff"]}, {}), ({}, {})],
    ),
    "somebody who left is kept out": (
        {"enter": {"groups": ("Staff",)}},
        [({"groups": ["Staff"]}, {"groups": {"Staff"}}), ({"groups": ["Alumni"]}, REFUSED)],
    ),
    "only some domains enter, by a verified address": (
        {"enter": {"domains": ("Example.edu",)}, "trust_email": True},
        [
            ({"email": "ada@evil.example"}, REFUSED),
            ({"email": "ada@example.edu.evil.example"}, REFUSED),
            ({"email": "ada@Example.edu"}, {"email": "ada@example.edu"}),
        ],
    ),
    "an address that nobody verified opens no domain": (
        {"enter": {"domains": ("example.edu",)}},
        [({"email": "ada@example.edu"}, REFUSED)],
    ),
    "no address, and one later": (
        {"trust_email": True},
        [({"name": "Ada Byron"}, {"email": ""}), ({"email": "ada@example.edu"}, {"email": "ada@example.edu"})],
    ),
    "no address of other letters that look the same in lower case": (
        {"trust_email": True},
        [({"email": "mar\u212a@example.edu"}, {"email": ""}), ({"email": "\u017fam@example.edu"}, {"email": ""})],
    ),
    "an alias of an address is another address": (
        {"trust_email": True},
        [({"email": "mark+x@example.edu"}, {"email": "mark+x@example.edu"})],
    ),
    "an account is linked by an address that is trusted, in any case": (
        {"trust_email": True},
        [({"email": "MARK@example.edu"}, {"username": "mark"})],
    ),
    "no account is linked by an address that is not": ({}, [({"email": "mark@example.edu"}, REFUSED)]),
    "an account with rights is never linked": (
        {"trust_email": True},
        [({"email": "boss@example.edu"}, REFUSED)],
    ),
    "odd names": (
        {},
        [
            (
                {"given_name": "Zoë-\u202eAda", "family_name": "O’Brien, Jr. <b>"},
                {"name": "Zoë-\u202eAda O’Brien, Jr. <b>"},
            ),
            ({"given_name": LONG, "family_name": "名前"}, {"name": f"{LONG[:150]} 名前"}),
            ({}, {"name": f"{LONG[:150]} 名前"}),
        ],
    ),
}


def with_rules(provider: Provider, rules: Mapping[str, Any]) -> Provider:
    """Return the provider with these rules."""
    enter = Enter(**rules.get("enter", {}))
    return msgspec.structs.replace(provider, **{**rules, "enter": enter})


def go_through_table(sign_in: Callable[[str, Mapping[str, Any], Sent], User | None]) -> None:
    """Sign in as each person; `sign_in` takes subject, rules and what is sent, and returns who then is signed in."""
    mark, boss = make_intern("mark", email="mark@example.edu"), make_intern("boss", email="boss@example.edu")
    boss.groups.add(Group.objects.get(name="Admins"))
    wrong = {}
    for number, (name, (rules, visits)) in enumerate(TABLE.items()):
        for visit, (sent, expected) in enumerate(visits):
            user = sign_in(f"u{number}", rules, sent)
            found = REFUSED if user is None else _seen(user, expected)
            if found != expected:
                wrong[f"{name}, {visit}"] = found
        User.objects.exclude(pk__in=[mark.pk, boss.pk]).update(email="")
        EmailAddress.objects.exclude(user__in=[mark, boss]).delete()
    assert not wrong, wrong


def _seen(user: User, expected: Any) -> Any:
    """Return of the account what is expected of it."""
    everything = {
        "groups": groups_of(user),
        "email": user.email,
        "username": user.username,
        "name": user.get_full_name(),
    }
    return {name: everything[name] for name in (everything if expected == REFUSED else expected)}
