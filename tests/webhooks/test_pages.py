"""The pages of webhooks: add, change, test, pause, resume, delete, send again; and for whom they are."""

import json

import pytest
from django.test import Client
from django.urls import reverse
from pytest_django import Settings
from pytest_django.asserts import assertContains, assertNotContains

from accounts.audit import Actor
from accounts.models import AuditEntry, User, Webhook, WebhookDelivery
from tests.conftest import signed_in
from tests.keys.actions import issue
from tests.portal.test_routes import what_is_stored
from tests.sandbox_process import Sandbox
from tests.tasks import run_tasks
from tests.webhooks.conftest import Receiver
from webhooks import services
from webhooks.services import MOST

PAGE = reverse("webhooks:index")
FORM = {"name": "chat", "url": "https://chat.example.edu/hooks/s3cret", "events": ["key.created", "key.leaked"]}


def url_of(name: str, webhook: Webhook, *more: object) -> str:
    return reverse(f"webhooks:{name}", args=[webhook.pk, *more])


def test_shows_the_secret_once_and_stores_it_encrypted(as_keeper: Client) -> None:
    answer = as_keeper.post(PAGE, FORM)

    secret = answer.context["secret"]
    assertContains(answer, secret, status_code=201)
    assert "no-store" in answer["Cache-Control"]
    webhook = Webhook.objects.get()
    assert webhook.events == FORM["events"]
    for page in (PAGE, url_of("webhook", webhook)):
        shown = as_keeper.get(page)
        assertContains(shown, "chat.example.edu")
        assertNotContains(shown, "s3cret")
        assertNotContains(shown, secret)
    stored = str(what_is_stored())
    assert secret not in stored
    assert "s3cret" not in stored
    assert AuditEntry.objects.get(object_kind="webhook").label == "chat"


def test_a_chat_gets_a_line_of_text_that_mentions_nobody(
    as_keeper: Client, receiver: Receiver, intern: User, sandbox: Sandbox, settings: Settings
) -> None:
    chat = {"name": "ops", "url": f"{receiver.address}/hook", "events": ["key.created"], "format": "chat"}
    added = as_keeper.post(PAGE, chat, follow=True)

    issue(intern, "@channel <!here> `x` https://evil.example")
    run_tasks()

    assertContains(added, "Send a test to see it in the chat.")
    assertNotContains(added, services.MARK)
    [(_headers, body)] = receiver.received
    text = json.loads(body)["text"]
    name = "`@\u200bchannel &lt;!here&gt; 'x' https://evil.example`"
    assert text == f"A key was created · {name} · of `intern` · {settings.PORTAL_URL}"


@pytest.mark.parametrize(
    "wrong",
    [
        *({"name": ""}, {"name": "\u200b"}, {"events": []}, {"events": ["webhook.test"]}, {"url": ""}),
        *({"url": f"{scheme}://x.example/"} for scheme in ("http", "ftp", "file", "javascript")),
        {"format": "smoke"},
        *({"url": "https://me:secret@x.example/"}, {"url": "https://" + "x" * 1000}),
    ],
)
def test_refuses_a_form_with_a_mistake(as_keeper: Client, wrong: dict[str, object]) -> None:
    assert as_keeper.post(PAGE, FORM | wrong).status_code == 422
    assert not Webhook.objects.exists()


def test_a_test_arrives_and_is_in_the_list(as_keeper: Client, receiver: Receiver) -> None:
    webhook, _secret = receiver.add()
    receiver.text = b"<script>alert(1)</script> sk-abcdefghijklmnop"

    as_keeper.post(url_of("test", webhook))
    run_tasks()

    assert len(receiver.received) == 1
    page = as_keeper.get(url_of("webhook", webhook))
    assertContains(page, "Delivered")
    assertContains(page, "&lt;script&gt;")
    assertNotContains(page, "sk-abcdefghijklmnop")
    delivery = WebhookDelivery.objects.get()
    as_keeper.post(url_of("again", webhook, delivery.pk))
    run_tasks()
    assert [headers["webhook-id"] for headers, _body in receiver.received] == [f"msg_{delivery.pk.hex}"] * 2


def test_changes_pauses_resumes_and_deletes(as_keeper: Client, receiver: Receiver) -> None:
    webhook, _secret = receiver.add()

    as_keeper.post(url_of("webhook", webhook), {"name": "other", "events": ["key.deleted"]})
    as_keeper.post(url_of("pause", webhook))
    as_keeper.post(url_of("test", webhook))
    run_tasks()

    changed = Webhook.objects.get()
    assert (changed.name, changed.events, changed.pause) == ("other", ["key.deleted"], "admin")
    assert receiver.received == []
    as_keeper.post(url_of("resume", webhook))
    run_tasks()
    services.deliver_due()
    assert len(receiver.received) == 1
    assertContains(as_keeper.get(url_of("delete", webhook)), "Delete the webhook “other”?")
    as_keeper.post(url_of("delete", webhook))
    assert not Webhook.objects.exists()
    actions = AuditEntry.objects.filter(object_kind="webhook").order_by("pk").values_list("action", flat=True)
    assert list(actions) == ["issue", "change", "pause", "resume", "delete"]


def test_a_message_of_a_paused_webhook_waits_when_it_is_sent_again(as_keeper: Client, receiver: Receiver) -> None:
    webhook, _secret = receiver.add()
    as_keeper.post(url_of("test", webhook))
    run_tasks()
    as_keeper.post(url_of("pause", webhook))

    answer = as_keeper.post(url_of("again", webhook, WebhookDelivery.objects.get().pk), follow=True)
    run_tasks()

    assertContains(answer, "It is paused: the message is sent when you resume it.")
    assert len(receiver.received) == 1


def test_is_only_for_those_with_permission(
    as_keeper: Client, as_staff: Client, as_admin: Client, receiver: Receiver, client: Client
) -> None:
    webhook, _secret = receiver.add()
    delivery_id = webhook.pk
    posts = [url_of(name, webhook) for name in ("test", "pause", "resume", "delete", "webhook")]
    for address in (PAGE, *posts, url_of("again", webhook, delivery_id)):
        assert as_staff.post(address, FORM).status_code == 403
        assert client.post(address, FORM).status_code == 302
    for address in (PAGE, url_of("webhook", webhook), url_of("delete", webhook)):
        assert (as_staff.get(address).status_code, as_admin.get(address).status_code) == (403, 200)
    assert as_keeper.post(url_of("again", webhook, delivery_id)).status_code == 404
    assert Webhook.objects.get().pause == ""
    assert not WebhookDelivery.objects.exists()
    assertContains(as_keeper.get("/get-started/"), PAGE)


def test_there_are_no_more_than_some(as_keeper: Client, receiver: Receiver) -> None:
    for _number in range(MOST):
        receiver.add()
    assert as_keeper.post(PAGE, FORM).status_code == 409
    assert Webhook.objects.count() == MOST


def test_says_that_the_secret_has_changed(keeper: User, receiver: Receiver, settings: Settings) -> None:
    webhook, _secret = receiver.add()
    services.test_webhook(webhook=webhook, actor=Actor(user=keeper))
    settings.ENCRYPTION_SECRETS = ["another" * 10]

    services.deliver_due()

    assertContains(signed_in(keeper).get(url_of("webhook", webhook)), "ENCRYPTION_SECRETS has changed")
