"""The link in a reminder renews one key, once, without a sign-in; one that does nothing says nothing of a key."""

import io
import logging
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.core import mail, signing
from django.db import connections
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from accounts import links
from accounts.models import AuditEntry, AuditOutcome, User
from keys import services
from keys.links import LinkAction, link_to
from keys.models import Key
from people.services import sign_out_everywhere
from tests.conftest import signed_in
from tests.factories import make_staff
from tests.keys.actions import BY_TEST, again, ending_in, issue
from tests.keys.views.pages import assert_only, everything, field_of, words_of
from tests.ports import free_port
from tests.sandbox_process import Sandbox

VOID = "This link no longer works"


@pytest.fixture
def due(intern: User, sandbox: Sandbox) -> Key:
    """Make a key that expires soon."""
    return ending_in(issue(intern).key, sandbox, days=3)


def path_to(key: Key, action: LinkAction = LinkAction.RENEW) -> str:
    """Return the path of a new link."""
    return link_to(action, again(key)).removeprefix(django_settings.PORTAL_URL)


def end_of(key: Key) -> Any:
    return again(key).expires_at


def test_the_link_of_the_mail_renews_without_a_sign_in_and_once(
    client: Client, intern: User, due: Key, sandbox: Sandbox
) -> None:
    services.remind_owners()
    path = re.findall(rf"{re.escape(django_settings.PORTAL_URL)}(/link/\S+)", str(mail.outbox[0].body))[0]
    before = everything(sandbox)

    asked = client.get(path)
    assert "Renew “thesis”?" in words_of(asked)
    assert "no-store" in asked["Cache-Control"]
    assert asked["Referrer-Policy"] == "strict-origin"
    assert '<meta name="referrer" content="strict-origin">' in asked.content.decode()
    assert everything(sandbox) == before
    done = client.post(path)

    assert done.status_code == 200
    assert "Renewed: “thesis” works until" in words_of(done)
    assert end_of(due) > timezone.now() + timedelta(days=29)
    entry = AuditEntry.objects.filter(action="renew").get()
    assert (entry.actor, entry.remark) == (intern, "with the link of a mail")
    after = everything(sandbox)
    for ask in (client.get, client.post):
        again_asked = ask(path)
        assert again_asked.status_code == 410
        assert VOID in words_of(again_asked)
        assert "thesis" not in words_of(again_asked)
    assert everything(sandbox) == after


def _replace(key: Key) -> None:
    services.rotate_key(key=key, actor=BY_TEST)


def _delete(key: Key) -> None:
    services.delete_key(key=key, actor=BY_TEST)


def _give_away(key: Key) -> None:
    Key.objects.filter(pk=key.pk).update(owner=make_staff("new"))


def _close_account(key: Key) -> None:
    User.objects.filter(pk=key.owner_id).update(is_active=False)


def _change_address(key: Key) -> None:
    User.objects.filter(pk=key.owner_id).update(email="elsewhere@example.edu")


def _sign_out(key: Key) -> None:
    sign_out_everywhere(person=key.owner, actor=BY_TEST)


@pytest.mark.parametrize("change", [_replace, _delete, _give_away, _close_account, _change_address, _sign_out])
def test_a_link_is_void_once_the_key_has_changed(
    client: Client, due: Key, sandbox: Sandbox, change: Callable[[Key], None]
) -> None:
    path = path_to(due)
    change(again(due))
    before = everything(sandbox)

    for ask in (client.get, client.post):
        answer = ask(path)
        assert (answer.status_code, VOID in words_of(answer)) == (410, True)
        assert "thesis" not in words_of(answer)
    assert everything(sandbox) == before


def test_an_invalid_link_reveals_nothing_about_the_key(
    client: Client, intern: User, staff: User, due: Key, sandbox: Sandbox, settings: Settings
) -> None:
    path = path_to(due)
    for_other_action = f"/link/renew/{signing.dumps({'key': str(due.pk)}, salt='keys.links.other')}/"
    before = everything(sandbox)

    answers = [
        (client.get(path.replace("/renew/", "/renew/x")), 404, "This link is not valid"),
        (client.post(for_other_action), 404, "This link is not valid"),
        (client.get("/link/renew/x/"), 404, "This link is not valid"),
        (signed_in(staff).get(path), 403, "This link is for somebody else"),
        (signed_in(staff).post(path), 403, "This link is for somebody else"),
    ]
    links_work_for = links.WORKS_FOR
    for answer, status, words in answers:
        assert (answer.status_code, words in words_of(answer)) == (status, True)
        assert "thesis" not in words_of(answer)
        assert answer["Referrer-Policy"] == "strict-origin"
    assert everything(sandbox) == before
    assert links_work_for == timedelta(days=7)
    assert signed_in(intern).get(path).status_code == 200  # the owner may be signed in


def test_a_link_expires_after_seven_days(client: Client, due: Key) -> None:
    signed = path_to(due).rstrip("/").rpartition("/")[2]
    value, _stamp, _signature = signed.rsplit(":", 2)
    signer = signing.TimestampSigner(salt="keys.links.renew_by_link")
    long_ago = signing.b62_encode(int((timezone.now() - timedelta(days=7, minutes=1)).timestamp()))
    old = signing.Signer(salt="keys.links.renew_by_link").sign(f"{value}:{long_ago}")
    assert signer.unsign(signed) == value

    answer = client.get(f"/link/renew/{old}/")

    assert answer.status_code == 410
    assert "This link has expired" in words_of(answer)


def test_a_form_without_a_csrf_token_is_refused(due: Key, sandbox: Sandbox) -> None:
    browser, path = Client(enforce_csrf_checks=True), path_to(due)
    page = browser.get(path)
    before = everything(sandbox)

    refused = browser.post(path)
    assert refused.status_code == 403
    assert refused["Referrer-Policy"] == "strict-origin"
    assert '<meta name="referrer" content="strict-origin">' in refused.content.decode()
    assert everything(sandbox) == before
    assert browser.post(path, {"csrfmiddlewaretoken": field_of(page, "csrfmiddlewaretoken")}).status_code == 200


def test_an_unavailable_gateway_keeps_the_link_valid(
    client: Client, due: Key, sandbox: Sandbox, settings: Settings
) -> None:
    path, there = path_to(due), settings.GATEWAY_URL
    settings.GATEWAY_URL = f"http://127.0.0.1:{free_port()}"

    answer = client.post(path)

    assert answer.status_code == 503
    assert "The key’s expiry has not changed; try again in a minute." in words_of(answer)
    settings.GATEWAY_URL = there
    assert client.post(path).status_code == 200


def test_two_clicks_at_once_renew_once(due: Key, sandbox: Sandbox) -> None:
    first, second = again(due), again(due)  # as both have read it
    services.renew_key(key=first, actor=BY_TEST)
    end = end_of(due)

    with pytest.raises(services.KeyRefused, match="being changed"):
        services.renew_key(key=second, actor=BY_TEST)

    assert end_of(due) == end
    assert again(due).renewing_since is None


@pytest.mark.django_db(transaction=True)
def test_of_two_posts_at_once_the_second_does_not_deny_the_renewal(due: Key, sandbox: Sandbox) -> None:
    path = path_to(due)

    def post(_number: int) -> int:
        try:
            return Client().post(path).status_code
        finally:
            connections.close_all()

    with ThreadPoolExecutor(2) as pool:
        first, second = sorted(pool.map(post, range(2)))

    assert first == 200
    assert second in (409, 410)
    third = Client().post(path)
    assert (third.status_code, "Perhaps the key was already renewed" in words_of(third)) == (410, True)


def test_the_button_ignores_a_second_click(client: Client, due: Key) -> None:
    for path in (path_to(due), path_to(due, LinkAction.PAUSE)):
        assert "data-busy=" in client.get(path).content.decode()


def test_a_secret_that_was_replaced_meanwhile_is_not_renewed(due: Key, sandbox: Sandbox) -> None:
    as_read = again(due)
    services.rotate_key(key=again(due), actor=BY_TEST)
    Key.objects.update(expires_at=as_read.expires_at)  # so that only the token is another
    before = sandbox.live_keys()

    with pytest.raises(services.KeyRefused, match="being changed"):
        services.renew_key(key=as_read, actor=BY_TEST)

    assert again(due).renewing_since is None
    assert sandbox.live_keys() == before


def test_an_expired_key_reads_so_and_one_that_cannot_be_renewed_has_no_button(
    client: Client, due: Key, sandbox: Sandbox
) -> None:
    expired = client.get(path_to(ending_in(due, sandbox, days=-2)))
    assert "The key ending in" in words_of(expired)
    assert "expired on" in words_of(expired)
    assert "works until" not in words_of(expired)
    assert "data-busy=" in expired.content.decode()

    Key.objects.filter(pk=due.pk).update(blocked=True, expires_at=timezone.now() + timedelta(days=3))
    blocked = client.get(path_to(due))
    assert blocked.status_code == 200
    assert "This key is blocked at the gateway." in words_of(blocked)
    assert "works until" not in words_of(blocked)
    assert "data-busy=" not in blocked.content.decode()


def test_a_lost_answer_promises_no_list(client: Client, due: Key, sandbox: Sandbox) -> None:
    for action in LinkAction:
        path = path_to(due, action)
        sandbox.faults("/key/update", "drop_after")
        sandbox.faults("/key/block", "drop_after")

        lost = client.post(path)

        assert lost.status_code == 503
        assert "the list will" not in words_of(lost)
        assert "After that, open the link of the mail again" in words_of(lost)


def test_refusals_of_the_policy_are_shown_and_audited(client: Client, intern: User, due: Key) -> None:
    path = path_to(due)
    Key.objects.filter(pk=due.pk).update(blocked=True)

    answer = client.post(path)

    assert answer.status_code == 409
    assert "This key is blocked at the gateway." in words_of(answer)
    entry = AuditEntry.objects.get(outcome=AuditOutcome.REFUSED)
    assert (entry.actor, entry.remark.endswith("with the link of a mail")) == (intern, True)


def test_requests_are_limited_by_address_and_by_person(client: Client, due: Key, settings: Settings) -> None:
    path = path_to(due)
    settings.KEY_ACTIONS_PER_HOUR = 0
    refused = client.post(path)
    assert refused.status_code == 429
    assert 0 < int(refused["Retry-After"]) <= 3600

    statuses = [client.get("/link/renew/x/").status_code for _visit in range(60)]

    assert statuses[:58] == [404] * 58
    assert statuses[-1] == 429
    refused = client.get(path)
    assert (refused.status_code, refused["Retry-After"], refused["Referrer-Policy"]) == (429, "60", "strict-origin")
    assert '<meta name="referrer" content="strict-origin">' in refused.content.decode()


def test_the_link_is_never_logged(client: Client, due: Key) -> None:
    path = path_to(due)
    said = io.StringIO()
    handler = logging.StreamHandler(said)
    logging.getLogger().addHandler(handler)
    try:
        logging.getLogger("django.request").addHandler(handler)
        Client(enforce_csrf_checks=True).post(path)
        client.get(path.rstrip("/") + "x/")
        logging.getLogger("_granian").warning("GET %s 200", path)
        logging.getLogger("celery").warning(f"{django_settings.PORTAL_URL}{path}")
    finally:
        logging.getLogger().removeHandler(handler)
        logging.getLogger("django.request").removeHandler(handler)

    assert "/link/renew/…" in said.getvalue()
    assert path.rpartition("renew/")[2][:20] not in said.getvalue()


def test_accepts_get_and_post_only(client: Client, due: Key) -> None:
    assert_only(client, path_to(due), "get", "post")
