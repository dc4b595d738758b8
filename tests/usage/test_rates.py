"""Rates of the lab's currency by day: pages have today's, files of days each day's own."""

import re
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from html import unescape

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from accounts.audit import Actor
from accounts.models import AuditEntry, User
from tests.conftest import signed_in
from tests.keys.views.pages import assert_only, words_of
from tests.people.conftest import with_permissions
from tests.usage.views.facts import day, key_of, table_of, used
from usage.models import CostCentre, DayCostCentre, ExchangeRate, Fact, utc_today
from usage.services import delete_rate, enter_rates, rebuild_rollups
from usage.services.rates import SHOWN
from usage.views.statement import PER_PAGE
from web.currency import day_rates, newest_rate, present_rate

pytestmark = pytest.mark.django_db
RATES = "/usage/rates/"


@pytest.fixture
def euros(settings: Settings) -> Iterator[None]:
    settings.CURRENCY, settings.CURRENCY_RATE = "EUR", None
    newest_rate.forget()
    yield
    newest_rate.forget()


@pytest.fixture
def two_rates(euros: None, admin: User) -> None:
    """Let a USD be 0.5 EUR from two days ago on, and 0.8 from today on."""
    enter_rates({day(2): Decimal("0.5"), day(0): Decimal("0.8")}, person=admin, actor=Actor(user=admin))


def test_a_rate_holds_until_the_next_one(two_rates: None, admin: User) -> None:
    rate_of = day_rates()

    rates = [rate_of(day(ago)) for ago in (9, 2, 1, 0)]
    assert [rate and rate.per_usd for rate in rates] == [Decimal(rate) for rate in ("0.5", "0.5", "0.5", "0.8")]
    enter_rates({utc_today() + timedelta(days=1): Decimal(9)}, person=admin, actor=Actor(user=admin))
    present = present_rate()
    assert present is not None
    assert (present.per_usd, present.day) == (Decimal("0.8"), utc_today())


def test_without_any_rate_amounts_are_in_usd(euros: None, as_admin: Client, admin: User) -> None:
    used(key_of(admin), "4")

    assert "4.00 USD" in words_of(as_admin.get("/usage/"))
    assert "No rate is entered yet" in words_of(as_admin.get(RATES))
    assert as_admin.get("/usage/everyone/cost-centres/").status_code == 200


def test_the_page_has_one_rate_and_the_statement_that_of_each_day(
    two_rates: None, as_admin: Client, admin: User
) -> None:
    key, centre = key_of(admin), CostCentre.objects.create(code="4711-A")
    used(key, "10", days_ago=0, cost_centre_number=centre.pk)
    used(key, "10", days_ago=1, cost_centre_number=centre.pk)
    used(key, "2", days_ago=1, model="other")

    assert "17.60 EUR" in words_of(as_admin.get("/usage/"))
    rows = table_of(as_admin.get("/usage/facts.csv"))
    assert [(row["spend_usd"], row["spend_eur"]) for row in rows] == [("10", "5"), ("2", "1"), ("10", "8")]
    (total, *_others) = table_of(as_admin.get("/usage/usage.csv"))
    assert (total["spend_usd"], total["spend_eur"]) == ("22", "17.6")
    found: dict[str, Decimal] = {}
    for year in {day(0).year, day(1).year}:
        for row in table_of(as_admin.get("/usage/everyone/cost-centres.csv", {"year": year})):
            found[row["cost_centre"]] = found.get(row["cost_centre"], Decimal(0)) + Decimal(row["spend_eur"])
    assert found == {"4711-A": Decimal(13), "": Decimal(1)}
    french = table_of(as_admin.get("/usage/everyone/cost-centres.csv", {"for": "people"}))
    assert "Spend (EUR)" in french[0]
    page = words_of(as_admin.get("/usage/everyone/cost-centres/"))
    assert "4711-A" in page
    assert "Each day is converted at its own rate" in page


def test_the_statement_equals_the_facts(euros: None, as_admin: Client, admin: User) -> None:
    key = key_of(admin)
    centres = [CostCentre.objects.create(code=code).pk for code in ("A", "B")]
    for ago in range(40):
        used(key, f"0.{ago}1", days_ago=ago, cost_centre_number=[0, *centres][ago % 3])
    rebuild_rollups()

    found: dict[tuple[str, str], Decimal] = {}
    for year in {day(0).year, day(39).year}:
        for row in table_of(as_admin.get("/usage/everyone/cost-centres.csv", {"year": year})):
            found[row["month"], row["cost_centre"]] = Decimal(row["spend_usd"])
    right: dict[tuple[str, str], Decimal] = {}
    names = dict(CostCentre.objects.values_list("pk", "code"))
    for fact in Fact.objects.all():
        name = (f"{fact.day:%Y-%m}", names.get(fact.cost_centre_number, ""))
        right[name] = right.get(name, Decimal(0)) + fact.spend_usd
    assert found == right


def test_a_long_statement_has_pages_and_one_total(as_admin: Client, admin: User) -> None:
    model = used(key_of(admin), "1").model
    codes = [f"C{number:03}" for number in range(PER_PAGE)]
    centres = CostCentre.objects.bulk_create([CostCentre(code=code) for code in codes])
    about = {"day": day(0), "model": model, "spend_usd": Decimal(2)}
    DayCostCentre.objects.bulk_create([DayCostCentre(cost_centre_number=centre.pk, **about) for centre in centres])

    first, second = (as_admin.get(reverse("usage:statement"), {"page": page}).content.decode() for page in (1, 2))

    assert (codes[-2] in first, codes[-1] in first) == (True, False)
    assert (codes[-2] in second, codes[-1] in second) == (False, True)
    assert all("1,001.00" in page for page in (first, second))
    assert f'href="?year={day(0).year}&amp;page=2"' in first


def test_an_entry_of_the_statement_leads_to_its_usage(as_admin: Client, admin: User) -> None:
    key, centre = key_of(admin), CostCentre.objects.create(code="4711|A & B")
    used(key, "3", days_ago=0, cost_centre_number=centre.pk)
    used(key, "4", days_ago=40, cost_centre_number=centre.pk)
    used(key, "50", days_ago=40, model="other")

    page = as_admin.get("/usage/everyone/cost-centres/", {"year": day(40).year}).content.decode()
    links = [unescape(link) for link in re.findall(r'href="(/usage/everyone/\?cost_centre=[^"]*)"', page)]
    of_month = next(link for link in links if f"from={day(40):%Y-%m}-01" in link)
    shown = as_admin.get(of_month)

    assert re.search(r"\b4\.00 USD", words_of(shown))
    assert 'name="cost_centre" value="4711\\|A &amp; B"' in shown.content.decode()  # stays with further filters


def test_rates_are_entered_one_by_one_and_by_file(euros: None, as_admin: Client) -> None:
    one = as_admin.post(RATES, {"day": str(day(3)), "per_usd": "0.91"}, follow=True)
    assert "1 rate is new or different." in words_of(one)
    file = SimpleUploadedFile("rates.csv", f"Jour;Taux\r\n{day(3)};0,92\r\n{day(2)};0,93\r\n".encode())
    several = as_admin.post(RATES, {"file": file}, follow=True)

    assert "2 rates are new or different." in words_of(several)
    assert "0.92" in words_of(several)
    assert list(ExchangeRate.objects.order_by("day").values_list("per_usd", flat=True)) == [
        Decimal("0.92"),
        Decimal("0.93"),
    ]
    corrected = AuditEntry.objects.order_by("-pk")[0]
    assert corrected.remark == f"{day(3)}: 0.91 → 0.92; {day(2)}: – → 0.93"
    assert words_of(as_admin.get("/usage/")).count("1 USD = 0.93 EUR.") == 1


def test_the_trail_has_each_rate_of_a_long_file(euros: None, admin: User) -> None:
    days = [day(ago) for ago in range(SHOWN + 2)]
    for rate in ("0.9", "0.8"):
        enter_rates(dict.fromkeys(days, Decimal(rate)), person=admin, actor=Actor(user=admin))

    corrected = AuditEntry.objects.order_by("-pk")[0]
    assert corrected.details["changes"] == {str(each): ["0.9", "0.8"] for each in days}
    assert corrected.remark.count("→") == SHOWN
    assert corrected.remark.endswith(" …")


def test_a_rate_has_a_comma_in_french(euros: None, as_admin: Client, admin: User) -> None:
    User.objects.filter(pk=admin.pk).update(language="fr")

    assert f'value="{utc_today()}"' in as_admin.get(RATES).content.decode()
    as_admin.post(RATES, {"day": str(day(3)), "per_usd": "0,92"})
    as_admin.post(RATES, {"day": str(day(2)), "per_usd": "0.93"})

    assert list(ExchangeRate.objects.order_by("day").values_list("per_usd", flat=True)) == [
        Decimal("0.92"),
        Decimal("0.93"),
    ]


def test_a_wrong_rate_is_deleted_after_a_question(two_rates: None, as_admin: Client, admin: User) -> None:
    used(key_of(admin), "10", days_ago=0)
    first, second = ExchangeRate.objects.order_by("day")
    url = reverse("usage:delete_rate", args=[second.pk])
    assert f'href="{url}"' in as_admin.get(RATES).content.decode()
    assert "1 USD = 0.5 EUR. The daily data" in words_of(as_admin.get(url))

    assert "is deleted" in words_of(as_admin.post(url, follow=True))

    assert list(ExchangeRate.objects.all()) == [first]
    assert [row["spend_eur"] for row in table_of(as_admin.get("/usage/facts.csv"))] == ["5"]
    entry = AuditEntry.objects.order_by("-pk")[0]
    assert (entry.object_kind, entry.action, entry.remark) == ("rate", "delete", f"{day(0)}: 0.8")
    count = AuditEntry.objects.count()
    assert as_admin.post(url).status_code == 404
    delete_rate(second, actor=Actor(user=admin))  # at the same time as somebody else
    assert AuditEntry.objects.count() == count
    last = reverse("usage:delete_rate", args=[first.pk])
    assert "It is the only rate" in words_of(as_admin.get(last))
    as_admin.post(last)
    assert "No rate is entered yet" in words_of(as_admin.get(RATES))


@pytest.mark.parametrize(
    ("form", "why"),
    [
        ({"day": "2026-11-28", "per_usd": "-1"}, "greater than or equal"),
        ({"day": "2026-11-28", "per_usd": "nan"}, "Enter a number."),
        ({"day": "1999-11-28", "per_usd": "0.9"}, "Days must be between 2020-01-01"),
        ({"day": "2026-11-28"}, "Enter a day and a rate, or choose a file."),
        ({}, "Enter a day and a rate, or choose a file."),
        ({"text": "day,rate\n2026-11-28,0.9\n2026-11-29,x"}, "Line 3 is not a day and a rate."),
        ({"text": "day,rate\n"}, "There is no rate in the file."),
        ({"text": "2026-11-28,1,08\n2026-11-29,1,09"}, "Line 1 is not a day and a rate."),  # 1.08, not 1
        ({"text": "28/11/2026;0,92\n2026-11-29;0,93"}, "Line 1 is not a day and a rate."),
        ({"text": "2026-11-28;x\n2026-11-29;0,93"}, "Line 1 is not a day and a rate."),
        ({"text": "day;rate\n2026-11-28"}, "Line 2 is not a day and a rate."),
        ({"text": "2026-11-28;0,92\n2026-11-28;0,93"}, "Line 2 has another rate"),
        ({"text": "day;rate\r2026-11-28;0,92\r2026-11-29;x"}, "Line 3 is not a day and a rate."),
        ({"text": 'day;rate\n2026-11-28;"' + "1" * 140_000 + '"'}, "Line 2 "),  # more than a cell of csv may have
    ],
)
def test_refuses_what_is_no_rate(euros: None, as_admin: Client, form: dict[str, str], why: str) -> None:
    sent = {"file": SimpleUploadedFile("rates.csv", form["text"].encode())} if "text" in form else form

    response = as_admin.post(RATES, sent)

    assert response.status_code == 422
    assert why in words_of(response)
    assert not ExchangeRate.objects.exists()


def test_who_sees_and_who_enters_rates(
    two_rates: None, as_admin: Client, as_staff: Client, settings: Settings, staff: User
) -> None:
    rate = ExchangeRate.objects.order_by("day")[0]
    deletion = reverse("usage:delete_rate", args=[rate.pk])
    assert {as_staff.get(deletion).status_code, as_staff.post(deletion).status_code} == {403}
    assert as_staff.get(RATES).status_code == 403
    assert as_staff.get("/usage/everyone/cost-centres/").status_code == 403
    assert as_staff.get("/usage/everyone/cost-centres.csv").status_code == 403
    reader = signed_in(with_permissions("usage-reader", "usage.view_everyone"))
    assert "per_usd" not in reader.get(RATES).content.decode()
    assert reader.post(RATES, {"day": str(day(0)), "per_usd": "0.9"}).status_code == 403
    assert deletion not in reader.get(RATES).content.decode()
    assert {reader.get(deletion).status_code, reader.post(deletion).status_code} == {403}
    ExchangeRate.objects.filter(pk=rate.pk).update(currency="GBP")  # of a currency before this one
    assert as_admin.post(deletion).status_code == 404
    assert ExchangeRate.objects.count() == 2
    assert_only(as_admin, RATES, "get", "post")
    assert_only(as_admin, reverse("usage:statement"), "get")

    settings.CURRENCY_RATE = Decimal("0.9")
    assert {as_admin.get(url).status_code for url in (RATES, deletion)} == {404}
