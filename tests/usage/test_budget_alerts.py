"""One notice and one mail when 80 %, and when all, of a budget is spent."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.contrib.auth.models import Group, Permission
from django.core import mail
from pytest_django import Settings

from accounts.models import MailChoices, User
from keys.models import Key, PersonBudget
from tests.factories import make_user
from tests.ports import free_port
from tests.sandbox_process import Sandbox
from tests.usage.polling import make_key, poll, report_day, used
from usage.models import DayToken, Fact, Notice, TokenRef, UsedModel, utc_today
from usage.services import rebuild_rollups, warn_of_budgets

pytestmark = pytest.mark.django_db
A, B = "a" * 64, "b" * 64
BUDGET = {"budget_usd": Decimal(10), "budget_period": "30d"}


@pytest.fixture
def key(intern: User) -> Key:
    """Make a key of 10 USD a month, with a token it had before."""
    return make_key(intern, B, A, label="thesis", **BUDGET)


def spend(sandbox: Sandbox, *usd: str) -> int:
    """Let the gateway report what the key's tokens spent today, poll, and warn."""
    report_day(sandbox, utc_today(), *(used(token, usd=amount) for token, amount in zip((A, B), usd, strict=False)))
    assert poll().outcome == "done"
    return warn_of_budgets()


def test_sends_nothing_below_80_percent(sandbox: Sandbox, key: Key) -> None:
    assert spend(sandbox, "7.99") == 0
    assert not Notice.objects.exists()


def test_notifies_at_80_percent_and_at_100_each_once(sandbox: Sandbox, key: Key, intern: User) -> None:
    assert [spend(sandbox, usd) for usd in ("8", "8", "9.99", "10", "12")] == [1, 0, 0, 1, 0]

    assert [message.to for message in mail.outbox] == [[intern.email]] * 2
    first, second = mail.outbox
    assert first.subject == "[Passerelle] 80 % of the budget of your key “thesis” is spent"
    assert "8.00\u00a0USD of 10.00\u00a0USD" in first.body
    assert "resets on the 1st (UTC)" in first.body
    assert second.subject == "[Passerelle] The budget of your key “thesis” is spent"
    assert list(Notice.objects.order_by("pk").values_list("person", "key", "threshold", "spent_usd")) == [
        (intern.pk, key.pk, 80, Decimal(8)),
        (intern.pk, key.pk, 100, Decimal(10)),
    ]
    assert Notice.objects.filter(period_first_day=utc_today().replace(day=1)).count() == 2


def test_passing_both_thresholds_notifies_of_100_percent_only(sandbox: Sandbox, key: Key) -> None:
    assert [spend(sandbox, "6", "6"), spend(sandbox, "5", "4")] == [1, 0]

    assert [notice.threshold for notice in Notice.objects.all()] == [100]


def test_counts_from_the_day_on_which_the_gateway_does(intern: User) -> None:
    model = UsedModel.objects.create(name="m")
    monday = utc_today() - timedelta(days=utc_today().weekday())
    for token, period, first_day in (
        (A, "1d", utc_today()),
        (B, "7d", monday),
        ("c", "30d", utc_today().replace(day=1)),
    ):
        make_key(intern, token, label=period, budget_usd=Decimal(10), budget_period=period)
        token_ref = TokenRef.objects.create(token=token, key=Key.objects.get(label=period), owner=intern)
        Fact.objects.create(day=first_day - timedelta(days=1), token_ref=token_ref, model=model, spend_usd=Decimal(50))
        Fact.objects.create(day=first_day, token_ref=token_ref, model=model, spend_usd=Decimal(8))
    rebuild_rollups()

    assert warn_of_budgets() == 3

    assert set(Notice.objects.values_list("key__label", "spent_usd", "period_first_day")) == {
        ("1d", Decimal(8), utc_today()),
        ("7d", Decimal(8), monday),
        ("30d", Decimal(8), utc_today().replace(day=1)),
    }
    Notice.objects.update(period_first_day=utc_today() - timedelta(days=40))
    assert warn_of_budgets() == 3  # a new period, a new notice


@pytest.mark.parametrize("change", [{"state": Key.State.DELETED}, {"budget_usd": None}, {"budget_period": "14d"}])
def test_sends_nothing_for_keys_without_a_known_budget(sandbox: Sandbox, key: Key, change: dict[str, object]) -> None:
    Key.objects.update(**change)

    assert spend(sandbox, "100") == 0
    assert not Notice.objects.exists()


def test_tries_again_when_the_mail_server_was_away(sandbox: Sandbox, key: Key, settings: Settings) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", free_port()
    assert spend(sandbox, "9") == 0
    assert Notice.objects.get().mailed_at is None

    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    assert [warn_of_budgets(), warn_of_budgets()] == [1, 0]
    assert Notice.objects.get().mailed_at is not None


def test_a_mail_that_is_not_wanted_is_not_sent_later(sandbox: Sandbox, key: Key, intern: User) -> None:
    MailChoices.objects.create(person=intern, budget=False)
    assert spend(sandbox, "9") == 0

    MailChoices.objects.update(budget=True)
    assert warn_of_budgets() == 0

    assert not mail.outbox
    assert Notice.objects.get().mailed_at is not None


def test_people_without_an_address_get_a_notice(sandbox: Sandbox, key: Key) -> None:
    User.objects.update(email="")

    assert spend(sandbox, "9") == 0
    assert Notice.objects.count() == 1


def test_the_portals_budget_notifies_every_admin(
    sandbox: Sandbox, intern: User, admin: User, settings: Settings
) -> None:
    other = make_user("other-admin", groups=("Admins",))
    make_user("left", groups=("Admins",), is_active=False)
    settings.PORTAL_BUDGET_USD = Decimal(100)

    assert [spend(sandbox, usd) for usd in ("79", "80", "99", "100")] == [0, 2, 0, 2]

    assert {address for message in mail.outbox for address in message.to} == {admin.email, other.email}
    assert mail.outbox[0].subject == "[Passerelle] 80 % of this month’s budget of the portal is spent"
    assert "80.00\u00a0USD of 100.00\u00a0USD" in mail.outbox[0].body
    assert not Notice.objects.exclude(key=None).exists()


def test_the_portals_budget_notifies_by_permission_not_by_group_name(
    sandbox: Sandbox, intern: User, settings: Settings
) -> None:
    Group.objects.get(name="Admins").permissions.clear()
    make_user("by-name-only", groups=("Admins",))
    bursar = make_user("bursar", groups=("Bursar’s office",))
    bursar.groups.get().permissions.add(Permission.objects.get(codename="view_everyone"))
    by_herself = make_user("dean")
    by_herself.user_permissions.add(Permission.objects.get(codename="view_everyone"))
    settings.PORTAL_BUDGET_USD = Decimal(100)

    spend(sandbox, "80")

    assert {address for message in mail.outbox for address in message.to} == {bursar.email, by_herself.email}


def test_admins_without_an_address_get_a_notice(
    sandbox: Sandbox, intern: User, admin: User, settings: Settings
) -> None:
    User.objects.filter(pk=admin.pk).update(email="")
    settings.PORTAL_BUDGET_USD = Decimal(100)

    spend(sandbox, "80")

    assert Notice.objects.filter(person=admin, key=None).count() == 1


def test_without_a_portal_budget_admins_get_nothing(sandbox: Sandbox, admin: User) -> None:
    assert spend(sandbox, "1000") == 0
    assert DayToken.objects.exists()


# --- The budget of a person for all keys together -----------------------------------------------------
@pytest.fixture
def two_keys(intern: User) -> User:
    """Give an intern two keys of 10 USD, and 6 USD for both together."""
    for token, label in ((A, "thesis"), (B, "seminar")):
        make_key(intern, token, label=label, **BUDGET)
    PersonBudget.objects.create(owner=intern, budget_usd=6, budget_period="30d", state="written")
    return intern


def test_notifies_of_the_persons_budget_at_80_percent_and_at_100_each_once(sandbox: Sandbox, two_keys: User) -> None:
    sent = [spend(sandbox, *usd) for usd in (("4.7",), ("2.4", "2.4"), ("2.4", "3"), ("3", "3"), ("8", "8"))]

    assert sent == [0, 1, 0, 1, 0]  # at 8 USD nothing of the keys: they stopped before
    first, second = mail.outbox
    assert first.subject == "[Passerelle] 80 % of your budget is spent"
    assert "this is about your budget for all your keys together, the Playground included." in first.body
    assert "4.80\u00a0USD of 6.00\u00a0USD" in first.body
    assert (
        "When all of it is spent, the gateway refuses further calls with all your keys until it resets." in first.body
    )
    assert "resets on the 1st (UTC)" in first.body
    assert second.subject == "[Passerelle] Your budget is spent"
    assert "The gateway refuses further calls with all your keys until it resets." in second.body
    assert Notice.objects.filter(person=two_keys, key=None, of_person=True).count() == Notice.objects.count() == 2


def test_a_key_that_stops_before_its_owners_budget_is_reported(sandbox: Sandbox, two_keys: User) -> None:
    Key.objects.filter(label="thesis").update(budget_usd=Decimal(2))

    assert spend(sandbox, "2") == 1

    assert Notice.objects.get().key == Key.objects.get(label="thesis")


def test_keys_that_were_deleted_count_and_those_made_outside_do_not(sandbox: Sandbox, two_keys: User) -> None:
    Key.objects.filter(label="thesis").update(kind=Key.Kind.EXTERNAL)
    assert spend(sandbox, "5.9", "1") == 0

    Key.objects.filter(label="seminar").update(state=Key.State.DELETED)
    assert spend(sandbox, "0", "6") == 1
    assert Notice.objects.get().of_person


def test_an_admin_is_notified_of_the_portals_budget_and_their_own(
    sandbox: Sandbox, two_keys: User, admin: User, settings: Settings
) -> None:
    settings.PORTAL_BUDGET_USD = Decimal(6)
    PersonBudget.objects.create(owner=admin, budget_usd=1, budget_period="30d", state="written")
    Key.objects.update(owner=admin)
    PersonBudget.objects.filter(owner=two_keys).delete()

    assert spend(sandbox, "3", "3") == 2

    assert set(Notice.objects.values_list("person", "of_person")) == {(admin.pk, True), (admin.pk, False)}
