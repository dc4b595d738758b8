"""The link in the mail to a decider shows one request and decides it, once; one that is invalid says nothing of it."""

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.contrib.auth.models import Permission
from django.core import mail, signing
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from accounts.audit import BY_THE_PORTAL, Actor
from accounts.models import AccessRequest, AuditEntry, Grant, User
from approvals import services
from approvals.links import link_to
from people.services import deactivate, sign_out_everywhere
from tests.approvals.conftest import ask, supervise, today
from tests.conftest import signed_in
from tests.keys.actions import issue
from tests.keys.views.pages import assert_only, field_of, words_of
from tests.sandbox_process import Sandbox

VOID = "This link no longer works"


def as_asked(**about: str) -> dict[str, str]:
    """Return the form that approves the request of `ask`."""
    return {"amount_usd": "2", "ends_on": f"{today() + timedelta(days=7)}", "decision": "approve", **about}


def rows() -> list[Any]:
    """Return all that a decision changes."""
    return [list(table.objects.order_by("pk").values()) for table in (AccessRequest, Grant, AuditEntry)]


def path_to(request: AccessRequest, decider: User) -> str:
    """Return the path of a new link."""
    decider.refresh_from_db()
    return link_to(request, decider).removeprefix(django_settings.PORTAL_URL)


@pytest.fixture
def request_of_intern(intern: User) -> AccessRequest:
    return ask(intern)


def test_the_link_of_the_mail_approves_without_a_sign_in_and_once(
    client: Client, decider: User, request_of_intern: AccessRequest, sandbox: Sandbox
) -> None:
    services.mail_deciders()
    path = re.findall(rf"{re.escape(django_settings.PORTAL_URL)}(/link/request/\S+)", str(mail.outbox[0].body))[0]
    before = rows()

    asked = client.get(path)
    assert "2.00 USD more" in words_of(asked)
    assert "the last chapter" in words_of(asked)
    assert "no-store" in asked["Cache-Control"]
    assert asked["Referrer-Policy"] == "strict-origin"
    assert rows() == before
    done = client.post(path, as_asked())

    assert done.status_code == 200
    assert "Approved: it is in effect now. Intern A gets a mail." in words_of(done)
    assert Grant.objects.get().amount_usd == 2
    entry = AuditEntry.objects.get(action="approve")
    assert (entry.actor, entry.address, entry.remark.endswith("with the link of a mail")) == (
        decider,
        "127.0.0.1",
        True,
    )
    for ask_again in (client.get, client.post):
        again = ask_again(path, as_asked())
        assert (again.status_code, VOID in words_of(again), "Intern A" in words_of(again)) == (410, True, False)
    assert Grant.objects.count() == 1


def test_refuses_with_a_reason_only(client: Client, decider: User, request_of_intern: AccessRequest) -> None:
    path = path_to(request_of_intern, decider)

    without = client.post(path, {"decision": "refuse"})
    assert (without.status_code, "Say why: the person gets it by mail." in words_of(without)) == (422, True)
    done = client.post(path, {"decision": "refuse", "reason": "ask in May"})

    assert "Refused. Intern A gets a mail with the reason." in words_of(done)
    asked = AccessRequest.objects.get()
    assert (asked.state, asked.reason, asked.decided_by) == ("refused", "ask in May", decider)


@pytest.mark.parametrize("wrong", [{}, {"amount_usd": "x"}, {"ends_on": "2020-01-01"}])
def test_an_invalid_form_decides_nothing(
    client: Client, decider: User, request_of_intern: AccessRequest, wrong: dict[str, str]
) -> None:
    answer = client.post(path_to(request_of_intern, decider), as_asked(**wrong) if wrong else {})

    assert answer.status_code == 422
    assert AccessRequest.objects.get().state == "open"


def test_the_link_lets_a_supervisor_give_no_more_than_they_have(
    client: Client, supervisor: User, intern: User, request_of_intern: AccessRequest
) -> None:
    supervise(supervisor, intern)
    path = path_to(request_of_intern, supervisor)

    answer = client.post(path, as_asked(amount_usd="9000"))

    assert answer.status_code == 409
    assert "With it they could spend more than you can." in words_of(answer)
    assert AccessRequest.objects.get().state == "open"


def _decided(request: AccessRequest, _decider: User) -> None:
    services.refuse(request=request, actor=BY_THE_PORTAL, reason="no")


def _withdrawn(request: AccessRequest, _decider: User) -> None:
    services.withdraw(request=request, actor=Actor(user=request.person))


def _deactivated(_request: AccessRequest, decider: User) -> None:
    deactivate(person=decider, actor=BY_THE_PORTAL)


def _lost_the_right(_request: AccessRequest, decider: User) -> None:
    decider.user_permissions.clear()


def _other_address(_request: AccessRequest, decider: User) -> None:
    User.objects.filter(pk=decider.pk).update(email="elsewhere@example.edu")


def _signed_out(_request: AccessRequest, decider: User) -> None:
    sign_out_everywhere(person=decider, actor=BY_THE_PORTAL)


def _their_own(request: AccessRequest, decider: User) -> None:
    AccessRequest.objects.filter(pk=request.pk).update(person=decider)


@pytest.mark.parametrize(
    "change", [_decided, _withdrawn, _deactivated, _lost_the_right, _other_address, _signed_out, _their_own]
)
def test_a_link_is_void_once_the_decider_cannot_decide_the_request(
    client: Client,
    decider: User,
    request_of_intern: AccessRequest,
    change: Callable[[AccessRequest, User], None],
) -> None:
    path = path_to(request_of_intern, decider)
    change(request_of_intern, decider)
    before = rows()

    for answer in (client.get(path), client.post(path, as_asked())):
        assert (answer.status_code, VOID in words_of(answer)) == (410, True)
        assert "the last chapter" not in words_of(answer)
    assert rows() == before
    if change in (_deactivated, _lost_the_right):
        assert services.mail_deciders() == 0


def test_a_former_supervisor_decides_nothing(
    client: Client, supervisor: User, intern: User, request_of_intern: AccessRequest
) -> None:
    stay = supervise(supervisor, intern)
    path = path_to(request_of_intern, supervisor)
    assert client.get(path).status_code == 200
    stay.delete()

    assert client.post(path, as_asked()).status_code == 410


def test_the_link_is_for_its_decider_only(
    decider: User, intern: User, request_of_intern: AccessRequest, as_admin: Client, as_staff: Client
) -> None:
    path = path_to(request_of_intern, decider)
    signed = path.rstrip("/").rpartition("/")[2]
    value, _stamp, _signature = signed.rsplit(":", 2)
    long_ago = signing.b62_encode(int((timezone.now() - timedelta(days=7, minutes=1)).timestamp()))
    old = signing.Signer(salt="approvals.links.decide").sign(f"{value}:{long_ago}")
    other_salt = signing.dumps({"request": str(request_of_intern.pk)}, salt="keys.links.renew_by_link")
    everybody = {
        "anonymous": (Client(), path, 200),
        "decider": (signed_in(decider), path, 200),
        "requester": (signed_in(intern), path, 403),
        "staff": (as_staff, path, 403),
        "admin": (as_admin, path, 403),
        "forged": (Client(), path.replace("/request/", "/request/x"), 404),
        "of another action": (Client(), f"/link/request/{other_salt}/", 404),
        "as a renewal": (Client(), path.replace("/request/", "/renew/"), 404),
        "old": (Client(), f"/link/request/{old}/", 410),
    }

    found: dict[str, Any] = {who: browser.get(url).status_code for who, (browser, url, _status) in everybody.items()}
    said = {who: words_of(browser.get(url)) for who, (browser, url, status) in everybody.items() if status != 200}
    posted = {
        who: browser.post(url, as_asked()).status_code for who, (browser, url, _) in everybody.items() if who in said
    }

    assert found == {who: status for who, (_browser, _url, status) in everybody.items()}
    assert posted == {who: found[who] for who in said}
    assert [who for who, words in said.items() if "the last chapter" in words] == []
    assert AccessRequest.objects.get().state == "open"


def test_an_unavailable_gateway_keeps_the_grant(
    client: Client, intern: User, decider: User, request_of_intern: AccessRequest, sandbox: Sandbox
) -> None:
    issue(intern)
    sandbox.faults("/team/update", "error")

    answer = client.post(path_to(request_of_intern, decider), as_asked())

    assert "Approved. The gateway has not confirmed it yet; it follows within a minute." in words_of(answer)
    assert Grant.objects.unapplied().count() == 1


def test_a_form_without_a_csrf_token_is_refused(decider: User, request_of_intern: AccessRequest) -> None:
    browser, path = Client(enforce_csrf_checks=True), path_to(request_of_intern, decider)
    page = browser.get(path)

    assert browser.post(path, as_asked()).status_code == 403
    token = field_of(page, "csrfmiddlewaretoken")
    refused = browser.post(path, {"csrfmiddlewaretoken": token, "decision": "refuse", "reason": "no"})
    assert refused.status_code == 200


def test_so_many_decisions_an_hour_and_no_more(
    client: Client, decider: User, request_of_intern: AccessRequest, settings: Settings
) -> None:
    settings.KEY_ACTIONS_PER_HOUR = 1
    path = path_to(request_of_intern, decider)

    assert [client.post(path, {"decision": "refuse"}).status_code for _ in range(2)] == [422, 429]


def test_the_mail_has_a_link_for_each_request_and_each_decider(
    decider: User, intern: User, supervisor: User, request_of_intern: AccessRequest
) -> None:
    other = User.objects.create(username="other", email="other@example.edu")
    other.user_permissions.add(Permission.objects.get(codename="decide_requests"))
    ask(intern, "model", name="large")
    services.mail_deciders()

    links = [re.findall(r"/link/request/(\S+)/", str(message.body)) for message in mail.outbox]

    assert [len(found) for found in links] == [2, 2]
    assert len({link for found in links for link in found}) == 4


def test_accepts_get_and_post_only(client: Client, decider: User, request_of_intern: AccessRequest) -> None:
    assert_only(client, path_to(request_of_intern, decider), "get", "post")
