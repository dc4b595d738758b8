"""Every list of the portal costs few queries, however long it is: at most eight, for whoever sees most of it."""

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal

import pytest
from django.contrib.auth.models import Group
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from accounts.audit import Actor
from accounts.models import AccessRequest, AuditAction, AuditOutcome, Invitation, Terms, User
from keys.models import GatewayModel, Intern, Key, PersonBudget, UnownedKey
from keys.services.trail import audit
from playground.models import Conversation
from tests.conftest import signed_in
from tests.factories import make_policy, make_staff, make_user
from tests.notices.conftest import announce
from tests.playground import rows
from tests.teaching.courses import add_student, make_course
from tests.usage.views.facts import day, key_of, settle, token_ref_of
from usage.models import Fact, Notice, PollRun, UsedModel

MANY = 40
MAX_QUERIES = 8
BELL = "SELECT COALESCE((SELECT COUNT(DISTINCT"  # of a person who has notices, on each page


@pytest.fixture
def course_id(staff: User) -> str:
    """Make forty of everything that is in a list, most of it of the group Staff and of `staff`; return a course."""
    allowed = {"personal__allowed": True, "may_name_interns": True, "on_request": ["gpt-4o-mini"]}
    for group in (None, "Staff", "Admins"):
        make_policy(group, group_budget_usd=Decimal(50) if group else None, **allowed)
    PersonBudget.objects.create(owner=staff, budget_usd=100, budget_period="30d", state="written")
    course = make_course(staff)
    for number in range(MANY):
        person = make_staff(f"person-{number}", first_name=f"Élodie {number}")
        Invitation.objects.create(person=person)
        AccessRequest.objects.create(person=person, thing="budget", amount_usd=1, ends_on=day(-7), why="thesis")
        Group.objects.create(name=f"Group {number:02}")
        UnownedKey.objects.create(token=f"{number:064x}", alias=f"script {number}")
        announce(f"We move {number}.", ends_at=timezone.now() - timedelta(minutes=number))
        Terms.objects.create(version=number + 1, text_en="Be kind.", text_fr="Soyez gentils.")
        make_course(staff, name=f"Course {number}")
        add_student(course, f"Student {number:02}")
        PollRun.objects.create(kind="today", first_day=day(0), last_day=day(0), outcome="done")
        _key_of_an_intern(staff, number)
    settle()
    GatewayModel.objects.create(name="gpt-4o-mini", mode="chat", position=0)
    rows.conversation(staff, *[("Hello", "Hi **there**.")] * MANY, model="gpt-4o-mini")
    return str(course.pk)


def _key_of_an_intern(staff: User, number: int) -> None:
    """Make an intern of `staff` with an account and a key that was used and will expire, and one that has ended."""
    account = make_user(f"intern-{number}")
    intern = Intern.objects.create(supervisor=staff, name=f"Zoé {number}", account=account)
    budget = {"budget_usd": Decimal(4), "budget_period": "30d"}
    ends = timezone.now() + timedelta(days=3)
    key = key_of(staff, f"key {number:02}", intern=intern, expires_at=ends, **budget)
    key_of(staff, f"former {number:02}", state=Key.State.DELETED, ended_at=timezone.now())
    model = UsedModel.objects.get_or_create(name=f"model-{number}")[0]
    Fact.objects.create(day=day(0), token_ref=token_ref_of(key), model=model, spend_usd=Decimal(number) / 100)
    Notice.objects.create(
        person=staff, key=key, threshold=80, spent_usd=4, budget_usd=5, period_first_day=day(0).replace(day=1)
    )
    audit(Actor(user=staff), AuditAction.RENEW, AuditOutcome.DONE, key)


def lists_of(course_id: str) -> Iterator[tuple[str, str]]:
    """Yield who opens a list, and its address."""
    keys, people = reverse("people:keys"), reverse("people:index")
    orders = ("", "?order=-spend", "?order=last", "?order=label", "?order=owner", "?order=-expires")
    searches = ("?q=key+2&order=label", "?q=elodie&order=owner", "?over=1&order=-spend", "?idle=30", "?page=2")
    for more in (*orders, *searches):
        yield "admin", keys + more
    for more in ("", "?order=-spend", "?order=-last", "?q=elodie", "?over=1", "?state=invited", "?group=Staff"):
        yield "admin", people + more
    for name in ("people:groups", "people:outside_keys", "approvals:index"):
        yield "manager", reverse(name)
    for name in ("notices:announcements", "notices:terms_versions", "teaching:courses", "usage:everyone", "usage:runs"):
        yield "admin", reverse(name)
    yield "admin", reverse("admin:accounts_auditentry_changelist")
    yield "admin", reverse("notices:index")
    for name in ("keys:index", "keys:history", "courses:index", "notices:index", "usage:index", "usage:interns"):
        yield "staff", reverse(name)
    yield "staff", reverse("teaching:course", args=[course_id])
    yield "staff", reverse("playground:conversation", args=[Conversation.objects.get().pk])
    yield "admin", reverse("usage:interns")
    for person in ("admin", "manager"):
        yield person, reverse("people:default_policy")
        for group in Group.objects.filter(name__in=("Staff", "Admins", "Group 01")):
            yield person, reverse("people:group", args=[group.pk])
    yield "staff", reverse("approvals:index")


def is_left_out(sql: str) -> bool:
    """Return whether a query is of every page, or of the cache, which is not in the database in service."""
    return '"portal_cache"' in sql or '"portal_rendered"' in sql or sql.startswith(BELL)


def test_takes_few_queries_with_many_rows(course_id: str, admin: User, staff: User) -> None:
    manager = make_user("manager", groups=("Admins",))
    browsers = {"admin": signed_in(admin), "manager": signed_in(manager), "staff": signed_in(staff)}
    too_many = {}
    for person, address in lists_of(course_id):
        browsers[person].get(address)  # what is cached is there
        with CaptureQueriesContext(connection) as captured:
            response = browsers[person].get(address)
        assert response.status_code == 200, address
        queries = [query["sql"] for query in captured if not is_left_out(query["sql"])]
        if len(queries) > MAX_QUERIES:
            too_many[person, address] = [len(queries), *(sql[:170] for sql in queries)]

    assert too_many == {}, "\n\n".join("\n  ".join(map(str, (page, *queries))) for page, queries in too_many.items())
