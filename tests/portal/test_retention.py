"""What is older than the settings say is deleted, in batches; by default nothing of the trail and of notices."""

import io
from datetime import timedelta

import pytest
from django.core.management import call_command
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django import Settings

from accounts import append_only
from accounts.models import AuditEntry, AuditRepeat, SignIn, User, Webhook, WebhookDelivery
from accounts.tasks import prune_sign_ins
from portal import retention
from portal.checks import retentions_are_sensible
from portal.tasks import apply_retention
from tests.usage.polling import make_key
from usage.models import Notice, PollRun, UnusualSpend
from usage.tasks import prune as prune_runs
from web.deletion import BATCH
from webhooks.tasks import prune as prune_messages

pytestmark = pytest.mark.django_db
AGES = (10, 80, 100, 500)  # days


@pytest.fixture(autouse=True)
def old_rows(intern: User) -> None:
    now, key = timezone.now(), make_key(intern, "a" * 64)
    AuditEntry.objects.bulk_create(
        AuditEntry(at=now - timedelta(days=age), action="issue", outcome="done", object_kind="key", object_id=str(age))
        for age in AGES
    )
    for age in AGES:
        at = now - timedelta(days=age)
        common = {"person": intern, "period_first_day": at.date(), "threshold": 80, "spent_usd": 8, "budget_usd": 10}
        Notice.objects.create(**common, made_at=at, mailed_at=at, of_person=True)
        Notice.objects.create(**common, made_at=at)  # its mail is still to be sent
        UnusualSpend.objects.create(key=key, owner=intern, day=at.date(), spent_usd=8, usual_usd=1)  # never will be


def ages_in_trail() -> list[str]:
    return list(
        AuditEntry.objects.filter(object_id__in=map(str, AGES)).order_by("-at").values_list("object_id", flat=True)
    )


def said(*options: str) -> str:
    output = io.StringIO()
    call_command("retention", *options, stdout=output)
    return output.getvalue()


def test_by_default_the_trail_and_notices_are_kept_for_good() -> None:
    apply_retention.run()

    assert ages_in_trail() == ["10", "80", "100", "500"]
    assert Notice.objects.count() == 2 * len(AGES)
    assert "audit trail: kept for good (AUDIT_RETENTION_DAYS); 0 rows are older" in said("--dry-run")


def test_a_dry_run_says_what_would_go_and_a_run_deletes_it(settings: Settings, intern: User) -> None:
    settings.AUDIT_RETENTION_DAYS, settings.NOTICE_RETENTION_DAYS = 365, 95
    oldest = AuditEntry.objects.get(object_id="500")
    who = {"actor": intern, "owner": intern}
    AuditRepeat.objects.create(entry=oldest, **who, action="issue", outcome="done", code="x", hour=oldest.at)

    assert "audit trail: kept 365 days (AUDIT_RETENTION_DAYS); 1 rows are older" in said("--dry-run")
    assert "notices: kept 95 days (NOTICE_RETENTION_DAYS); 4 rows are older" in said("--dry-run")
    assert len(ages_in_trail()) == len(AGES)
    assert "Deleted: audit trail, 1 rows" in said()

    assert ages_in_trail() == ["10", "80", "100"]
    assert Notice.objects.filter(mailed_at__isnull=False).count() == 2
    assert Notice.objects.filter(mailed_at=None).count() == len(AGES)
    assert UnusualSpend.objects.count() == 2


def test_a_short_retention_leaves_ninety_days_and_is_a_mistake(settings: Settings) -> None:
    settings.AUDIT_RETENTION_DAYS = 5

    apply_retention.run()

    assert ages_in_trail() == ["10", "80"]
    assert [found.id for found in retentions_are_sensible()] == ["portal.E058"]


@pytest.mark.only_on("postgresql")
def test_nothing_else_deletes_entries_and_the_retention_no_young_ones() -> None:
    entries = AuditEntry.objects.filter(object_id__in=["10", "500"])
    with pytest.raises(IntegrityError, match="append-only"), transaction.atomic():
        entries.filter(object_id="500").delete()
    with pytest.raises(IntegrityError, match="append-only"), append_only.pruning():
        entries.filter(object_id="10").delete()
    with append_only.pruning():
        entries.filter(object_id="500").delete()
    with pytest.raises(IntegrityError, match="append-only"), transaction.atomic():
        entries.delete()


def test_a_batch_follows_the_other(settings: Settings) -> None:
    settings.AUDIT_RETENTION_DAYS = 90
    [rows] = retention.RULES[0].due(timezone.now())
    AuditEntry.objects.bulk_create(
        AuditEntry(
            at=timezone.now() - timedelta(days=200), action="issue", outcome="done", object_kind="key", object_id="b"
        )
        for _ in range(BATCH)
    )

    assert retention.apply_retention()["audit trail"] == BATCH + 2
    assert not rows.exists()


def test_every_task_deletes_in_batches() -> None:
    then, webhook = timezone.now() - timedelta(days=500), Webhook.objects.create(name="old", url="")
    number = range(BATCH + 1)
    PollRun.objects.bulk_create(PollRun(kind="today", first_day=then, last_day=then, started_at=then) for _ in number)
    SignIn.objects.bulk_create(SignIn(outcome="entered", at=then, last_at=then) for _ in number)
    WebhookDelivery.objects.bulk_create(WebhookDelivery(webhook=webhook, name=str(n), made_at=then) for n in number)

    for model, prune in ((PollRun, prune_runs), (SignIn, prune_sign_ins), (WebhookDelivery, prune_messages)):
        with CaptureQueriesContext(connection) as queries:
            prune.run()
        assert not model._default_manager.exists()
        selected = [
            query for query in queries if f'FROM "{model._meta.db_table}"' in query["sql"] and "LIMIT" in query["sql"]
        ]
        assert len(selected) >= 2, model
