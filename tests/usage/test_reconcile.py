"""Discrepancies between the portal and the gateway, in rows, each with its fix."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from accounts.models import User
from keys.models import Key, Token
from keys.services import renew_key, sync_keys
from tests.keys.actions import BY_TEST, delete_at_gateway, ending_in, issue, set_at_gateway
from tests.sandbox_process import Sandbox
from tests.usage.polling import end_cooldown, poll, report_day, used, yesterday
from usage.models import DayModel, Discrepancy, Fact, Reconciliation, utc_today
from usage.services import compare_with_gateway
from usage.tasks import reconcile, refresh_day

pytestmark = pytest.mark.django_db
A = "a" * 64


def discrepancies() -> list[tuple[str, str, str]]:
    """Compare, and return kind, fix and name of each discrepancy."""
    found = compare_with_gateway()
    assert found.problem == ""
    assert found.ended_at is not None
    return list(found.discrepancies.values_list("kind", "fix", "name"))


def test_two_that_agree_have_no_differences(sandbox: Sandbox, intern: User) -> None:
    issue(intern)
    report_day(sandbox, yesterday(), used(A, usd="0.123456789"))
    poll(yesterday(), yesterday())

    assert discrepancies() == []
    reconciliation = Reconciliation.objects.get()
    assert (reconciliation.keys_here, reconciliation.keys_there, reconciliation.days) == (1, 1, 7)


def test_a_key_that_only_the_portal_has(sandbox: Sandbox, intern: User) -> None:
    delete_at_gateway(sandbox, issue(intern).key)

    assert discrepancies() == [("only_here", "sync", "thesis")]
    sync_keys()
    assert discrepancies() == []


def test_a_key_that_only_the_gateway_has(sandbox: Sandbox, intern: User) -> None:
    make_outside(sandbox, user_id=intern.gateway_user_id, key_alias="notebook")

    assert discrepancies() == [("only_there", "sync", "notebook")]
    sync_keys()
    assert discrepancies() == []


@pytest.mark.parametrize("about", [{"user_id": "who-knows"}, {}])
def test_a_key_that_is_nobodys(sandbox: Sandbox, intern: User, about: dict[str, str]) -> None:
    make_outside(sandbox, key_alias="lost", **about)

    assert discrepancies() == [("owner_missing", "gateway", "lost")]


def test_a_key_whose_owner_the_gateway_names_otherwise(sandbox: Sandbox, intern: User, staff: User) -> None:
    issue(intern)
    User.objects.filter(pk=intern.pk).update(gateway_user_id="another")

    assert discrepancies() == [("owner_differs", "gateway", "thesis")]


def test_a_key_that_ends_at_another_time(sandbox: Sandbox, intern: User) -> None:
    key = issue(intern).key
    token = Token.objects.get().token
    set_at_gateway(sandbox, token, duration="90d")

    assert discrepancies() == [("expiry", "sync", "thesis")]
    discrepancy = Discrepancy.objects.get()
    assert discrepancy.key == key
    assert discrepancy.here[:10] == (utc_today() + timedelta(days=30)).isoformat()
    assert discrepancy.there[:10] == (utc_today() + timedelta(days=90)).isoformat()
    sync_keys()
    assert discrepancies() == []


def test_a_key_that_works_again_after_its_end_here(sandbox: Sandbox, intern: User) -> None:
    issue(intern)
    Token.objects.update(state=Token.State.DELETED)
    Key.objects.update(state=Key.State.DELETED)

    assert discrepancies() == [("only_there", "sync", "thesis")]


def test_a_key_that_was_renewed_and_one_under_way_agree(sandbox: Sandbox, staff: User) -> None:
    renew_key(key=ending_in(issue(staff).key, sandbox, days=4), actor=BY_TEST)
    under_way = Key.objects.create(owner=staff, kind=Key.Kind.TEMPORARY, label="new")
    token = Token.objects.create(key=under_way)
    make_outside(sandbox, user_id=staff.gateway_user_id, key_alias=token.alias)

    assert discrepancies() == []


def test_sums_that_differ_are_mended_by_reading_the_day_again(sandbox: Sandbox) -> None:
    report_day(sandbox, yesterday(), used(A, usd="0.5"))
    poll(yesterday(), yesterday())
    report_day(sandbox, yesterday(), used(A, usd="0.75"))

    assert discrepancies() == [("sums", "reread", "")]
    discrepancy = Discrepancy.objects.get()
    assert (discrepancy.day, discrepancy.measure) == (yesterday(), "spend_usd")
    assert (Decimal(discrepancy.here), Decimal(discrepancy.there)) == (Decimal("0.5"), Decimal("0.75"))
    end_cooldown()
    refresh_day.run(yesterday().isoformat())
    assert Fact.objects.get().spend_usd == DayModel.objects.get().spend_usd == Decimal("0.75")
    assert discrepancies() == []


def test_a_day_that_was_never_read_differs_in_all_sums(sandbox: Sandbox) -> None:
    report_day(sandbox, yesterday(), used(A, failures=1))
    compare_with_gateway()

    assert set(Discrepancy.objects.values_list("measure", flat=True)) == {
        "spend_usd",
        "prompt_tokens",
        "completion_tokens",
        "ok_requests",
        "failed_requests",
    }


@pytest.mark.parametrize("path", ["/key/list", "/user/daily/activity/aggregated"])
def test_a_comparison_that_breaks_off_says_so_and_accuses_nobody(sandbox: Sandbox, intern: User, path: str) -> None:
    delete_at_gateway(sandbox, issue(intern).key)
    sandbox.faults(path, "error", status=500, times=100)

    reconcile.run()

    reconciliation = Reconciliation.objects.get()
    assert reconciliation.problem != ""
    assert not reconciliation.discrepancies.exists()


def make_outside(sandbox: Sandbox, **about: Any) -> None:
    """Make a key at the gateway, behind the portal's back."""
    sandbox.call("POST", "/key/generate", body={"key_type": "llm_api", **about}).raise_for_status()
