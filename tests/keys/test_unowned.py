"""Keys made at the gateway for nobody: listed, given an owner with their spend, blocked, deleted."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.conf import settings
from django.core import mail
from django.test import override_settings
from django.utils import timezone

from accounts.audit import Actor
from accounts.models import AuditEntry, User
from gateway.errors import GatewayError, GatewayRejected, GatewayUnavailable
from gateway.secret import token_of
from keys import services
from keys.models import Key, KeyGift, LimitOverride, PersonBudget, Token, UnownedKey
from keys.services.person_budget import team_id_of
from tests.factories import change_policies
from tests.keys.actions import BY_TEST, assert_at_rest, being_given, issue, set_at_gateway, works
from tests.keys.test_person_budget import chat, team
from tests.sandbox_process import Sandbox
from tests.tasks import run_tasks
from tests.usage.polling import poll
from usage.models import Fact

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning"),
]


def make_outside(sandbox: Sandbox, alias: str = "old-service", **fields: Any) -> str:
    """Make a key at the gateway for nobody whom the portal knows; return its secret."""
    body = {"user_id": "somebody-else", "key_alias": alias, **fields}
    return str(sandbox.call("POST", "/key/generate", body=body).json()["key"])


def found(sandbox: Sandbox, alias: str = "old-service", **fields: Any) -> tuple[str, UnownedKey]:
    """Make such a key, and have the sync find it."""
    secret = make_outside(sandbox, alias, **fields)
    services.sync_keys()
    return secret, UnownedKey.objects.get(token=token_of(secret))


def give(*, unowned: UnownedKey, to: User, actor: Actor = BY_TEST) -> None:
    services.give_key(unowned=unowned, to=to, actor=actor)


def sweep_at_once() -> None:
    with override_settings(KEY_ANSWER_DEADLINE_S=0):
        services.sweep_keys()


def test_the_sync_lists_keys_of_nobody_and_drops_those_that_are_gone(intern: User, sandbox: Sandbox) -> None:
    ours = issue(intern)
    _secret, row = found(sandbox, max_budget=5, budget_duration="30d")
    nameless = sandbox.call("POST", "/key/generate", body={}).json()["key"]
    theirs = sandbox.call("POST", "/key/generate", body={"user_id": intern.gateway_user_id}).json()["key"]

    services.sync_keys()

    assert row.user_id == "somebody-else"
    assert row.first_seen_at < UnownedKey.objects.get(pk=row.pk).last_seen_at
    assert {each.label for each in UnownedKey.objects.all()} == {"old-service", f"…{nameless[-4:]}"}
    set_at_gateway(sandbox, row.token, key_alias="new name")
    set_at_gateway(sandbox, token_of(nameless), user_id=intern.gateway_user_id)  # so it has an owner, by hand
    services.sync_keys()
    assert [each.alias for each in UnownedKey.objects.all()] == ["new name"]
    assert Token.objects.filter(token__in=[token_of(nameless), token_of(theirs)]).count() == 2
    sandbox.call("POST", "/key/delete", body={"keys": [row.token]})
    services.sync_keys()
    assert not UnownedKey.objects.exists()
    assert works(sandbox, ours.secret)


def test_keys_of_portals_are_not_listed(staff: User, sandbox: Sandbox) -> None:
    make_outside(sandbox, "own", key=settings.GATEWAY_ADMIN_KEY)  # as that of a proxy admin is in the list
    make_outside(sandbox, "passerelle-other-database")
    make_outside(sandbox, "renamed", metadata={"made_by": "passerelle"})
    services.sync_keys()
    assert not UnownedKey.objects.exists()

    _secret, row = found(sandbox)
    own = UnownedKey.objects.create(token=token_of(settings.GATEWAY_ADMIN_KEY))  # from before it was that
    with pytest.raises(services.KeyRefused, match="the portal’s own key"):
        services.delete_unowned(unowned=own, actor=BY_TEST)
    services.sync_keys()
    assert UnownedKey.objects.get() == row


def test_a_key_with_an_owner_counts_with_all_its_spend_and_keeps_secret_and_limits(
    staff: User, sandbox: Sandbox
) -> None:
    change_policies(person_budget_usd=Decimal(9), person_budget_period="30d")
    secret, row = found(sandbox, max_budget=3, budget_duration="7d", rpm_limit=7)
    before = Decimal(chat(sandbox, secret).headers["x-litellm-response-cost"])
    poll()
    assert set(Fact.objects.values_list("token_ref__owner", flat=True)) == {None}

    give(unowned=row, to=staff, actor=Actor(user=staff))
    after = Decimal(chat(sandbox, secret).headers["x-litellm-response-cost"])
    poll()

    key = Key.objects.get()
    assert (key.pk, key.owner, key.kind, key.label, key.rpm_limit) == (row.pk, staff, "personal", "old-service", 7)
    assert (key.budget_usd, key.budget_period) == (Decimal(3), "7d")
    assert key.expires_at  # as the policy says: it had no end
    assert sorted(LimitOverride.objects.get().fields) == ["budget_period", "budget_usd", "rpm_limit"]
    there = next(each for each in sandbox.live_keys() if each["token"] == row.token)
    assert (there["user_id"], there["team_id"]) == (staff.gateway_user_id, team_id_of(staff))
    assert PersonBudget.objects.get(owner=staff).uncounted_usd == before
    assert Decimal(str(team(sandbox, staff)["spend"])) == after
    assert set(Fact.objects.values_list("token_ref__owner", "token_ref__key")) == {(staff.pk, key.pk)}
    assert not UnownedKey.objects.exists()
    entry = AuditEntry.objects.get(action="give")
    assert (entry.subject, entry.object_id, entry.outcome) == (staff, str(key.pk), "done")
    assert entry.remark == "It was made at the gateway, for the user somebody-else."
    run_tasks()
    assert [message.to for message in mail.outbox] == [[staff.email]]
    assert "The portal does not have the secrets" in mail.outbox[0].body
    assert services.rotate_key(key=Key.objects.get(), actor=BY_TEST).secret != secret
    assert_at_rest(sandbox)


def test_without_limits_of_its_own_it_has_those_of_the_policy(intern: User, sandbox: Sandbox) -> None:
    change_policies(person_budget_usd=None, temporary__rpm_limit=5)
    _secret, row = found(sandbox, team_id="lab-7", max_budget=4)  # a budget that never resets is none of ours

    give(unowned=row, to=intern)

    key = Key.objects.get()
    assert (key.kind, key.rpm_limit) == ("temporary", 5)
    assert not LimitOverride.objects.exists()
    assert sandbox.live_keys()[0]["team_id"] is None
    assert_at_rest(sandbox)


def test_refuses_the_wrong_person_and_changes_nothing(intern: User, sandbox: Sandbox) -> None:
    _secret, row = found(sandbox)
    User.objects.filter(pk=intern.pk).update(is_active=False)
    with pytest.raises(services.KeyRefused, match="not active"):
        give(unowned=row, to=intern)

    assert sandbox.live_keys()[0]["user_id"] == "somebody-else"
    assert not UnownedKey.objects.exclude(intent="").exists()


def test_the_first_of_two_administrators_wins(staff: User, intern: User, sandbox: Sandbox) -> None:
    _secret, row = found(sandbox)
    UnownedKey.objects.filter(pk=row.pk).update(**being_given(to=intern, by=staff))

    for action in (services.block_unowned, services.delete_unowned):
        with pytest.raises(services.KeyRefused, match="Another administrator"):
            action(unowned=row, actor=BY_TEST)
    with pytest.raises(services.KeyRefused, match="Another administrator"):
        give(unowned=row, to=staff)
    services.sweep_keys()  # somebody still waits for it
    assert not Key.objects.exists()
    sweep_at_once()
    assert Key.objects.get().owner == intern


def test_a_key_that_vanished_gets_no_owner(staff: User, sandbox: Sandbox) -> None:
    for action in ("give", "block", "delete twice"):
        _secret, row = found(sandbox, action)
        sandbox.call("POST", "/key/delete", body={"keys": [row.token]})
        if action == "delete twice":
            services.delete_unowned(unowned=row, actor=BY_TEST)
        else:
            with pytest.raises(services.KeyRefused, match="no longer has this key"):
                give(unowned=row, to=staff) if action == "give" else services.block_unowned(unowned=row, actor=BY_TEST)

        assert not UnownedKey.objects.exists()
    assert not Key.objects.exists()


def test_blocks_unblocks_and_deletes(staff: User, sandbox: Sandbox) -> None:
    _secret, row = found(sandbox)

    services.block_unowned(unowned=row, actor=BY_TEST)
    assert sandbox.live_keys()[0]["blocked"]
    row.refresh_from_db()
    with pytest.raises(services.KeyRefused, match="blocked already"):
        services.block_unowned(unowned=row, actor=BY_TEST)
    services.unblock_unowned(unowned=row, actor=BY_TEST)
    assert not sandbox.live_keys()[0]["blocked"]
    row.refresh_from_db()
    services.delete_unowned(unowned=row, actor=BY_TEST)

    assert sandbox.live_keys() == []
    assert not UnownedKey.objects.exists()
    done = AuditEntry.objects.filter(outcome="done", object_id=str(row.pk)).order_by("id")
    assert list(done.values_list("action", flat=True)) == ["block", "unblock", "delete"]


def test_nothing_changes_while_the_gateway_is_away(staff: User, sandbox: Sandbox) -> None:
    _secret, row = found(sandbox)
    sandbox.faults("*", "drop_before", times=50)
    with pytest.raises(GatewayUnavailable):
        give(unowned=row, to=staff)
    assert UnownedKey.objects.free().count() == 1
    with pytest.raises(GatewayUnavailable):  # it is not known whether that happened
        services.block_unowned(unowned=row, actor=BY_TEST)
    with pytest.raises(GatewayUnavailable):  # the sweep goes on with it
        sweep_at_once()
    assert UnownedKey.objects.get().intent == "block"

    sandbox.clear_faults()
    sweep_at_once()

    assert not Key.objects.exists()
    assert UnownedKey.objects.free().get().blocked
    assert sandbox.live_keys()[0]["blocked"]


@pytest.mark.parametrize("path", ["/team/update", "/team/new", "/key/info", "/key/update"])
@pytest.mark.parametrize(
    ("fault", "more"),
    [("drop_before", {}), ("drop_after", {}), ("error", {"status": 500}), ("error", {"status": 403}), ("html", {})],
)
def test_any_fault_leaves_a_key_with_one_owner_or_none(
    staff: User, sandbox: Sandbox, path: str, fault: str, more: dict[str, Any]
) -> None:
    change_policies(person_budget_usd=Decimal(9), person_budget_period="30d")
    for skip in range(3 if path == "/key/update" else 1):
        Key.objects.update(state="deleted")
        secret, row = found(sandbox, f"{path} {skip}")
        sandbox.faults(path, fault, times=1, skip=skip, **more)
        try:
            give(unowned=row, to=staff)
        except (GatewayError, services.KeyRefused):
            assert not Key.objects.filter(pk=row.pk).exists()
        sandbox.clear_faults()
        sweep_at_once()
        services.sync_keys()
        services.sweep_keys()

        owned = Key.objects.filter(pk=row.pk).exists()
        assert owned != UnownedKey.objects.filter(pk=row.pk, intent="").exists()
        there = next(each for each in sandbox.live_keys() if each["token"] == token_of(secret))
        if owned:
            assert (there["user_id"], there["team_id"]) == (staff.gateway_user_id, team_id_of(staff))
            assert Token.objects.get(key=row.pk).in_team
        else:
            assert (there["user_id"], there["team_id"]) in (("somebody-else", None), (None, None))
        sandbox.call("POST", "/key/delete", body={"keys": [token_of(secret)]})


@pytest.mark.parametrize("skip", [1, 2])
def test_a_gift_refused_in_the_middle_is_finished_later(staff: User, sandbox: Sandbox, skip: int) -> None:
    change_policies(person_budget_usd=Decimal(9), person_budget_period="30d")
    _secret, row = found(sandbox)
    sandbox.faults("/key/update", "error", status=403, times=9, skip=skip)
    with pytest.raises(GatewayUnavailable) as caught:
        give(unowned=row, to=staff)
    assert caught.value.may_have_happened
    assert sandbox.live_keys()[0]["user_id"] is None
    with pytest.raises(GatewayUnavailable):
        sweep_at_once()
    assert UnownedKey.objects.get().intent == "give"

    sandbox.clear_faults()
    sweep_at_once()
    assert Key.objects.get().owner == staff
    assert sandbox.live_keys()[0]["user_id"] == staff.gateway_user_id


def test_a_gift_to_somebody_who_left_is_undone(staff: User, sandbox: Sandbox) -> None:
    change_policies(person_budget_usd=Decimal(9), person_budget_period="30d")
    steps: list[dict[str, Any]] = [
        {"user_id": None},
        {"team_id": team_id_of(staff)},
        {"user_id": staff.gateway_user_id},
    ]
    issue(staff)  # so they have a team
    for done in range(len(steps) + 1):
        secret, row = found(sandbox, f"service {done}")
        UnownedKey.objects.filter(pk=row.pk).update(**being_given(to=staff, by=staff))
        for step in steps[:done]:
            set_at_gateway(sandbox, row.token, **step)
        services.sync_keys()
        User.objects.filter(pk=staff.pk).update(is_active=False)
        sweep_at_once()
        User.objects.filter(pk=staff.pk).update(is_active=True)

        there = next(each for each in sandbox.live_keys() if each["token"] == row.token)
        assert (there["user_id"], there["team_id"]) == ("somebody-else", None)
        assert UnownedKey.objects.free().filter(pk=row.pk).exists()
        assert AuditEntry.objects.get(action="give", object_id=str(row.pk)).outcome == "failed"
        assert works(sandbox, secret)
    assert not Key.objects.filter(label__startswith="service").exists()


def test_names_of_special_model_lists_are_no_limits_of_the_key(staff: User, sandbox: Sandbox) -> None:
    change_policies(all_models=False, model_names=["gpt-4o-mini"])
    for name in ("all-team-models", "all-proxy-models"):
        _secret, row = found(sandbox, name, models=[name])
        give(unowned=row, to=staff)
        assert Key.objects.get(label=name).model_names == ["gpt-4o-mini"]
    assert not LimitOverride.objects.exists()
    assert all(there["models"] == ["gpt-4o-mini"] for there in sandbox.live_keys())


def test_refused_is_taken_back(staff: User, sandbox: Sandbox) -> None:
    _secret, row = found(sandbox)
    sandbox.faults("/key/block", "error", status=400, times=1)
    with pytest.raises(GatewayRejected):
        services.block_unowned(unowned=row, actor=BY_TEST)
    services.block_unowned(unowned=row, actor=BY_TEST)
    assert AuditEntry.objects.filter(action="block").values_list("outcome", flat=True).count() == 2


def test_several_are_given_in_a_task_with_one_mail(staff: User, admin: User, sandbox: Sandbox) -> None:
    change_policies(person_budget_usd=Decimal(9), person_budget_period="30d")
    rows = [found(sandbox, alias)[1] for alias in ("one", "two", "three", "busy")]
    UnownedKey.objects.filter(pk=rows[3].pk).update(**being_given(to=admin, by=admin))
    sandbox.call("POST", "/key/delete", body={"keys": [rows[2].token]})

    assert services.give_keys(unowned=rows, to=staff, actor=Actor(user=admin)) == 3
    assert not Key.objects.exists()
    with pytest.raises(services.KeyRefused, match="Another administrator"):
        services.give_keys(unowned=rows, to=admin, actor=BY_TEST)
    run_tasks()
    (gift,) = services.gifts_shown()
    assert (gift.owner, gift.left, gift.given, gift.missing) == (staff, 0, 2, 1)
    assert {key.owner for key in Key.objects.all()} == {staff}
    run_tasks()
    run_tasks()
    assert [(message.to, message.subject) for message in mail.outbox] == [
        ([staff.email], "[Passerelle] 2 more keys are yours now")
    ]
    assert "- one: 0.00 USD spent so far" in str(mail.outbox[0].body).replace("\xa0", " ")


def test_no_mail_about_given_keys_to_an_owner_who_left_meanwhile(staff: User, sandbox: Sandbox) -> None:
    services.give_keys(unowned=[found(sandbox)[1]], to=staff, actor=BY_TEST)
    services.finish_unowned()
    User.objects.filter(pk=staff.pk).update(is_active=False)

    assert services.mail_gifts() == 0

    assert not mail.outbox
    assert KeyGift.objects.exclude(done_at=None).exists()


def test_a_task_goes_on_where_the_gateway_was_away_in_the_middle(staff: User, sandbox: Sandbox) -> None:
    rows = [found(sandbox, alias)[1] for alias in ("one", "two", "three")]
    services.give_keys(unowned=rows, to=staff, actor=Actor(user=staff))
    sandbox.faults("/key/info", "drop_before", times=99, skip=1)
    run_tasks()
    services.mail_gifts()
    assert Key.objects.count() == 1
    assert not mail.outbox  # it lists all of them

    sandbox.clear_faults()
    sweep_at_once()
    services.mail_gifts()

    assert Key.objects.filter(owner=staff).count() == 3
    assert len(mail.outbox) == 1
    assert_at_rest(sandbox)


def test_rows_of_long_ago_stay_until_their_key_is_gone(sandbox: Sandbox, staff: User) -> None:
    _secret, row = found(sandbox)
    UnownedKey.objects.update(last_seen_at=timezone.now() - timedelta(days=9))
    sandbox.faults("/key/list", "error", status=500, times=9)
    with pytest.raises(GatewayError):
        services.sync_keys()
    assert UnownedKey.objects.filter(pk=row.pk).exists()
