"""The pages about people in French, with the results of actions."""

import re
from datetime import timedelta

import pytest
from django.core import mail
from django.urls import reverse
from django.utils import timezone

from accounts.mail_record import note_failed
from accounts.models import AccessRequest, AuditEntry, Grant, User
from approvals.services import mail_deciders
from keys.heartbeat import note_run
from keys.models import Intern, Key, UnownedKey
from keys.services import sync_keys
from people import services
from tests.approvals.conftest import ask, decider
from tests.factories import make_user
from tests.french.conftest import Read, in_french
from tests.french.reading import english_in
from tests.keys.actions import being_given, issue
from tests.sandbox_process import Sandbox
from tests.tasks import run_tasks
from tests.usage.polling import make_key
from tests.usage.views.facts import used

pytestmark = pytest.mark.django_db
__all__ = ["decider"]  # a fixture
FILTERS = "?q=x&group=Interns&supervisor=staff&state=inactive&idle=30&keys=none&over=1"


def test_the_list_and_a_person(admin: User, staff: User, sandbox: Sandbox, read: Read) -> None:
    used(issue(staff, "thesis", intern_name="Zoë").key, "60")
    Intern.objects.update(account=make_user("zoe", first_name="Zoë"))
    browser = in_french(admin)

    for address in ("", FILTERS, "?state=anonymised", "?order=-spend"):
        read(browser.get(f"/people/{address}"))
    assert "Budget pour toutes les clés" in read(browser.get(f"/people/{staff.pk}/"))
    read(browser.get(f"/people/{Intern.objects.get().account_id}/"))


def test_leaving_accounts(admin: User, read: Read) -> None:
    browser, page, long_ago = in_french(admin), "/people/leaving/", timezone.now() - timedelta(days=400)
    people = [make_user(f"p{number}", email=f"p{number}@example.edu", language="fr") for number in range(4)]
    read(browser.get(page))
    User.objects.filter(pk__in=[each.pk for each in people]).update(date_joined=long_ago)
    services.check_leaving()
    assert "n’ont pas été utilisés depuis 365 jours" in read(browser.get(page))
    read(browser.post(reverse("people:allow_leaving", args=[1]), {"count": "4"}, follow=True))
    services.check_leaving()
    services.mail_leaving()
    assert [english_in(str(message.body)) for message in mail.outbox] == [[]] * 4
    read(browser.get(page))
    read(browser.get(f"/people/{people[0].pk}/"))
    for _ in range(2):
        address = reverse("people:keep", args=[people[0].pk])
        read(browser.get(address))
        read(browser.post(address, follow=True))
    read(browser.get(page, {"state": "kept"}))


def test_every_action(admin: User, staff: User, sandbox: Sandbox, read: Read) -> None:
    key = issue(staff, "thesis").key
    browser = in_french(admin)
    give = {"amount_usd": "2", "ends_on": "2027-01-01", "reason": "la fin", "budget_usd": "7", "budget_period": "7d"}
    for form in ({}, give, {**give, "all_models": "on", "rpm_limit": "5", "expires_on": "2027-02-01"}):
        for name, *which in (("top_up",), ("limit_key", key.pk)):
            address = reverse(f"people:{name}", args=[staff.pk, *which])
            read(browser.get(address))
            read(browser.post(address, form, follow=True))
    for _ in range(2):
        address = reverse("people:end_grant", args=[staff.pk, Grant.objects.latest("pk").pk])
        read(browser.get(address))
        read(browser.post(address, follow=True))
    actions = ["block_key", "block_key", "unblock_key", "unblock_key", "extend_key", "delete_key", "delete_key"]
    for name in actions:
        address = reverse(f"people:{name}", args=[staff.pk, key.pk])
        read(browser.get(address))
        read(browser.post(address, follow=True))
    for name in ("sign_out", "deactivate", "deactivate", "activate", "activate", "anonymise"):
        address = reverse(f"people:{name}", args=[staff.pk])
        read(browser.get(address))
        read(browser.post(address, follow=True))

    assert AuditEntry.objects.filter(subject=staff).count() > len(actions)


def test_the_list_of_keys(admin: User, staff: User, sandbox: Sandbox, read: Read) -> None:
    used(issue(staff, "thesis", intern_name="Zoë").key, "60")
    browser = in_french(admin)

    for address in ("", "?q=x&state=soon&kind=personal&idle=30&owner=inactive&over=1", "?order=-spend"):
        read(browser.get(f"/people/keys/{address}"))


def test_every_act_on_many_keys(admin: User, staff: User, sandbox: Sandbox, read: Read) -> None:
    User.objects.filter(pk=staff.pk).update(language="fr")
    keys = [issue(staff, label).key for label in ("un", "deux")]
    Key.objects.filter(label="un").update(expires_at=None)
    ids = [str(key.pk) for key in keys]
    browser = in_french(admin)
    outside = make_key(make_user("other", email=""), "0" * 64, blocked=True)

    sandbox.faults("/key/block", "error", status=503)
    for action in ("remind", "remind", "block", "block", "unblock", "unblock", "delete"):
        form = {"action": action, "keys": ",".join([*ids, str(outside.pk)])}
        read(browser.get("/people/keys/bulk/", {"action": action, "key": [*ids, str(outside.pk)]}))
        read(browser.post("/people/keys/bulk/", form, follow=True))

    run_tasks()
    assert len(mail.outbox) > 3
    for message in mail.outbox:
        assert english_in(f"{message.subject} {message.body}") == []


def test_a_request_by_the_link_of_a_mail(decider: User, staff: User, read: Read) -> None:
    User.objects.filter(pk=decider.pk).update(language="fr")
    asked = ask(staff)
    mail_deciders()
    (message,) = mail.outbox
    assert english_in(f"{message.subject} {message.body}".replace(asked.why, "")) == []
    (path,) = re.findall(r"/link/request/\S+", str(message.body))
    AccessRequest.objects.update(why="la fin")

    for form in (None, {}, {"decision": "refuse"}, {"decision": "refuse", "reason": "non"}, {}):
        browser = in_french()
        read(browser.get(path) if form is None else browser.post(path, form))
    read(in_french().get(path.replace("/request/", "/request/x")))


def test_keys_without_an_owner(admin: User, staff: User, sandbox: Sandbox, read: Read) -> None:
    User.objects.filter(pk=staff.pk).update(language="fr")
    for alias in ("alpha", "beta", "gamma"):
        sandbox.call("POST", "/key/generate", body={"user_id": "omega", "key_alias": alias, "team_id": "tau"})
    sync_keys()
    browser, url = in_french(admin), "/people/keys/outside/action/"
    rows = list(UnownedKey.objects.order_by("alias"))
    UnownedKey.objects.filter(pk=rows[2].pk).update(**being_given(to=staff, by=admin))

    for query in ("", "?q=omega", "?q=rien"):
        read(browser.get(f"/people/keys/outside/{query}"))
    read(browser.get("/people/keys/"))
    for action in ("give", "block", "unblock", "delete"):
        read(browser.get(url, {"action": action, "all": "1", "who": "staff"}))
        read(browser.get(url, {"action": action, "key": str(rows[2].pk), "who": "xyz"}))
        for pks in ([rows[2].pk], [rows[0].pk], []):
            form = {"action": action, "keys": ",".join(map(str, pks)), "person": staff.pk}
            read(browser.post(url, {**form, "person": ""} if action == "give" else form, follow=True))
            read(browser.post(url, form, follow=True))
        read(browser.get("/people/keys/outside/"))
    read(browser.get(f"/people/{staff.pk}/"))
    for alias in ("delta", "epsilon"):
        sandbox.call("POST", "/key/generate", body={"user_id": "omega", "key_alias": alias})
    sync_keys()
    two = list(UnownedKey.objects.filter(intent=""))
    form = {"action": "give", "keys": ",".join(str(row.pk) for row in two), "person": staff.pk}
    assert f"{len(two)} clés sur {len(two)} restent à attribuer" in read(browser.post(url, form, follow=True))

    run_tasks()
    assert f"a {len(two)} clés de plus" in read(browser.get("/people/keys/outside/"))
    run_tasks()
    assert [english_in(f"{message.subject} {message.body}") for message in mail.outbox] == [[], []]


def test_the_status_of_the_portal(admin: User, sandbox: Sandbox, read: Read) -> None:
    browser = in_french(admin)
    read(browser.get("/admin/status/"))
    note_failed(TimeoutError())
    note_run("keys.sync", ok=False)
    read(browser.get("/admin/status/"))
