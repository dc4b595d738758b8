"""The ten questions of docs/admin.md: each address that it names answers its question."""

from datetime import timedelta
from decimal import Decimal

from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from accounts.models import User
from keys.models import PersonBudget
from tests.factories import make_user
from tests.keys.views.pages import words_of
from tests.usage.views.facts import file_of, key_of, used
from usage.models import utc_today


def in_usd(client: Client, address: str) -> str:
    """Return the words of a page, with plain spaces."""
    return words_of(client.get(address)).replace("\xa0", " ")


def listed(client: Client, address: str, *people: User) -> list[User]:
    """Return those of these people to whom a list leads."""
    page = client.get(address).content.decode()
    return [person for person in people if f'href="/people/{person.pk}/"' in page]


def test_the_ten_questions_are_answered_where_the_documentation_says(
    as_admin: Client, staff: User, intern: User, settings: Settings
) -> None:
    settings.PORTAL_BUDGET_USD = Decimal(1000)
    of_intern = key_of(staff, "interviews", intern_name="Ada", budget_usd=5, budget_period="30d")
    used(of_intern, "7.25", model="llama-70b", failed_requests=9)
    used(key_of(intern, "thesis"), "3.50", model="gpt-4o-mini")
    used(key_of(make_user("former", groups=("Interns",))), "42", days_ago=utc_today().day)  # the last day of last month
    PersonBudget.objects.create(owner=staff, budget_usd=5, budget_period="30d", state=PersonBudget.State.WRITTEN)
    gone = make_user("gone", is_active=False)
    key_of(gone, "left behind", created_at=timezone.now() - timedelta(days=90))

    week = in_usd(as_admin, "/usage/everyone/?period=7d")
    spenders = week.partition("Live keys")[2]
    assert spenders.index("7.25") < spenders.index("3.50")  # 1
    of_staff = in_usd(as_admin, f"/usage/everyone/?period=7d&person={staff.username}")
    assert "llama-70b" in of_staff  # 2
    assert "3.50" not in of_staff
    assert listed(as_admin, "/people/?over=1", staff, intern) == [staff]  # 3
    assert "42.00" in in_usd(as_admin, "/usage/everyone/?period=last-month&group=Interns")  # 4
    unused = in_usd(as_admin, "/people/keys/?idle=60")  # 5
    assert ("left behind" in unused, "interviews" in unused) == (True, False)
    assert listed(as_admin, "/people/?state=inactive&keys=some", gone, staff) == [gone]  # 6
    assert "Forecast" in in_usd(as_admin, "/usage/everyone/?period=month")  # 7
    failing = in_usd(as_admin, "/usage/everyone/?period=7d&metric=failed-share").partition(
        "Model Share of failed requests"
    )[2]
    assert failing.index("llama-70b") < failing.index("gpt-4o-mini")  # 8
    assert "Ada" in in_usd(as_admin, f"/people/{staff.pk}/")  # 9
    file = file_of(as_admin.get("/usage/everyone/facts.csv?period=7d"))  # 10
    assert all(word in file for word in ("interviews", "Ada", "llama-70b", intern.username))
