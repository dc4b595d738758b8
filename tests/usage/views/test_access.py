"""Permissions: every URL of usage, for every kind of person."""

from itertools import product
from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission
from django.test import Client
from django.urls import URLPattern, reverse

from accounts.models import User
from tests.factories import make_user
from tests.usage.views.facts import content_of, key_of, used
from usage.models import Discrepancy, Notice, Reconciliation, utc_today
from usage.urls import urlpatterns

SECRETS = {"mine": "of the intern", "named": "named by staff", "own": "of the staff", "loose": "of nobody"}
ALL = set(SECRETS.values())
NOBODY, FORBIDDEN = 302, 403
MINE, INTERNS, EVERYONE, POLLING, ACTION = "mine", "interns", "everyone", "polling", "action"
PAGES = {
    "index": MINE,
    "csv": MINE,
    "facts_csv": MINE,
    "view_csv": MINE,
    "interns": INTERNS,
    "interns_csv": INTERNS,
    "interns_facts_csv": INTERNS,
    "interns_view_csv": INTERNS,
    "interns_report": INTERNS,
    "interns_report_csv": INTERNS,
    "everyone": EVERYONE,
    "everyone_csv": EVERYONE,
    "everyone_facts_csv": EVERYONE,
    "everyone_view_csv": EVERYONE,
    "everyone_report": EVERYONE,
    "everyone_report_csv": EVERYONE,
    "statement": EVERYONE,
    "statement_csv": EVERYONE,
    "people_csv": EVERYONE,
    "suggest_people": EVERYONE,
    "suggest_keys": EVERYONE,
    "runs": POLLING,
    "reconcile": POLLING,
    "refreshed": ACTION,
}
ACTIONS = ("refresh", "reconcile", "fix")
PEOPLE = ("anonymous", "intern", "staff", "other staff", "reader", "manager", "admin")
MAY = {
    MINE: {"intern", "staff", "other staff", "reader", "manager", "admin"},
    INTERNS: {
        "staff",
        "other staff",
        "manager",
        "admin",
    },  # whom their policy lets name interns; a superuser has that of Admins
    EVERYONE: {"reader", "manager", "admin"},
    POLLING: {"reader", "manager", "admin"},
    ACTION: {"manager", "admin"},
}


@pytest.fixture
def people(
    as_intern: Client, as_staff: Client, as_other_staff: Client, as_reader: Client, as_manager: Client, as_admin: Client
) -> dict[str, Client]:
    found = (Client(), as_intern, as_staff, as_other_staff, as_reader, as_manager, as_admin)
    return dict(zip(PEOPLE, found, strict=True))


@pytest.fixture
def discrepancy(intern: User, staff: User) -> Discrepancy:
    """Let keys of all sorts have spent something, and something differ."""
    used(key_of(intern, SECRETS["mine"]))
    used(key_of(staff, SECRETS["named"], intern_name="Intern A"))
    used(key_of(staff, SECRETS["own"]))
    token_ref = used(None).token_ref
    token_ref.alias = SECRETS["loose"]
    token_ref.save(update_fields=["alias"])
    reconciliation = Reconciliation.objects.create(keys_here=1, keys_there=1)
    return Discrepancy.objects.create(reconciliation=reconciliation, kind="only_here", fix="sync", name="x")


def url_of(name: str, discrepancy: Discrepancy) -> str:
    return reverse(f"usage:{name}", args=[discrepancy.pk] if name == "fix" else [])


def test_every_address_is_in_the_matrix() -> None:
    names = {str(route.name) for route in urlpatterns if isinstance(route, URLPattern)}

    views = {"start", "views", "view", "save_view", "change_view", "delete_view"}  # test_saved_views.py
    elsewhere = {"notices_seen", "accept_gateway", "rates", "delete_rate"}  # keys/test_identity.py, usage/test_rates.py
    assert names == set(PAGES) | set(ACTIONS) | elsewhere | views


def test_pages_and_files_require_permission(people: dict[str, Client], discrepancy: Discrepancy) -> None:
    urls = {name: url_of(name, discrepancy) for name in PAGES}

    answers = {name: {who: client.get(url).status_code for who, client in people.items()} for name, url in urls.items()}

    refused = dict.fromkeys(PEOPLE, FORBIDDEN) | {"anonymous": NOBODY}
    allowed = {name: dict.fromkeys(MAY[of], 302 if name == "refreshed" else 200) for name, of in PAGES.items()}
    assert answers == {name: refused | allowed[name] for name in PAGES}


@pytest.mark.parametrize("name", ACTIONS)
def test_actions_require_permission(people: dict[str, Client], discrepancy: Discrepancy, name: str) -> None:
    url = url_of(name, discrepancy)

    answers = {who: client.post(url).status_code for who, client in people.items()}

    assert answers == dict.fromkeys(PEOPLE, FORBIDDEN) | {"anonymous": 302, "manager": 302, "admin": 302}


def test_actions_accept_post_and_pages_get_only(as_admin: Client, discrepancy: Discrepancy) -> None:
    got = {name: as_admin.get(url_of(name, discrepancy)).status_code for name in ("refresh", "fix")}
    posted = {name: as_admin.post(url_of(name, discrepancy)).status_code for name in PAGES if name != "reconcile"}

    assert set((got | posted).values()) == {405}, got | posted


SEEN = {
    **{("intern", name): {SECRETS["mine"]} for name in ("index", "csv", "facts_csv")},
    **{("staff", name): {SECRETS["named"], SECRETS["own"]} for name in ("index", "csv", "facts_csv")},
    **{("staff", name): {SECRETS["named"]} for name in ("interns", "interns_csv", "interns_facts_csv")},
    **{("other staff", name): set() for name in ("index", "csv", "facts_csv")},
    **{("other staff", name): set() for name in ("interns", "interns_csv", "interns_facts_csv")},
    **{("admin", name): set() for name in ("index", "csv", "facts_csv")},
    **{("reader", name): ALL for name in ("everyone", "everyone_csv", "everyone_facts_csv")},
}


def test_suggestions_name_only_visible_keys(people: dict[str, Client], discrepancy: Discrepancy) -> None:
    texts = {(who, name): content_of(people[who].get(reverse(f"usage:{name}"), {"split": "key"})) for who, name in SEEN}

    assert {where: {label for label in ALL if label in text} for where, text in texts.items()} == SEEN


FILTERS = ({"person": "intern"}, {"key": "of the"}, {"group": "Interns"}, {"kind": "temporary"})


def test_no_filter_leads_to_another_persons_keys(as_other_staff: Client, discrepancy: Discrepancy) -> None:
    names = ("index", "csv", "facts_csv", "interns", "interns_csv", "interns_facts_csv")

    for name, filters in product(names, FILTERS):
        text = content_of(as_other_staff.get(reverse(f"usage:{name}"), filters))
        assert not {label for label in ALL if f"{label}<" in text or f",{label}," in text}, (name, filters)


def test_a_strangers_notice_is_not_found(people: dict[str, Client], intern: User) -> None:
    notice = Notice.objects.create(person=intern, threshold=80, period_first_day=utc_today(), spent_usd=4, budget_usd=5)

    for who, client in people.items():
        if who != "intern":
            client.post(reverse("usage:notices_seen"), {"notice": notice.pk})

    notice.refresh_from_db()
    assert notice.seen_at is None


@pytest.mark.parametrize("give", ["to the person", "to a group"])
def test_a_permission_counts_wherever_it_comes_from(db: None, client: Client, give: str) -> None:
    person = make_user("somebody")
    permission = Permission.objects.get(codename="view_everyone")
    client.force_login(person)
    assert client.get(reverse("usage:everyone")).status_code == FORBIDDEN

    if give == "to the person":
        person.user_permissions.add(permission)
    else:
        group: Any = Group.objects.create(name="Readers")
        group.permissions.add(permission)
        person.groups.add(group)

    assert client.get(reverse("usage:everyone")).status_code == 200


def test_links_are_shown_with_permission_only(people: dict[str, Client], discrepancy: Discrepancy) -> None:
    ways = {
        who: {name for name in ("interns", "everyone", "runs", "reconcile") if reverse(f"usage:{name}") in page}
        for who, page in ((who, client.get("/usage/").content.decode()) for who, client in people.items())
    }

    of_all = {"everyone", "runs", "reconcile"}
    assert ways == {
        "anonymous": set(),
        "intern": set(),
        "staff": {"interns"},
        "other staff": set(),
        "reader": of_all,
        "manager": of_all,
        "admin": of_all,
    }
