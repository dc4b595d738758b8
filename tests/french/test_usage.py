"""Usage in French: with and without numbers, filtered, refused, compared, and when polling fails."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.core import mail
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse
from django.utils import timezone, translation
from pytest_django import Settings

from accounts.models import User
from tests.conftest import HTMX
from tests.factories import make_staff
from tests.french.conftest import Read, in_french
from tests.french.reading import english_in
from tests.keys.views.pages import words_of
from tests.sandbox_process import Sandbox
from tests.tasks import sent_tasks
from tests.usage.polling import poll, report_day
from tests.usage.polling import used as reported_use
from tests.usage.views.facts import day, file_of, key_of, settle, used
from usage.models import Discrepancy, ExchangeRate, Notice, PollRun, Reconciliation, UsageState, utc_today
from usage.services import warn_of_budgets
from usage.templatetags.usage_words import long_day
from web.templatetags.portal import short_day

pytestmark = pytest.mark.django_db
EVERYONE = "/usage/everyone/"


@pytest.mark.parametrize("is_settled", [True, False])
def test_without_numbers(admin: User, read: Read, is_settled: bool) -> None:
    if is_settled:
        settle()
    browser = in_french(admin)
    for make_key in (False, True):
        if make_key:
            key_of(admin)
        for page in ("", "interns/", "everyone/", "everyone/cost-centres/", "runs/", "compare/"):
            read(browser.get(f"/usage/{page}"))


def test_a_page_not_for_them(intern: User, read: Read) -> None:
    for page in ("interns/", "everyone/", "runs/", "compare/"):
        read(in_french(intern).get(f"/usage/{page}"))


@pytest.fixture
def busy(staff: User, sandbox: Sandbox) -> User:
    """Let one of the staff have keys in every state of their budget, in many models and days."""
    about: dict[str, Any] = {"budget_usd": 5, "budget_period": "30d"}
    for number, usd in enumerate(("1", "4.5", "6")):
        key = key_of(staff, f"mémoire {number}", intern_name="Intern A", **about)
        used(key, usd, failed_requests=number, ok_requests=2000 * number)
    own = key_of(staff, "own")
    for number in range(9):
        used(own, "2", model=f"m{number}", days_ago=number * 8, prompt_tokens=5 * 10**8)
    used(None, "3")
    return staff


def test_with_numbers(busy: User, admin: User, settings: Settings, read: Read) -> None:
    settings.USAGE_MONTHLY_BUDGET_USD = 20
    browser, admins = in_french(busy), in_french(admin)
    for period in ("today", "7d", "30d", "90d", "month"):
        for page in ("", "interns/"):
            read(browser.get(f"/usage/{page}", {"period": period}))
        read(admins.get(EVERYONE, {"period": period}))
    for filters in ({"model": "m1"}, {"kind": "temporary"}, {"person": "nobody"}, {"order": "-requests"}):
        for period in ("today", "90d"):
            read(admins.get(EVERYONE, {"period": period, **filters}))


def test_rates_and_the_statement(busy: User, admin: User, settings: Settings, read: Read) -> None:
    settings.CURRENCY, settings.CURRENCY_RATE = "EUR", None
    browser, rates = in_french(admin), "/usage/rates/"
    read(browser.get(rates))
    files = [b"Jour;Taux\n2026-11-28;x", b"Jour;Taux\n2026-11-28;1\n2026-11-28;2", b'Jour;Taux\n"', b"Jour;Taux"]
    refused: list[dict[str, Any]] = [{"file": SimpleUploadedFile("taux.csv", text)} for text in files]
    for form in ({}, {"day": "1999-11-28", "per_usd": "1"}, {"day": "x", "per_usd": "x"}, *refused):
        response = browser.post(rates, form)
        assert response.status_code == 422
        read(response)
    read(browser.post(rates, {"day": str(day(0)), "per_usd": "0,92"}, follow=True))
    read(browser.get(reverse("usage:delete_rate", args=[ExchangeRate.objects.get().pk])))
    assert "1 USD = 0,92 EUR" in read(browser.get("/usage/everyone/cost-centres/"))


def test_numbers_are_written_as_in_french(busy: User, read: Read) -> None:
    text = read(in_french(busy).get("/usage/", {"period": "today"}))

    assert "Dépenses 13,50" in text
    assert "500 M" in text
    assert "6,00 utilisés sur 5,00 USD" in text
    assert "de plus que la veille" in text or "rien la veille" in text


def test_my_keys_with_use(busy: User, read: Read) -> None:
    text = read(in_french(busy).get("/"))

    assert "Dernier usage" in text
    assert "épuisé, en pause jusqu’au" in text


def test_a_year_names_its_months_as_one_writes_them(busy: User, admin: User, read: Read) -> None:
    year = in_french(admin).get(EVERYONE).content.decode()

    assert re.search(r'y="11">janv?\.</text>', year)
    assert re.search(r'y="11">juin</text>', year) or re.search(r'y="11">juil\.</text>', year)


def test_days() -> None:
    first, second = day(0).replace(month=10, day=1), day(0).replace(month=10, day=2)
    with translation.override("fr"):
        assert [long_day(first), long_day(second)] == ["1er\u00a0octobre", "2\u00a0octobre"]
        assert [short_day(first), short_day(second)] == ["1er\u00a0oct.", "2\u00a0oct."]


@pytest.mark.parametrize("threshold", [80, 100])
def test_notices(staff: User, read: Read, threshold: int) -> None:
    key = key_of(staff, budget_usd=5, budget_period="30d")
    about = {"period_first_day": day(0).replace(day=1), "spent_usd": 4, "budget_usd": 5, "threshold": threshold}
    for of in (key, None):
        Notice.objects.create(person=staff, key=of, **about)

    text = read(in_french(staff).get("/usage/"))

    assert "4,00 sur 5,00" in text
    assert ("1 clé a épuisé son budget." in text) == (threshold == 100)


@pytest.mark.parametrize("is_admin", [True, False])
@pytest.mark.parametrize("last_ok", [True, False])
def test_polling_that_fails(admin: User, staff: User, read: Read, is_admin: bool, last_ok: bool) -> None:
    settle()
    long_ago = timezone.now() - timedelta(hours=2)
    UsageState.objects.update(
        failing_since=long_ago, last_ok_at=long_ago if last_ok else None, problem="It is not this, nor that."
    )

    text = words_of(in_french(admin if is_admin else staff).get("/usage/"))

    assert ("Vos clés ne sont pas touchées" in text) != is_admin
    read(in_french(admin if is_admin else staff).get("/usage/"))


def test_runs(admin: User, read: Read) -> None:
    settle()
    UsageState.objects.update(backfill_started_on=day(0), backfill_target=day(400), backfilled_to=day(100))
    about = {"first_day": day(2), "last_day": day(0), "started_at": timezone.now(), "ended_at": timezone.now()}
    for kind in PollRun.Kind.values:
        for outcome in PollRun.Outcome.values:
            PollRun.objects.create(kind=kind, outcome=outcome, problem="It was interrupted.", **about)

    assert "Elle a été interrompue." in read(in_french(admin).get("/usage/runs/"))


@pytest.mark.parametrize(
    "fields",
    [
        {"rows_read": 1200, "rows_written": 3, "seconds": 0.84},
        {"rows_read": 1, "seconds": 2},
        {"outcome": "failed", "problem": "It does not answer."},
        {"outcome": "busy", "problem": "Another update is under way."},
    ],
)
def test_what_refresh_now_did(admin: User, read: Read, fields: dict[str, Any]) -> None:
    now = timezone.now()
    about = {"kind": "button", "first_day": day(2), "last_day": day(0), "outcome": "done", "pages": 1, **fields}
    PollRun.objects.create(started_at=now, ended_at=now, **about)
    since = (now - timedelta(seconds=2)).isoformat()

    read(in_french(admin).get("/usage/refreshed/", {"since": since}, headers=HTMX))


def test_asking_the_gateway(admin: User, read: Read) -> None:
    settle()
    browser = in_french(admin)
    for address in ("/usage/refresh/", "/usage/compare/"):
        for _ in range(2):
            read(browser.post(address, follow=True))
    UsageState.objects.update(cooldown_until=timezone.now() + timedelta(seconds=30))
    read(browser.post("/usage/refresh/", headers=HTMX))
    since = (timezone.now() - timedelta(seconds=61)).isoformat()
    read(browser.get("/usage/refreshed/", {"since": since}, headers=HTMX))
    sent_tasks()


def test_a_comparison(admin: User, read: Read) -> None:
    reconciliation = Reconciliation.objects.create(keys_here=7, keys_there=8, days=7, ended_at=timezone.now())
    browser = in_french(admin)
    assert "Aucun écart" in read(browser.get("/usage/compare/"))
    for kind in Discrepancy.Kind.values:
        for fix in Discrepancy.Fix.values:
            sides = {"here": "1.5", "there": "2.5", "measure": "spend_usd"} if kind == "sums" else {"there": "x"}
            Discrepancy.objects.create(reconciliation=reconciliation, kind=kind, fix=fix, **sides)

    text = read(browser.get("/usage/compare/"))

    assert "Dépenses, en USD : 1,50 ici, 2,50 là-bas" in text
    for discrepancy in Discrepancy.objects.all():
        read(browser.post(f"/usage/compare/fix/{discrepancy.pk}/", follow=True))
    sent_tasks()
    Reconciliation.objects.update(problem="It was interrupted.")
    read(browser.get("/usage/compare/"))


def test_the_mail_about_a_budget(sandbox: Sandbox, settings: Settings) -> None:
    """A worker has no language but that of the settings."""
    settings.LANGUAGE_CODE = "fr"
    key = key_of(make_staff("other", email="other@example.edu"), "mémoire", budget_usd=10, budget_period="30d")
    for usd in ("8", "12"):
        report_day(sandbox, utc_today(), reported_use(str(key.tokens.get().token), usd=usd))
        poll()
        warn_of_budgets()

    subjects = [message.subject for message in mail.outbox]
    assert subjects == [
        "[Passerelle] 80\u00a0% du budget de votre clé «\u00a0mémoire\u00a0» sont dépensés",
        "[Passerelle] Le budget de votre clé «\u00a0mémoire\u00a0» est épuisé",
    ]
    for message in mail.outbox:
        assert english_in(str(message.body)) == []


def test_files_are_for_machines_and_the_same_in_every_language(busy: User) -> None:
    browser = in_french(busy)

    for name in ("usage.csv", "facts.csv"):
        text = file_of(browser.get(f"/usage/{name}", {"period": "7d"}))
        assert text == file_of(
            in_french(busy).get(f"/usage/{name}", {"period": "7d"}, headers={"accept-language": "en"})
        )
        assert "4.5" in text


def test_colons_have_their_space(busy: User, admin: User) -> None:
    page = in_french(admin).get(EVERYONE, {"model": "m1"}).content.decode()

    assert "Modèle\u00a0: <bdi>m1</bdi>" in page
    assert "\u00a0: 2,00\u00a0USD</title>" in page
