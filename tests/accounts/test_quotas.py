"""Hourly quotas of a person, and how often a refusal is recorded."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone, translation

from accounts.audit import Actor
from accounts.models import AuditAction, AuditEntry, AuditOutcome, AuditRepeat, HourlyCount, User
from accounts.quotas import QuotaExceeded, consume
from keys.models import Key
from keys.services.refusals import KeyRefused
from keys.services.trail import audit
from tests.factories import make_intern, make_staff


def counted(user: User, action: str = "test", *, limit: int = 3, amount: int = 1) -> bool:
    try:
        consume(user, action, limit=limit, amount=amount)
    except QuotaExceeded:
        return False
    return True


def test_limits_what_a_person_does_in_an_hour(intern: User, staff: User) -> None:
    assert [counted(intern) for _ in range(5)] == [True, True, True, False, False]
    assert counted(intern, "another action")
    assert counted(staff)


def test_the_quota_resets_with_the_next_hour_and_says_when(intern: User) -> None:
    assert not counted(intern, limit=10, amount=11)
    assert counted(intern, limit=10, amount=10)
    with pytest.raises(QuotaExceeded) as exceeded:
        consume(intern, "test", limit=10)

    assert timedelta(0) < exceeded.value.retry_at - timezone.now() <= timedelta(hours=1)
    HourlyCount.objects.update(hour=timezone.now() - timedelta(hours=1))
    assert counted(intern, limit=10)
    assert HourlyCount.objects.get().amount == 1


def test_costs_one_statement(intern: User) -> None:
    counted(intern)
    with CaptureQueriesContext(connection) as queries:
        counted(intern)
    assert len(queries) == 1


@pytest.mark.django_db(transaction=True)
def test_many_tabs_at_once_do_not_pass_the_limit(intern: User) -> None:
    def one(_: int) -> bool:
        try:
            return counted(intern, limit=5)
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as tabs:
        assert sum(tabs.map(one, range(24))) == 5
    assert HourlyCount.objects.get().amount == 5


def refused(owner: User, code: str, *, action: AuditAction = AuditAction.RENEW, by: User | None = None) -> None:
    actor = Actor(user=by or owner, address="192.0.2.7")
    audit(actor, action, AuditOutcome.REFUSED, Key(owner=owner, label="thesis"), KeyRefused(code))


def test_the_same_refusal_is_one_entry_with_a_count(intern: User, staff: User) -> None:
    for _ in range(40):
        refused(intern, "label")
    refused(intern, "too_late")
    refused(intern, "label", action=AuditAction.ROTATE)
    refused(intern, "label", by=staff)
    refused(staff, "label")

    assert AuditEntry.objects.count() == 5
    first = AuditEntry.objects.of_subject(intern).last()
    assert first is not None
    assert first.sentence == "Renewal by Intern A from 192.0.2.7: refused, 40 times within the hour"
    with translation.override("fr"):
        assert "refus, 40 fois en une heure" in first.sentence


def test_the_next_hour_has_an_entry_of_its_own(intern: User) -> None:
    refused(intern, "label")
    AuditRepeat.objects.update(hour=timezone.now() - timedelta(hours=1))
    refused(intern, "label")

    assert [entry.sentence[-9:] for entry in AuditEntry.objects.of_subject(intern)] == [": refused", ": refused"]


@pytest.mark.django_db(transaction=True)
def test_refusals_at_once_are_all_counted_in_one_entry(intern: User) -> None:
    def one(_: int) -> None:
        try:
            refused(intern, "label")
        finally:
            connection.close()

    with ThreadPoolExecutor(6) as tabs:
        list(tabs.map(one, range(18)))

    assert AuditEntry.objects.count() == 1
    assert AuditRepeat.objects.get().count == 18


def test_the_history_asks_the_database_once_for_all_counts(db: None) -> None:
    people = make_intern("one"), make_staff("two")
    for code in ("a", "b", "c"):
        refused(people[0], code)
    with CaptureQueriesContext(connection) as queries:
        assert [entry.sentence for entry in AuditEntry.objects.of_subject(people[0])]
    assert len(queries) == 1
