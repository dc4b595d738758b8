"""Permissions: every URL of the pages about people, for every kind of person."""

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.test import Client
from django.urls import URLPattern, reverse
from django.utils import timezone

from accounts.models import AuditEntry, Grant, User
from accounts.rights import update_staff_status
from keys.models import Key, UnownedKey
from people.urls import urlpatterns
from tests.conftest import signed_in
from tests.factories import make_policy, make_user
from tests.people.conftest import with_permissions
from tests.usage.views.facts import key_of

LISTS = ("index", "csv", "keys", "keys_csv", "outside_keys", "groups", "leaving_accounts")
MANAGER_LISTS = ("sign_ins", "try_sign_in")
PERSON_ACTIONS = (
    "deactivate",
    "activate",
    "sign_out",
    "reset_second_factor",
    "anonymise",
    "invite_again",
    "withdraw",
    "hand_over",
    "keep",
    "top_up",
    "cost_centre",
)
GRANT_ACTIONS = ("end_grant",)
PEOPLE_ACTIONS = ("invite", "bulk", "bulk_keys", "act_on_outside_keys")  # on no one in particular
KEY_ACTIONS = ("block_key", "unblock_key", "extend_key", "limit_key", "delete_key")
GROUP_PAGES = ("group", "default_policy", "policy_state", "default_policy_state")
MEMBER_ACTIONS = ("add_members", "remove_members")  # of whoever manages people
GROUP_ACTIONS = ("change_policy", "rename_group", "delete_group", "group_cost_centre")  # of whoever manages policies
STRANGERS = ("intern", "staff", "supervisor")
ACTORS = ("secretary", "manager", "superuser")
READERS = ("reader", "policy maker")  # of people
POLICY_MAKERS = ("policy maker", "manager", "superuser")


@pytest.fixture
def browsers(
    as_intern: Client,
    as_staff: Client,
    staff: User,
    as_reader: Client,
    as_secretary: Client,
    as_policy_maker: Client,
    as_manager: Client,
    as_admin: Client,
) -> dict[str, Client]:
    supervisor = make_user("supervisor", groups=("Staff",))
    key_of(supervisor, intern_name="Intern A")
    return {
        "anonymous": Client(),
        "intern": as_intern,
        "staff": as_staff,
        "supervisor": signed_in(supervisor),
        "reader": as_reader,
        "secretary": as_secretary,
        "policy maker": as_policy_maker,
        "manager": as_manager,
        "superuser": as_admin,
    }


@pytest.fixture
def key(db: None) -> Key:
    return key_of(make_user("somebody"))


def grant_of(person: User) -> Grant:
    about = {"thing": "budget", "amount_usd": 2, "ends_at": timezone.now() + timedelta(days=1)}
    return Grant.objects.get_or_create(person=person, defaults={"given_by": person, **about})[0]


def url_of(name: str, key: Key) -> str:
    if name in (*LISTS, *MANAGER_LISTS, *PEOPLE_ACTIONS):
        unowned, _made = UnownedKey.objects.get_or_create(token="a" * 64)
        chosen = {
            "bulk": f"?action=deactivate&person={key.owner_id}",
            "bulk_keys": f"?action=block&key={key.pk}",
            "act_on_outside_keys": f"?action=block&key={unowned.pk}",
        }
        return reverse(f"people:{name}") + chosen.get(name, "")
    more = {**dict.fromkeys(KEY_ACTIONS, key.pk), **dict.fromkeys(GRANT_ACTIONS, grant_of(key.owner).pk)}
    arguments = [key.owner_id, more[name]] if name in more else [key.owner_id]
    return reverse(f"people:{name}", args=arguments)


def statuses(browsers: dict[str, Client], ask: Callable[[Client], Any]) -> dict[str, int]:
    return {who: ask(browser).status_code for who, browser in browsers.items()}


def _get(url: str, browser: Client) -> Any:
    return browser.get(url)


def _post(url: str, form: dict[str, Any], browser: Client) -> Any:
    return browser.post(url, form)


def test_every_address_is_in_the_matrix() -> None:
    names = {str(route.name) for route in urlpatterns if isinstance(route, URLPattern)}

    of_groups = {*GROUP_PAGES, *MEMBER_ACTIONS, *GROUP_ACTIONS, "new_group", "change_default_policy"}
    assert names == {
        *LISTS,
        *MANAGER_LISTS,
        "person",
        *PEOPLE_ACTIONS,
        *PERSON_ACTIONS,
        *GRANT_ACTIONS,
        *KEY_ACTIONS,
        "allow_leaving",  # a POST, tested in test_leaving_accounts
        *of_groups,
    }


def test_shows_people_to_whom_they_are_for(browsers: dict[str, Client], key: Key) -> None:
    seen = dict.fromkeys((*READERS, *ACTORS), 200)

    for name in LISTS:
        refused = {"anonymous": 302, **dict.fromkeys(STRANGERS, 403)}
        assert statuses(browsers, partial(_get, url_of(name, key))) == refused | seen
    for name in MANAGER_LISTS:
        only_managers = refused | dict.fromkeys(READERS, 403) | dict.fromkeys(ACTORS, 200)
        assert statuses(browsers, partial(_get, url_of(name, key))) == only_managers
    missing = {"anonymous": 302, **dict.fromkeys(STRANGERS, 404)}
    assert statuses(browsers, lambda browser: browser.get(url_of("person", key))) == missing | seen


def test_asks_only_those_who_may_act(browsers: dict[str, Client], key: Key) -> None:
    expected = {
        "anonymous": 302,
        **dict.fromkeys(STRANGERS, 404),
        **dict.fromkeys(READERS, 403),
        **dict.fromkeys(ACTORS, 200),
    }

    for name in (*PERSON_ACTIONS, *GRANT_ACTIONS, *KEY_ACTIONS):
        assert statuses(browsers, partial(_get, url_of(name, key))) == expected, name


def test_only_those_who_may_act_are_shown_the_forms_about_many(browsers: dict[str, Client], key: Key) -> None:
    expected = {"anonymous": 302, **dict.fromkeys((*STRANGERS, *READERS), 403)}

    for name in PEOPLE_ACTIONS:
        url = url_of(name, key)
        shown = statuses(browsers, partial(_get, url))
        assert shown == expected | dict.fromkeys(ACTORS, 200), name
        refused = {
            who: browser.post(url, {"people": "a@example.edu", "step": "send"})
            for who, browser in browsers.items()
            if who not in ACTORS
        }
        assert {who: answer.status_code for who, answer in refused.items()} == expected, name
    assert not User.objects.filter(email="a@example.edu").exists()


def test_whoever_may_not_act_changes_nothing(browsers: dict[str, Client], key: Key) -> None:
    refused = {who: browser for who, browser in browsers.items() if who not in ACTORS}

    for name in (*PERSON_ACTIONS, *GRANT_ACTIONS, *KEY_ACTIONS):
        answers = statuses(refused, partial(_post, url_of(name, key), {}))

        assert answers == {"anonymous": 302, **dict.fromkeys(STRANGERS, 404), **dict.fromkeys(READERS, 403)}, name
        key.refresh_from_db()
        assert (key.state, key.blocked) == (Key.State.ACTIVE, False), name
        assert User.objects.get(pk=key.owner_id).is_active, name


def test_nobody_acts_on_themselves_or_on_whoever_has_more_rights(browsers: dict[str, Client], key: Key) -> None:
    people = {person.username: person for person in User.objects.all()}
    own = {"secretary": "secretary", "manager": "manager", "superuser": "admin"}
    pairs = [*own.items(), ("secretary", "manager"), ("secretary", "admin"), ("manager", "admin")]

    for who, whom in pairs:
        for name in PERSON_ACTIONS:
            answer = browsers[who].post(reverse(f"people:{name}", args=[people[whom].pk]))
            assert answer.status_code == 403, (who, whom, name)
    assert not User.objects.filter(is_active=False).exists()


def test_a_key_of_somebody_else_is_not_found(as_admin: Client, key: Key) -> None:
    other = make_user("other")

    for name in KEY_ACTIONS:
        assert as_admin.post(reverse(f"people:{name}", args=[other.pk, key.pk])).status_code == 404


def test_a_forged_form_changes_nothing(admin: User, key: Key) -> None:
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(admin)

    group = Group.objects.get(name="Staff")
    of_group = [
        reverse(f"people:{name}", args=[group.pk]) for name in (*MEMBER_ACTIONS, *GROUP_ACTIONS, "policy_state")
    ]
    for url in (
        *of_group,
        *(url_of(name, key) for name in (*PEOPLE_ACTIONS, *PERSON_ACTIONS, *GRANT_ACTIONS, *KEY_ACTIONS)),
    ):
        assert browser.post(url).status_code == 403, url


@pytest.mark.parametrize("codename", ["view_people", "manage_people", "manage_policies"])
def test_a_permission_counts_wherever_it_comes_from_and_opens_no_other_administration(db: None, codename: str) -> None:
    by_group = make_user("by-group")
    group = Group.objects.create(name="Office")
    group.permissions.set(with_permissions("by-herself", codename).user_permissions.all())
    by_group.groups.add(group)
    update_staff_status(User.objects.all())

    for person in User.objects.filter(username__startswith="by-"):
        assert signed_in(person).get(reverse("people:index")).status_code == 200
        assert not person.is_staff


def test_groups_are_seen_by_whoever_sees_people_and_changed_by_permission(browsers: dict[str, Client]) -> None:
    make_policy("Course")
    group = Group.objects.get(name="Course")
    member = make_user("member", groups=("Course",))
    who_may = {
        **dict.fromkeys(GROUP_PAGES, (*READERS, *ACTORS)),
        **dict.fromkeys(MEMBER_ACTIONS, ACTORS),
        **dict.fromkeys(GROUP_ACTIONS, POLICY_MAKERS),
        "rename_group": ("superuser",),  # as it has a policy
        "change_default_policy": ("manager", "superuser"),  # of the others it is the policy of their own
        "new_group": POLICY_MAKERS,
    }

    for name, allowed in who_may.items():
        about_one = "default" not in name and name != "new_group"
        url = reverse(f"people:{name}", args=[group.pk] if about_one else [])
        url += f"?person={member.pk}" if name == "remove_members" else ""
        missing = 403 if name == "new_group" else 404
        refused = {"anonymous": 302, **dict.fromkeys(STRANGERS, missing), **dict.fromkeys((*READERS, *ACTORS), 403)}
        expected = refused | dict.fromkeys(allowed, 200)
        assert statuses(browsers, partial(_get, url)) == expected, name
        if name in ("group", "default_policy"):
            continue
        may_not = {who: browser for who, browser in browsers.items() if who not in allowed}
        posted = statuses(may_not, partial(_post, url, {"name": "x", "person": member.pk}))
        assert posted == {who: refused[who] for who in may_not}, name
    for who in ("reader", "secretary"):
        assert browsers[who].post(reverse("people:policy_state", args=[group.pk])).status_code == 403, who
    assert list(group.user_set.all()) == [member]
    assert not AuditEntry.objects.exists()


def test_only_those_who_may_see_people_are_led_there(browsers: dict[str, Client], key: Key) -> None:
    for name, page in (("index", "/usage/"), ("keys", "/people/"), ("groups", "/people/")):
        link = f'href="{reverse(f"people:{name}")}"'
        shown = {role for role, browser in browsers.items() if link in browser.get(page).content.decode()}
        assert shown == {*READERS, *ACTORS}, name
