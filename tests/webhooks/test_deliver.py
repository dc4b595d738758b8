"""Delivery: signed, with the same id at each attempt, retried, never lost, never to a private address."""

import json
from datetime import timedelta

import pytest
from django.core import mail
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import Settings
from standardwebhooks import Webhook as Verifier

from accounts.anonymise import anonymise_account
from accounts.audit import Actor
from accounts.models import AuditEntry, User, Webhook, WebhookDelivery, WebhookEvent
from accounts.models.webhooks import CLAIM_LASTS
from keys.models import Key
from keys.services import renew_key, rotate_key
from tests.keys.actions import again, issue
from tests.keys.crashes import killed_at_step
from tests.ports import free_port
from tests.sandbox_process import Sandbox
from tests.tasks import run_tasks
from tests.webhooks.conftest import Receiver
from webhooks import services
from webhooks.services.deliver import DELAYS_S, PAUSED_AFTER


def due_again() -> None:
    """Let the next attempts be due."""
    WebhookDelivery.objects.update(next_at=timezone.now())


def test_a_new_key_is_sent_signed(receiver: Receiver, intern: User, sandbox: Sandbox) -> None:
    _webhook, secret = receiver.add()

    key = issue(intern).key
    run_tasks()

    [(headers, body)] = receiver.received
    data = Verifier(secret).verify(body.decode(), {name.lower(): value for name, value in headers.items()})
    assert data["type"] == "key.created"
    assert data["data"] == {
        "kind": "key",
        "id": str(key.pk),
        "name": "thesis",
        "action": "issue",
        "person": {"id": intern.pk, "user_name": intern.username},
        "by": {"id": intern.pk, "user_name": intern.username},
        "code": "",
    }
    delivery = WebhookDelivery.objects.get()
    assert (delivery.state, delivery.status, delivery.attempts, delivery.answer) == ("delivered", 200, 1, "thanks")
    assert services.deliver_due() == (0, 0)
    assert secret not in str(list(Webhook.objects.values()))


def test_a_renewal_and_a_new_secret_are_events(receiver: Receiver, intern: User, sandbox: Sandbox) -> None:
    receiver.add(WebhookEvent.KEY_RENEWED, WebhookEvent.KEY_SECRET_REPLACED)
    key = issue(intern).key

    renew_key(key=key, actor=Actor(user=intern), early=True)
    rotate_key(key=again(key), actor=Actor(user=intern))
    run_tasks()
    rotate_key(key=issue(intern, "other").key, actor=Actor())  # as the portal does with all Playground keys

    sent = [json.loads(body) for _headers, body in receiver.received]
    assert sorted((each["type"], each["data"]["id"]) for each in sent) == [
        ("key.renewed", str(key.pk)),
        ("key.secret_replaced", str(key.pk)),
    ]
    assert WebhookDelivery.objects.count() == 2


def test_only_wanted_events_of_active_webhooks_are_sent(receiver: Receiver, intern: User, sandbox: Sandbox) -> None:
    receiver.add(WebhookEvent.KEY_DELETED)
    paused, _secret = receiver.add()
    services.pause_webhook(webhook=paused, actor=Actor())

    issue(intern)
    run_tasks()

    assert receiver.received == []


@pytest.mark.parametrize("status", [500, 404, 302, 100])
def test_a_failure_is_tried_again_with_the_same_id(
    receiver: Receiver, intern: User, sandbox: Sandbox, status: int
) -> None:
    _webhook, secret = receiver.add()
    receiver.status = status if status != 100 else 503
    receiver.headers = {"Location": f"{receiver.address}/other"}
    issue(intern)

    assert services.deliver_due() == (0, 1)

    delivery = WebhookDelivery.objects.get()
    assert (delivery.state, delivery.status) == ("waiting", receiver.status)
    assert 5 <= (delivery.next_at - timezone.now()).total_seconds() + 1 <= 8
    assert len(receiver.received) == 1  # a redirect is not followed
    assert services.deliver_due() == (0, 0)
    receiver.status = 204
    due_again()
    assert services.deliver_due() == (1, 0)
    first, second = receiver.received
    assert first[0]["webhook-id"] == second[0]["webhook-id"]
    assert first[1] == second[1]
    assert Verifier(secret).verify(second[1].decode(), {name.lower(): value for name, value in second[0].items()})
    assert Webhook.objects.get().failing_since is None


def test_is_given_up_after_the_last_attempt_and_can_be_sent_again(
    receiver: Receiver, intern: User, sandbox: Sandbox
) -> None:
    receiver.add()
    receiver.status = 500
    issue(intern)

    for _attempt in range(len(DELAYS_S) + 2):
        due_again()
        services.deliver_due()

    delivery = WebhookDelivery.objects.get()
    assert (delivery.state, len(receiver.received)) == ("failed", len(DELAYS_S) + 1)
    receiver.status = 200
    assert services.send_again(delivery)
    assert not services.send_again(delivery)
    services.deliver_due()
    assert WebhookDelivery.objects.get().state == "delivered"
    assert len({headers["webhook-id"] for headers, _body in receiver.received}) == 1


def test_one_receiver_that_is_away_does_not_keep_others_waiting(
    receiver: Receiver, intern: User, sandbox: Sandbox, settings: Settings
) -> None:
    services.create_webhook(name="away", url="http://127.0.0.1:9/", events=["key.created"], actor=Actor())
    receiver.add()
    for label in ("one", "two"):
        issue(intern, label)

    assert services.deliver_due() == (2, 1)
    assert WebhookDelivery.objects.get(attempts=1, state="waiting").problem == "connection"


def test_the_backlog_of_one_receiver_does_not_keep_others_waiting(receiver: Receiver, db: None) -> None:
    now = timezone.now()
    away = services.create_webhook(name="away", url="http://127.0.0.1:9/", events=["key.created"], actor=Actor())[0]
    here, _secret = receiver.add()
    WebhookDelivery.objects.bulk_create(
        WebhookDelivery(
            webhook=away, event="key.created", name=str(number), body="{}", next_at=now - timedelta(hours=1)
        )
        for number in range(600)
    )
    WebhookDelivery.objects.create(webhook=here, event="key.created", name="one", body="{}")

    assert services.deliver_due() == (1, 1)


def test_only_one_process_sends_to_a_receiver_at_a_time(receiver: Receiver, db: None) -> None:
    """A slow one would keep all processes of the worker busy."""
    slow, _secret = receiver.add()
    other, _secret = receiver.add()
    for webhook in (slow, other):
        services.test_webhook(webhook=webhook, actor=Actor())
    claimed_at = Webhook.objects.claim(slow.pk)

    assert services.deliver_due() == (1, 0)
    assert Webhook.objects.get(pk=slow.pk).claimed_at == claimed_at
    Webhook.objects.filter(pk=slow.pk).update(claimed_at=timezone.now() - 2 * CLAIM_LASTS)  # of a process that died
    assert services.deliver_due() == (1, 0)
    assert not Webhook.objects.exclude(claimed_at=None).exists()


def test_a_receiver_that_is_dead_for_days_is_paused(
    receiver: Receiver, intern: User, keeper: User, as_keeper: Client, sandbox: Sandbox
) -> None:
    receiver.add()
    receiver.status = 500
    issue(intern)
    services.deliver_due()
    assert Webhook.objects.get().paused_at is None
    Webhook.objects.update(failing_since=timezone.now() - PAUSED_AFTER)
    due_again()

    services.deliver_due()

    assert Webhook.objects.get().pause == "failing"
    assert [message.to for message in mail.outbox] == [[keeper.email]]
    assert "is paused: it did not answer for days" in as_keeper.get(reverse("notices:index")).content.decode()
    assert AuditEntry.objects.get(object_kind="webhook", action="pause").actor is None
    due_again()
    services.deliver_due()
    assert len(receiver.received) == 2
    services.resume_webhook(webhook=Webhook.objects.get(), actor=Actor(user=keeper))
    receiver.status = 200
    services.deliver_due()
    assert WebhookDelivery.objects.get().state == "delivered"


def test_the_mail_about_a_paused_webhook_is_sent_once_and_not_lost(
    receiver: Receiver, keeper: User, settings: Settings
) -> None:
    receiver.add()
    services.pause_webhook(webhook=Webhook.objects.get(), actor=Actor(), why=Webhook.Pause.FAILING)
    backend, settings.EMAIL_BACKEND = settings.EMAIL_BACKEND, "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", free_port()
    services.deliver_due()
    settings.EMAIL_BACKEND = backend
    assert mail.outbox == []

    for _round in range(2):
        services.deliver_due()

    assert [message.to for message in mail.outbox] == [[keeper.email]]


def test_an_expired_key_is_sent_once_for_each_end(receiver: Receiver, intern: User, sandbox: Sandbox) -> None:
    key, now = issue(intern).key, timezone.now()
    Key.objects.filter(pk=key.pk).update(expires_at=now - timedelta(hours=1))
    receiver.add(WebhookEvent.KEY_EXPIRED)
    assert services.note_expired() == 0  # it had expired before
    Webhook.objects.update(active_since=now - timedelta(hours=2))

    assert [services.note_expired(), services.note_expired()] == [1, 0]
    Key.objects.filter(pk=key.pk).update(expires_at=now - timedelta(minutes=1))
    assert [services.note_expired(), services.note_expired()] == [1, 0]
    services.deliver_due()
    assert [json.loads(body)["type"] for _headers, body in receiver.received] == ["key.expired"] * 2


def test_messages_go_with_the_person_and_with_time(receiver: Receiver, intern: User, sandbox: Sandbox) -> None:
    receiver.add()
    issue(intern)
    WebhookDelivery.objects.update(made_at=timezone.now() - timedelta(days=29))
    assert services.prune() == 0
    WebhookDelivery.objects.update(made_at=timezone.now() - timedelta(days=31))
    assert services.prune() == 1
    issue(intern, "second")
    anonymise_account(intern)
    assert not WebhookDelivery.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_the_deletion_of_a_webhook_does_not_fail_what_happens_meanwhile(receiver: Receiver) -> None:
    """Between reading who is to get a message and the commit, on PostgreSQL, another process can delete it."""
    webhook, _secret = receiver.add()
    stale = Webhook.objects.get()
    assert services.delete_webhook(webhook=webhook, actor=Actor())

    services.test_webhook(webhook=stale, actor=Actor())

    assert services.deliver_due() == (0, 0)
    assert not services.change_webhook(webhook=stale, name="new", events=[], actor=Actor())
    assert not services.delete_webhook(webhook=stale, actor=Actor())
    assert not Webhook.objects.exists()
    assert AuditEntry.objects.filter(object_kind="webhook").count() == 2  # issue and delete


@pytest.mark.django_db(transaction=True)
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
@pytest.mark.slow
def test_no_event_is_lost_by_a_kill(receiver: Receiver, intern: User, sandbox: Sandbox) -> None:
    """Killed anywhere while a key is made: each key that the trail says was made has a message; each is sent."""
    receiver.add()
    for step in range(1, 60):
        Key.objects.filter(owner=intern).update(kind=Key.Kind.EXTERNAL)
        if not killed_at_step(step, lambda: issue(intern, f"key {Key.objects.count()}")):
            break
    made = set(
        AuditEntry.objects.filter(action="issue", object_kind="key", outcome="done").values_list("object_id", flat=True)
    )
    for step in range(1, 60):
        if not killed_at_step(step, services.deliver_due, folder=__file__.split("tests")[0] + "webhooks/services"):
            break
        WebhookDelivery.objects.update(claimed_at=None)
        Webhook.objects.update(claimed_at=None)
    services.deliver_due()

    assert made
    assert {json.loads(body)["data"]["id"] for _headers, body in receiver.received} == made
    assert not WebhookDelivery.objects.exclude(state="delivered").exists()
