"""Pages of keys in French, in every state and under every fault."""

import re
from typing import Any

import pytest
from django.core import mail
from django.urls import reverse
from django.utils import timezone, translation
from pytest_django import Settings

from accounts.mail_choices import send_daily_mails
from accounts.models import AuditEntry, User
from keys import catalogue, services
from keys.links import LinkAction, link_to
from keys.models import GatewayModel, GatewayState, Key
from tests.browser.key_states import keys_in_every_state
from tests.factories import make_policy, make_user
from tests.french.conftest import Read, in_french
from tests.french.reading import english_in
from tests.keys.actions import (
    BY_TEST,
    again,
    delete_at_gateway,
    ending_in,
    issue,
    live_token,
    set_at_gateway,
    without_pauses,
)
from tests.ports import free_port
from tests.sandbox_process import Sandbox

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def offered(sandbox: Sandbox) -> None:
    """Let the portal know the gateway's models."""
    catalogue.refresh_models()


def test_my_keys_in_every_state(staff: User, sandbox: Sandbox, read: Read) -> None:
    keys_in_every_state(staff, sandbox)
    browser = in_french(staff)

    words = read(browser.get("/"))

    assert "Expire bientôt" in words
    assert "Renouvelable jusqu’au" in words
    for key in Key.objects.all():
        for page in ("", "delete/", "label/", "rotate/"):
            read(browser.get(f"/keys/{key.pk}/{page}"))
    read(browser.get("/keys/history/"))


def test_renewing_all_and_the_limits_of_an_intern(staff: User, sandbox: Sandbox, read: Read) -> None:
    key = ending_in(issue(staff, "thèse", intern_name="Intern A").key, sandbox, days=3)
    issue(staff, "projet", Key.Kind.PERSONAL)
    browser = in_french(staff)

    for address in ("/keys/renew-all/", f"/keys/{key.pk}/limits/"):
        read(browser.get(address))
        for form in ({}, {"key": [str(key.pk)], "budget_usd": "-1"}, {"key": [str(key.pk)], "all_models": "on"}):
            read(browser.post(address, form, follow=True))
    change = {"budget_usd": "0.5", "all_models": "on"}
    assert "Les limites de" in read(browser.post(f"/keys/{key.pk}/limits/", change, follow=True))
    assert "Aucune clé" in read(browser.get("/keys/renew-all/"))


POLICIES: list[dict[str, Any]] = [
    {},
    {"budget_usd": None, "max_live_keys": None},
    {"budget_period": "1d", "max_live_keys": 1, "temporary__lifetime_days": 1},
    {"budget_period": "7d", "personal__allowed": True, "grace_hours": 0},
    {"all_models": False, "model_names": ["general_nothink"]},
    {"all_models": False, "model_names": ["gone"]},
]


def test_newcomers_of_any_policy(sandbox: Sandbox, read: Read) -> None:
    for policy in POLICIES:
        make_policy("Interns", **policy)
        newcomer = make_user(groups=("Interns",))
        browser = in_french(newcomer)
        for page in ("/", "/models/", "/models/?q=nothing", "/get-started/", "/keys/history/"):
            read(browser.get(page))
        fresh = issue(newcomer)
        for page in ("/", "/get-started/", f"/keys/{fresh.key.pk}/", f"/keys/{fresh.key.pk}/rotate/"):
            read(browser.get(page))


def test_the_life_of_a_key(staff: User, sandbox: Sandbox, read: Read) -> None:
    browser = in_french(staff)

    made = browser.post(
        "/keys/create/",
        {"label": "thesis", "kind": "temporary", "intern_name": "Intern A", "stay_ends_on": "2099-12-31"},
    )
    assert made.status_code == 201
    assert "Copiez-la maintenant" in read(made)
    key = Key.objects.get()
    assert "Elle fonctionne." in read(browser.post("/keys/check/", {"secret": made.context["secret"]}))
    ending_in(key, sandbox, days=3)
    assert "fonctionne jusqu’au" in read(browser.post(f"/keys/{key.pk}/renew/", follow=True))
    assert "L’ancien secret fonctionne encore" in read(browser.post(f"/keys/{key.pk}/rotate/"))
    for action in ("pause", "pause", "resume", "resume"):
        read(browser.post(f"/keys/{key.pk}/{action}/", follow=True))
        read(browser.get(f"/keys/{key.pk}/"))
    for action in ("rotate", "end-old", "end-old", "renew", "label", "delete", "delete", "renew", "rotate", "end-old"):
        read(browser.post(f"/keys/{key.pk}/{action}/", {"label": "another"}, follow=True))
    read(browser.get(f"/keys/{key.pk}/"))


WRONG: list[dict[str, str]] = [
    {"label": "THESIS"},
    {"label": ""},
    {"label": "x" * 61},
    {"label": "a\x00b"},
    {"kind": "none"},
    {"intern_email": "nowhere"},
    {"intern_name": "Intern A", "kind": "personal"},
    {"stay_ends_on": "2001-01-01"},
    {"stay_ends_on": "no day"},
]


def test_refused_forms(staff: User, sandbox: Sandbox, read: Read) -> None:
    issue(staff, "thesis")
    browser = in_french(staff)

    for wrong in WRONG:
        answer = browser.post("/keys/create/", {"label": "other", "kind": "temporary", **wrong})
        assert answer.status_code == 422, wrong
        read(answer)


@pytest.mark.parametrize(
    ("allowed", "words"), [(3, "Vous avez 3 clés sur les 3"), (1, "Vous avez 1 clé sur 1 permise")]
)
def test_a_key_too_many(intern: User, read: Read, allowed: int, words: str) -> None:
    make_policy("Interns", max_live_keys=allowed)
    for number in range(allowed):
        issue(intern, f"label {number}")

    assert words in read(in_french(intern).post("/keys/create/", {"label": "one more"}))


@pytest.mark.parametrize("fault", ["drop_after", "drop_before", "away"])
def test_a_gateway_that_fails(staff: User, sandbox: Sandbox, settings: Settings, read: Read, fault: str) -> None:
    actions = ("renew", "rotate", "end-old", "delete")
    keys = {
        action: ending_in(issue(staff, f"clé {number}").key, sandbox, days=3) for number, action in enumerate(actions)
    }
    services.rotate_key(key=keys["end-old"], actor=BY_TEST)
    if fault == "away":
        settings.GATEWAY_URL = f"http://127.0.0.1:{free_port()}"
    else:
        sandbox.faults("*", fault, times=99)
    without_pauses()
    browser = in_french(staff)

    for address in ("/keys/create/", *(f"/keys/{key.pk}/{action}/" for action, key in keys.items())):
        said = read(browser.post(address, {"label": "other", "kind": "temporary"}))
        assert re.search("passerelle (ne répond pas|s’est perdue|n(e l)?’a pas encore confirmé)", said), address
    for page in ("/", *(f"/keys/{key.pk}/" for key in keys.values()), "/keys/history/"):
        read(browser.get(page))


def test_a_check(staff: User, sandbox: Sandbox, settings: Settings, read: Read) -> None:
    browser = in_french(staff)

    def check(secret: str) -> None:
        read(browser.post("/keys/check/", {"secret": secret}))

    check("sk-other")
    fresh = issue(staff)
    check(fresh.secret)
    set_at_gateway(sandbox, live_token(fresh.key), blocked=True)
    check(fresh.secret)
    expired = issue(staff, "another")
    ending_in(expired.key, sandbox, days=-1)
    check(expired.secret)
    delete_at_gateway(sandbox, expired.key)
    check(expired.secret)
    settings.GATEWAY_URL = f"http://127.0.0.1:{free_port()}"
    check(fresh.secret)


def test_the_gateway_in_every_state(intern: User, read: Read) -> None:
    now = timezone.now()
    given = {"checked_at": now, "models_at": now, "version": "1.2"}
    browser = in_french(intern)

    for problem in ("", "key_refused", "refused", "unhealthy", "no_models", "unreachable"):
        is_unreachable = problem == "unreachable"
        GatewayState.objects.update(
            **given, problem=problem, sandbox=problem in ("", "unhealthy"), down_since=now if is_unreachable else None
        )
        for page in ("/", "/status/", "/models/", "/usage/", "/playground/"):
            read(browser.get(page))


def test_a_gateway_of_which_nothing_is_known(intern: User, read: Read) -> None:
    GatewayState.objects.all().delete()
    GatewayModel.objects.all().delete()

    assert "Pas encore vérifiée" in read(in_french(intern).get("/status/"))
    assert "Pas encore de liste" in read(in_french(intern).get("/models/"))
    read(in_french(intern).get("/get-started/"))


def test_what_the_portal_noted_by_itself_is_read_in_the_language_of_the_reader(staff: User, sandbox: Sandbox) -> None:
    key = issue(staff).key
    delete_at_gateway(sandbox, key)
    services.sync_keys()
    entry = AuditEntry.objects.of_key(key.pk)[0]

    assert entry.remark == "It was deleted at the gateway, not in the portal."
    with translation.override("fr"):
        assert entry.remark == "Elle a été supprimée côté passerelle, pas dans le portail."


def test_the_mail_before_an_end(staff: User, sandbox: Sandbox, settings: Settings) -> None:
    """A worker has no language but that of the settings."""
    ending_in(issue(staff, "mémoire").key, sandbox, days=5)
    settings.LANGUAGE_CODE = "fr"

    services.remind_owners()

    (message,) = mail.outbox
    assert message.subject == "[Passerelle] Votre clé «\u00a0mémoire\u00a0» expire bientôt"
    assert "expire dans 5\u00a0jours (" in message.body
    assert "Renew" not in message.body


def test_the_link_of_a_reminder(staff: User, sandbox: Sandbox, read: Read) -> None:
    key, browser = ending_in(issue(staff).key, sandbox, days=3), in_french()
    link = link_to(LinkAction.RENEW, key)

    read(browser.get(link))
    read(in_french(make_user("other")).get(link))
    sandbox.faults("/key/update", "error", status=503)
    read(browser.post(link))
    read(browser.post(link))
    to_pause = link_to(LinkAction.PAUSE, again(key))
    for ask in (browser.get, browser.post, browser.post):
        read(ask(to_pause))
    for address in (link, f"{link}x", link.replace("/renew/", "/renew/x")):
        read(browser.get(address, follow=True))


def test_the_choice_of_mails(staff: User, sandbox: Sandbox, read: Read) -> None:
    User.objects.filter(pk=staff.pk).update(language="fr")
    browser, url = in_french(staff), reverse("account_mails")
    read(browser.get(url))
    read(browser.post(url, {"expiry": "on", "daily": "on"}, follow=True))
    ending_in(issue(staff).key, sandbox, days=3)
    services.remind_owners()
    assert send_daily_mails() == 1

    (message,) = mail.outbox
    assert english_in(f"{message.subject} {message.body}") == []
